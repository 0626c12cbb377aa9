"""Files are read within bounds and written whole, whoever made them.

In:    paths; bytes that others wrote (`untrusted.py`) and arrays of ours (`written_whole.py`).
Out:   JSON and arrays within known limits; files that are there whole or not at all; long arrays a window at a
       time (`windows.py`); one run at a time on a folder (`folder_lock.py`); where the assets lie (`assets.py`).
Read:  `untrusted.py` first, then `written_whole.py`.
Uses:  errors, types.

Every JSON file and every .npz of the engine is read through `untrusted`, since a take or a weights bundle may come
from a stranger; tests/test_architecture.py checks that nothing else opens them.
"""

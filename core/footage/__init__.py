"""Footage is read here: a video, a folder of pictures or one picture becomes frames.

In:    a path.
Out:   `FootageInfo`, `Frame`s in order (BGR, with the time of each), and a report of what could not be decoded.
Read:  `reader.py` first (`open_footage`), then `decode_ahead.py` (the same frames, decoded in a thread).
Uses:  errors, types.

`glances.py` compares small copies of the pictures: where a shot ends and whether something moved. `diagnosis.py`
says why a file can't be opened, and what to do about it.
"""

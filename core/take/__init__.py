"""A take is what the network saw of a clip, on disk: NAME.take.

In:    sightings, frame by frame, while a clip is read.
Out:   a folder that a killed run leaves readable, and `PersonTake`s out of it.
Read:  `take.py` first (`TakeWriter`, `Take`), then `header.py` (what it was made from) and `chunks.py` (arrays).
Uses:  weights, body, footage, geometry, files, settings, errors, types.

`background_writer.py` writes while the next frames are looked at. `portraits.py` cuts small pictures of the people
and `portrait_files.py` names them. `relink.py` follows footage that has moved. `ranking.py` says who is the main
person, `status.py` how far a take is that is being written.
"""

"""Weights bundles are found, verified, downloaded and listed.

In:    a name, a folder or `owner/name@revision` on Hugging Face.
Out:   a `WeightsBundle`: files checked against their sha256, and the settings of the network's crops.
Read:  `find.py` first (`find_weights`), then `bundle.py` (what a bundle is).
Uses:  body, files, errors, types.

`library.py` keeps the folder of downloads, `download.py` fills it through `hugging_face.py`. `rotation_tokens.py`
names the arrays of a rotation head. Nothing here runs a network.
"""

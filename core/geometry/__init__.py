"""Pure functions of arrays: boxes, crops, the camera, rotations, skinning, one filter over time.

In:    arrays of numbers, pixels, metres and radians as each function says.
Out:   arrays again. Nothing here reads a file, holds a state or knows of a network.
Read:  `crops.py` first (what the network sees, and back to the frame's pixels), then `camera.py` (from a crop's weak
       camera to metres in front of the frame's camera).
Uses:  types.

`boxes.py` compares boxes, `rotations.py` handles quaternions over time, `skinning.py` poses a mesh as SMPL does,
`savitzky_golay.py` smooths samples at uneven times.
"""

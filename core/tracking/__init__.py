"""People are found, followed, lost and found again: frames in order become sightings.

In:    frames in order; an `Estimate` (boxes to network answers) and a detector, or boxes that a person drew.
Out:   sightings of each person, frame by frame, with what the network said.
Read:  `tracker.py` first (one frame at a time), then `evidence.py` (when an estimate counts as a person).
Uses:  detection, inference, footage, geometry, files, settings, errors, types.

Finding: `confirm.py` (a detector's boxes), `grid_search.py` (without one), `search_schedule.py` (when). Following:
`tracklet.py`, `box_filter.py`, `association.py`, `appearance.py`, `recent_frames.py`. This room alone may ask detector
and pose network together.
"""

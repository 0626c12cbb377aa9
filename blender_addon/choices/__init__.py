"""What the person has chosen, in the scene and in the preferences, becomes a request to the engine.

In:    properties of the scene, preferences, lists of people, contacts, cameras and alternatives.
Out:   a `Request`, or the sentence that says why there is none; the files that go with it.
Read:  `properties.py` first, then `to_request.py`.
Uses:  engine, exports, rigs, scene, axes, bridge.

preferences             their values; the class with their fields is drawn, and so belongs to `panels`
people                  who is to be captured
contact_ranges          the animator's own foot contacts
alternatives, ghosts    other poses of unsure frames, and how they are shown
solved_camera           a camera that Blender knows already
footage_links           footage that has moved
"""

"""The engine (`core`) runs in a child process, and what it made becomes objects.

In:    a `Request`, or a `Plan` of engine commands.
Out:   a `Session` that is stepped by a timer: its state, its progress, in the end a `BuiltTake`.
Read:  `session.py` first, then `request.py`. `process.py` is the child process itself.
Uses:  scene, axes, bridge. It asks for no preference and reads no choice: all is in the request.

live_take              what a run has done so far, for the timeline
take_folder            reports beside a take, read for the panel in every redraw
readiness, licences    whether a run could start, and whether its result may be sold
"""

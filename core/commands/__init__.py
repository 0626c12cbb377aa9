"""What `python -m core` does beside its two steps: doctor, weights, takes, thousands of clips.

In:    arguments of a command line, manifests of clips.
Out:   lines for people or for programs, exit codes, reports.
Read:  `console.py` first (progress and how to stop), then the command in question.
Uses:  pipeline, stills, motion, tracking, take, detection, inference, weights, body, files, settings, errors, types.

`doctor.py` says what is missing; `stills.py` reads photographs; `weights.py` and `takes.py` add subcommands;
`manifest.py`, `shard.py` and `ray.py` run many clips. OpenCV and ONNX Runtime are imported inside functions, when a
command needs them.
"""

"""The machine that trains: loop, processes, checkpoints, log. It knows nothing of people or pictures.

In:    a `Stage` (module, batches, scores) and a `LoopConfig`.
Out:   a run: RUN/log.jsonl and checkpoints from which a run continues exactly.
Read:  `loop.py` first (`Stage`, `Trainer`), then `checkpoint.py` and `parallel.py`.
Uses:  no other room of training.

`optimizers.py`, `schedule.py` and `ema.py` are what the loop steps with; `sharding.py` parts a model among processes;
`throughput.py` measures; `cached_arrays.py` keeps what a frozen network said. `child_processes.py` prepares processes.
"""

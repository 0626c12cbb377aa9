"""What is trained, one module a stage; `training.trainer.loop` runs them all.

In:    a configuration, stores or published sets, runs to start from.
Out:   a `Stage`: its module, its batches, its loss terms and its scores.
Read:  `picture_stage.py` first (what stages with pictures share), then `mesh.py` (everything together).
Uses:  evaluate, losses, datasets, pictures, motions, trainer, joint_orders, upstream.

    tokenizer.py, rotations.py             codebooks of 2D and of 3D poses, without pictures
    backbone.py, classifier.py, mesh.py    stages 0, 2 and 3 on rendered people
    paper_*.py                             the paper's stages on published sets, on paper_stage.py
    photograph_mesh.py, published_mesh.py  research only: real pictures beside rendered ones
    bones*.py, detector.py                 the rotation head on a frozen network; the person detector
"""

"""Everything that makes the body, the pictures, the weights and the scores; nothing here is needed to use them.

    python -m training.train STAGE        trains: read train.py, then trainer/loop.py, then stages/
    studies                               experiments; they may use all below, and nothing uses them
    export, parity, evaluate_paper        a run as a weights bundle; against the reference; the paper's tests
    stages                                what is trained
    evaluate, losses                      scores of a bundle; terms to minimise
    datasets, pictures                    published sets; rendered people with labels
    body, motions                         the open body; poses to render
    trainer                               the loop, processes, checkpoints, log
    import_checkpoint, joint_orders, upstream    published weights; two tables that rooms share

A room imports only rooms below its line (contracts in pyproject.toml), and `core`; `core` and the add-on import none.
"""

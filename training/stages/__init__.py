"""What is trained, one module a stage; `training.trainer.loop` runs them all.

backbone.py     where are the joints, which way does the person face: no tokens, no mesh
tokenizer.py    the codebook of 2D poses, without pictures
classifier.py   picture -> tokens of the frozen codebook; the backbone keeps learning
mesh.py         everything together, up to the vertices
"""

"""The rotation head's training: what the frozen network says of pictures, computed once, and pseudo-ground truth."""

"""Parts of the open body's build, one idea a file; `training.body` knows their order."""

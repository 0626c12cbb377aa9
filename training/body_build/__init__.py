"""Parts of the open body's build, one idea a file; `training.build_body` knows their order."""

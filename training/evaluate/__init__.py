"""What a weights bundle is worth: fixed sets, rows that know nothing, intervals. `training.evaluate` runs it."""

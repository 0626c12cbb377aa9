"""The zip in a Blender with its window: `__main__` runs it, `inside/` is what runs in that Blender."""

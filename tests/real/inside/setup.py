"""What `real_blender.sh --setup` runs in Blender; the story lies in the repository, which is /src there."""

import sys

sys.path.insert(0, "/src/tests/real/inside")

import flow

flow.start()

"""What a person chooses for a reconstruction; kept in the scene, so in the .blend."""

from typing import Any

import bpy
from bpy.props import BoolProperty, EnumProperty, FloatProperty, PointerProperty, StringProperty


class MocapSettings(bpy.types.PropertyGroup):
    """Choices of one scene, at `scene.mocap`."""

    source: EnumProperty(  # type: ignore[valid-type]
        name="Source",
        items=[
            ("FILE", "File", "A video file, or a folder of pictures"),
            ("CLIP", "Movie Clip", "A movie clip that is open in Blender"),
        ],
    )
    footage: StringProperty(  # type: ignore[valid-type]
        name="Footage", description="Video file, or folder of an image sequence", subtype="FILE_PATH"
    )
    clip: PointerProperty(type=bpy.types.MovieClip, name="Movie Clip")  # type: ignore[valid-type]
    people: EnumProperty(  # type: ignore[valid-type]
        name="People",
        items=[
            ("main", "Main person", "Follow one person at a time, the largest in view"),
            ("all", "Everyone", "Follow everybody who is large enough to be seen"),
        ],
    )
    outputs: EnumProperty(  # type: ignore[valid-type]
        name="Make",
        items=[
            ("mesh", "Mesh", "The body surface with one shape key a frame"),
            ("armature", "Skeleton", "24 keyed bones with a body skinned to them"),
        ],
        options={"ENUM_FLAG"},
        default={"mesh"},
    )
    smooth: FloatProperty(  # type: ignore[valid-type]
        name="Smoothing",
        description="0 leaves the network's estimates as they are. Changing it and clicking again does not "
        "run the network again",
        min=0.0,
        max=1.0,
        default=0.5,
        subtype="FACTOR",
    )
    matches_scene: BoolProperty(  # type: ignore[valid-type]
        name="Match scene to footage",
        description="Give the scene the footage's size, frame rate, frame range and camera",
        default=True,
    )


def settings_of(scene: bpy.types.Scene) -> Any:
    """The scene's choices."""
    return scene.mocap  # type: ignore[attr-defined]


def footage_path(settings: Any) -> str:
    """The chosen footage as an absolute path, or empty where nothing is chosen."""
    chosen = settings.footage
    if settings.source == "CLIP":
        chosen = settings.clip.filepath if settings.clip else ""
    return bpy.path.abspath(chosen) if chosen else ""

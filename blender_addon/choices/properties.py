"""What a person chooses for a reconstruction; kept in the scene, so in the .blend."""

import os
from pathlib import Path
from typing import Any

import bpy
from bpy.props import (
    BoolProperty,
    CollectionProperty,
    EnumProperty,
    FloatProperty,
    IntProperty,
    IntVectorProperty,
    PointerProperty,
    StringProperty,
)

from ..exports.presets import PRESETS
from ..scene.camera import opened_clip, scene_fps
from ..scene.film_frames import FilmFrames, ShownFilm, film_frames, shown_film

NOWHERE = "no footage chosen"
PICTURES_FPS = 24.0
"""As the engine has it where nobody tells another rate."""


def _height() -> Any:
    """A person's height, 0 where nobody knows it."""
    return FloatProperty(
        name="Height", description="How tall the person is, where you know it: size and depth follow. 0 is estimated",
        min=0.0, max=2.5, subtype="DISTANCE", unit="LENGTH",
    )  # fmt: skip


class MocapFoundPerson(bpy.types.PropertyGroup):
    """Somebody whom the quick pass found."""

    person_id: StringProperty(  # type: ignore[valid-type]
        name="Person", description="Give two the same name where they are one person whom the quick pass lost"
    )
    is_wanted: BoolProperty(name="Capture", default=True)  # type: ignore[valid-type]
    height_m: _height()  # type: ignore[valid-type]
    first: IntProperty()  # type: ignore[valid-type]
    last: IntProperty()  # type: ignore[valid-type]
    share: FloatProperty()  # type: ignore[valid-type]
    anchors: StringProperty()  # type: ignore[valid-type]
    track: StringProperty()  # type: ignore[valid-type]
    picture: StringProperty()  # type: ignore[valid-type]
    present: StringProperty()  # type: ignore[valid-type]
    bounds: IntVectorProperty(size=2, default=(-1, -1))  # type: ignore[valid-type]


class MocapBox(bpy.types.PropertyGroup):
    """A box that the person drew or typed, on one frame of the footage."""

    person_id: StringProperty(name="Person", default="a")  # type: ignore[valid-type]
    height_m: _height()  # type: ignore[valid-type]
    frame: IntProperty(name="Frame", description="Of the footage, from 1", min=1, default=1)  # type: ignore[valid-type]
    corner: bpy.props.IntVectorProperty(  # type: ignore[valid-type]
        name="Left, top", description="Pixels of the footage, from its upper left corner", size=2
    )
    size: bpy.props.IntVectorProperty(  # type: ignore[valid-type]
        name="Width, height", description="Pixels of the footage", size=2, min=1, default=(100, 200)
    )


class MocapContact(bpy.types.PropertyGroup):
    """Frames of the footage in which a foot stands."""

    person_id: StringProperty(name="Person")  # type: ignore[valid-type]
    foot: EnumProperty(  # type: ignore[valid-type]
        name="Foot", items=[("left", "Left", "The person's own left"), ("right", "Right", "The person's own right")]
    )
    first: IntProperty(name="From", description="Of the footage, from 1", min=1, default=1)  # type: ignore[valid-type]
    last: IntProperty(name="To", description="Included", min=1, default=1)  # type: ignore[valid-type]


class MocapReading(bpy.types.PropertyGroup):
    """A pose that was chosen for a frame of a take: `rotations` is JSON, 21 quaternions."""

    take: StringProperty()  # type: ignore[valid-type]
    person_id: StringProperty(name="Person")  # type: ignore[valid-type]
    frame: IntProperty(name="Frame", description="Of the footage, from 1", min=1, default=1)  # type: ignore[valid-type]
    rotations: StringProperty()  # type: ignore[valid-type]


class MocapQueued(bpy.types.PropertyGroup):
    """A clip that waits for its turn, with the settings of when it was added."""

    title: StringProperty()  # type: ignore[valid-type]
    request: StringProperty()  # type: ignore[valid-type]
    status: EnumProperty(  # type: ignore[valid-type]
        items=[("WAITING", "Waiting", ""), ("DONE", "Done", ""), ("FAILED", "Failed", "")]
    )
    message: StringProperty()  # type: ignore[valid-type]


class MocapSettings(bpy.types.PropertyGroup):
    """Choices of one scene, at `scene.mocap`."""

    source: EnumProperty(  # type: ignore[valid-type]
        name="Source",
        items=[
            ("FILE", "File", "A video file"),
            ("CLIP", "Movie Clip", "A movie clip that is open in Blender"),
            ("SEQUENCE", "Pictures", "A folder of numbered pictures"),
        ],
    )
    footage: StringProperty(  # type: ignore[valid-type]
        name="Footage", description="Video file", subtype="FILE_PATH"
    )
    folder: StringProperty(  # type: ignore[valid-type]
        name="Pictures", description="Folder of an image sequence", subtype="DIR_PATH"
    )
    clip: PointerProperty(  # type: ignore[valid-type]
        type=bpy.types.MovieClip, name="Movie Clip"
    )
    frames: EnumProperty(  # type: ignore[valid-type]
        name="Frames",
        items=[
            ("ALL", "All", "The whole footage"),
            ("SCENE", "Scene range", "Those that the scene shows between its first and its last frame"),
            ("CUSTOM", "From, to", "Frames of the footage, from 1"),
        ],
    )
    first: IntProperty(name="From", description="First frame of the footage, from 1", min=1, default=1)  # type: ignore[valid-type]
    last: IntProperty(name="To", description="Last frame of the footage, included", min=1, default=100)  # type: ignore[valid-type]
    film_fps: FloatProperty(  # type: ignore[valid-type]
        name="Shot at",
        description="Frames a second at which the footage was shot: of pictures, and of slow motion. 0: what the file "
        "says, and 24 for pictures",
        min=0.0,
        soft_max=240.0,
        max=10000.0,
        precision=3,
    )
    focal: EnumProperty(  # type: ignore[valid-type]
        name="Focal length",
        items=[
            ("ESTIMATED", "Estimated", "A usual lens: a diagonal angle of view of 53 degrees"),
            ("CLIP", "From the clip", "The lens and sensor of the movie clip's camera"),
        ],
    )
    camera: EnumProperty(  # type: ignore[valid-type]
        name="Camera",
        items=[
            ("STILL", "Still", "The camera stands: a tripod, a wall"),
            (
                "SOLVED",
                "Solved in Blender",
                "The camera moves: the clip's solve, or the scene's camera with its keys, brings people into the world",
            ),
        ],
    )
    people: EnumProperty(  # type: ignore[valid-type]
        name="People",
        items=[
            ("main", "Main person", "Keep the person who is largest and longest in the whole clip"),
            ("all", "Everyone", "Follow everybody who is large enough to be seen"),
            ("picked", "Chosen", "Follow those who are ticked below, and those in the boxes below"),
        ],
    )
    found: CollectionProperty(type=MocapFoundPerson)  # type: ignore[valid-type]
    found_in: StringProperty()  # type: ignore[valid-type]
    found_take: StringProperty()  # type: ignore[valid-type]
    boxes: CollectionProperty(type=MocapBox)  # type: ignore[valid-type]
    quality: EnumProperty(  # type: ignore[valid-type]
        name="Quality",
        items=[
            ("FINAL", "Final", "Every frame"),
            ("DRAFT", "Draft", "Some frames only, for a first look; a take of its own"),
        ],
    )
    draft_step: IntProperty(  # type: ignore[valid-type]
        name="Every", description="A draft looks at every so many frames", min=2, max=30, default=3
    )
    outputs: EnumProperty(  # type: ignore[valid-type]
        name="Make",
        items=[
            ("mesh", "Mesh", "The body surface, with its shape of every frame"),
            ("armature", "Skeleton", "24 keyed bones with a body skinned to them"),
        ],
        options={"ENUM_FLAG"},
        default={"mesh"},
    )
    storage: EnumProperty(  # type: ignore[valid-type]
        name="Keep the mesh's motion in",
        items=[
            ("KEYS", "Shape keys", "In the .blend, which grows with the clip; all that is needed is in one file"),
            ("CACHE", "Mesh cache", "In a file beside the take, which must go where the .blend goes; for long clips"),
        ],
    )
    smooth: FloatProperty(  # type: ignore[valid-type]
        name="Smoothing",
        description="0 leaves the network's estimates as they are. Never runs the network again",
        min=0.0,
        max=1.0,
        default=0.5,
        subtype="FACTOR",
    )
    is_smooth_apart: BoolProperty(  # type: ignore[valid-type]
        name="Body, limbs and root apart", description="Smooth each with a strength of its own"
    )
    smooth_body: FloatProperty(  # type: ignore[valid-type]
        name="Body", description="Of pelvis, spine and head", min=0.0, max=1.0, default=0.5, subtype="FACTOR"
    )
    smooth_limbs: FloatProperty(  # type: ignore[valid-type]
        name="Limbs", description="Of arms and legs", min=0.0, max=1.0, default=0.5, subtype="FACTOR"
    )
    smooth_root: FloatProperty(  # type: ignore[valid-type]
        name="Root", description="Of the body's place in the shot", min=0.0, max=1.0, default=0.5, subtype="FACTOR"
    )
    gaps: EnumProperty(  # type: ignore[valid-type]
        name="Gaps",
        items=[
            ("all", "Fill all", "Where nobody saw the person the motion goes straight from one end to the other"),
            (
                "short",
                "Fill short",
                "Longer ones stay empty: no keys, the body is hidden, the skeleton stands still",
            ),
            ("none", "Leave", "All stay empty: no keys, the body is hidden, the skeleton stands still"),
        ],
    )
    longest_gap_s: FloatProperty(  # type: ignore[valid-type]
        name="Up to",
        description="The longest gap that is filled",
        min=0.0,
        soft_max=10.0,
        default=0.5,
        precision=2,
        subtype="TIME_ABSOLUTE",
    )
    floor: EnumProperty(  # type: ignore[valid-type]
        name="Floor",
        items=[
            ("off", "None", "The take stays where the camera saw it, the camera in the scene's origin"),
            ("found", "Found", "The lowest foot stands on the scene's floor; people stay as they were seen"),
            (
                "solid",
                "Solid",
                "One flat floor on the scene's: feet that stand are set on it, nobody sinks through, and the take is "
                "turned until it is level",
            ),
        ],
        default="found",
    )
    feet: EnumProperty(  # type: ignore[valid-type]
        name="Feet",
        items=[
            ("off", "Free", "Leave the feet where the network saw them"),
            ("auto", "Steady", "Move the root a little, so that standing feet stay"),
            ("lock", "Locked", "Bend the legs too, so that standing feet don't slide at all"),
        ],
        default="auto",
    )
    is_contact_own: BoolProperty(  # type: ignore[valid-type]
        name="Contacts of my own", description="The feet stand in the frames below, and in no others"
    )
    contacts: CollectionProperty(type=MocapContact)  # type: ignore[valid-type]
    is_in_place: BoolProperty(  # type: ignore[valid-type]
        name="In place",
        description="Hold each person where they begin; they rise and fall, and go nowhere. For loops in game engines: "
        "the camera then matches the first frame alone",
    )
    bones: EnumProperty(  # type: ignore[valid-type]
        name="Bones from",
        items=[
            ("best", "Best", "What the take is best at"),
            ("fit", "Mesh", "Bones that explain the body's surface"),
            ("tokens", "Network", "Bones that the network reads itself, from a vocabulary of poses"),
            ("both", "Both", "From the mesh, and where the picture shows little of a joint led by the network's own"),
        ],
    )
    readings: CollectionProperty(type=MocapReading)  # type: ignore[valid-type]
    matches_scene: BoolProperty(  # type: ignore[valid-type]
        name="Match scene to footage",
        description="Give the scene the footage's size, frame rate, frame range and camera",
        default=True,
    )
    export_preset: EnumProperty(  # type: ignore[valid-type]
        name="For", items=[(key, preset.label, "") for key, preset in PRESETS.items()]
    )
    morph_count: IntProperty(  # type: ignore[valid-type]
        name="Morphs",
        description="Of a mesh without a skeleton in FBX and glTF. 0: what a game engine takes well, or one a frame",
        min=0,
        max=1000,
    )
    export_folder: StringProperty(subtype="DIR_PATH")  # type: ignore[valid-type]
    queue: CollectionProperty(type=MocapQueued)  # type: ignore[valid-type]


def settings_of(scene: bpy.types.Scene) -> Any:
    """The scene's choices."""
    return scene.mocap  # type: ignore[attr-defined]


def footage_path(settings: Any) -> str:
    """The chosen footage as an absolute path, the same before and after saving; empty where nothing is chosen."""
    chosen = {"FILE": settings.footage, "SEQUENCE": settings.folder}.get(settings.source, "")
    if settings.source == "CLIP":
        chosen = settings.clip.filepath if settings.clip else ""
    return os.path.normpath(bpy.path.abspath(chosen)) if chosen else ""


def found_people(settings: Any) -> list[Any]:
    """Whom the quick pass found in the chosen footage; nobody where it was other footage.

    No update callback does this: bpy 4.2 crashes on leaving where one was registered.
    """
    return list(settings.found) if settings.found_in == footage_path(settings) else []


def shown_clip(settings: Any) -> Any:
    """The movie clip that is the footage; None where a file or folder is."""
    return settings.clip if settings.source == "CLIP" else None


def film_of(settings: Any) -> ShownFilm:
    """Which frames of the chosen footage the scene shows; as of a film that nobody knows where nothing is chosen."""
    footage = Path(footage_path(settings) or NOWHERE)
    return shown_film(shown_clip(settings) or opened_clip(footage), footage)


def film_frames_of(settings: Any, scene: bpy.types.Scene) -> FilmFrames:
    """Where the chosen footage lies in the scene, as a take of it will."""
    clip = shown_clip(settings) or opened_clip(Path(footage_path(settings) or NOWHERE))
    told = float(settings.film_fps)
    slowdown = told / clip.fps if told and clip is not None and clip.fps else 1.0
    return film_frames(clip, told or PICTURES_FPS, slowdown, scene_fps(scene))


def frame_range(settings: Any, scene: bpy.types.Scene) -> tuple[int | None, int | None]:
    """First and last frame of the footage that are asked for, from 0; None where the footage decides.

    What a clip's offset leaves out before its start is not asked for.
    """
    if settings.frames == "SCENE":
        film = film_of(settings)
        return max(0, film.frame_at(scene.frame_start)), film.frame_at(scene.frame_end)
    if settings.frames == "CUSTOM":
        return settings.first - 1, settings.last - 1
    clip = shown_clip(settings)
    first = film_of(settings).frame_at(clip.frame_start) if clip is not None else 0
    return (first, None) if first > 0 else (None, None)


CLASSES = (MocapFoundPerson, MocapBox, MocapContact, MocapReading, MocapQueued, MocapSettings)

"""The animator's own foot contacts: from the scene's list to the engine's file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import bpy

from .. import bridge
from ..scene.take_records import TakeRecord
from .properties import film_of, settings_of

NEAR_FRAMES = 30
FEET = ("left", "right")


def contacts_near(scene: bpy.types.Scene) -> list[int]:
    """Places in the list of the contacts near the current frame: a long clip has hundreds."""
    settings = settings_of(scene)
    now = footage_frame(scene)
    return [
        index
        for index, contact in enumerate(settings.contacts)
        if contact.first - NEAR_FRAMES <= now <= contact.last + NEAR_FRAMES
    ]


def footage_frame(scene: bpy.types.Scene) -> int:
    """The frame of the footage that the scene shows, from 1."""
    return max(1, film_of(settings_of(scene)).frame_at(scene.frame_current) + 1)


def ranges_of(contacts: Any, people: list[str]) -> dict[str, dict[str, list[list[int]]]]:
    """By person and foot the frames from 0 that the engine wants; people of other takes are left out.

    Raises:
        MocapError: a contact ends before it begins.
    """
    ranges: dict[str, dict[str, list[list[int]]]] = {}
    for contact in contacts:
        if contact.last < contact.first:
            raise bridge.MocapError(
                f"the contact of person {contact.person_id}'s {contact.foot} foot ends at {contact.last}, before it "
                f"begins at {contact.first}; put it right in the list of contacts"
            )
        if contact.person_id in people:
            feet = ranges.setdefault(contact.person_id, {foot: [] for foot in FEET})
            feet[contact.foot].append([contact.first - 1, contact.last - 1])
    return ranges


def write_contacts(scene: bpy.types.Scene, record: TakeRecord) -> Path | None:
    """The file of the animator's own contacts, beside the motion; None where they are to be found.

    Raises:
        MocapError: a contact is wrong, or the file can't be written.
    """
    settings = settings_of(scene)
    if not settings.is_contact_own or settings.feet == "off":
        return None
    ranges = ranges_of(settings.contacts, [person.person_id for person in record.built.people])
    path = record.motion.with_suffix(".contacts.json")
    with bridge.written_whole(path) as file:
        file.write(json.dumps(ranges).encode())
    return path if ranges else None

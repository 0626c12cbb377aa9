"""The list of foot contacts: take those that were found, add one, remove one."""

from typing import Any

import bpy
from bpy.props import IntProperty

from ..choices.contact_ranges import footage_frame
from ..choices.properties import settings_of
from ..engine.take_folder import contacts
from .engine_steps import UNDOABLE, allowed
from .takes import NO_TAKE, active_record

NEW_CONTACT_FRAMES = 10


class MOCAP_OT_get_contacts(bpy.types.Operator):  # noqa: N801
    """Fill the list with the contacts that the last solve of this take found."""

    bl_idname = "mocap.get_contacts"
    bl_label = "Take the contacts found"
    bl_options = UNDOABLE

    @classmethod
    def poll(cls, context: Any) -> bool:
        """Whether there are any."""
        return allowed(cls, why_not_get_contacts(context))

    def execute(self, context: Any) -> set[Any]:
        """Fill it."""
        record = active_record(context)
        assert record is not None
        held = settings_of(context.scene).contacts
        held.clear()
        for contact in sorted(contacts(record.motion), key=lambda contact: contact.first):
            item = held.add()
            item.person_id, item.foot = contact.person_id, contact.foot
            item.first, item.last = contact.first + 1, contact.last + 1
        return {"FINISHED"}


class MOCAP_OT_add_contact(bpy.types.Operator):  # noqa: N801
    """Add a contact that begins at the current frame."""

    bl_idname = "mocap.add_contact"
    bl_label = "Add a contact"
    bl_options = UNDOABLE

    def execute(self, context: Any) -> set[Any]:
        """Add it."""
        record = active_record(context)
        item = settings_of(context.scene).contacts.add()
        item.person_id = record.built.people[0].person_id if record else "1"
        item.first = footage_frame(context.scene)
        item.last = item.first + NEW_CONTACT_FRAMES
        return {"FINISHED"}


class MOCAP_OT_remove_contact(bpy.types.Operator):  # noqa: N801
    """Remove this contact."""

    bl_idname = "mocap.remove_contact"
    bl_label = "Remove the contact"
    bl_options = UNDOABLE

    index: IntProperty(options={"HIDDEN"})  # type: ignore[valid-type]

    def execute(self, context: Any) -> set[Any]:
        """Remove it."""
        settings_of(context.scene).contacts.remove(self.index)
        return {"FINISHED"}


def why_not_get_contacts(context: Any) -> str:
    """Why no contacts can be taken over; empty when they can."""
    record = active_record(context)
    if record is None:
        return NO_TAKE
    return "" if contacts(record.motion) else "No contacts were found yet: apply the clean-up first"


CLASSES = (MOCAP_OT_get_contacts, MOCAP_OT_add_contact, MOCAP_OT_remove_contact)

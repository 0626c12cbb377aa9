"""What is drawn: the sections of the sidebar, from top to bottom in the order of work, and the preferences.

In:    choices, the state of the run, the takes of the scene.
Out:   rows and buttons. Nothing is computed in `draw` that another room could be asked for.
Read:  `section.py` first, which all sections share; then `reconstruct.py`.
Uses:  operators, choices, engine, rigs, scene, bridge. Only the add-on's `__init__` uses this one.

`SECTIONS` are the sections; `CLASSES` is all that is registered: the preferences, and a panel a section and editor.
"""

from . import footage, people, queue, reconstruct, takes
from .preferences import MocapPreferences
from .section import Status, panels

SECTIONS = (
    Status,
    *footage.SECTIONS,
    *people.SECTIONS,
    *reconstruct.SECTIONS,
    *takes.SECTIONS,
    *queue.SECTIONS,
)
CLASSES = (MocapPreferences, *(panel for section in SECTIONS for panel in panels(section)))

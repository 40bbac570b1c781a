"""The studio and its panels; each is bound to one `Session` and works alone in a cell.

from protolabel.widgets import ControlsPanel
ControlsPanel(session)
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from protolabel.widgets.classes import ClassesPanel
    from protolabel.widgets.controls import ControlsPanel
    from protolabel.widgets.export_panel import ExportPanel
    from protolabel.widgets.gallery import GalleryPanel
    from protolabel.widgets.map import MapPanel
    from protolabel.widgets.none_panel import NonePanel
    from protolabel.widgets.runs import RunsPanel
    from protolabel.widgets.studio import Studio
    from protolabel.widgets.timeline import TimelinePanel

__all__ = [
    "ClassesPanel",
    "ControlsPanel",
    "ExportPanel",
    "GalleryPanel",
    "MapPanel",
    "NonePanel",
    "RunsPanel",
    "Studio",
    "TimelinePanel",
]

_HOME = {
    "ClassesPanel": "classes",
    "ControlsPanel": "controls",
    "ExportPanel": "export_panel",
    "GalleryPanel": "gallery",
    "MapPanel": "map",
    "NonePanel": "none_panel",
    "RunsPanel": "runs",
    "Studio": "studio",
    "TimelinePanel": "timeline",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)

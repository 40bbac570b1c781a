from .lesson import LoopLesson
from .panels.audit import AuditPanel
from .panels.classes import ClassesPanel
from .panels.corrections import CorrectionsPanel
from .panels.export import ExportPanel
from .panels.gallery import GalleryPanel
from .panels.help import HelpPanel
from .panels.map import MapPanel
from .panels.names import NamesPanel
from .panels.none_of_these import NonePanel
from .panels.runs import RunsPanel
from .panels.sessions import SessionsPanel
from .panels.settings import ControlsPanel, SettingsPanel
from .panels.timeline import TimelinePanel
from .studio import Studio

__all__ = [
    "AuditPanel",
    "ClassesPanel",
    "ControlsPanel",
    "CorrectionsPanel",
    "ExportPanel",
    "GalleryPanel",
    "HelpPanel",
    "LoopLesson",
    "MapPanel",
    "NamesPanel",
    "NonePanel",
    "RunsPanel",
    "SessionsPanel",
    "SettingsPanel",
    "Studio",
    "TimelinePanel",
]

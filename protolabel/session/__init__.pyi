from .journal import SavedCorrections
from .one_call import annotate, suggest_classes
from .pins import Correction
from .runs import Run, RunHistory
from .session import Session

__all__ = [
    "Correction",
    "Run",
    "RunHistory",
    "SavedCorrections",
    "Session",
    "annotate",
    "suggest_classes",
]

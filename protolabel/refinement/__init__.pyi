from .classifier import PrototypeClassifier
from .labels import Labels, label
from .loop import METHODS, Refinement, refine

__all__ = [
    "METHODS",
    "Labels",
    "PrototypeClassifier",
    "Refinement",
    "label",
    "refine",
]

from .checking import evaluate_dataset
from .dataset import ExportResult, check_export, export
from .duplicates import near_duplicates
from .existing import read_metadata
from .splits import SPLITS, split_dataset
from .writers import DEFAULT_FORMATS, WRITERS

__all__ = [
    "DEFAULT_FORMATS",
    "SPLITS",
    "WRITERS",
    "ExportResult",
    "check_export",
    "evaluate_dataset",
    "export",
    "near_duplicates",
    "read_metadata",
    "split_dataset",
]

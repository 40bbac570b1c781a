"""Datasets on disk: images in class folders, splits, tables, arrays, a report."""

from __future__ import annotations

from protolabel.exporting.checking import evaluate_dataset
from protolabel.exporting.dataset import ExportResult, check_export, export
from protolabel.exporting.duplicates import near_duplicates
from protolabel.exporting.ours import read_metadata
from protolabel.exporting.splits import SPLITS, split_dataset
from protolabel.exporting.writers import DEFAULT_FORMATS, WRITERS

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

"""Datasets on disk: images in class folders, splits, tables, arrays, a report.

The package can be called: ``protolabel.export(...)`` is `protolabel.export.export`, because the
function and the package it lives in share a name.
"""

from __future__ import annotations

import inspect
import sys
from types import ModuleType

from protolabel.export.dataset import ExportResult, export
from protolabel.export.duplicates import near_duplicates
from protolabel.export.ours import read_metadata
from protolabel.export.splits import SPLITS, split_dataset
from protolabel.export.writers import DEFAULT_FORMATS, WRITERS

__all__ = [
    "DEFAULT_FORMATS",
    "SPLITS",
    "WRITERS",
    "ExportResult",
    "export",
    "near_duplicates",
    "read_metadata",
    "split_dataset",
]


class _CallablePackage(ModuleType):
    __call__ = staticmethod(export)
    __signature__ = inspect.signature(export)  # what help and notebooks show


# Importing a package binds it in its parent, where it hides a function of the same name.
sys.modules[__name__].__class__ = _CallablePackage

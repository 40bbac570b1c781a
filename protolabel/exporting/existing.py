"""Which folders are datasets of ours, and what in them is not."""

from __future__ import annotations

import json
import os
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from protolabel.errors import ExportError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from protolabel.images.image_set import ImageSet

__all__ = ["METADATA", "check_replaceable", "is_ours", "read_metadata"]

METADATA = "metadata.json"
FORMAT = 1
PLOTS = "plots"

_IGNORED = frozenset({".DS_Store", "Thumbs.db", "desktop.ini", ".ipynb_checkpoints"})


def read_metadata(folder: str | os.PathLike[str]) -> dict[str, Any]:
    """Read ``metadata.json`` of an exported dataset.

    Parameters
    ----------
    folder
        The dataset.

    Raises
    ------
    ExportError
        If the folder is no dataset of protolabel, or one of a newer version.
    """
    path = Path(folder).expanduser() / METADATA
    try:
        with path.open(encoding="utf-8") as file:
            metadata = json.load(file)
    except (OSError, ValueError) as error:
        raise ExportError(
            f"{str(folder)!r} is no dataset that protolabel exported: {METADATA} is missing or "
            "damaged. Give the folder that an export made."
        ) from error
    if not isinstance(metadata, dict) or metadata.get("generator") != "protolabel":
        raise ExportError(f"{str(path)!r} was not written by protolabel; give another folder.")
    if metadata.get("format") != FORMAT:
        raise ExportError(
            f"{str(path)!r} has format {metadata.get('format')!r}, this version reads {FORMAT}; "
            "update protolabel."
        )
    return metadata


def is_ours(folder: Path) -> bool:
    """Return whether the folder holds a ``metadata.json`` of protolabel, of any version."""
    try:
        with (folder / METADATA).open(encoding="utf-8") as file:
            metadata = json.load(file)
    except (OSError, ValueError):
        return False
    return isinstance(metadata, dict) and metadata.get("generator") == "protolabel"


def check_replaceable(target: Path, images: ImageSet) -> None:
    """Raise `ExportError` if replacing a dataset would destroy what cannot be made again.

    That is: an image that is to be exported, or a file that protolabel did not write there.
    """
    inside = next(_sources_in(target, images), None)
    if inside is not None:
        raise ExportError(
            f"{str(target)!r} holds images that are to be exported ({inside!r}): replacing it "
            "would destroy them. Export to another folder."
        )
    foreign = list(islice(_foreign(target, read_metadata(target)), 3))
    if foreign:
        raise ExportError(
            f"{str(target)!r} is an earlier dataset, but somebody put files of their own in it "
            f"({', '.join(map(repr, foreign))}). Move them away, or export to another folder."
        )


def _sources_in(target: Path, images: ImageSet) -> Iterator[str]:
    """Yield the images whose files lie in `target`, links followed."""
    real_folder: dict[str, str] = {}
    prefix = os.path.join(target, "")  # noqa: PTH118 -- strings: there may be a million
    root = str(images.root)
    for name in images.names:
        parent, _, base = name.rpartition("/")
        if parent not in real_folder:
            real_folder[parent] = os.path.realpath(os.path.join(root, parent))  # noqa: PTH118
        path = os.path.join(real_folder[parent], base)  # noqa: PTH118
        # Both: replacing the dataset would break a link in it, and the file that a link leads to.
        if path.startswith(prefix) or os.path.realpath(path).startswith(prefix):
            yield name


def _foreign(target: Path, metadata: dict[str, Any]) -> Iterator[str]:
    """Yield POSIX paths in `target` that are not from the export (or from `save_plots`)."""
    contents = {*metadata.get("contents", []), PLOTS, METADATA}
    known = {record.get("file") for record in metadata.get("images", [])}
    known |= {
        f"splits/{record.get('split')}/{record.get('file')}"
        for record in metadata.get("images", [])
    }
    folders = {*metadata.get("class_folders", []), metadata.get("none_of_these", {}).get("folder")}
    for entry in os.scandir(target):
        if entry.name in _IGNORED or entry.name in contents - folders - {"splits"}:
            continue
        if not entry.is_dir(follow_symlinks=False):
            yield entry.name
            continue
        for place, _, files in os.walk(entry.path):
            below = Path(place).relative_to(target).as_posix()
            for name in files:
                path = f"{below}/{name}"
                written = path in known or path in contents
                if name not in _IGNORED and not written:
                    yield path

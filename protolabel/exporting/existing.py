"""Recognise and read exported datasets, and find other files in them."""

from __future__ import annotations

import errno
import json
import math
import os
import re
import zlib
from itertools import islice
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from protolabel.common.checks import as_path, checked
from protolabel.errors import ExportError
from protolabel.exporting.splits import SPLITS
from protolabel.images.lookup import ImageLookup
from protolabel.images.sources.folder import EXPORT_MARK

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import TypeGuard

    from protolabel.images.image_set import ImageSet

__all__ = ["MARK", "METADATA", "check_replaceable", "dataset_lookup", "is_ours", "read_metadata"]

METADATA = "metadata.json"
FORMAT = 1
MARK = b"{" + EXPORT_MARK
"""The beginning of ``metadata.json``."""
PLOTS = "plots"
CHECKSUM = "crc32"
"""Last entry of ``metadata.json``: the checksum of all bytes before it."""

_LARGEST = 4 * 2**30  # bytes of a metadata file; a million images take half a GiB
_IGNORED = frozenset({".DS_Store", "Thumbs.db", "desktop.ini", ".ipynb_checkpoints"})


@checked
def read_metadata(folder: str | os.PathLike[str]) -> dict[str, Any]:
    """Read ``metadata.json`` of an exported dataset.

    The file is untrusted: its parts are checked, and no path in it leads out of the dataset.

    Parameters
    ----------
    folder : str or path
        The dataset.

    Returns
    -------
    dict
        ``classes``, ``class_index``, ``images`` (one record for each image) and all other entries.

    Raises
    ------
    ExportError
        If the folder is not a dataset of protolabel, or the dataset is of a newer version or
        damaged.
    """
    path = as_path(folder, "a dataset") / METADATA
    try:
        if not path.is_file() or path.stat().st_size > _LARGEST:  # reading a pipe could block
            raise FileNotFoundError(errno.ENOENT, "not a file of a size that an export writes")
        content = path.read_bytes()
        metadata = json.loads(content.decode("utf-8"))
    except (OSError, ValueError, RecursionError, MemoryError) as error:
        raise ExportError(
            f"Expected a folder that an export wrote, got {str(folder)!r}, whose {METADATA} is "
            "missing or damaged: choose another folder."
        ) from error
    if not isinstance(metadata, dict) or metadata.get("generator") != "protolabel":
        raise ExportError(
            f"Expected a dataset that protolabel exported, got {str(path)!r} by another program: "
            "choose another folder."
        )
    if metadata.get("format") != FORMAT:
        raise ExportError(
            f"Expected a dataset of format {FORMAT}, got {metadata.get('format')!r} in "
            f"{str(path)!r}: update protolabel."
        )
    wrong = _wrong_part(metadata)
    if wrong is not None:
        raise ExportError(
            f"Expected a sound dataset, but in {str(path)!r} {wrong} is not what an export "
            "writes: export the dataset again, or choose another folder."
        )
    end = re.search(rf'(?<=\],\n)"{CHECKSUM}": (\d+)}}\n$'.encode(), content[-64:])
    # Version 0.1 wrote no checksum, and a program that changed the file may have dropped it.
    if end is not None and int(end[1]) != zlib.crc32(content[: end.start() - len(end.string)]):
        raise ExportError(
            f"Expected {str(path)!r} as an export wrote it, but it was damaged or changed after "
            f"that: bring back a copy, or remove the entry {CHECKSUM!r} from it if you changed it."
        )
    return metadata


def dataset_lookup(metadata: Mapping[str, Any]) -> ImageLookup:
    """Return the lookup of the images of a dataset, by their sources and by its own file names.

    Parameters
    ----------
    metadata : mapping
        From `read_metadata`.
    """
    records = metadata["images"]
    return ImageLookup(
        [record["source"] for record in records],
        PurePath(str(metadata.get("source_root", "."))),
        lambda: [record.get("file") for record in records],
    )


def is_ours(folder: Path) -> bool:
    """Return whether the folder holds a ``metadata.json`` of protolabel, of any version."""
    try:
        if not (folder / METADATA).is_file():
            return False
        with (folder / METADATA).open("rb") as file:
            return file.read(len(MARK)) == MARK
    except OSError:
        return False


def _wrong_part(metadata: dict[str, Any]) -> str | None:
    """Return the name of the first invalid part of a metadata file, or None."""
    return next((part for part, is_sound in _PARTS.items() if not is_sound(metadata)), None)


def _are_images(metadata: dict[str, Any]) -> bool:
    images, known = metadata.get("images"), set(metadata["classes"])
    return _are(images, dict) and all(_is_record(record, known) for record in images)


def _is_record(record: dict[str, Any], classes: set[str]) -> bool:
    file, split = record.get("file"), record.get("split")
    return (
        isinstance(record.get("source"), str)
        and isinstance(record.get("label"), str)
        and record["label"] in classes
        and all(_is_number(record.get(name)) for name in ("agreement", "margin"))
        and isinstance(record.get("pinned"), bool)
        and isinstance(record.get("none_of_these", False), bool)
        and (file is None or (isinstance(file, str) and _is_inside(file)))
        and (split is None or (isinstance(split, str) and file is not None))
    )


def _are_names(names: Any) -> bool:
    return _are(names, str) and len(set(names)) == len(names)


def _are(values: Any, kind: type) -> TypeGuard[list[Any]]:
    return isinstance(values, list) and all(isinstance(value, kind) for value in values)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _are_numbers(values: Any) -> TypeGuard[list[float]]:
    return isinstance(values, list) and all(map(_is_number, values))


def _is_inside(path: str) -> bool:
    """Return whether the text of a path stays within the dataset."""
    parts = path.replace("\\", "/").split("/")
    return bool(path) and not path.startswith("/") and ":" not in parts[0] and ".." not in parts


def _are_curves(metadata: dict[str, Any]) -> bool:
    curves, n_classes = metadata.get("curves"), len(metadata["classes"])
    if curves is None:
        return True
    if not isinstance(curves, dict) or not isinstance(metadata.get("iteration"), int):
        return False
    churn, shift, mass = (curves.get(name) for name in ("churn", "shift", "class_mass"))
    return (
        _are_numbers(churn)
        and _are_numbers(shift)
        and _are(mass, list)
        and len(mass) == len(churn) == len(shift)
        and all(len(row) == n_classes and _are_numbers(row) for row in mass)
    )


_PARTS: dict[str, Callable[[dict[str, Any]], bool]] = {
    "'classes'": lambda metadata: _are_names(metadata.get("classes")),
    "'class_index'": lambda metadata: (
        metadata.get("class_index") == {name: i for i, name in enumerate(metadata["classes"])}
    ),
    "'class_folders'": lambda metadata: (
        _are(metadata.get("class_folders", []), str)
        and all(map(_is_inside, metadata.get("class_folders", [])))
    ),
    "'given_columns'": lambda metadata: isinstance(metadata.get("given_columns", {}), dict),
    "'contents'": lambda metadata: _are(metadata.get("contents", []), str),
    "'images'": _are_images,
    "'curves' or 'iteration'": _are_curves,
    "'none_of_these'": lambda metadata: isinstance(metadata.get("none_of_these", {}), dict),
}
"""The checks of `read_metadata`; each relies on those before it."""


def check_replaceable(target: Path, images: ImageSet) -> None:
    """Raise `ExportError` if replacing a dataset would destroy other files.

    These are the images to export, and files that protolabel did not write.
    """
    inside = next(_sources_in(target, images), None)
    if inside is not None:
        raise ExportError(
            f"Expected a folder without images that are to be exported, got {str(target)!r}, "
            f"which holds {inside!r} and would be replaced: export to another folder."
        )
    foreign = list(islice(_foreign(target, read_metadata(target)), 3))
    if foreign:
        raise ExportError(
            f"Expected an earlier dataset as it was exported, but {str(target)!r} also holds "
            f"other files ({', '.join(map(repr, foreign))}): move them away, or export to another "
            "folder."
        )


def _sources_in(target: Path, images: ImageSet) -> Iterator[str]:
    """Yield the images whose files are in `target`, following links."""
    real_folder: dict[str, str] = {}
    prefix = os.path.join(target, "")  # noqa: PTH118 -- strings: there may be a million
    root = str(images.root)
    for name in images.names:
        parent, _, base = name.rpartition("/")
        if parent not in real_folder:
            real_folder[parent] = os.path.realpath(os.path.join(root, parent))  # noqa: PTH118
        path = os.path.join(real_folder[parent], base)  # noqa: PTH118
        # Check both: replacing the dataset could destroy a link in it, or the target of a link.
        if path.startswith(prefix) or os.path.realpath(path).startswith(prefix):
            yield name


def _foreign(target: Path, metadata: dict[str, Any]) -> Iterator[str]:
    """Yield POSIX paths in `target` that neither the export nor `save_plots` wrote."""
    contents = {*metadata.get("contents", []), PLOTS, METADATA}
    known = {record.get("file") for record in metadata.get("images", [])}
    known |= {
        f"splits/{record.get('split')}/{record.get('file')}"
        for record in metadata.get("images", [])
    }
    known |= {f"xmp/{record.get('source')}.xmp" for record in metadata.get("images", [])}
    known |= {f"splits/{side}.cache" for side in SPLITS}  # Ultralytics leaves them behind
    folders = {*metadata.get("class_folders", []), metadata.get("none_of_these", {}).get("folder")}
    for entry in os.scandir(target):
        if entry.name in _IGNORED or entry.name == PLOTS:
            continue
        if not entry.is_dir(follow_symlinks=False):
            if entry.name in contents - folders:
                continue
            yield entry.name
            continue
        for place, _, files in os.walk(entry.path):
            below = Path(place).relative_to(target).as_posix()
            for name in files:
                path = f"{below}/{name}"
                written = path in known or path in contents
                if name not in _IGNORED and not written:
                    yield path

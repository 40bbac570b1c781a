"""metadata.json: all that is known about the dataset and each of its images."""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from json import JSONEncoder
from pathlib import Path, PurePath
from platform import python_version
from typing import IO, TYPE_CHECKING, Any

import numpy as np

import protolabel
from protolabel.common.files import writing
from protolabel.common.palette import chosen_colours
from protolabel.errors import ExportError
from protolabel.exporting.existing import CHECKSUM, FORMAT, MARK, METADATA, read_metadata
from protolabel.exporting.job import Writer
from protolabel.exporting.splits import SPLITS, count_sides
from protolabel.exporting.table import blocks

if TYPE_CHECKING:
    from protolabel.exporting.job import ExportJob
    from protolabel.refinement.labels import Labels

__all__ = ["METADATA_JSON", "add_to_metadata", "plain", "versions", "write_metadata"]

_PACKAGES = ("numpy", "scikit-learn", "torch", "open_clip_torch", "umap-learn")


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that labels depend on, if installed."""
    found = {"python": python_version(), "protolabel": protolabel.__version__}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def write_metadata(job: ExportJob) -> None:
    r"""Write ``metadata.json``: a head, then a line for each image, never all of it in memory.

    It is valid JSON in UTF-8. Bytes of a file name that are not text are written as ``\udc..``,
    from which `json.load` restores them.
    """
    with (job.folder / METADATA).open("wb") as file:
        _write(file, _head(job), _lines(job))


def add_to_metadata(folder: Path, key: str, value: Any) -> None:
    """Set one entry of the head of a dataset's ``metadata.json``.

    Parameters
    ----------
    folder : Path
        The dataset.
    key : str
        Name of the entry.
    value : Any
        Its new value.

    Raises
    ------
    ExportError
        If the folder is not a dataset of protolabel, or has a number that is not finite.
    """
    metadata = read_metadata(folder)
    images = metadata.pop("images")
    del metadata["generator"]
    try:
        with writing(folder / METADATA) as file:
            _write(file, {**metadata, key: plain(value)}, map(_encoded, images))
    except ValueError as error:  # of a stranger: an export writes neither NaN nor infinity
        raise ExportError(
            f"Expected finite numbers in {str(folder / METADATA)!r}, got others: export the "
            "dataset again."
        ) from error


def _lines(job: ExportJob) -> Iterator[bytes]:
    """Yield the records of consecutive images, a line for each.

    They are encoded a column at a time, because that takes a third of the time.
    """
    names = (json.dumps(column.name, ensure_ascii=False) for column in job.columns)
    line = "{" + ", ".join(name.replace("%", "%%") + ": %s" for name in names) + "}"
    column_values = JSONEncoder(ensure_ascii=False, allow_nan=False, separators=("\n", ": "))
    for block in blocks(job):
        # No encoded value contains a line break.
        columns = (column_values.encode(values)[1:-1].split("\n") for values in block.values())
        yield _bytes(",\n".join(line % values for values in zip(*columns, strict=True)))


def _write(file: IO[bytes], head: Mapping[str, Any], lines: Iterable[bytes]) -> None:
    checksum = 0
    for part in _parts(head, lines):
        checksum = zlib.crc32(part, checksum)
        file.write(part)
    file.write(b'"%s": %d}\n' % (CHECKSUM.encode(), checksum))


def _parts(head: Mapping[str, Any], lines: Iterable[bytes]) -> Iterator[bytes]:
    # find_images recognises a dataset by this first line.
    yield MARK
    for key, value in head.items():
        if key != CHECKSUM:
            yield b",\n" + _encoded(key) + b": " + _encoded(value)
    yield b',\n"images": ['
    separator = b"\n"
    for line in lines:
        yield separator + line
        separator = b",\n"
    yield b"\n],\n"


def _head(job: ExportJob) -> dict[str, Any]:
    labels, run = job.labels, job.labels.run
    prompts = run.classes.prompts if run is not None else None
    counts = labels.counts.tolist()
    head = {
        "format": FORMAT,
        "contents": sorted({*_listed(job), METADATA}),
        "n_images": len(job),
        "classes": list(labels.names),
        "class_folders": list(job.class_folders),
        "class_colours": chosen_colours(len(labels.names), job.colours),
        "class_index": {name: index for index, name in enumerate(labels.names)},
        "reader_class_index": job.reader_index,
        "class_distribution": dict(zip(labels.names, counts, strict=True)),
        "iteration": labels.iteration,
        "parameters": job.parameters,
        "seed": job.seed,
        "link": job.link,
        "encoder": None if job.encoder is None else job.encoder.to_dict(),
        "visual_encoder": None if job.visual_encoder is None else job.visual_encoder.to_dict(),
        "visual_weight": None if run is None else run.visual_weight,
        "prompts": None
        if prompts is None
        else {
            name: {"words": words, "templates": templates}
            for name, words, templates in zip(
                prompts.names, prompts.synonyms, prompts.templates, strict=True
            )
        },
        "splits": _splits(job),
        "near_duplicates": _duplicates(job),
        "curves": _curves(labels),
        "source_root": str(job.images.root),
        "skipped": [
            {"source": skipped.name, "reason": skipped.reason} for skipped in job.images.skipped
        ],
        "versions": versions(),
        "agreement": "how much speaks for a label, 0 to 1; an estimate of the share that is right",
    }
    given = {column.given: column.name for column in job.columns if column.given is not None}
    if given:
        head["given_columns"] = given
    if job.none_folder is not None:
        head["none_of_these"] = {"images": int(labels.unfit.sum()), "folder": job.none_folder}
    if job.audit is not None:
        head["audit"] = job.audit.record()
    return {key: plain(value) for key, value in head.items()}


def _listed(job: ExportJob) -> Iterator[str]:
    """Yield what the export wrote, except for images and files that follow from their names."""
    images = {job.none_folder, *job.class_folders}
    for entry in job.folder.iterdir():
        yield entry.name
        if entry.name == "splits":
            yield from (f"splits/{file.name}" for file in entry.iterdir() if file.is_file())
            yield from (file.relative_to(job.folder).as_posix() for file in entry.glob("*/*.csv"))
        elif entry.is_dir() and entry.name not in images | {"xmp"}:
            found = (file for file in entry.rglob("*") if file.is_file())
            yield from (file.relative_to(job.folder).as_posix() for file in found)


def _splits(job: ExportJob) -> dict[str, Any] | None:
    if job.side is None:
        return None
    return {
        "shares": dict(zip(SPLITS, job.split_shares, strict=True)),
        "counts": dict(zip(SPLITS, count_sides(job.side), strict=True)),
    }


def _duplicates(job: ExportJob) -> dict[str, Any] | None:
    if job.groups is None:
        return None
    size = np.bincount(job.groups)
    return {
        "groups": int((size > 1).sum()),
        "images": int(size[size > 1].sum()),
        "kept_on_one_side_of_the_split": True,
    }


def _curves(labels: Labels) -> dict[str, Any] | None:
    """Return the course of the run, one value for each iteration; index 0 is zero-shot."""
    run = labels.run
    if run is None:
        return None
    return {
        "churn": [0.0, *run.churn.tolist()],
        "shift": [state.shift for state in run.iterations],
        "agreement": [float(state.agreement.mean()) for state in run.iterations],
        "class_mass": [state.class_mass.tolist() for state in run.iterations],
        "class_counts": [
            np.bincount(state.labels, minlength=len(labels.names)).tolist()
            for state in run.iterations
        ],
    }


def plain(value: Any) -> Any:
    """Return a parameter as plain values, for JSON."""
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, (np.ndarray, np.generic)):
        return plain(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item) for item in value]
    return str(value) if isinstance(value, PurePath) else repr(value)


def _encoded(value: Any) -> bytes:
    return _bytes(json.dumps(value, ensure_ascii=False, allow_nan=False))


def _bytes(text: str) -> bytes:
    # Bytes of a file name that are not text become the escapes that JSON has for them.
    return text.encode("utf-8", errors="backslashreplace")


METADATA_JSON = Writer(
    name="metadata",
    title="Metadata (always)",
    description="every label with its agreement, all parameters and corrections, for programs",
    files=(METADATA,),
    write=write_metadata,
    by_default=True,
)

"""The formats of an export, one to a file.

To add a format: a file here with a `Writer`, and a row in `WRITERS`. Another package registers
one as an entry point, see docs/plugins.md.
"""

from __future__ import annotations

import importlib.util
import warnings
from types import MappingProxyType
from typing import TYPE_CHECKING

from protolabel.common.plugins import plugins
from protolabel.errors import InputError
from protolabel.exporting.existing import PLOTS
from protolabel.exporting.job import Writer
from protolabel.exporting.writers.croissant import CROISSANT
from protolabel.exporting.writers.csv_file import CSV
from protolabel.exporting.writers.folders import FOLDERS
from protolabel.exporting.writers.huggingface import HUGGINGFACE
from protolabel.exporting.writers.label_studio import LABEL_STUDIO
from protolabel.exporting.writers.metadata import METADATA_JSON
from protolabel.exporting.writers.parquet import PARQUET
from protolabel.exporting.writers.prototypes import PROTOTYPES
from protolabel.exporting.writers.replay import REPLAY
from protolabel.exporting.writers.report import REPORT
from protolabel.exporting.writers.splits import TRAIN_VAL_TEST
from protolabel.exporting.writers.webdataset import WEBDATASET
from protolabel.exporting.writers.xmp import XMP

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

__all__ = ["DEFAULT_FORMATS", "RESERVED_NAMES", "WRITERS", "check_formats", "describe_formats"]


def _of_plugins(taken: Sequence[Writer]) -> Iterator[Writer]:
    """Yield the writers of other packages, without those that clash with others."""
    names = {writer.name for writer in taken}
    files = {file for writer in taken for file in writer.files}
    for name, writer in plugins("writers").items():
        if not isinstance(writer, Writer) or writer.name in names or files & {*writer.files}:
            warnings.warn(
                f"{name!r} is left out of the writers: expected a protolabel.exporting.Writer "
                "whose name and files no other has.",
                stacklevel=2,
            )
            continue
        names.add(writer.name)
        files |= {*writer.files}
        yield writer


_FIRST = (
    FOLDERS,
    TRAIN_VAL_TEST,
    PROTOTYPES,
    CSV,
    PARQUET,
    HUGGINGFACE,
    WEBDATASET,
    LABEL_STUDIO,
    CROISSANT,
    XMP,
    REPLAY,
)
_LAST = (
    REPORT,  # lists what those above wrote
    METADATA_JSON,  # lists all of it, and is what makes the folder a dataset
)

WRITERS = MappingProxyType(
    {writer.name: writer for writer in (*_FIRST, *_of_plugins((*_FIRST, *_LAST)), *_LAST)}
)
"""Every format of an export by name, in the order in which they are written."""

DEFAULT_FORMATS = tuple(name for name, writer in WRITERS.items() if writer.by_default)
"""Names of the formats that an export writes by default."""

RESERVED_NAMES = (
    *(file.rstrip("/") for writer in WRITERS.values() for file in writer.files),
    PLOTS,
    # `Embeddings.save` writes these, and may write them into a dataset.
    "embeddings.npy",
    "image_paths.txt",
    "embeddings.json",
)
"""Names at the root of a dataset that no class folder may have."""


def describe_formats() -> str:
    """Return a line for each format: name, description, and whether it is written by default."""
    width = max(map(len, WRITERS))
    return "\n".join(
        f"{name:<{width}}  {writer.description}" + (" (default)" if writer.by_default else "")
        for name, writer in WRITERS.items()
    )


def check_formats(formats: Iterable[str]) -> tuple[Writer, ...]:
    """Return the writers to run, in order.

    Parameters
    ----------
    formats : iterable of str
        Names of formats, in any order.

    Returns
    -------
    tuple of Writer
        Always with that of metadata.json.

    Raises
    ------
    InputError
        If a format does not exist, or needs a package that is not installed.
    """
    try:
        wanted = {formats} if isinstance(formats, str) else set(formats)
    except TypeError as error:
        raise InputError(
            f"Expected names of formats, got {formats!r}: pass a list of some of "
            f"{', '.join(sorted(WRITERS))}."
        ) from error
    unknown = sorted(wanted - set(WRITERS), key=str)
    if unknown:
        raise InputError(
            f"Expected formats among {', '.join(sorted(WRITERS))}, got "
            f"{', '.join(map(repr, unknown))}: choose from these."
        )
    wanted.add("metadata")
    wanted |= {also for name in wanted for also in WRITERS[name].along_with}
    chosen = tuple(writer for name, writer in WRITERS.items() if name in wanted)
    for writer in chosen:
        if writer.package is not None and importlib.util.find_spec(writer.package) is None:
            raise InputError(
                f"Expected {writer.package} for the format {writer.name!r}, which is not "
                "installed: pip install 'protolabel[formats]'."
            )
    return chosen

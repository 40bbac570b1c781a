"""The writers of an export by name; each makes one kind of file.

To add one: a module with a function from `ExportJob` to None, and a row here.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from protolabel.errors import InputError
from protolabel.exporting.writers.csv_file import write_csv
from protolabel.exporting.writers.folders import write_folders
from protolabel.exporting.writers.metadata import write_metadata
from protolabel.exporting.writers.parquet import require_pyarrow, write_parquet
from protolabel.exporting.writers.prototypes import write_prototypes
from protolabel.exporting.writers.replay import write_replay
from protolabel.exporting.writers.report import write_report
from protolabel.exporting.writers.splits import write_splits

if TYPE_CHECKING:
    from collections.abc import Iterable

    from protolabel.exporting.job import Writer

__all__ = ["DEFAULT_FORMATS", "WRITERS", "check_formats"]

WRITERS = MappingProxyType(
    {
        "folders": write_folders,
        "splits": write_splits,
        "prototypes": write_prototypes,
        "csv": write_csv,
        "parquet": write_parquet,
        "report": write_report,
        "replay": write_replay,
        "metadata": write_metadata,
    }
)
"""In the order in which they run: metadata.json last, because it lists what the others made."""

DEFAULT_FORMATS = ("folders", "metadata", "report", "prototypes", "splits", "csv", "replay")


def check_formats(formats: Iterable[str]) -> tuple[tuple[str, Writer], ...]:
    """Return the writers to run, in their order; metadata.json is always among them.

    Raises
    ------
    InputError
        If there is no such format, or it needs a package that is not installed.
    """
    wanted = {formats} if isinstance(formats, str) else set(formats)
    unknown = sorted(wanted - set(WRITERS))
    if unknown:
        raise InputError(
            f"There is no format {', '.join(map(repr, unknown))}; formats are "
            f"{', '.join(sorted(WRITERS))}."
        )
    if "parquet" in wanted:
        require_pyarrow()
    wanted.add("metadata")
    return tuple((name, writer) for name, writer in WRITERS.items() if name in wanted)

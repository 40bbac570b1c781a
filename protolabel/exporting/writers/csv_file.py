"""labels.csv: one row for each image, for spreadsheets and pandas."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Any

from protolabel.common.cells import safe_cell
from protolabel.exporting.job import Writer
from protolabel.exporting.table import blocks

if TYPE_CHECKING:
    from protolabel.exporting.job import ExportJob

__all__ = ["CSV", "write_csv"]


def write_csv(job: ExportJob) -> None:
    r"""Write ``labels.csv`` in UTF-8; bytes of a file name that are not text become ``\udc..``.

    Text that a spreadsheet would run as a formula is preceded by an apostrophe; see
    `protolabel.common.cells`.
    """
    path = job.folder / "labels.csv"
    with path.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow([safe_cell(column.name) for column in job.columns])
        for block in blocks(job):
            cells = (_safe_cells(block[column.name], column.type) for column in job.columns)
            rows.writerows(zip(*cells, strict=True))


def _safe_cells(values: list[Any], kind: str) -> list[Any]:
    if kind not in ("text", "word"):
        return values
    safe = {value: safe_cell(value) for value in dict.fromkeys(values)}  # names come often
    return [safe[value] for value in values]


CSV = Writer(
    name="csv",
    title="Table (CSV)",
    description="one row for each image, for spreadsheets and pandas",
    files=("labels.csv",),
    write=write_csv,
    by_default=True,
    usage="""\
In pandas, which otherwise takes a class called None or NA for an empty cell:
  pandas.read_csv("labels.csv", keep_default_na=False, na_values="")""",
)

"""labels.csv: one row an image, for spreadsheets and pandas."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

from protolabel.exporting.table import blocks, columns

if TYPE_CHECKING:
    from protolabel.exporting.job import ExportJob

__all__ = ["write_csv"]


def write_csv(job: ExportJob) -> None:
    r"""Write ``labels.csv`` in UTF-8; bytes of a file name that are no text become ``\udc..``."""
    path = job.folder / "labels.csv"
    with path.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(columns(job))
        for block in blocks(job):
            rows.writerows(zip(*block.values(), strict=True))

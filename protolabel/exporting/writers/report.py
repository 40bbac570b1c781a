"""report.txt."""

from __future__ import annotations

from typing import TYPE_CHECKING

from protolabel.exporting.report import report_text

if TYPE_CHECKING:
    from protolabel.exporting.job import ExportJob

__all__ = ["write_report"]


def write_report(job: ExportJob) -> None:
    """Write the summary that a person reads in a minute."""
    text = report_text(
        job.labels,
        job.images,
        encoder=job.encoder,
        side=job.side,
        groups=job.groups,
        seed=job.seed,
        parameters=job.parameters,
        formats=job.formats,
        link=job.link,
        class_folders=job.class_folders,
        none_folder=job.none_folder,
    )
    path = job.folder / "report.txt"
    path.write_text(text, encoding="utf-8", errors="backslashreplace", newline="\n")

"""One folder for each class, with its images."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from protolabel.exporting.job import Writer
from protolabel.exporting.transfer import transfer

if TYPE_CHECKING:
    from protolabel.exporting.job import ExportJob

__all__ = ["FOLDERS", "write_folders"]


def write_folders(job: ExportJob) -> None:
    """Copy or link every image into the folder of its class; a class without images has none."""
    for name in [*job.used_folders, *([] if job.none_folder is None else [job.none_folder])]:
        (job.folder / name).mkdir(parents=True)
    target = os.fspath(job.folder)
    pairs = (
        (job.images.path(index), f"{target}{os.sep}{job.in_folder(index)}")
        for index in range(len(job))
    )
    transfer(pairs, len(job), job.link, "exporting images", job.progress)


FOLDERS = Writer(
    name="folders",
    title="Class folders",
    description="one folder of images for each class",
    files=(),  # their names are those of the classes
    write=write_folders,
    needs_images=True,
    by_default=True,
)

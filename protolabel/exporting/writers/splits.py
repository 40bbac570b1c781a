"""train, val and test folders with the same classes in the same order."""

from __future__ import annotations

import csv
import json
import os
from typing import TYPE_CHECKING

import numpy as np

from protolabel.exporting.job import Writer
from protolabel.exporting.splits import SPLITS
from protolabel.exporting.table import blocks
from protolabel.exporting.transfer import repeat_files, transfer

if TYPE_CHECKING:
    from protolabel.exporting.job import ExportJob

__all__ = ["TRAIN_VAL_TEST", "write_splits"]


def write_splits(job: ExportJob) -> None:
    """Write ``splits/<side>/<class>/``, ``splits/splits.csv`` and ``splits/class_index.json``.

    Where the class folders are exported too, the files here are hard links to theirs, so that
    they take no room (on disks without hard links: relative links, else copies). Every class
    that has images has a folder on every side, even where it is empty: tools that number classes
    by their folders then count alike everywhere.
    """
    sides = [side for side, share in zip(SPLITS, job.split_shares, strict=True) if share > 0]
    for side in sides:
        (job.folder / "splits" / side).mkdir(parents=True)
        for name in job.used_folders:
            (job.folder / "splits" / side / name).mkdir()
    target = os.fspath(job.folder)
    taken = np.flatnonzero(~job.labels.unfit).tolist()
    if job.has_folders:
        pairs = (
            (f"{target}{os.sep}{job.in_folder(index)}", f"{target}{os.sep}{job.in_split(index)}")
            for index in taken
        )
        repeat_files(pairs, len(taken), "exporting splits", job.progress)
    else:
        root = os.fspath(job.images.root)
        pairs = (
            (
                os.path.join(root, job.images.names[index]),  # noqa: PTH118
                f"{target}{os.sep}{job.in_split(index)}",
            )
            for index in taken
        )
        transfer(pairs, len(taken), job.link, "exporting splits", job.progress)
    _write_table(job)
    index = {
        name: {"index": number, "folder": folder}
        for number, (name, folder) in enumerate(
            zip(job.labels.names, job.class_folders, strict=True)
        )
    }
    text = json.dumps({"classes": index}, indent=1, ensure_ascii=False)
    (job.folder / "splits" / "class_index.json").write_text(text + "\n", encoding="utf-8")


def _write_table(job: ExportJob) -> None:
    number = {name: index for index, name in enumerate(job.labels.names)}
    path = job.folder / "splits" / "splits.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["split", "file", "class_index", "class"])
        start = 0
        for block in blocks(job):
            for offset, (split, label) in enumerate(
                zip(block["split"], block["label"], strict=True)
            ):
                if split is not None:
                    rows.writerow([split, job.in_split(start + offset), number[label], label])
            start += len(block["label"])


TRAIN_VAL_TEST = Writer(
    name="splits",
    title="Train, val, test",
    description="train, val and test folders, stratified, near-duplicates on one side",
    files=("splits/",),
    write=write_splits,
    by_default=True,
    usage="""\
In PyTorch (allow_empty: a class with few images may be missing on one side):
  from torchvision.datasets import ImageFolder
  train = ImageFolder("splits/train", allow_empty=True)
ImageFolder numbers the folders by name; class_index.json has the order you gave.""",
)

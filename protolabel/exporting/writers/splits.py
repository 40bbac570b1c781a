"""train, val and test folders with the same classes in the same order."""

from __future__ import annotations

import csv
import json
import os
import re
from contextlib import ExitStack
from typing import TYPE_CHECKING

import numpy as np

from protolabel.common.cells import safe_cell
from protolabel.exporting.job import Writer
from protolabel.exporting.splits import SPLITS
from protolabel.exporting.table import blocks
from protolabel.exporting.transfer import repeat_files, transfer

if TYPE_CHECKING:
    from protolabel.exporting.job import ExportJob
    from protolabel.exporting.table import Column

__all__ = ["TRAIN_VAL_TEST", "write_splits"]

# Text that pandas reads as a number, a truth value or a gap.
_NUMBER = re.compile(
    r"[+-]?(\d[\d_]*\.?\d*|\.\d+)(e[+-]?\d+)?|true|false|n/?a|nan|null|none|[+-]?inf(inity)?",
    re.IGNORECASE,
)


def write_splits(job: ExportJob) -> None:
    """Write ``splits/<side>/<class>/``, ``splits/splits.csv`` and ``splits/class_index.json``.

    If class folders are exported too, the files here are hard links to theirs and take no space
    (on disks without hard links: relative symbolic links, else copies). Every class that has
    images has a folder on every side, even if it is empty there, so that tools which number
    classes by their folders count alike everywhere.
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
        images = (
            (job.images.path(index), f"{target}{os.sep}{job.in_split(index)}") for index in taken
        )
        transfer(images, len(taken), job.link, "exporting splits", job.progress)
    _write_table(job)
    _write_columns(job)
    reader = job.reader_index
    index = {
        name: {"index": number, "folder": folder, "reader_index": reader.get(name)}
        for number, (name, folder) in enumerate(
            zip(job.labels.names, job.class_folders, strict=True)
        )
    }
    text = json.dumps({"classes": index}, indent=1, ensure_ascii=False)
    (job.folder / "splits" / "class_index.json").write_text(text + "\n", encoding="utf-8")


def _write_columns(job: ExportJob) -> None:
    """Write ``metadata.csv`` beside the images of each side, for Hugging Face's imagefolder.

    No cell is empty, so that every column has one type on all sides. Columns of the user's table
    with gaps, or with text that is a number in some rows, are left out.
    """
    kept = [column.name for column in job.columns if _is_steady(column, job)]
    with ExitStack() as files:
        rows = {}
        for side, fraction in zip(SPLITS, job.split_shares, strict=True):
            if fraction > 0:
                path = job.folder / "splits" / side / "metadata.csv"
                file = path.open("w", encoding="utf-8", errors="backslashreplace", newline="")
                rows[side] = csv.writer(files.enter_context(file), lineterminator="\n")
                rows[side].writerow(["file_name", *map(safe_cell, kept)])
        index = 0
        for block in blocks(job):
            for side, *values in zip(block["split"], *(block[name] for name in kept), strict=True):
                if side is not None:
                    rows[side].writerow([job.in_folder(index), *map(safe_cell, values)])
                index += 1


_CLUSTERS = ("micro_cluster", "meta_cluster")
# Columns of protolabel that have a value in every row.
_FILLED = ("label", "label_id", "agreement", "margin", "runner_up", "pinned", "source")


def _is_steady(column: Column, job: ExportJob) -> bool:
    """Return whether readers find one type in a column, whichever rows they read."""
    if column.name in _CLUSTERS:
        return job.labels.run is not None and job.labels.run.clusters is not None
    if column.given is None:
        return column.name in _FILLED or column.name.startswith(("best_", "score_"))
    if column.gaps or column.name == "file_name" or column.type != "text":
        return not column.gaps and column.name != "file_name"
    texts = [str(text) for text in column.values(job, np.arange(len(job)))]
    numbers = sum(bool(_NUMBER.fullmatch(text.strip())) for text in texts)
    return all(text.strip() for text in texts) and numbers in (0, len(texts))


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
                    file_name = job.in_split(start + offset)
                    rows.writerow([split, file_name, number[label], safe_cell(label)])
            start += len(block["label"])


TRAIN_VAL_TEST = Writer(
    name="splits",
    title="Train, val, test",
    description="train, val and test folders; the side of an image follows from its content",
    files=("splits/",),
    write=write_splits,
    needs_images=True,
    by_default=True,
    usage="""\
In PyTorch (allow_empty: a class with few images may be missing on one side):
  from torchvision.datasets import ImageFolder
  train = ImageFolder("splits/train", allow_empty=True)
ImageFolder numbers the folders by name; class_index.json has these numbers and yours.
With Hugging Face datasets, with the columns of splits/*/metadata.csv:
  load_dataset("imagefolder", data_dir="splits")""",
)

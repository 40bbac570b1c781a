"""huggingface/: Parquet files that hold the images themselves, and a dataset card."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from protolabel.common.wording import counted, printable, unicode_text
from protolabel.exporting.duplicates import file_size
from protolabel.exporting.job import Writer
from protolabel.exporting.transfer import image_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from protolabel.exporting.job import ExportJob
    from protolabel.exporting.table import Column

__all__ = ["HUGGINGFACE", "write_huggingface"]

_SHARD = 400 * 2**20  # bytes of images in a file, as the hub recommends up to 500 MB
_ROWS = 100  # images in a row group, which readers load as a whole

_SPLIT_NAMES = {"train": "train", "val": "validation", "test": "test"}


def write_huggingface(job: ExportJob) -> None:
    """Write Parquet files with the features Image and ClassLabel, and ``README.md``.

    The number of a class is its row in ``class_prototypes.npy``, as in all other files. The
    layout is that of ``datasets.Dataset.to_parquet``: a struct of bytes and path for an image,
    and the features as JSON in the schema.
    """
    from pyarrow import parquet

    schema = _schema(job)
    folder = job.folder / "huggingface" / "data"
    folder.mkdir(parents=True)
    done = 0
    for side, members in job.sides():
        shards = list(_shards(job, members))
        for number, shard in enumerate(shards):
            path = folder / f"{side}-{number:05}-of-{len(shards):05}.parquet"
            with parquet.ParquetWriter(path, schema) as file:
                for start in range(0, len(shard), _ROWS):
                    job.progress("exporting to Parquet", done, len(job))
                    chunk = shard[start : start + _ROWS]
                    file.write_table(_table(job, chunk, schema))
                    done += len(chunk)
    job.progress("exporting to Parquet", len(job), len(job))
    (job.folder / "huggingface" / "README.md").write_text(_card(job), "utf-8")


_FEATURES = {
    "integer": "int32",
    "long": "int64",
    "number": "float32",
    "double": "float64",
    "flag": "bool",
}
# Columns of protolabel that stand beside image and label.
_KEPT = (
    "agreement", "margin", "runner_up", "pinned", "source", "micro_cluster", "meta_cluster",
)  # fmt: skip


def _columns(job: ExportJob) -> list[Column]:
    """Return the columns beside image and label, without those that describe the dataset."""
    wanted = [column for column in job.columns if column.given is not None or column.name in _KEPT]
    ranked = [column for column in job.columns if column.name.startswith(("best_", "score_"))]
    return [*wanted, *(column for column in ranked if column.given is None)]


def _schema(job: ExportJob) -> Any:
    import pyarrow as pa

    names = {"names": list(job.labels.names), "_type": "ClassLabel"}
    features: dict[str, Any] = {"image": {"_type": "Image"}, "label": names}
    types = [
        ("image", pa.struct([("bytes", pa.binary()), ("path", pa.string())])),
        ("label", pa.int64()),
    ]
    for column in _columns(job):
        kind = _FEATURES.get(column.type, "string")
        is_class = column.type == "word"
        name = _free(column.name)
        features[name] = names if is_class else {"dtype": kind, "_type": "Value"}
        types.append((name, pa.int64() if is_class else pa.type_for_alias(kind)))
    about = json.dumps({"info": {"features": features}}, ensure_ascii=True)
    return pa.schema(types, metadata={"huggingface": about})


def _table(job: ExportJob, rows: list[int], schema: Any) -> Any:
    import pyarrow as pa

    number = {name: index for index, name in enumerate(job.labels.names)}
    columns: dict[str, Any] = {
        "image": [
            {"bytes": image_bytes(job.images.path(row))[0], "path": job.files[row]} for row in rows
        ],
        "label": job.labels.label[rows].tolist(),
    }
    for column in _columns(job):
        values = column.values(job, np.asarray(rows))
        if column.type == "word":
            values = [number[value] for value in values]
        elif column.type == "text":
            values = [None if value is None else unicode_text(value) for value in values]
        columns[_free(column.name)] = values
    return pa.table(columns, schema=schema)


def _free(name: str) -> str:
    return f"given_{name}" if name in {"image", "label"} else name


def _shards(job: ExportJob, members: list[int]) -> Iterator[list[int]]:
    sizes = np.array([file_size(job.images.path(row)) for row in members], dtype=np.int64)
    shard = (np.cumsum(sizes) - 1) // _SHARD
    for number in np.unique(shard):
        yield np.asarray(members)[shard == number].tolist()


def _card(job: ExportJob) -> str:
    sides = [side for side, _ in job.sides()]
    files = "".join(
        f"  - split: {_SPLIT_NAMES[side]}\n    path: data/{side}-*.parquet\n" for side in sides
    )
    counts = "".join(
        f"| {number} | `{printable(name).replace('`', chr(39)).replace('|', '/')}` | {count:,} |\n"
        for number, (name, count) in enumerate(
            zip(job.labels.names, job.labels.counts.tolist(), strict=True)
        )
    )
    return f"""---
configs:
- config_name: default
  data_files:
{files}task_categories:
- image-classification
tags:
- protolabel
---

# {counted(int(job.labels.counts.sum()), "image")} labelled by protolabel

The labels are a machine's, from the names of the classes and the images themselves; `agreement`
estimates how likely each is right, and `pinned` says that a person fixed it. Labels of the test
split are a machine's as well: check a sample of them before you report an accuracy.

| label | class | images |
|---:|---|---:|
{counts}"""


HUGGINGFACE = Writer(
    name="huggingface",
    title="Hugging Face",
    description="Parquet files that hold the images, and a dataset card, for load_dataset",
    files=("huggingface/",),
    write=write_huggingface,
    needs_images=True,
    package="pyarrow",
    usage="""\
With Hugging Face datasets:
  load_dataset("huggingface")""",
)

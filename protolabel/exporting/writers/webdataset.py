"""webdataset/: tar files of samples, for streaming."""

from __future__ import annotations

import io
import json
import tarfile
from typing import TYPE_CHECKING

import numpy as np

from protolabel.common.wording import unicode_text
from protolabel.exporting.job import Writer
from protolabel.exporting.table import records
from protolabel.exporting.transfer import image_bytes

if TYPE_CHECKING:
    from protolabel.exporting.job import ExportJob

__all__ = ["WEBDATASET", "write_webdataset"]

_SHARD = 5000  # images in a tar file
_DECODED = {"JPEG": "jpg", "MPO": "jpg", "PNG": "png"}  # formats that webdataset decodes


def write_webdataset(job: ExportJob) -> None:
    """Write ``webdataset/train-000000.tar`` and so on, in an order that mixes the classes.

    A sample consists of ``KEY.jpg`` or ``KEY.png``, ``KEY.cls`` with the number of the class, and
    ``KEY.json`` with all columns of the tables. Repeated exports are equal to the byte.
    """
    folder = job.folder / "webdataset"
    folder.mkdir()
    done = 0
    for side, images in job.sides():
        order = np.random.default_rng(job.seed).permutation(images).tolist()
        for start in range(0, len(order), _SHARD):
            members = order[start : start + _SHARD]
            with tarfile.open(folder / f"{side}-{start // _SHARD:06}.tar", "w") as tar:
                for index, record in zip(members, records(job, members), strict=True):
                    if done % 64 == 0:
                        job.progress("exporting to WebDataset", done, len(job))
                    content, suffix = image_bytes(job.images.path(index), _DECODED)
                    about = unicode_text(json.dumps(record, ensure_ascii=False)).encode()
                    _add(tar, f"{index:09}.{suffix}", content)
                    _add(tar, f"{index:09}.cls", str(int(job.labels.label[index])).encode())
                    _add(tar, f"{index:09}.json", about)
                    done += 1
    job.progress("exporting to WebDataset", len(job), len(job))


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    about = tarfile.TarInfo(name)
    about.size = len(content)
    tar.addfile(about, io.BytesIO(content))


WEBDATASET = Writer(
    name="webdataset",
    title="WebDataset",
    description="tar files of images with class number and all columns, for streaming",
    files=("webdataset/",),
    write=write_webdataset,
    needs_images=True,
    usage="""\
With WebDataset:
  WebDataset("webdataset/train-000000.tar").decode("pil").to_tuple("jpg;png", "cls")""",
)

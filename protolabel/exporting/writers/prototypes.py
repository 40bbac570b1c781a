"""Prototypes, alignments and map as arrays, and a classifier for new images."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from protolabel.exporting.job import Writer
from protolabel.refinement.classifier import PrototypeClassifier

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from protolabel.exporting.job import ExportJob

__all__ = ["PROTOTYPES", "write_prototypes"]


def write_prototypes(job: ExportJob) -> None:
    """Write prototypes, alignments, the map if there is one, and ``classifier.npz``.

    Prototypes and classifier come from the kept iteration, alignments from the last one. If the
    vectors are known, the classifier remembers up to 50,000 images, with 1 kB each for 512
    dimensions.
    """
    labels, folder = job.labels, job.folder
    _save(job, "class_prototypes.npy", labels.prototypes)
    if labels.run is not None and len(labels.run.micro_alignment):
        _save(job, "micro_alignment.npy", labels.run.micro_alignment)
        _save(job, "meta_alignment.npy", labels.run.meta_alignment)
    if job.projection is not None:
        _save(job, "map.npy", job.projection)
    if job.prototype_map is not None:
        _save(job, "prototype_map.npy", job.prototype_map)
    classifier = job.classifier or PrototypeClassifier.from_labels(labels, job.vectors, job.visual)
    classifier.save(folder / "classifier.npz")


def _save(job: ExportJob, name: str, values: NDArray[np.float32]) -> None:
    np.save(job.folder / name, np.asarray(values, dtype=np.float32), allow_pickle=False)


PROTOTYPES = Writer(
    name="prototypes",
    title="Prototypes",
    description="prototypes, alignments and map as arrays, and a classifier that labels new images",
    files=(
        "class_prototypes.npy",
        "micro_alignment.npy",
        "meta_alignment.npy",
        "map.npy",
        "prototype_map.npy",
        "classifier.npz",
    ),
    write=write_prototypes,
    by_default=True,
    needs_map=True,
    usage="""\
Label new images with these prototypes:
  protolabel apply THIS_FOLDER NEW_PHOTOS --output NEW_RESULTS""",
)

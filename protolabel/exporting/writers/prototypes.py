"""What the run learnt, as arrays, and a classifier for new images."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from protolabel.refinement.classifier import PrototypeClassifier

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from protolabel.exporting.job import ExportJob

__all__ = ["write_prototypes"]


def write_prototypes(job: ExportJob) -> None:
    """Write prototypes, alignments, the map where there is one, and ``classifier.npz``.

    Prototypes and classifier are of the kept iteration, alignments of the last one.
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
    PrototypeClassifier.from_labels(labels).save(folder / "classifier.npz")


def _save(job: ExportJob, name: str, values: NDArray[np.float32]) -> None:
    np.save(job.folder / name, np.asarray(values, dtype=np.float32), allow_pickle=False)

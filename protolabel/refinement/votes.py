"""Why an image has its label: what each voter says of it, for a person to read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from protolabel.clustering.image_space import image_space
from protolabel.common.vectors import log_softmax
from protolabel.refinement.anchored import anchored_neighbors

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from protolabel.clustering.neighbors import KnnGraph
    from protolabel.common.vectors import FloatArray
    from protolabel.refinement.labels import Labels

__all__ = ["Votes", "image_votes"]


@dataclass(frozen=True, eq=False)
class Votes:
    """What the voters say of one image: (C,) float32 shares of the classes that sum to 1.

    Attributes
    ----------
    text
        By the class names.
    prototype
        By the distances from the prototypes; None at zero-shot, which has none.
    neighbors
        Labels of the nearest images that vote; None for a folder of one image.
    cluster
        Labels of the other images of the micro-cluster; None for an image outside of clusters.
    """

    text: NDArray[np.float32]
    prototype: NDArray[np.float32] | None
    neighbors: NDArray[np.float32] | None
    cluster: NDArray[np.float32] | None


def image_votes(labels: Labels, image: int, vectors: FloatArray, graph: KnnGraph) -> Votes:
    """Return what each voter says of one image.

    The votes are read off the labels as they stand, so they explain a label; the loop weighs them
    and lets them change one another, so they do not add up to it.

    Parameters
    ----------
    labels : Labels
        Labels of a run.
    image : int
        Row number, 0 to N - 1.
    vectors : (N, d) floating
        Image vectors of any length.
    graph : KnnGraph
        Nearest neighbours of the N images.

    Returns
    -------
    Votes
    """
    run, model, count = labels.run, labels.model, len(labels.names)
    assert run is not None  # noqa: S101 -- saved prototypes have no voters to ask
    vector = np.asarray(vectors[image : image + 1], dtype=np.float32)
    space = image_space(vector, model.own.mean, model.own.axes)
    scored = np.exp(model.text_votes(space)[0])
    text, prototype = scored, None
    if model.own.sharpness:
        prototype = np.exp(log_softmax(-model.own.votes(vector)))[0]
    elif labels.iteration:  # the plain loop moves what zero-shot takes from the text
        text, prototype = np.exp(run.iterations[0].model.text_votes(space)[0]), scored
    near = graph.indices[image, : anchored_neighbors(len(labels), count)]
    micro = None if run.clusters is None else run.clusters.micro
    alike = np.zeros(0, dtype=np.int64)
    if micro is not None and micro[image] >= 0:
        alike = np.flatnonzero(micro == micro[image])
    return Votes(
        text=text,
        prototype=prototype,
        neighbors=_shares(labels.label[near], count),
        cluster=_shares(labels.label[alike[alike != image]], count),
    )


def _shares(label: NDArray[np.integer], count: int) -> NDArray[np.float32] | None:
    if not len(label):
        return None
    return (np.bincount(label, minlength=count) / len(label)).astype(np.float32)

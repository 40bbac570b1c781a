"""Why an image has its label: the votes of the text, prototypes, neighbours and cluster."""

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
    """Votes for the classes of one image, each (C,) float32 with sum 1.

    Attributes
    ----------
    text : (C,) float32
        Probabilities from the class names alone.
    prototype : (C,) float32 or None
        Probabilities from the prototypes alone; None for zero-shot labels, which have none.
    neighbors : (C,) float32 or None
        Shares of the labels of the nearest images; None for a folder of one image.
    cluster : (C,) float32 or None
        Shares of the labels of the other images of its micro-cluster; None for an image outside of
        clusters.
    """

    text: NDArray[np.float32]
    prototype: NDArray[np.float32] | None
    neighbors: NDArray[np.float32] | None
    cluster: NDArray[np.float32] | None


def image_votes(labels: Labels, image: int, vectors: FloatArray, graph: KnnGraph) -> Votes:
    """Return the votes for the classes of one image.

    They are computed from the current labels and help to explain a label. They do not add up to
    its probabilities, because the loop weighs them and repeats.

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

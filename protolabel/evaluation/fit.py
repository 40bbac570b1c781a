"""Measure how well every image fits its name, and so whether any name fits.

Every image gets a label, even an image that shows none of the classes, because softmax votes only
say which name is best. The cosine with the best name would reveal such an image, but the scale of
cosines differs between models, names and folders. The fit therefore compares it with two
references from the same folder: the images that the name fits best, and the images with other
names.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np

from protolabel.clustering.neighbors import KnnGraph, check_graph, knn_graph
from protolabel.common.checks import checked
from protolabel.common.progress import ProgressFn, resolve, silent
from protolabel.common.vectors import FloatArray, as_vectors, unit_blocks
from protolabel.embedding.prompts import ClassVectors
from protolabel.errors import InputError
from protolabel.refinement.anchored import anchored_neighbors

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from protolabel.clustering.clusters import Clusters
    from protolabel.refinement.labels import Labels
    from protolabel.refinement.memory import Memory
    from protolabel.refinement.prototypes import PrototypeModel

__all__ = ["DEFAULT_STRICTNESS", "Fit", "RememberedFit", "check_strictness", "measure_fit"]

DEFAULT_STRICTNESS = 0.5
"""Halfway between an image of another name and the best images of the folder."""

_BEST = 0.9  # quantile of a name's images that counts as a perfect fit
_OTHERS = 10.0  # pseudo-count, in images, of the mean over all wrong pairs
_OWN = 3.0  # pseudo-count, in images, of the folder's perfect fit
_LEAST = 0.25  # smallest perfect fit of a name, as a fraction of the folder's
_NEIGHBORS, _CLUSTER = 2.0, 1.0  # weights relative to the image itself, as in the anchored loop
# The weight of remembered neighbours beside a new image. It is small, because a new image that fits
# no name may have only neighbours that fit one.
_REMEMBERED = 0.5
_BLOCK = 2**24  # cosines with a background at a time: 64 MB


@dataclass(frozen=True, eq=False)
class Fit:
    """The fit of N images to their names.

    Attributes
    ----------
    score : ndarray
        (N,) float32 in 0..1: 0 is no better than images with other names, 1 as good as the best
        tenth of the folder. Pinned images have 1.
    """

    score: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.score)

    @cached_property
    def ordered(self) -> NDArray[np.float32]:
        """(N,) float32 scores, ascending, from which `count_at` reads its count."""
        return np.sort(self.score)

    def unfit(self, strictness: float = DEFAULT_STRICTNESS) -> NDArray[np.bool_]:
        """Return which images fit none of the names.

        Parameters
        ----------
        strictness : float
            The fit that an image must reach, 0..1: 0 sets none aside, 1 keeps only the best.

        Returns
        -------
        ndarray
            (N,) bool.
        """
        return np.asarray(self.score < np.float32(check_strictness(strictness)))

    def count_at(self, strictness: float) -> int:
        """Return the number of images that fit none of the names.

        Parameters
        ----------
        strictness : float
            As for `unfit`.

        Returns
        -------
        int
        """
        return int(np.searchsorted(self.ordered, np.float32(check_strictness(strictness))))


@checked
def measure_fit(
    labels: Labels,
    vectors: FloatArray,
    graph: KnnGraph | None = None,
    *,
    background: ClassVectors | None = None,
    progress: ProgressFn | None = None,
) -> Fit:
    """Measure how well every image fits its name, relative to the folder and the model.

    The score is the cosine of an image and its name, scaled from 0 (the mean of the images with
    other names) to 1 (the best tenth of the images with this name). It is averaged with the
    neighbours (weight 2) and the rest of the micro-cluster (weight 1), so that similar images get
    similar scores, and scaled to 1 at the best tenth of the folder.

    Parameters
    ----------
    labels : Labels
        From `label`.
    vectors : ndarray of floating
        (N, d) floating image embeddings of the run; may be a memory map.
    graph : KnnGraph or None
        A `knn_graph` of the same vectors, to avoid computing it again.
    background : ClassVectors or None
        Text vectors of many other words, from `embed_classes`, for things that such images could
        show; the names themselves may be among them. An image that is closer to these words than
        to its name fits less. With a background, the measure separates better.
    progress : callable or None
        ``progress(phase, done, total)``; by default a tqdm bar. It may raise `Stopped`.

    Returns
    -------
    Fit

    Raises
    ------
    InputError
        If the labels are not from a run, or the arguments belong to different images or encoders.

    Notes
    -----
    With a background, every cosine of an image is taken relative to the log-sum-exp of its
    cosines with the background, as in NegLabel (Jiang et al., "Negative Label Guided OOD
    Detection", ICLR 2024); without, the raw cosine is the score that MCM (Ming et al., NeurIPS
    2022) sharpens with a softmax over the names. A name of few images borrows both ends of its
    scale from the others. A single name has no images with other names; without a background, its
    lower end is three times as far below the median as the best tenth is above.
    """
    if labels.run is None:
        raise InputError(
            "Expected labels of a run, got labels from saved prototypes: pass those of label(run)."
        )
    text, clusters = labels.run.classes, labels.run.clusters
    vectors = as_vectors(vectors, dim=text.vectors.shape[1])
    n, n_classes = len(vectors), len(text)
    if len(labels) != n:
        raise InputError(
            f"Expected vectors of the {len(labels)} labelled images, got {n}: pass those of the "
            "run."
        )
    if background is not None and background.vectors.shape[1] != vectors.shape[1]:
        raise InputError(
            f"Expected a background with {vectors.shape[1]} columns, got "
            f"{background.vectors.shape[1]}: embed it with the encoder of the images."
        )
    wanted = anchored_neighbors(n, n_classes)
    if graph is None:
        graph = knn_graph(vectors, wanted)
    else:
        check_graph(graph, n)
    own, wrong, outside = _evidence(vectors, labels.label, text, background, resolve(progress))
    unit = 1.0 / text.logit_scale
    above = _Scale.of(own, wrong, labels.label, outside=outside, unit=unit)(own, labels.label)
    shared = _shared(above, graph, wanted, clusters)
    # Averaging lowers the best scores, so they are scaled up again; but not in a folder in which
    # even the best images fit no name.
    best = max(float(np.quantile(shared, _BEST)), _LEAST)
    score = np.clip(shared / best, 0.0, 1.0).astype(np.float32)
    score[labels.pinned] = 1.0
    return Fit(score)


@dataclass(frozen=True, eq=False)
class RememberedFit:
    """How well new images fit their names, on the scale of the remembered images of a run.

    This is `measure_fit` with the scale, the neighbours and the best tenth of the remembered
    images, and without micro-clusters. The score of a new image does not depend on the others.

    Attributes
    ----------
    memory : Memory
        M remembered images of a run.
    above : (M,) float64
        Their own scores.
    best : float
        The score that counts as 1.
    """

    memory: Memory
    above: NDArray[np.float64]
    best: float
    _scale: _Scale

    @classmethod
    def of(cls, memory: Memory, model: PrototypeModel) -> RememberedFit:
        """Make the scale from the remembered images.

        Parameters
        ----------
        memory : Memory
            ``classifier.memory_``.
        model : PrototypeModel
            ``classifier.model_``.

        Returns
        -------
        RememberedFit
        """
        known = memory.index.in_order()
        own, wrong, outside = _evidence(known, memory.label, _text(model), None, silent)
        unit = 1.0 / model.text_scale
        scale = _Scale.of(own, wrong, memory.label, outside=outside, unit=unit)
        above = scale(own, memory.label)
        k = anchored_neighbors(len(memory), len(model.text))
        near, _ = memory.index.search(known, k + 1)  # the first is the image itself
        best = max(float(np.quantile(_beside(above, above[near[:, 1:]]), _BEST)), _LEAST)
        return cls(memory, above, best, scale)

    def measure(self, labels: Labels, vectors: FloatArray) -> Fit:
        """Measure new images.

        Parameters
        ----------
        labels : Labels
            From `PrototypeClassifier.label`.
        vectors : (N, d) floating
            The vectors that were labelled; may be a memory map.

        Returns
        -------
        Fit

        Raises
        ------
        InputError
            If there is not one vector of the right size for each label.
        """
        model = labels.model
        vectors = as_vectors(vectors, dim=model.dim)
        if len(labels) != len(vectors):
            raise InputError(
                f"Expected the vectors of the {len(labels)} labelled images, got {len(vectors)}: "
                "pass those that were labelled."
            )
        own, _, _ = _evidence(vectors, labels.label, _text(model), None, silent)
        k = anchored_neighbors(len(self.memory), len(model.text))
        near, _ = self.memory.index.search(vectors, k)
        shared = _beside(self._scale(own, labels.label), self.above[near])
        score = np.clip(shared / self.best, 0.0, 1.0).astype(np.float32)
        score[labels.pinned] = 1.0
        return Fit(score)


def _text(model: PrototypeModel) -> ClassVectors:
    names = tuple(f"class {number}" for number in range(len(model.text)))
    return ClassVectors(names, model.text, logit_scale=model.text_scale)


def check_strictness(strictness: Any) -> float:
    """Return a strictness, or raise `InputError` if it is not a number from 0 to 1."""
    if not isinstance(strictness, Real) or not 0.0 <= float(strictness) <= 1.0:
        raise InputError(
            f"Expected a strictness from 0 (no image is set aside) to 1, got {strictness!r}: try "
            "0.5."
        )
    return float(strictness)


def _evidence(
    vectors: FloatArray,
    label: NDArray[np.int32],
    text: ClassVectors,
    background: ClassVectors | None,
    report: ProgressFn,
) -> tuple[NDArray[np.float64], NDArray[np.float64], float | None]:
    """Return cosines minus the log-sum-exp of the image's cosines with the background.

    Returns
    -------
    (N,) of each image with its name; (C,) sum over the images with other names; mean over all
    pairs of an image and a word of the background, None without one.
    """
    own = np.empty(len(vectors))
    total = np.zeros(len(text))
    outside = 0.0
    words = len(text) if background is None else len(background)
    step = max(1, _BLOCK // words)
    for rows, block in unit_blocks(vectors):
        for start in range(0, len(block), step):
            x = block[start : start + step]
            cosine = (x @ text.vectors.T).astype(np.float64)
            if background is not None:
                other = x @ background.vectors.T
                level = _log_sum_exp(other, text.logit_scale)
                outside += float((other.mean(axis=1, dtype=np.float64) - level).sum())
                cosine -= level[:, None]
            first = rows.start + start
            inside = slice(first, first + len(x))
            own[inside] = cosine[np.arange(len(x)), label[inside]]
            total += cosine.sum(axis=0)
        report("measuring fit", rows.stop, len(vectors))
    wrong = total - np.bincount(label, own, minlength=len(text))
    return own, wrong, None if background is None else outside / len(vectors)


def _log_sum_exp(cosine: NDArray[np.float32], scale: float) -> NDArray[np.float64]:
    most = cosine.max(axis=1, keepdims=True)
    total = np.exp(np.float32(scale) * (cosine - most)).sum(axis=1, dtype=np.float64)
    return np.asarray(most[:, 0] + np.log(total) / scale)


@dataclass(frozen=True, eq=False)
class _Scale:
    """A scale for each class, from 0 (images of other names) to 1 (the best of its own).

    Attributes
    ----------
    zero : (C,) float64
        Mean cosine of the name with images of other names.
    reach : (C,) float64
        Difference of the best images of the name to `zero`.
    """

    zero: NDArray[np.float64]
    reach: NDArray[np.float64]

    @classmethod
    def of(
        cls,
        own: NDArray[np.float64],
        wrong: NDArray[np.float64],
        label: NDArray[np.int32],
        *,
        outside: float | None,
        unit: float,
    ) -> _Scale:
        n, n_classes = len(own), len(wrong)
        count = np.bincount(label, minlength=n_classes)
        if outside is None and n_classes > 1:
            outside = float(wrong.sum()) / (n * (n_classes - 1))
        elif outside is None:
            middle, best = np.quantile(own, [0.5, _BEST])
            outside = float(middle - 3.0 * max(best - middle, unit))
        zero = (wrong + _OTHERS * outside) / (n - count + _OTHERS)
        gap = own - zero[label]
        overall = float(np.quantile(gap, _BEST))
        best_of = np.full(n_classes, overall)
        order = np.argsort(label, kind="stable")
        for members in np.split(order, np.cumsum(count)[:-1]):
            if len(members):
                best_of[label[members[0]]] = np.quantile(gap[members], _BEST)
        best_of = (count * best_of + _OWN * overall) / (count + _OWN)
        # Differences of less than one logit carry no information.
        return cls(zero, np.maximum(best_of, max(_LEAST * overall, unit)))

    def __call__(self, own: NDArray[np.float64], label: NDArray[np.int32]) -> NDArray[np.float64]:
        return np.asarray((own - self.zero[label]) / self.reach[label])


def _beside(above: NDArray[np.float64], near: NDArray[np.float64]) -> NDArray[np.float64]:
    """Average an image (N,) with its remembered neighbours (N, k)."""
    if not near.shape[1]:
        return above
    return np.asarray((above + _REMEMBERED * near.mean(axis=1)) / (1.0 + _REMEMBERED))


def _shared(
    above: NDArray[np.float64], graph: KnnGraph, k: int, clusters: Clusters | None
) -> NDArray[np.float64]:
    """Average with the neighbours and with the rest of the micro-cluster, (N,)."""
    weights = graph.weights(k)
    reach = np.maximum(np.asarray(weights.sum(axis=1)).ravel(), 1e-9)
    near = np.where(reach > 1e-9, (weights @ above) / reach, above)
    alike = above.copy()
    if clusters is not None:
        inside = clusters.micro >= 0
        micro = clusters.micro[inside]
        size = np.bincount(micro, minlength=clusters.n_micro)[micro]
        total = np.bincount(micro, above[inside], minlength=clusters.n_micro)[micro]
        rest = (total - above[inside]) / np.maximum(size - 1, 1)
        alike[inside] = np.where(size > 1, rest, above[inside])
    return np.asarray(
        (above + _NEIGHBORS * near + _CLUSTER * alike) / (1.0 + _NEIGHBORS + _CLUSTER)
    )

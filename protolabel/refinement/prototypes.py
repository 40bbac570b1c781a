"""Prototypes: how they score images, and how the anchored loop updates them.

The loops fit `PrototypeModel`, the classifier applies it to new images, and an export saves it.
`PrototypeUpdate` is the prototype update of the anchored loop.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from protolabel.clustering.image_space import (
    ImageSpace,
    axis_weights,
    image_space,
    squared_distances,
)
from protolabel.common.vectors import (
    Float32Array,
    FloatArray,
    column_sums,
    log_softmax,
    unit_rows,
)
from protolabel.refinement.label_bias import effective_classes

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "Moved",
    "PrototypeModel",
    "PrototypeUpdate",
    "Prototypes",
    "confused_votes",
    "fit_prototypes",
    "text_model",
]

ANCHOR_WEIGHT = 4.0  # alpha: the most images of its class that an anchor counts like
HALF_WAY = 0.5  # from the temperature to the sharpest distances, where no name is absent
SHARPEST = 0.5  # of the log-likelihood of Gaussians: vectors of few dimensions are no surer


@dataclass(frozen=True, eq=False)
class Prototypes:
    """The prototypes of C classes in one space, with the metric around them.

    Attributes
    ----------
    mean : (d,) float32
        The mean image; its removal closes most of the gap between image and text.
    centres : (C, d) float32
        Prototypes relative to `mean`.
    axes, axis_weights : (m, d) and (m,) float32
        Orthonormal rows, and weights in (0, 1]: directions along which images of one class differ
        much, and how much a squared distance along each counts.
    sharpness : float
        How much a squared distance counts, 0 or more.
    """

    mean: NDArray[np.float32]
    centres: NDArray[np.float32]
    axes: NDArray[np.float32]
    axis_weights: NDArray[np.float32]
    sharpness: float

    @classmethod
    def nowhere(cls, n_classes: int, dim: int) -> Prototypes:
        """Return prototypes with no influence on scores."""
        return cls(
            mean=np.zeros(dim, np.float32),
            centres=np.zeros((n_classes, dim), np.float32),
            axes=np.zeros((0, dim), np.float32),
            axis_weights=np.zeros(0, np.float32),
            sharpness=0.0,
        )

    def votes(self, vectors: FloatArray) -> NDArray[np.float32]:
        """Return the distances of vectors (N, d) from the classes times the sharpness, (N, C).

        A distance is |z - centre_c|^2, for z = x - mean, less ``1 - axis_weight`` of its part
        along each axis.
        """
        if not self.sharpness:
            return np.zeros((len(vectors), len(self.centres)), dtype=np.float32)
        space = image_space(vectors, self.mean, self.axes)
        away = squared_distances(space, self.centres, self.axis_weights)
        return np.float32(self.sharpness) * away


@dataclass(frozen=True, eq=False)
class PrototypeModel:
    """Scores of C classes for unit vectors of d dimensions.

    For an image x, class c scores ::

        text_weight * log softmax_c(x . (text_scale * text_c + taught_c) + text_bias_c)
        - own.votes(x)_c - visual.votes(its visual vector)_c + log_prior_c

    Zero-shot has a text weight of 1 and prototypes without influence; the plain loop has its
    prototypes in place of the text; the anchored loop uses every term.

    Attributes
    ----------
    text : (C, d) float32
        Unit rows.
    text_scale, text_weight : float
        The logit scale that multiplies a cosine, and the weight of the text vote.
    text_bias : (C,) float32
        Log-odds of weak names, added to the scaled cosines; see `label_bias`. With `taught`, less
        the product of the mean image with it.
    confused_classes, confusion : (Q,) int64 and (Q, C) float32
        Classes whose images the text confuses with other names, according to the pins, and the
        probability that the text takes them for each name; rows sum to 1. The text vote of such a
        class is the logarithm of the softmax over the names, weighted by these.
    own : Prototypes
        Those among the vectors that share a space with the text.
    visual : Prototypes or None
        Those among visual vectors of d2 dimensions; None if there were none.
    log_prior : (C,) float32
        Logarithm of the prior of each class.
    taught : (C, d) float32 or None
        What pins taught about the names; see `taught_names`. None if there were no pins.
    """

    text: NDArray[np.float32]
    text_scale: float
    text_weight: float
    text_bias: NDArray[np.float32]
    confused_classes: NDArray[np.int64]
    confusion: NDArray[np.float32]
    own: Prototypes
    visual: Prototypes | None
    log_prior: NDArray[np.float32]
    taught: NDArray[np.float32] | None = None

    @property
    def dim(self) -> int:
        """The d of the vectors that share a space with the text."""
        return len(self.own.mean)

    @property
    def visual_dim(self) -> int:
        """The d2 of the visual vectors; 0 if there were none."""
        return 0 if self.visual is None else len(self.visual.mean)

    @property
    def prototypes(self) -> NDArray[np.float32]:
        """(C, d) float32 unit rows: the prototypes among the images, or the text vectors."""
        own = self.own
        return unit_rows(own.mean + own.centres) if own.sharpness else self.text

    @property
    def read_text(self) -> NDArray[np.float32]:
        """(C, d) float32: the text vectors as pins moved them; without pins, `text`."""
        if self.taught is None:
            return self.text
        return self.text + self.taught / np.float32(self.text_scale)

    def text_votes(self, images: ImageSpace) -> NDArray[np.float32]:
        """Return the log-probabilities of the text alone, with weight 1, (N, C) float32."""
        scaled = np.float32(self.text_scale) * images.products(self.text)
        if self.taught is not None:
            scaled += images.products(self.taught)
        votes = log_softmax(scaled + self.text_bias)
        return confused_votes(votes, self.confused_classes, self.confusion)

    def scores(self, vectors: FloatArray, visual: FloatArray | None = None) -> NDArray[np.float32]:
        """Return the scores, (N, C) float32; their softmax is the responsibility.

        Parameters
        ----------
        vectors : (N, d) floating
            Image vectors.
        visual : (N, d2) floating or None
            Visual vectors, where `visual_dim` is not 0.
        """
        scores = np.broadcast_to(self.log_prior, (len(vectors), len(self.text)))
        if self.text_weight:
            space = image_space(vectors, self.own.mean, self.own.axes)
            scores = scores + self.text_weight * self.text_votes(space)
        return np.asarray(scores + self.prototype_votes(vectors, visual), dtype=np.float32)

    def prototype_votes(
        self, vectors: FloatArray, visual: FloatArray | None = None
    ) -> NDArray[np.float32]:
        """Return the part of the scores that the prototypes have, (N, C) float32."""
        votes = -self.own.votes(vectors)
        if self.visual is not None and visual is not None:
            votes -= self.visual.votes(visual)
        return votes


class PrototypeUpdate:
    """The prototype update in one set of image vectors: a mean of images, tied to an anchor.

    In a large folder with few classes, only the first update reads the whole vectors. What has
    changed since is a small part of the means, and is taken along the strongest axes.

    Parameters
    ----------
    space : ImageSpace
        N images in d dimensions.
    anchors : (C, d) float32
        Prototype of a class without images, relative to the mean image.
    weight : (N, 1) float32
        Weight of each image in the mean of its class.
    distance_weight : float
        Weight of the distances in these vectors, 0..1.
    g : (N, C) float32
        Responsibilities before the first pass.
    """

    def __init__(
        self,
        space: ImageSpace,
        anchors: Float32Array,
        weight: Float32Array,
        distance_weight: float,
        g: Float32Array,
    ) -> None:
        self.anchors = anchors
        self._distance_weight = distance_weight
        self._weight, self._total = weight, float(weight.sum(dtype=np.float64))
        self._square = float(weight[:, 0] @ space.square.astype(np.float64)) / self._total
        self._square_along = weight[:, 0] @ np.square(space.along, dtype=np.float64) / self._total
        first = weight * g
        mass, sums = column_sums(first), space.sums(first)
        centres = self._centres(mass, sums, ANCHOR_WEIGHT).astype(np.float32)
        self.space = space.near(-2.0 * centres, first, sums)

    def __call__(
        self, g: Float32Array, temperature: float, all_present: float, none_absent: float
    ) -> Moved:
        """Move the prototypes to the means given by the responsibilities.

        Parameters
        ----------
        g : (N, C) float32
            Responsibilities, rows sum to 1.
        temperature : float
            Above 0.
        all_present : float
            How far every class seems to have images, 0..1.
        none_absent : float
            How sure it is that no class is without images, 0..1. At 1, distances are as sharp as
            half-way, in logarithms, from the temperature to the sharpest that they may be.
        """
        space, total = self.space, self._total
        weights = self._weight * g
        mass, sums = column_sums(weights), space.sums(weights)
        held, means = mass[:, None], sums / np.maximum(mass, 1e-12)[:, None]
        centres = self._centres(mass, sums, self._anchor_weight(mass, means, all_present))
        # Variance within the classes from sums already computed, without another pass:
        # sum g (z - P)^2 = sum z^2 - 2 P sum g z + P^2 sum g.
        within = self._square + _moved(held, centres, sums).sum() / total
        axes = space.axes.T.astype(np.float64)
        along = self._square_along + _moved(held, centres @ axes, sums @ axes).sum(axis=0) / total
        metric = axis_weights(along, float(within) / len(space.mean), len(space))
        near = centres.astype(np.float32)
        distance = squared_distances(space, near, metric)
        spread = float(np.einsum("ic,ic->i", g, distance).mean(dtype=np.float64))
        sharpest = 1.0 / (SHARPEST * _dimensions(along, float(within), space.dim))
        softness = max(temperature, sharpest)
        softness *= (sharpest / softness) ** (HALF_WAY * none_absent)
        sharpness = self._distance_weight / (2.0 * max(spread, 1e-12) * softness)
        return Moved(
            Prototypes(space.mean, near, space.axes, metric, sharpness),
            distance,
            means,
            mass,
        )

    def _centres(
        self, mass: NDArray[np.float64], sums: NDArray[np.float64], alpha: float
    ) -> NDArray[np.float64]:
        centres: NDArray[np.float64] = (sums + alpha * self.anchors) / (mass + alpha)[:, None]
        return centres

    def _anchor_weight(
        self, mass: NDArray[np.float64], means: NDArray[np.float64], all_present: float
    ) -> float:
        """Return how many images of its class an anchor counts like, above 0, at most 4.

        Where all names are present, as many as make the error of a mean as large as the distances
        of the class means from their anchors (empirical Bayes; Morris, JASA 1983). Names without
        images need the most: it keeps their prototypes away from images of other classes.
        """
        n, alike = self._total, effective_classes(mass)
        share = mass / n
        within = self._square - float(share @ np.square(means).sum(axis=1))
        within = max(within, 1e-12) * n / max(n - alike, 1.0)
        away = float(share @ np.square(means - self.anchors).sum(axis=1))
        away -= within * alike / n  # what the error of the means explains by itself
        return ANCHOR_WEIGHT / (1.0 + all_present * max(0.0, ANCHOR_WEIGHT * away / within - 1.0))


class Moved(NamedTuple):
    """The prototypes after an update.

    Attributes
    ----------
    prototypes : Prototypes
        The moved prototypes.
    distances : (N, C) float32
        Squared distances of the images from them.
    means : (C, d) float64
        Mean of the images of each class, relative to the mean image.
    mass : (C,) float64
        Weight of the images of each class.
    """

    prototypes: Prototypes
    distances: Float32Array
    means: NDArray[np.float64]
    mass: NDArray[np.float64]


def confused_votes(
    votes: NDArray[np.float32], confused_classes: NDArray[np.int64], confusion: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return the log-probabilities of the text, (N, C), corrected for confused names.

    `confused_classes` and `confusion` are as in `PrototypeModel`; without them `votes` itself is
    returned.
    """
    if not len(confused_classes):
        return votes
    seen = votes.copy()
    # A probability that float32 cannot hold is the smallest that it can.
    shown = np.maximum(np.exp(votes) @ confusion.T, np.finfo(np.float32).tiny)
    seen[:, confused_classes] = np.log(shown)
    return log_softmax(seen)


def text_model(text: NDArray[np.float32], scale: float, visual_dim: int = 0) -> PrototypeModel:
    """Return the model with the text vote only: zero-shot with logit scale `scale`."""
    n_classes, dim = text.shape
    return PrototypeModel(
        text=text,
        text_scale=scale,
        text_weight=1.0,
        text_bias=np.zeros(n_classes, np.float32),
        confused_classes=np.zeros(0, np.int64),
        confusion=np.zeros((0, n_classes), np.float32),
        own=Prototypes.nowhere(n_classes, dim),
        visual=Prototypes.nowhere(n_classes, visual_dim) if visual_dim else None,
        log_prior=np.zeros(n_classes, np.float32),
    )


def fit_prototypes(
    unit: NDArray[np.float32],
    label: NDArray[np.integer],
    n_classes: int,
    *,
    temperature: float,
    prior_weight: float,
) -> PrototypeModel:
    """Learn prototypes from labelled unit vectors: the loop's model without its text.

    Parameters
    ----------
    unit : (N, d) float32
        Unit rows.
    label : (N,) integer
        Class index; every class has an image.
    """
    n, dim = unit.shape
    space = image_space(unit)
    mass = np.bincount(label, minlength=n_classes)
    centres = np.zeros((n_classes, dim), dtype=np.float32)
    np.add.at(centres, label, unit - space.mean)
    centres /= mass[:, None]
    off = unit - space.mean - centres[label]
    along = np.square(off @ space.axes.T).mean(axis=0, dtype=np.float64)
    weights = axis_weights(along, float(np.square(off).mean(dtype=np.float64)), n)
    away = squared_distances(space, centres, weights)
    spread = float(away[np.arange(n), label].mean(dtype=np.float64))
    prior = prior_weight * np.log((mass + 1.0) / (n + n_classes))
    return PrototypeModel(
        text=np.zeros((n_classes, dim), np.float32),
        text_scale=0.0,
        text_weight=0.0,
        text_bias=np.zeros(n_classes, np.float32),
        confused_classes=np.zeros(0, np.int64),
        confusion=np.zeros((0, n_classes), np.float32),
        own=Prototypes(
            mean=space.mean,
            centres=centres,
            axes=space.axes,
            axis_weights=weights,
            sharpness=1.0 / (2.0 * max(spread, 1e-12) * temperature),
        ),
        visual=None,
        log_prior=prior.astype(np.float32),
    )


def _dimensions(along: NDArray[np.float64], within: float, dim: int) -> float:
    """Effective number of dimensions in which the images of a class differ, 1 or more.

    The participation ratio of the variances: those along the strongest axes, and the rest evenly
    spread. A squared distance over its mean is that sharp a likelihood by itself.
    """
    rest = max(within - float(along.sum()), 0.0) ** 2 / max(1, dim - len(along))
    return max(1.0, within**2 / max(float(np.square(along).sum()) + rest, 1e-24))


def _moved(
    held: NDArray[np.float64], centres: NDArray[np.float64], sums: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Change of the sum of squares of each class by taking it around its centre, not the mean."""
    return held * centres**2 - 2.0 * centres * sums

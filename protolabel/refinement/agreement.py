"""How far to trust a label: the votes of an image, calibrated by its neighbours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from protolabel.common.vectors import (
    Float32Array,
    log_mixed,
    log_softmax,
    row_argmax,
    row_slices,
)
from protolabel.refinement.label_bias import effective_classes

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy.sparse import csr_array

    from protolabel.clustering.neighbors import KnnGraph

__all__ = [
    "NEIGHBORS_PER_VOTER",
    "TEXT_FRACTION",
    "NeighborEvidence",
    "believed_fraction",
    "class_odds",
    "fitted_sharpness",
    "label_odds",
    "level_shift",
    "log_confidence",
    "size_odds",
    "text_fraction",
    "text_weight",
    "with_label_odds",
]

NEIGHBORS_PER_VOTER = 3  # neighbours in the evidence, for each neighbour that votes
PRIOR_LOG_ODDS = 4.0  # of the median image (98 %) in the prior of the fit ...
PRIOR_COUNT = 60.0  # ... which counts like so many images, so only tiny folders notice it
SLOPE_CORRECTION = 1.3  # zero-shot labels of neighbours are wrong at times, which flattens the fit
EVIDENCE_WEIGHT = 0.6  # neighbours share errors, so five count like three independent ones
BEST_CLASSES = 10  # over which the confidence of the votes is normalised
TEXT_FRACTION = 0.9  # of the confidence is the text's, where names are misread ...
# ... which the alignment of classes and names shows: so low, and no longer if it is so high.
LOW_ALIGNMENT, HIGH_ALIGNMENT = 0.32, 0.42
TEXT_IF_PRESENT = 0.5  # of that fraction counts where surely no name is absent
LOST, MOST_LOST = 5.0, 0.5  # of the confidence, for each 1 of cosine below the low one, and at most
PINS_FOR_HALF = 1.0  # of a class: what its name shows about the labels then counts half
# Weights in the log-odds of a label: its confidence, the text alone, and the prototypes alone ...
CONFIDENCE_WEIGHT, TEXT_WEIGHT, PROTOTYPE_WEIGHT = 0.6, 0.15, 0.25
SUREST = 8.0  # ... each at most so sure, in log-odds
CLARITY_WEIGHT = 0.5  # of the log-odds that images that read as a name have that label

_SAMPLE = 20_000  # images that the exponent is fitted to
_RANGE = 30.0  # how far from its prior the exponent may be


@dataclass(frozen=True, eq=False)
class NeighborEvidence:
    """The evidence of the neighbours of every image for its label, after the votes.

    The votes of the loop depend on each other, and the scale of their sum changes from folder to
    folder and with the temperature. It is fitted as in temperature scaling (Guo et al., "On
    Calibration of Modern Neural Networks", ICML 2017), with the zero-shot label of the nearest
    neighbour in place of the true one. Errors are found where the neighbourhood disagrees, so the
    labels of more neighbours than those that vote are further evidence:
    ``g_c^exponent (1 + neighbours that are c)^0.6``, normalised over the ten best classes.
    Where names are misread, neighbours share the errors of the text, and this is overconfident. A
    part of the confidence is therefore the probability of the text alone; see `text_weight`. The
    text does not reflect how common the classes are, so its probability is corrected by the sizes
    that the loop found; see `size_odds`.

    This confidence tells how many labels are right. Which of them are, is better told by a
    logarithmic pool of several opinions (Genest and Zidek, "Combining Probability Distributions",
    Statistical Science 1986): this confidence, the text alone, the prototypes alone, and how far
    the name of the class is to be trusted; see `label_odds` and `class_odds`. The log-odds of all
    labels are shifted by the same number, so that the mean stays; see `level_shift`.

    Attributes
    ----------
    nearest : (N,) int32
        The nearest neighbour of every image.
    around : (N, N) scipy.sparse.csr_array of float32
        How much each neighbour of an image counts: 1 but in a second view.
    """

    nearest: NDArray[np.int32]
    around: csr_array

    @classmethod
    def of(cls, graph: KnnGraph, voters: int) -> NeighborEvidence:
        """Choose the neighbours: three times as many as vote, or all that the graph has."""
        from scipy.sparse import csr_array

        n, k = len(graph), min(NEIGHBORS_PER_VOTER * voters, graph.k)
        columns = np.ascontiguousarray(graph.indices[:, :k]).ravel()
        ones = np.ones(len(columns), dtype=np.float32)
        around = csr_array((ones, columns, np.arange(n + 1) * k), shape=(n, n))
        return cls(graph.indices[:, :1].ravel(), around)

    def beside(self, others: NeighborEvidence, weight: float) -> NeighborEvidence:
        """Add the neighbours in a second view; each counts `weight`, 0..1.

        The scale is still fitted to the nearest neighbour of the first view: a view that separates
        only some of the classes would lower the confidence in all of them.
        """
        return NeighborEvidence(self.nearest, self.around + np.float32(weight) * others.around)

    def log_agreement(
        self,
        log_g: Float32Array,
        log_text: Float32Array,
        read: NDArray[np.integer],
        pins: NDArray[np.int64],
        *,
        prototypes: Float32Array,
        sizes: NDArray[np.floating],
        expected: NDArray[np.floating],
        fraction: float,
        believed: float,
    ) -> Float32Array:
        """Return the logarithm of the agreement that every class would have, (N, C) float32.

        Parameters
        ----------
        log_g : (N, C) float32
            Log-responsibilities of two or more classes.
        log_text : (N, C) float32
            Log-probabilities of the text alone, with pinned images held.
        read : (N,) integer
            Labels by the text alone: zero-shot, or as the pins moved the names.
        pins : (P, 2) int64
            Image index and class index. Pinned images keep their class.
        prototypes : (N, C) float32
            Votes of the prototypes, times their weight.
        sizes, expected : (C,) floating
            Number of images of each class, whole or soft: as found, and by the text alone.
        fraction : float
            From `text_weight`.
        believed : float
            From `believed_fraction`.
        """
        odds = size_odds(sizes, expected)
        confidence = self.log_confidence(log_g, log_text, read, pins, fraction=fraction, odds=odds)
        labels = row_argmax(log_g)
        free = np.ones(len(labels), dtype=bool)
        free[pins[:, 0]] = False
        if not free.any():
            return confidence
        trust = class_odds(log_text, labels, sizes, expected, pins[:, 1])
        found = label_odds(confidence, log_text + odds, prototypes, labels) + trust[labels]
        sure = np.exp(confidence[free, labels[free]])
        found += level_shift(found[free], believed * float(sure.mean(dtype=np.float64)))
        agreement = with_label_odds(confidence, labels, found)
        agreement[~free] = confidence[~free]
        return agreement

    def log_confidence(
        self,
        log_g: Float32Array,
        log_text: Float32Array,
        read: NDArray[np.integer],
        pins: NDArray[np.int64],
        *,
        fraction: float,
        odds: Float32Array,
    ) -> Float32Array:
        """Return the logarithm of the evidence for every class, (N, C) float32.

        Pinned images carry no information about its scale.

        Parameters
        ----------
        log_g, log_text, read, pins, fraction
            As in `log_agreement`.
        odds : (C,) float32
            From `size_odds`.
        """
        exponent = fitted_sharpness(log_g, read[self.nearest], pins[:, 0])
        around = self.around @ np.exp(log_g)
        return log_confidence(log_g, around, log_text, exponent, fraction=fraction, odds=odds)


def log_confidence(
    log_g: Float32Array,
    around: Float32Array,
    log_text: Float32Array,
    exponent: float,
    *,
    fraction: float,
    odds: Float32Array,
) -> Float32Array:
    """Return the log-confidence in every class, (N, C) float32.

    Parameters
    ----------
    log_g : (N, C) float32
        Log-responsibilities of two or more classes.
    around : (N, C) float32
        How many neighbours of each image are of each class.
    log_text : (N, C) float32
        Log-probabilities of the text alone.
    exponent : float
        From `fitted_sharpness`.
    fraction : float
        From `text_weight`.
    odds : (C,) float32
        From `size_odds`.
    """
    votes: Float32Array = np.float32(exponent) * log_g
    votes += np.float32(EVIDENCE_WEIGHT) * np.log1p(around)
    if votes.shape[1] > BEST_CLASSES:
        # The exponent is fitted to the two best: the tail of a thousand classes would add up.
        floor = np.partition(votes, -BEST_CLASSES, axis=1)[:, -BEST_CLASSES]
        votes[votes < floor[:, None]] = -np.inf
    confidence = log_softmax(votes)
    if fraction > 0:
        confidence = log_mixed(confidence, log_softmax(log_text + odds), fraction)
    return confidence


def size_odds(mass: NDArray[np.floating], expected: NDArray[np.floating]) -> Float32Array:
    """Return log-odds that give the text the sizes of the classes that the loop found, (C,).

    The probabilities of a classifier are corrected for other class frequencies than it expects by
    the ratio of the two (Saerens et al., Neural Computation 2002).

    Parameters
    ----------
    mass, expected : (C,) floating
        Number of images of each class, whole or soft: as found, and by the text alone.
    """
    return np.log((mass + 1.0) / (expected + 1.0)).astype(np.float32)


def class_odds(
    log_text: Float32Array,
    labels: NDArray[np.integer],
    sizes: NDArray[np.floating],
    expected: NDArray[np.floating],
    pinned: NDArray[np.integer],
) -> Float32Array:
    """Return how far the name of each class is to be trusted, as log-odds, (C,) float32.

    A clear name is read where the label is, and nowhere else. The text is an annotator whose
    confusion shows without any truth (after Dawid and Skene, Applied Statistics 1979): of the
    images that it expects of a name, so many are labelled otherwise. Other names attract images of
    all kinds ("hubs": Radovanovic et al., JMLR 2010): the text expects more of them than of a class
    of typical size, and the odds of their labels fall as that number rises. Pins show what a name
    means, so both count less for a class that has some.

    Parameters
    ----------
    log_text : (N, C) float32
        Log-probabilities of the text alone.
    labels : (N,) integer
        Class of each image.
    sizes, expected : (C,) floating
        Number of images of each class, whole or soft: as found, and by the text alone.
    pinned : (P,) integer
        Class of each pinned image.
    """
    own = np.exp(log_text[np.arange(len(labels)), labels])
    inside = np.bincount(labels, own, minlength=len(expected))
    outside = np.maximum(expected - inside, 0.0)
    typical = sizes.sum() / effective_classes(sizes)
    hub = np.maximum(np.log((expected + 1.0) / typical), 0.0)
    odds = CLARITY_WEIGHT * np.log((inside + 1.0) / (outside + 1.0)) - hub
    odds /= 1.0 + np.bincount(pinned, minlength=len(expected)) / PINS_FOR_HALF
    return np.asarray(odds, dtype=np.float32)


def label_odds(
    confidence: Float32Array,
    text: Float32Array,
    prototypes: Float32Array,
    labels: NDArray[np.integer],
) -> NDArray[np.float64]:
    """Return the log-odds of the label of every image, pooled from three opinions, (N,).

    Parameters
    ----------
    confidence : (N, C) float32
        From `log_confidence`, normalised.
    text, prototypes : (N, C) float32
        Scores by the text alone, corrected by `size_odds`, and by the prototypes alone.
    labels : (N,) integer
        Class of each image.
    """
    pooled = np.zeros(len(labels))
    for rows in row_slices(*confidence.shape):
        at = np.arange(rows.stop - rows.start), labels[rows]
        pooled[rows] += CONFIDENCE_WEIGHT * _log_odds(confidence[rows][at])
        pooled[rows] += TEXT_WEIGHT * _log_odds(log_softmax(text[rows])[at])
        pooled[rows] += PROTOTYPE_WEIGHT * _log_odds(log_softmax(prototypes[rows])[at])
    return pooled


def _log_odds(log_probability: Float32Array) -> NDArray[np.float64]:
    """Return log-odds from -8 to 8."""
    from scipy.special import expit, logit

    bound = float(expit(SUREST))
    probability = np.exp(log_probability.astype(np.float64))
    return np.asarray(logit(np.clip(probability, 1.0 - bound, bound)))


def level_shift(odds: NDArray[np.float64], mean: float) -> float:
    """Return what to add to log-odds, (N,), so that their probabilities have this mean, 0..1."""
    from scipy.optimize import brentq

    bound = float(_sigmoid(SUREST))
    wanted = float(np.clip(mean, 1.0 - bound, bound))
    reach = float(np.abs(odds).max()) + 2.0 * SUREST
    return float(brentq(lambda shift: _sigmoid(odds + shift).mean() - wanted, -reach, reach))


def with_label_odds(
    confidence: Float32Array, labels: NDArray[np.integer], odds: NDArray[np.float64]
) -> Float32Array:
    """Return log-probabilities in which the labels have these odds, (N, C) float32.

    The other classes share the rest in proportion.

    Parameters
    ----------
    confidence : (N, C) float32
        Log-probabilities of two or more classes.
    labels : (N,) integer
        Class of each image.
    odds : (N,) float64
        Log-odds of these labels.
    """
    from scipy.special import log_expit

    agreement = np.empty_like(confidence)
    for rows in row_slices(*confidence.shape):
        at = np.arange(rows.stop - rows.start), labels[rows]
        others = confidence[rows].copy()
        others[at] = -np.inf
        part = log_softmax(others)
        part += log_expit(-odds[rows]).astype(np.float32)[:, None]
        part[at] = log_expit(odds[rows])
        agreement[rows] = part
    return agreement


def text_fraction(
    means: NDArray[np.floating], text: Float32Array, mass: NDArray[np.floating]
) -> float:
    """Return how much the confidence has to rely on the text alone, 0..0.9.

    The classes of the images lie around their mean as the names lie around theirs, across the
    modality gap, if the names are read as they are meant. The cosine between both, averaged over
    the images, is above 0.42 where the labels are as good as the votes say (food, breeds), and 0.3
    to 0.37 where the names are misread (body types of cars). Votes and neighbours cannot show this,
    because both start from the text.

    Parameters
    ----------
    means : (C, d) floating
        Mean of the images of each class, relative to the mean image.
    text : (C, d) float32
        Text vectors.
    mass : (C,) floating
        Number of images of each class, whole or soft; classes of less than one image are ignored.
    """
    aligned = _alignment(means, text, mass)
    misread = (HIGH_ALIGNMENT - aligned) / (HIGH_ALIGNMENT - LOW_ALIGNMENT)
    return TEXT_FRACTION * float(np.clip(misread, 0.0, 1.0))


def believed_fraction(
    means: NDArray[np.floating], text: Float32Array, mass: NDArray[np.floating], n_pins: int
) -> float:
    """Return how much of the mean confidence is believed, 0.5..1.

    Names that mislead attract images that they do not mean, and the text is then as sure of itself
    as elsewhere. Classes lie further from their names, though, than where names are merely hard to
    read: the mean cosine is below 0.32. The fewer classes there are, the less it shows. Pins mend
    what names mislead.

    Parameters
    ----------
    means, text, mass
        As in `text_fraction`.
    n_pins : int
        Number of pinned images.
    """
    alike = effective_classes(mass)
    lost = float(np.clip(LOST * (LOW_ALIGNMENT - _alignment(means, text, mass)), 0.0, MOST_LOST))
    lost *= PINS_FOR_HALF / (PINS_FOR_HALF + n_pins / alike)
    return 1.0 - max(0.0, 1.0 - 2.0 / alike) * lost


def _alignment(
    means: NDArray[np.floating], text: Float32Array, mass: NDArray[np.floating]
) -> float:
    """Return the mean cosine of class means and centred names; 1 with fewer than two classes."""
    weight = np.where(mass >= 1.0, mass, 0.0)
    if np.count_nonzero(weight) < 2:
        return 1.0
    weight /= weight.sum()
    names = text - weight @ text
    lengths = np.linalg.norm(names, axis=1) * np.linalg.norm(means, axis=1)
    cosine = np.einsum("cj,cj->c", names, means) / np.maximum(lengths, 1e-12)
    return float(weight @ cosine)


def text_weight(fraction: float, none_absent: float) -> float:
    """Return how much of the confidence is the probability of the text alone, 0..0.9.

    Where surely no name is absent it is half of `text_fraction`: no class can then form from the
    images of another, so the labels are better than the text, also where names are misread.

    Parameters
    ----------
    fraction : float
        From `text_fraction`.
    none_absent : float
        How sure it is that no class is without images, 0..1.
    """
    return fraction * (1.0 - (1.0 - TEXT_IF_PRESENT) * none_absent)


def fitted_sharpness(
    log_g: Float32Array, neighbor_label: NDArray[np.integer], without: NDArray[np.integer]
) -> float:
    """Fit the exponent that calibrates log-responsibilities against the nearest neighbours.

    A logistic regression without intercept predicts from the log-odds of an image's two best
    classes which of the two its nearest neighbour has. Images whose neighbour has neither are
    left out. Multiplying `log_g` divides the exponent, so the result does not depend on the scale
    of the votes.

    Parameters
    ----------
    log_g : (N, C) float32
        Log-responsibilities, C at least 2.
    neighbor_label : (N,) integer
        Zero-shot class of the nearest neighbour of each image.
    without : (M,) integer
        Indices of images to leave out.

    Returns
    -------
    float
        Above 0; 1 where every log-odds is 0.
    """
    use = np.ones(len(log_g), dtype=bool)
    use[without] = False
    rows = np.flatnonzero(use)[:: -(-len(log_g) // _SAMPLE)]
    scores, neighbor_label = log_g[rows].astype(np.float64), neighbor_label[rows]
    at = np.arange(len(rows))
    best = scores.argmax(axis=1)
    odds = scores[at, best].copy()
    scores[at, best] = -np.inf
    second = scores.argmax(axis=1)
    odds -= scores[at, second]
    if not (odds > 0).any():
        return 1.0
    typical = float(np.median(odds[odds > 0]))
    one, other = neighbor_label == best, neighbor_label == second
    x = np.concatenate([odds[one | other], [typical]])
    count = np.concatenate([np.ones(len(x) - 1), [PRIOR_COUNT]])
    agreed = np.concatenate([one[one | other], [PRIOR_COUNT * _sigmoid(PRIOR_LOG_ODDS)]])

    def slope(away: float) -> float:
        return float(x @ (agreed - count * _sigmoid(start * np.exp(away) * x)))

    # The likelihood is concave: its slope falls with the exponent. In logarithms, a few steps do.
    start, reach = PRIOR_LOG_ODDS / typical, float(np.log(_RANGE))
    if slope(-reach) <= 0:
        away = -reach
    elif slope(reach) >= 0:
        away = reach
    else:
        from scipy.optimize import brentq

        away = brentq(slope, -reach, reach, xtol=1e-5)
    return SLOPE_CORRECTION * start * float(np.exp(away))


def _sigmoid(x: NDArray[np.float64] | float) -> NDArray[np.float64]:
    from scipy.special import expit

    return np.asarray(expit(x))

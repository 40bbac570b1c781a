"""For people with truth: how many labels are right, and which are not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike
from typing import TYPE_CHECKING, Protocol

import numpy as np

from protolabel.errors import InputError
from protolabel.evaluation.calibration import calibration_error, error_auroc
from protolabel.evaluation.results import as_html, as_text, comparison_text
from protolabel.evaluation.truth import class_indices, known_truth

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from protolabel.evaluation.truth import Truth
    from protolabel.images.image_set import ImageSet
    from protolabel.refinement.labels import Labels

__all__ = ["Comparison", "Evaluation", "Labelled", "compare", "evaluate", "judge", "share_right"]

_Z = 1.959964  # 95 % of a normal distribution lie within so many standard deviations


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Labels against truth, over the images whose true class is known and among the names.

    It prints as a table, and shows as one in a notebook.

    Attributes
    ----------
    names
        The C class names.
    accuracy
        Share of right labels, 0..1; NaN where no image could be judged.
    interval
        Where the accuracy of all images lies with 95 % confidence, if the judged ones are a
        random sample of them; the accuracy itself where all are judged.
    judged
        Number of images whose true class is among the names.
    outside
        Number of images whose true class is not.
    unknown
        Number of images whose true class is not known.
    support
        (C,) number of judged images of each class.
    precision, recall, f1
        (C,) share of the images labelled c that are c; of those that are c labelled c; and the
        harmonic mean of the two. NaN where there are none.
    confusion
        (C, C) int64, rows are the truth, columns the labels.
    by_iteration
        (T + 1,) accuracy of every iteration of the run, 0 is zero-shot; empty without a run.
    calibration_error, error_auroc
        Of the agreement, pinned images apart: see `protolabel.evaluation.calibration`.
    label, true
        (N,) class index of every label, and of every truth: -1 outside, -2 unknown.
    wrong
        Indices of the judged images with another label, the most certain first.
    """

    names: tuple[str, ...]
    accuracy: float
    interval: tuple[float, float]
    judged: int
    outside: int
    unknown: int
    support: NDArray[np.int64]
    precision: NDArray[np.float64]
    recall: NDArray[np.float64]
    f1: NDArray[np.float64]
    confusion: NDArray[np.int64]
    by_iteration: NDArray[np.float64]
    calibration_error: float
    error_auroc: float
    label: NDArray[np.int32]
    true: NDArray[np.int64]
    wrong: NDArray[np.int64]

    @property
    def macro_accuracy(self) -> float:
        """Mean recall of the classes that have judged images: each class counts the same."""
        return _mean(self.recall[self.support > 0])

    @property
    def macro_f1(self) -> float:
        """Mean F1 of the classes that have judged images."""
        return _mean(self.f1[self.support > 0])

    def images(self, true: str, labelled: str) -> NDArray[np.int64]:
        """Return the indices of the images of one class that were labelled another (or the same).

        Raises
        ------
        InputError
            If a name is no class.
        """
        a, b = class_indices((true, labelled), self.names).tolist()
        if min(a, b) < 0:
            raise InputError(
                f"{true if a < 0 else labelled!r} is no class; the classes are "
                f"{', '.join(self.names)}."
            )
        return np.flatnonzero((self.true == a) & (self.label == b))

    def __str__(self) -> str:
        return as_text(self)

    def _repr_html_(self) -> str:
        return as_html(self)


def evaluate(labels: Labels, truth: Truth, images: ImageSet | None = None) -> Evaluation:
    """Compare labels with the true classes, as far as these are known.

    Parameters
    ----------
    labels
        From `label`.
    truth
        The true class name of every image, None where it is unknown; or, with `images`, a mapping
        from image name to class name, or a path of class folders or of a CSV file: see
        `protolabel.evaluation.truth`. Letter case and Unicode form of names do not count. Names
        that are no class are left out of the accuracy.
    images
        The images, where truth is by their name.

    Returns
    -------
    Evaluation
        With a Wilson interval (Wilson, 1927) where only a part of the images was judged, its
        sample size corrected for a finite folder: n (N - 1) / (N - n).

    Raises
    ------
    InputError
        If there is not one name per image, or truth is by name and no image has one of them.
    """
    true = class_indices(_named(truth, labels, images), labels.names)
    steps = [] if labels.run is None else range(len(labels.run.iterations))
    return judge(
        labels.names,
        labels.label,
        true,
        agreement=labels.agreement,
        pinned=labels.pinned,
        by_iteration=[share_right(labels.at(step).label, true) for step in steps],
    )


def judge(
    names: tuple[str, ...],
    label: NDArray[np.int32],
    true: NDArray[np.int64],
    *,
    agreement: NDArray[np.floating],
    pinned: NDArray[np.bool_],
    by_iteration: Sequence[float] = (),
) -> Evaluation:
    """Compare N class indices with those of `class_indices`; `evaluate` is for labels."""
    judged, count = true >= 0, len(names)
    confusion = np.bincount(true[judged] * count + label[judged], minlength=count**2)
    confusion = confusion.reshape(count, count)
    right = np.diag(confusion).astype(np.float64)
    support, labelled = confusion.sum(axis=1), confusion.sum(axis=0)
    with np.errstate(invalid="ignore"):
        precision, recall = right / labelled, right / support
        f1 = 2.0 * right / (support + labelled)
    n, unknown = int(judged.sum()), int((true == -2).sum())
    accuracy = share_right(label, true)
    wrong = np.flatnonzero(judged & (true != label))
    free = judged & ~pinned
    hit = label[free] == true[free]
    return Evaluation(
        names=names,
        accuracy=accuracy,
        interval=_interval(accuracy, n, n + unknown),
        judged=n,
        outside=int((true == -1).sum()),
        unknown=unknown,
        support=support,
        precision=precision,
        recall=recall,
        f1=f1,
        confusion=confusion,
        by_iteration=np.array(by_iteration, dtype=np.float64),
        calibration_error=calibration_error(agreement[free], hit),
        error_auroc=error_auroc(agreement[free], hit),
        label=label,
        true=true,
        wrong=wrong[np.argsort(-agreement[wrong], kind="stable")],
    )


def share_right(label: NDArray[np.integer], true: NDArray[np.int64]) -> float:
    """Share of the judged images (``true >= 0``) whose label is right; NaN without any."""
    judged = true >= 0
    return _mean(label[judged] == true[judged])


class Labelled(Protocol):
    """What can be compared: `Labels`, and the runs of a session."""

    @property
    def names(self) -> tuple[str, ...]:
        """The C class names."""

    @property
    def label(self) -> NDArray[np.int32]:
        """(N,) class index of every image."""


@dataclass(frozen=True, eq=False)
class Comparison:
    """Two labellings of the same images. It prints as a few lines.

    Attributes
    ----------
    n_images
        Number of images, N.
    changed
        Indices of the images with another class name, ascending.
    mended, broken
        Those of them that became right, and that became wrong; empty without truth.
    judged
        Number of images whose true class is a name of either labelling; 0 without truth.
    accuracy_before, accuracy_after
        Share of right labels of the judged images; NaN without any.
    """

    n_images: int
    changed: NDArray[np.int64]
    mended: NDArray[np.int64]
    broken: NDArray[np.int64]
    judged: int
    accuracy_before: float
    accuracy_after: float

    @property
    def p_value(self) -> float:
        """How likely so uneven a number of mended and broken images is by chance alone.

        The exact two-sided test of McNemar (1947); 1 where nothing was mended or broken.
        """
        from scipy.stats import binomtest

        either = len(self.mended) + len(self.broken)
        return float(binomtest(len(self.mended), either).pvalue) if either else 1.0

    def __str__(self) -> str:
        return comparison_text(self)


def compare(
    before: Labelled, after: Labelled, truth: Truth | None = None, images: ImageSet | None = None
) -> Comparison:
    """Compare two labellings of the same images: iterations, runs, or settings.

    Parameters
    ----------
    before, after
        `Labels`, such as ``labels.at(0)`` and ``labels``, or two of ``session.runs``. Classes
        are compared by name, so the two may have different ones.
    truth, images
        As for `evaluate`; without truth only what changed is known.

    Raises
    ------
    InputError
        If the two are not of the same number of images, or truth does not fit.

    Examples
    --------
    >>> print(pl.compare(labels.at(0), labels, session.truth))
    """
    n = len(before.label)
    if n != len(after.label):
        raise InputError(
            f"Two labellings of the same images are compared; got {n} and {len(after.label)}."
        )
    names = tuple(dict.fromkeys((*before.names, *after.names)))
    index = {name: i for i, name in enumerate(names)}
    old, new = (np.array([index[one] for one in x.names])[x.label] for x in (before, after))
    known = [None] * n if truth is None else _named(truth, before, images)
    true = class_indices(known, names)
    was, became = old == true, new == true
    return Comparison(
        n_images=n,
        changed=np.flatnonzero(old != new),
        mended=np.flatnonzero(~was & became),
        broken=np.flatnonzero(was & ~became),
        judged=int((true >= 0).sum()),
        accuracy_before=share_right(old, true),
        accuracy_after=share_right(new, true),
    )


def _named(truth: Truth, labels: Labelled, images: ImageSet | None) -> tuple[str | None, ...]:
    n = len(labels.label)
    if images is not None:
        if len(images) != n:
            raise InputError(f"images are {len(images)}, labels {n}: pass those of the labels.")
        return known_truth(truth, images.names)
    if isinstance(truth, str | PathLike | Mapping):
        raise InputError(
            "Truth by image name needs the images: pass images, such as embeddings.images, too."
        )
    return known_truth(truth, [""] * n)


def _interval(share: float, n: int, population: int) -> tuple[float, float]:
    """Wilson interval of a share of n images that were drawn at random from a finite folder."""
    if n in (0, population):
        return share, share
    size = n * (population - 1) / (population - n)
    middle = (share + _Z**2 / (2 * size)) / (1 + _Z**2 / size)
    half = _Z * np.sqrt(share * (1 - share) / size + (_Z / (2 * size)) ** 2) / (1 + _Z**2 / size)
    return float(max(0.0, middle - half)), float(min(1.0, middle + half))


def _mean(values: NDArray[np.bool_] | NDArray[np.float64]) -> float:
    return float(np.mean(values)) if len(values) else float("nan")

"""Compare labels with the truth, and one labelling with another."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from typing import TYPE_CHECKING, Protocol

import numpy as np

from protolabel.common.checks import as_indices, as_numbers, checked, described
from protolabel.errors import InputError
from protolabel.evaluation.calibration import calibration_error, error_auroc
from protolabel.evaluation.results import Comparison, Evaluation
from protolabel.evaluation.truth import class_indices, matched_truth
from protolabel.images.lookup import ImageLookup

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from protolabel.evaluation.truth import Truth
    from protolabel.images.image_set import ImageSet
    from protolabel.images.lookup import Found
    from protolabel.refinement.labels import Labels

__all__ = [
    "Comparison",
    "Evaluation",
    "Labelled",
    "accuracy",
    "compare",
    "evaluate",
    "judge",
    "share_right",
    "true_classes",
]

_Z = 1.959964  # standard deviations around the mean that hold 95 % of a normal distribution


@checked
def evaluate(labels: Labels, truth: Truth, images: ImageSet | None = None) -> Evaluation:
    """Compare labels with the true classes, where known.

    Accuracy is computed over the judged images: those that have a label and whose true class is
    among the names. Images that `none_of_these` set aside have no label in the dataset, so they
    count neither as right nor as wrong; `Evaluation.set_aside` is their number.

    Parameters
    ----------
    labels : Labels
        From `label`, or ``session.labels``.
    truth : sequence of (str or None), mapping of str to str, str or path
        The true class name of every image, None if unknown; or, with `images`, a mapping from
        image name to class name, or the path of class folders or of a table: see `read_truth`.
        Images are found as by `ImageLookup`, classes as by `find_classes`.
    images : ImageSet, optional
        The images, if the truth names images.

    Returns
    -------
    Evaluation
        If only part of the images was judged, with a Wilson interval (Wilson, 1927) whose sample
        size is corrected for a finite folder: n (N - 1) / (N - n).

    Raises
    ------
    InputError
        If the truth does not have one name per image, or names none of the images.

    Examples
    --------
    >>> pl.evaluate(labels, {"a.jpg": "cat", "b.jpg": "dog"}, embedded.images).accuracy
    1.0
    """
    known, found = _truth_in_order(truth, labels, images)
    true, outside = true_classes(known, labels.names)
    steps = () if labels.run is None else range(len(labels.run.iterations))
    kept = np.where(labels.unfit, -2, true)  # every iteration is judged on the same images
    return judge(
        labels.names,
        labels.label,
        true,
        agreement=labels.agreement,
        pinned=labels.pinned,
        unfit=labels.unfit,
        by_iteration=[accuracy(labels.at(step).label, kept) for step in steps],
        outside_names=outside,
        unmatched=found.left,
    )


def true_classes(
    known: Sequence[str | None], names: Sequence[str]
) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Return the class of each true name, and the names that are no class.

    Parameters
    ----------
    known : sequence of (str or None)
        (N,) true class names, None if unknown.
    names : sequence of str
        The C class names.

    Returns
    -------
    true : ndarray
        (N,) int64, as from `class_indices`.
    outside : tuple of str
        True names that are no class, sorted.
    """
    true = class_indices(known, names)
    outside = {str(known[place]) for place in np.flatnonzero(true == -1).tolist()}
    return true, tuple(sorted(outside))


@checked
def judge(
    names: tuple[str, ...],
    label: NDArray[np.int32],
    true: NDArray[np.int64],
    *,
    agreement: NDArray[np.floating],
    pinned: NDArray[np.bool_],
    unfit: NDArray[np.bool_] | None = None,
    by_iteration: Sequence[float] = (),
    outside_names: tuple[str, ...] = (),
    unmatched: tuple[str, ...] = (),
) -> Evaluation:
    """Compare plain arrays of class indices; see `evaluate` for labels.

    Parameters
    ----------
    names : tuple of str
        The C class names.
    label : ndarray
        (N,) int32 class index of each label, 0..C-1.
    true : ndarray
        (N,) int64 from `class_indices`: -1 if not among the names, -2 if unknown.
    agreement : ndarray
        (N,) floating in 0..1.
    pinned : ndarray
        (N,) bool.
    unfit : ndarray, optional
        (N,) bool: the image is set aside and has no label. By default none is.
    by_iteration : sequence of float
        (T + 1,) accuracy of each iteration, to be kept with the result.
    outside_names, unmatched : tuple of str
        As in `Evaluation`.

    Returns
    -------
    Evaluation
    """
    count, n = len(names), np.size(label)
    label = as_indices(as_numbers(label, "label", n), count, "label")
    true = as_indices(as_numbers(true, "true", n), count, "true", least=-2).astype(np.int64)
    agreement = as_numbers(agreement, "agreement", n)
    pinned = as_numbers(pinned, "pinned", n).astype(bool)
    aside = as_numbers(np.zeros(n) if unfit is None else unfit, "unfit", n).astype(bool)
    label = np.where(aside, -1, label).astype(np.int32)
    judged = (true >= 0) & ~aside
    confusion = np.bincount(true[judged] * count + label[judged], minlength=count**2)
    confusion = confusion.reshape(count, count)
    right = np.diag(confusion).astype(np.float64)
    support, labelled = confusion.sum(axis=1), confusion.sum(axis=0)
    with np.errstate(invalid="ignore"):
        precision, recall = right / labelled, right / support
        f1 = 2.0 * right / (support + labelled)
    n, unknown = int(judged.sum()), int(((true == -2) & ~aside).sum())
    correct = accuracy(label[judged], true[judged])
    wrong = np.flatnonzero(judged & (true != label))
    free = judged & ~pinned
    hit = label[free] == true[free]
    return Evaluation(
        names=names,
        accuracy=correct,
        interval=_wilson_interval(correct, n, n + unknown),
        judged=n,
        outside=int(((true == -1) & ~aside).sum()),
        unknown=unknown,
        set_aside=int(aside.sum()),
        set_aside_named=int((aside & (true >= 0)).sum()),
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
        outside_names=outside_names,
        unmatched=unmatched,
    )


@checked
def accuracy(label: NDArray[np.integer], true: NDArray[np.int64]) -> float:
    """Return the correct labels as a fraction of the images whose true class is known.

    Parameters
    ----------
    label : ndarray
        (N,) integer class indices.
    true : ndarray
        (N,) int64 class indices; images below 0 are left out.

    Returns
    -------
    float
        0..1; NaN if every image is left out.
    """
    true = as_numbers(true, "true", None)
    label = as_numbers(label, "label", len(true))
    judged = true >= 0
    return float(np.mean(label[judged] == true[judged])) if judged.any() else float("nan")


share_right = accuracy
"""`accuracy` under its name in version 0.1."""


class Labelled(Protocol):
    """Labels that can be compared: `Labels`, and the runs of a session."""

    @property
    def names(self) -> tuple[str, ...]:
        """The C class names."""

    @property
    def label(self) -> NDArray[np.int32]:
        """(N,) class index of every image."""


@checked
def compare(
    before: Labelled, after: Labelled, truth: Truth | None = None, images: ImageSet | None = None
) -> Comparison:
    """Compare two labellings of the same images: iterations, runs, or settings.

    Images that `none_of_these` sets aside are compared by their best name, so that the comparison
    is about the labels and not about the strictness.

    Parameters
    ----------
    before, after : Labels or Run
        Such as ``labels.at(0)`` and ``labels``, or two of ``session.runs``. Classes are matched
        by name, so the two may have different classes.
    truth, images
        As for `evaluate`; without truth, the result only says what changed.

    Returns
    -------
    Comparison

    Raises
    ------
    InputError
        If the two have different numbers of images, or the truth does not fit.

    Examples
    --------
    >>> print(pl.compare(labels.at(0), labels, session.truth))
    """
    for labels in (before, after):
        if not hasattr(labels, "label") or not hasattr(labels, "names"):
            raise InputError(f"Expected labels or runs to compare, got {described(labels)}.")
    n = len(before.label)
    if n != len(after.label):
        raise InputError(
            f"Expected two labellings of the same images, got {n} and {len(after.label)} images: "
            "compare labels of one folder."
        )
    names = tuple(dict.fromkeys((*before.names, *after.names)))
    index = {name: i for i, name in enumerate(names)}
    old, new = (
        np.array([index[name] for name in labels.names])[labels.label] for labels in (before, after)
    )
    known: Sequence[str | None] = [None] * n
    if truth is not None:
        known, _ = _truth_in_order(truth, before, images)
    true = class_indices(known, names)
    was, became = old == true, new == true
    return Comparison(
        n_images=n,
        changed=np.flatnonzero(old != new),
        mended=np.flatnonzero(~was & became),
        broken=np.flatnonzero(was & ~became),
        judged=int((true >= 0).sum()),
        accuracy_before=accuracy(old, true),
        accuracy_after=accuracy(new, true),
    )


def _truth_in_order(
    truth: Truth, labels: Labelled, images: ImageSet | None
) -> tuple[tuple[str | None, ...], Found]:
    n = len(labels.label)
    if images is not None:
        if len(images) != n:
            raise InputError(
                f"Expected the {n} images of the labels, got {len(images)}: pass embeddings.images."
            )
        return matched_truth(truth, ImageLookup.of(images))
    if isinstance(truth, str | PathLike | Mapping):
        raise InputError(
            "Expected the images together with a truth by image name: pass images, such as "
            "embeddings.images."
        )
    return matched_truth(truth, [""] * n)


def _wilson_interval(fraction: float, n: int, population: int) -> tuple[float, float]:
    """Return Wilson's interval for a simple random sample of n images from a finite population."""
    if n in (0, population):
        return fraction, fraction
    size = n * (population - 1) / (population - n)
    middle = (fraction + _Z**2 / (2 * size)) / (1 + _Z**2 / size)
    spread = np.sqrt(fraction * (1 - fraction) / size + (_Z / (2 * size)) ** 2)
    half = _Z * spread / (1 + _Z**2 / size)
    return float(max(0.0, middle - half)), float(min(1.0, middle + half))

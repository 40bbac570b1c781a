"""Estimate how many labels are right, from a small random sample that a person checks.

Agreement is estimated without truth; a random sample measures. The sample is stratified by class
and agreement with equal inclusion probabilities, so its mean is an unbiased estimate, and the
intervals around it are exact for a finite folder (`intervals`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from protolabel.common.checks import (
    as_count,
    as_indices,
    as_numbers,
    as_seed,
    checked,
    checked_apart_from,
    described,
)
from protolabel.common.wording import counted
from protolabel.errors import InputError
from protolabel.evaluation.intervals import ALPHA, anytime_interval, fixed_size_interval
from protolabel.images.lookup import find_classes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

__all__ = [
    "Audit",
    "AuditEstimate",
    "ClassEstimate",
    "draw_sample",
]

_LEAST = 5  # fewest checked images of a class for an estimate of that class
_TIERS = 3  # strata of each class, by agreement


@dataclass(frozen=True)
class ClassEstimate:
    """The audit of one class.

    Attributes
    ----------
    name : str
        Class name, as labelled.
    checked : int
        Number of checked images with this label.
    fraction : float
        Fraction of the images with this label that are right, 0..1.
    interval : tuple of float
        Its 95 % confidence interval.
    """

    name: str
    checked: int
    fraction: float
    interval: tuple[float, float]


@dataclass(frozen=True)
class AuditEstimate:
    """The estimated fraction of right labels; it prints as a few lines.

    Attributes
    ----------
    checked : int
        Number of images that a person checked.
    population : int
        Number of labels that the estimate is about: all that are not set aside.
    fraction : float
        Estimated fraction of right labels, 0..1; NaN before the first image is checked.
    interval : tuple of float
        95 % confidence interval: `fixed` if all planned images were checked, else `anytime`.
    fixed : tuple of float
        The interval for a sample size that was chosen before the first image was checked.
    anytime : tuple of float
        The interval that holds whenever, and for whatever reason, the person stops.
    classes : tuple of ClassEstimate
        An estimate for each class with at least five checked images.
    to_halve : int
        Number of further images that would about halve the interval; 0 if it is a point.
    """

    checked: int
    population: int
    fraction: float
    interval: tuple[float, float]
    fixed: tuple[float, float]
    anytime: tuple[float, float]
    classes: tuple[ClassEstimate, ...]
    to_halve: int

    def __str__(self) -> str:
        return "\n".join(self._lines())

    @property
    def summary(self) -> str:
        """One line for a report, such as "audited: 40 images, 0.92, 0.87 to 0.96"."""
        if not self.checked:
            return "audited: no image yet"
        low, high = self.interval
        return (
            f"audited: {counted(self.checked, 'image')}, {self.fraction:.2f}, "
            f"{low:.2f} to {high:.2f}"
        )

    def record(self) -> dict[str, Any]:
        """Return the estimate as plain values, for metadata.json."""
        return {
            "summary": self.summary,
            "images": self.checked,
            "of": self.population,
            "right": self.fraction,
            "interval": list(self.interval),
            "confidence": 1.0 - ALPHA,
            "fixed": list(self.fixed),
            "anytime": list(self.anytime),
            "classes": {
                of_class.name: {
                    "images": of_class.checked,
                    "right": of_class.fraction,
                    "interval": list(of_class.interval),
                }
                for of_class in self.classes
            },
        }

    def _lines(self) -> Iterator[str]:
        yield f"{self.summary} (right labels of {self.population:,}, 95 % confidence)"
        for of_class in self.classes:
            low, high = of_class.interval
            yield (
                f"  {of_class.name}: {of_class.fraction:.2f}, {low:.2f} to {high:.2f} "
                f"({counted(of_class.checked, 'image')})"
            )
        if self.to_halve:
            yield f"About {self.to_halve:,} more images would halve the interval."


class Audit:
    """A random sample of labels for a person to check, and the answers so far.

    Look at `images` in order, and call `confirm` or `correct` for each; you may stop at any
    image. Do not skip difficult images, or the sample is no longer random.

    Parameters
    ----------
    names : sequence of str
        The C class names.
    label : ndarray
        (N,) integer class index of each label.
    agreement : ndarray
        (N,) floating in 0..1, the agreement of each label.
    count : int
        Number of images to check, 1 or more; all images if there are fewer.
    pinned : ndarray, optional
        (N,) bool: labels that a person fixed. They count as right and are not drawn.
    unfit : ndarray, optional
        (N,) bool: images that are set aside. They have no label and are left out.
    seed : int
        Seed of the draw.

    Attributes
    ----------
    images : ndarray
        (n,) int64 indices of the drawn images, in the order in which to check them.
    inclusion : float
        Probability with which each image was drawn, equal for all of them.
    planned : int
        Number of images that were drawn at first; `extend` does not change it.
    answers : dict of int to str
        Image index -> true class name; "" if the label is wrong and the class unknown.

    Raises
    ------
    InputError
        If `count` is not a positive whole number, or every label is pinned or set aside.
    """

    @checked_apart_from("names", "count")
    def __init__(
        self,
        names: Sequence[str],
        label: NDArray[np.integer],
        agreement: NDArray[np.floating],
        count: int,
        *,
        pinned: NDArray[np.bool_] | None = None,
        unfit: NDArray[np.bool_] | None = None,
        seed: int = 0,
    ) -> None:
        self.label = as_numbers(label, "labels", None).copy()
        if not isinstance(names, Sequence):
            raise InputError(f"Expected the class names as a list, got {described(names)}.")
        n, self.names = len(self.label), tuple(names)
        as_indices(self.label, len(self.names), "labels")
        nothing = np.zeros(n, dtype=bool)
        self._aside = as_numbers(nothing if unfit is None else unfit, "unfit", n).astype(bool)
        self._agreement = as_numbers(agreement, "agreement", n).copy()
        self._certain = as_numbers(nothing if pinned is None else pinned, "pinned", n).astype(bool)
        self._certain &= ~self._aside
        self._free = np.flatnonzero(~self._aside & ~self._certain)
        self._seed = as_seed(seed)
        self._right: dict[int, bool] = {}
        self.answers: dict[int, str] = {}
        self.images: NDArray[np.int64] = np.empty(0, dtype=np.int64)
        if not len(self._free):
            raise InputError("Expected labels to audit, got none: all are pinned or set aside.")
        self.extend(count)
        self.planned = len(self.images)

    def __repr__(self) -> str:
        return f"Audit({len(self._right)} of {counted(len(self.images), 'image')} checked)"

    @classmethod
    def resume(
        cls,
        names: Sequence[str],
        label: NDArray[np.integer],
        agreement: NDArray[np.floating],
        images: NDArray[np.int64],
        *,
        pinned: NDArray[np.bool_] | None = None,
        unfit: NDArray[np.bool_] | None = None,
    ) -> Audit:
        """Return the audit of images that were drawn earlier.

        Parameters
        ----------
        names, label, agreement, pinned, unfit
            As for `Audit`.
        images : ndarray
            (n,) int64 indices of the images, in the order in which they were drawn.

        Returns
        -------
        Audit
            Without answers.

        Raises
        ------
        InputError
            If an image is pinned or set aside, or as for `Audit`.
        """
        audit = cls(names, label, agreement, 1, pinned=pinned, unfit=unfit)
        if not np.isin(images, audit._free).all():
            raise InputError("Expected images as they were drawn, got pinned ones, or set aside.")
        audit.images, audit.planned = np.array(images, dtype=np.int64), len(images)
        return audit

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Return everything that `from_state` needs: plain values for JSON, and arrays."""
        plain = {
            "names": list(self.names),
            "seed": self._seed,
            "planned": self.planned,
            "answers": {str(image): answer for image, answer in self.answers.items()},
            "right": [image for image, right in self._right.items() if right],
        }
        arrays = {
            "label": self.label,
            "agreement": self._agreement,
            "pinned": self._certain,
            "unfit": self._aside,
            "images": self.images,
        }
        return plain, arrays

    @classmethod
    def from_state(cls, plain: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Audit:
        """Return the audit that `state` described, with its answers; both parts are untrusted.

        Parameters
        ----------
        plain : mapping of str to object
            The plain values.
        arrays : mapping of str to ndarray
            The arrays, (N,) but for the drawn images.

        Returns
        -------
        Audit

        Raises
        ------
        InputError
            If its parts do not fit together.
        """
        label, images = arrays["label"], arrays["images"]
        flags = [arrays[name] for name in ("agreement", "pinned", "unfit")]
        planned, right = plain["planned"], set(plain["right"])
        as_indices(label, len(plain["names"]), "labels")
        if (
            any(flag.shape != label.shape for flag in flags)
            or label.ndim != 1
            or any(flag.dtype != np.bool_ for flag in flags[1:])
            or len(np.unique(images)) != len(images)
            or not np.isin(images, np.flatnonzero(~flags[1] & ~flags[2])).all()
            or not 1 <= planned <= len(images)
        ):
            raise InputError("Expected the state of an audit, got parts that do not fit together.")
        kept = {"pinned": flags[1], "unfit": flags[2], "seed": plain["seed"]}
        audit = cls(plain["names"], label, flags[0], 1, **kept)
        audit.images, audit.planned = images.astype(np.int64), int(planned)
        for key, answer in plain["answers"].items():
            image = audit._drawn(int(key))
            audit.answers[image], audit._right[image] = str(answer), image in right
        return audit

    def extend(self, count: int) -> None:
        """Draw further images, to check more than was planned.

        Parameters
        ----------
        count : int
            Number of images to add, 1 or more; all that are left if there are fewer.

        Raises
        ------
        InputError
            If `count` is not a positive whole number.
        """
        count = as_count(count, "a number of images")
        left = np.setdiff1d(self._free, self.images)
        rng = np.random.default_rng([self._seed, len(self.images)])
        drawn = draw_sample(self.label[left], self._agreement[left], count, rng)
        self.images = np.concatenate([self.images, left[drawn]])

    def is_of(
        self, names: Sequence[str], label: NDArray[np.integer], unfit: NDArray[np.bool_]
    ) -> bool:
        """Return whether the audit is about these labels."""
        return (
            self.names == tuple(names)
            and np.array_equal(self.label, label)
            and np.array_equal(self._aside, unfit)
        )

    @property
    def inclusion(self) -> float:
        """Probability with which each image that is not pinned was drawn, 0..1."""
        return len(self.images) / len(self._free)

    @property
    def remaining(self) -> NDArray[np.int64]:
        """Indices of the drawn images that are not checked yet, in order, int64."""
        left = [image for image in self.images.tolist() if image not in self._right]
        return np.array(left, dtype=np.int64)

    @checked
    def confirm(self, image: int) -> None:
        """Record that the label of a drawn image is right."""
        self.correct(image, self.names[int(self.label[self._drawn(image)])])

    @checked
    def correct(self, image: int, name: str | None) -> None:
        """Record the true class of a drawn image.

        Parameters
        ----------
        image : int
            One of `images`.
        name : str or None
            Its true class name, which need not be a class; None if the label is wrong and the
            true class unknown.

        Raises
        ------
        InputError
            If the image was not drawn.
        """
        image = self._drawn(image)
        index = -1 if name is None else find_classes([name], self.names)[name]
        self._right[image] = index == int(self.label[image])
        self.answers[image] = "" if name is None else name if index < 0 else self.names[index]

    @checked
    def withdraw(self, image: int) -> None:
        """Remove the answer for an image."""
        self._right.pop(image, None)
        self.answers.pop(image, None)

    def estimate(self) -> AuditEstimate:
        """Estimate the fraction of right labels from the images checked so far."""
        checked = [image for image in self.images.tolist() if image in self._right]
        right = np.array([self._right[image] for image in checked], dtype=bool)
        label = self.label[checked] if checked else np.empty(0, dtype=np.int64)
        finished = len(checked) == self.planned == len(self.images)
        fixed = self._interval(right, self._free, fixed=True)
        anytime = self._interval(right, self._free, fixed=False)
        classes = []
        for index, name in enumerate(self.names):
            of_class = right[label == index]
            if len(of_class) >= _LEAST:
                members = self._free[self.label[self._free] == index]
                certain = int((self._certain & (self.label == index)).sum())
                classes.append(
                    ClassEstimate(
                        name=name,
                        checked=len(of_class),
                        fraction=_with(certain, float(of_class.mean()), len(members)),
                        interval=self._interval(of_class, members, fixed=finished, certain=certain),
                    )
                )
        certain = int(self._certain.sum())
        return AuditEstimate(
            checked=len(checked),
            population=certain + len(self._free),
            fraction=_with(certain, float(right.mean()), len(self._free)) if checked else math.nan,
            interval=fixed if finished else anytime,
            fixed=fixed,
            anytime=anytime,
            classes=tuple(classes),
            to_halve=_to_halve(right, len(self._free)),
        )

    def _drawn(self, image: int) -> int:
        if image not in self.images:
            raise InputError(f"Expected an image of this audit, got {image!r}: see audit.images.")
        return int(image)

    def _interval(
        self,
        right: NDArray[np.bool_],
        free: NDArray[np.int64],
        *,
        fixed: bool,
        certain: int | None = None,
    ) -> tuple[float, float]:
        certain = int(self._certain.sum()) if certain is None else certain
        expected = float(np.mean(self._agreement[free], dtype=float))
        of_sample = fixed_size_interval if fixed else anytime_interval
        interval = of_sample(right, len(free), expected)
        return _with(certain, interval[0], len(free)), _with(certain, interval[1], len(free))


@checked
def draw_sample(
    label: NDArray[np.integer],
    agreement: NDArray[np.floating],
    count: int,
    rng: np.random.Generator,
) -> NDArray[np.int64]:
    """Draw images at random, stratified by class and agreement, all with equal probability.

    Each class is divided into thirds by agreement. Every stratum contributes its proportional
    number of images, rounded up or down by a systematic pass over the strata in random order, with
    a random start, so that the numbers add up and each image is drawn with probability exactly
    ``count / N``.

    Parameters
    ----------
    label : ndarray
        (N,) integer class indices.
    agreement : ndarray
        (N,) floating.
    count : int
        Number of images to draw, 0 or more; at most N are drawn.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    ndarray
        (n,) int64 image indices in random order.

    Raises
    ------
    InputError
        If the arrays do not fit together.
    """
    label = as_indices(as_numbers(label, "labels", None), 2**31 - 1, "labels")
    n = len(label)
    agreement = as_numbers(agreement, "agreement", n)
    if not isinstance(rng, np.random.Generator):
        raise InputError(f"Expected a generator of random numbers, got {described(rng)}.")
    count = min(as_count(count, "a number of images", 0), n)
    if count == 0:
        return np.empty(0, dtype=np.int64)
    order = np.lexsort((rng.random(n), agreement, label))
    size = np.bincount(label)
    first = np.cumsum(size) - size
    place = np.arange(n) - np.repeat(first, size)
    third = place * _TIERS // np.repeat(size, size)
    # In random order: otherwise a step of three strata (40 images of 40 classes) would take the
    # most doubtful third of every class, or of none.
    turn = np.argsort(rng.random((len(size), _TIERS)), axis=1)
    row = np.repeat(rng.permutation(len(size)), size)
    tier = row * _TIERS + turn[row, third]
    by_tier = np.argsort(tier, kind="stable")
    order, tier = order[by_tier], tier[by_tier]
    sizes = np.bincount(tier)
    ends = np.floor(np.cumsum(sizes) * (count / n) + rng.random() - 1e-9).astype(np.int64)
    ends[-1] = count  # the last sum is the count plus a start below 1
    take = np.minimum(np.diff(ends, prepend=0), sizes)
    shuffled = np.lexsort((rng.random(n), tier))
    start = np.cumsum(sizes) - sizes
    rank = np.empty(n, dtype=np.int64)
    rank[shuffled] = np.arange(n) - np.repeat(start, sizes)
    drawn = order[rank < take[tier]]
    return rng.permutation(drawn).astype(np.int64)


def _with(certain: int, fraction: float, free: int) -> float:
    """Add labels that are known to be right to a fraction of the others."""
    return (certain + fraction * free) / (certain + free)


def _to_halve(right: NDArray[np.bool_], population: int) -> int:
    """Count the further images that would about halve the interval."""
    n = len(right)
    if not n or n == population:
        return 0
    # A width falls with the root of 1/n - 1/N; near 0 and 1, with 1/n - 1/N itself.
    times = 2.0 if right.all() or not right.any() else 4.0
    wanted = 1.0 / ((1.0 / n - 1.0 / population) / times + 1.0 / population)
    return max(1, math.ceil(wanted) - n)

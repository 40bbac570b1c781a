"""The history of runs: their settings and results."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from protolabel.evaluation.scoring import accuracy
from protolabel.evaluation.truth import class_indices
from protolabel.refinement.labels import label_indices

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from protolabel.evaluation.scoring import Labelled
    from protolabel.refinement.labels import Labels

__all__ = ["Run", "RunHistory"]

_MOST = 100  # runs that are kept; for a million images, each takes 4 MB


@dataclass(frozen=True, eq=False)
class Run:
    """One run of the loop, without its vectors; `protolabel.compare` takes two of them.

    Attributes
    ----------
    number : int
        1 for the first.
    settings : mapping of str to object
        Settings of the session in that run.
    names : tuple of str
        The C class names.
    label : array of shape (N,), int32
        Class index of every image.
    iteration : int
        The iteration that these labels are from.
    pins : int
        Number of images that were pinned.
    classes_used : int
        Number of classes with at least one image.
    churn : float
        Fraction of the labels that `iteration` changed, 0..1; 0 at zero-shot.
    changed : int
        Number of labels that differ from zero-shot.
    accuracy : float or None
        Fraction of right labels; None where no image has a known true class among the names.
    name : str
        The name that a person gave the run; empty for none.
    """

    number: int
    settings: Mapping[str, Any]
    names: tuple[str, ...]
    label: NDArray[np.int32]
    iteration: int
    pins: int
    classes_used: int
    churn: float
    changed: int
    accuracy: float | None
    name: str = ""


class RunHistory(Sequence[Run]):
    """The runs of a session, oldest first; the last 100 are kept. Thread-safe."""

    def __init__(self) -> None:
        self._runs: tuple[Run, ...] = ()
        self._count = 0
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._runs)

    def __iter__(self) -> Iterator[Run]:
        return iter(self._runs)

    def __getitem__(self, index: Any) -> Any:
        return self._runs[index]

    def record(
        self, labels: Labels, settings: Mapping[str, Any], truth: Sequence[str | None] | None
    ) -> Run:
        """Add a run, unless it repeats the last one.

        Parameters
        ----------
        labels : Labels
            Those of the kept iteration.
        settings : mapping of str to object
            Settings of the run.
        truth : sequence of (str or None), optional
            True class name of each of the N images, where known.

        Returns
        -------
        Run
            The new run, or the last one if settings and labels are the same.
        """
        run = labels.run
        if run is None:
            raise TypeError("Expected labels of a run, got others.")
        with self._lock:
            made = Run(
                number=self._count + 1,
                settings=dict(settings),
                names=labels.names,
                label=labels.label,
                iteration=labels.iteration,
                pins=int(np.count_nonzero(labels.pinned)),
                classes_used=int(np.count_nonzero(labels.counts)),
                churn=float(run.churn[labels.iteration - 1]) if labels.iteration else 0.0,
                changed=int(np.count_nonzero(labels.label != label_indices(run, 0))),
                accuracy=_accuracy(labels, truth),
            )
            if self._runs and _repeats(self._runs[-1], made):
                return self._runs[-1]
            self._count += 1
            self._runs = (*self._runs, made)[-_MOST:]
            return made

    def rename(self, before: str, after: str) -> None:
        """Rename a class in every run so far."""
        with self._lock:
            self._runs = tuple(
                replace(run, names=tuple(after if name == before else name for name in run.names))
                for run in self._runs
            )

    def call(self, number: int, name: str) -> None:
        """Name the run of a number; an empty name removes it."""
        with self._lock:
            self._runs = tuple(
                replace(run, name=name) if run.number == number else run for run in self._runs
            )

    @property
    def distinct(self) -> tuple[Run, ...]:
        """The runs without those that a later run repeats, oldest first."""
        kept: list[Run] = []
        for run in reversed(self._runs):
            if run.name or not any(_repeats(run, later) for later in kept):
                kept.append(run)
        return tuple(reversed(kept))

    def judge(self, truth: Sequence[str | None] | None) -> None:
        """Compute the accuracy of every run so far against the N true class names."""
        with self._lock:
            self._runs = tuple(replace(run, accuracy=_accuracy(run, truth)) for run in self._runs)

    def forget_passed(self) -> None:
        """Drop the last run but one if a slider only passed through it.

        That is so if the steps to that run and away from it change the same number, and nothing
        else. The first run and every correction stay.
        """
        with self._lock:
            if len(self._runs) > 2:
                *others, before, passed, last = self._runs
                moved = _number_moved(before, passed)
                if moved is not None and moved == _number_moved(passed, last):
                    there_and_back = _repeats(before, last)
                    self._runs = (*others, before, *(() if there_and_back else (last,)))


def _repeats(last: Run, new: Run) -> bool:
    return (
        (last.names, last.iteration, last.pins) == (new.names, new.iteration, new.pins)
        and all(_same(last.settings[name], value) for name, value in new.settings.items())
        and np.array_equal(last.label, new.label)
    )


def _same(a: Any, b: Any) -> bool:
    # Arrays and embeddings are compared by identity: a session keeps the object that it was given.
    plain = (int, float, str, tuple, Mapping)
    return a is b or (isinstance(a, plain) and isinstance(b, plain) and a == b)


def _number_moved(a: Run, b: Run) -> str | None:
    """Name the one setting, a number, that differs between two runs; None for anything else."""
    moved = [name for name in b.settings if not _same(a.settings[name], b.settings[name])]
    if len(moved) != 1 or a.pins != b.pins:
        return None
    values = (a.settings[moved[0]], b.settings[moved[0]])
    return moved[0] if all(isinstance(value, (int, float)) for value in values) else None


def _accuracy(labels: Labelled, truth: Sequence[str | None] | None) -> float | None:
    if truth is None:
        return None
    fraction = accuracy(labels.label, class_indices(truth, labels.names))
    return None if math.isnan(fraction) else fraction

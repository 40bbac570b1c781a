"""Every run so far: with what it was made, how it went, and where two of them differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from protolabel.evaluation import evaluate

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from protolabel.labeling import Labels

__all__ = ["Run", "RunHistory", "difference"]

_MOST = 100  # runs that are remembered; a million images take 4 MB each


@dataclass(frozen=True, eq=False)
class Run:
    """One run of the loop, without its vectors.

    Attributes
    ----------
    number
        1 for the first.
    settings
        Traits of the session that it was made with, to go back to it.
    names
        The C class names.
    label
        (N,) int32 class index of every image.
    iteration
        The iteration that these labels are from.
    pins
        Number of labels that a person had fixed.
    classes_used
        Number of classes with at least one image.
    churn
        Share of the labels that the last of these iterations changed, 0..1; 0 at zero-shot.
    changed
        Number of labels that differ from zero-shot.
    accuracy
        Share of right labels where the truth is known, else None.
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


def difference(a: Run, b: Run) -> NDArray[np.int64]:
    """Return the indices of the images whose class name differs between two runs, ascending."""
    index = {name: i for i, name in enumerate(dict.fromkeys((*a.names, *b.names)))}
    left = np.array([index[name] for name in a.names])[a.label]
    right = np.array([index[name] for name in b.names])[b.label]
    return np.flatnonzero(left != right)


class RunHistory(Sequence[Run]):
    """The runs of a session, oldest first; the last 100 are kept."""

    def __init__(self) -> None:
        self._runs: list[Run] = []
        self._count = 0

    def __len__(self) -> int:
        return len(self._runs)

    def __iter__(self) -> Iterator[Run]:
        return iter(tuple(self._runs))

    def __getitem__(self, index: Any) -> Any:
        return self._runs[index]

    def record(
        self, labels: Labels, settings: Mapping[str, Any], truth: Sequence[str] | None
    ) -> Run:
        """Remember a run.

        Parameters
        ----------
        labels
            Of the run, at the iteration that counts.
        settings
            What it was made with.
        truth
            The true class name of every image, where it is known.
        """
        run = labels.run
        if run is None:
            msg = "labels must be from a run"
            raise TypeError(msg)
        self._count += 1
        made = Run(
            number=self._count,
            settings=dict(settings),
            names=labels.names,
            label=labels.label,
            iteration=labels.iteration,
            pins=int(np.count_nonzero(labels.pinned)),
            classes_used=int(np.count_nonzero(labels.counts)),
            churn=float(run.churn[labels.iteration - 1]) if labels.iteration else 0.0,
            changed=int(np.count_nonzero(labels.label != labels.at(0).label)),
            accuracy=None if truth is None else evaluate(labels, truth).accuracy,
        )
        self._runs = [*self._runs, made][-_MOST:]
        return made

    def forget(self, run: Run) -> None:
        """Drop a run, such as one that a slider only passed through."""
        self._runs = [one for one in self._runs if one is not run]

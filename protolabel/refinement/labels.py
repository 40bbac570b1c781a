"""Labels: for every image a class, an agreement, a margin and a runner-up."""

from __future__ import annotations

from dataclasses import dataclass, replace
from numbers import Integral
from typing import TYPE_CHECKING

import numpy as np

from protolabel.common.checks import checked_apart_from
from protolabel.common.vectors import is_whole_number
from protolabel.common.wording import counted
from protolabel.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from protolabel.refinement.loop import Refinement
    from protolabel.refinement.prototypes import PrototypeModel

__all__ = ["MOST_CLASSES", "Labels", "label", "label_indices"]

MOST_CLASSES = 5
"""Classes of an image that are on record."""


@dataclass(frozen=True, eq=False)
class Labels:
    """The labels of N images among C classes.

    Attributes
    ----------
    names : tuple of str
        The C class names.
    label : ndarray
        (N,) int32 class index of every image.
    agreement : ndarray
        (N,) float32 in 0..1: an estimate, made without true labels, of the probability that the
        label is right; see `protolabel.refinement.agreement`.
    margin : ndarray
        (N,) float32 in -1..1: agreement of the label minus that of the runner-up; negative if the
        neighbours favour the runner-up.
    runner_up : ndarray
        (N,) int32 second-best class.
    further, further_agreement : ndarray
        (N, F) the classes after the runner-up, up to the fifth; see `Iteration` and `best`.
    pinned : ndarray
        (N,) bool: a person fixed this label.
    unfit : ndarray
        (N,) bool: the image fits none of the names and is set aside; its label is still the best
        of them. All False until `set_aside` is called.
    iteration : int
        Which iteration of the run the labels are from; 0 is zero-shot.
    prototypes : ndarray
        (C, d) float32 unit rows.
    model : PrototypeModel
        Scores new images in the same way, without the votes of neighbours and clusters.
    run : Refinement or None
        The run that the labels are from; None if saved prototypes labelled new images.
    """

    names: tuple[str, ...]
    label: NDArray[np.int32]
    agreement: NDArray[np.float32]
    margin: NDArray[np.float32]
    runner_up: NDArray[np.int32]
    further: NDArray[np.unsignedinteger]
    further_agreement: NDArray[np.float16]
    pinned: NDArray[np.bool_]
    unfit: NDArray[np.bool_]
    iteration: int
    prototypes: NDArray[np.float32]
    model: PrototypeModel
    run: Refinement | None

    def __repr__(self) -> str:
        shown = ", ".join(f"{n} {c}" for n, c in zip(self.names[:8], self.counts, strict=False))
        more = ", ..." if len(self.names) > 8 else ""
        return f"Labels({counted(len(self), 'image')} at iteration {self.iteration}: {shown}{more})"

    def __len__(self) -> int:
        return len(self.label)

    @property
    def counts(self) -> NDArray[np.int64]:
        """(C,) number of images of each class, without those that are set aside."""
        return np.bincount(self.label[~self.unfit], minlength=len(self.names))

    @property
    def least_certain(self) -> NDArray[np.int64]:
        """(N,) image indices, the smallest margin first."""
        return np.argsort(self.margin, kind="stable")

    def best(self, count: int = 5) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Return the best classes of every image, and the agreement that each would have.

        Parameters
        ----------
        count : int, default 5
            Classes for each image, 1 to 5.

        Returns
        -------
        classes : ndarray
            (N, k) int32, the label first and then the runner-up; k is `count`, or C if there are
            fewer classes.
        scores : ndarray
            (N, k) float32 in 0..1. They fall along a row, but for a label whose `margin` is
            below 0 and for pinned images.

        Raises
        ------
        InputError
            If `count` is no whole number from 1 to 5.
        """
        if not is_whole_number(count, 1) or count > MOST_CLASSES:
            raise InputError(
                f"Expected a number of classes from 1 to {MOST_CLASSES}, got {count!r}: more are "
                "not kept."
            )
        if len(self.names) == 1:
            return self.label[:, None], self.agreement[:, None]
        classes = np.column_stack([self.label, self.runner_up, self.further])
        scores = np.column_stack(
            [self.agreement, self.agreement - self.margin, self.further_agreement]
        )
        return classes[:, :count].astype(np.int32), scores[:, :count].astype(np.float32)

    def at(self, iteration: int) -> Labels:
        """Return the labels of another iteration of the same run; 0 is zero-shot.

        Raises
        ------
        InputError
            If there is no such iteration, or the labels are from saved prototypes.
        """
        if self.run is None:
            raise InputError(
                "Expected labels of a run, got labels from saved prototypes, which have no "
                "iterations: use those of label(run)."
            )
        return label(self.run, iteration)

    def set_aside(self, images: NDArray[np.bool_]) -> Labels:
        """Return the labels with images marked as none of the names; pinned ones never are.

        Parameters
        ----------
        images : ndarray
            (N,) bool, such as ``measure_fit(labels, vectors).unfit(0.5)``.

        Returns
        -------
        Labels

        Raises
        ------
        InputError
            If there is not one boolean for each image.
        """
        images = np.asarray(images)
        if images.shape != (len(self),) or images.dtype != np.bool_:
            raise InputError(
                f"Expected images as {len(self)} booleans, one for each image, got {images.dtype} "
                f"of shape {images.shape}: pass for example fit.unfit(0.5)."
            )
        return replace(self, unfit=images & ~self.pinned)


@checked_apart_from("iteration")
def label(run: Refinement, iteration: int | None = None) -> Labels:
    """Return the labels of a run; a pinned image has its pinned class at every iteration.

    Parameters
    ----------
    run : Refinement
        From `refine`.
    iteration : int or None
        0 (zero-shot) to T; None is the last. Negative numbers count from the end.

    Returns
    -------
    Labels

    Raises
    ------
    InputError
        If the run has no such iteration.
    """
    last = len(run.iterations) - 1
    wanted = last if iteration is None else iteration
    if not _is_place(wanted, last + 1):
        raise InputError(
            f"Expected an iteration of this run, from 0 (zero-shot) to {last}, got {iteration!r}: "
            "choose one of them."
        )
    wanted = int(wanted) % (last + 1)  # a plain int, also of a numpy number
    state = run.iterations[wanted]
    agreement = state.agreement.copy()
    margin, runner_up = state.margin.copy(), state.runner_up.copy()
    image, fixed = run.pins[:, 0], run.pins[:, 1]
    further, further_agreement = state.further.copy(), state.further_agreement.copy()
    # If the run had another label for a pinned image, that is now the runner-up, and the others
    # move down.
    candidates = np.column_stack([state.labels[image], runner_up[image], further[image]])
    order = np.argsort(candidates == fixed[:, None], axis=1, kind="stable")
    ranked = np.take_along_axis(candidates, order, axis=1)
    moved = state.labels[image] != fixed
    if len(run.classes.names) > 1:
        runner_up[image] = np.where(moved, ranked[:, 0], runner_up[image])
        further[image] = np.where(
            moved[:, None], ranked[:, 1 : 1 + further.shape[1]], further[image]
        )
    further_agreement[image] = 0.0
    agreement[image], margin[image] = 1.0, 1.0
    pinned = np.zeros(run.n_images, dtype=bool)
    pinned[image] = True
    return Labels(
        names=run.classes.names,
        label=label_indices(run, wanted),
        agreement=agreement,
        margin=margin,
        runner_up=runner_up,
        further=further,
        further_agreement=further_agreement,
        pinned=pinned,
        unfit=np.zeros(run.n_images, dtype=bool),
        iteration=wanted,
        prototypes=state.prototypes,
        model=state.model,
        run=run,
    )


def label_indices(run: Refinement, iteration: int) -> NDArray[np.int32]:
    """Return the class index of every image at an iteration of a run, (N,), as `label` does."""
    labels = run.iterations[iteration].labels.copy()
    labels[run.pins[:, 0]] = run.pins[:, 1]
    return labels


def _is_place(value: object, length: int) -> bool:
    """Return whether `value` is an index of a sequence, from either end."""
    return isinstance(value, Integral) and -length <= int(value) < length

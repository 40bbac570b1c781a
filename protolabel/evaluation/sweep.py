"""Run both loops over a range of temperatures, for the lesson on collapse."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from protolabel.clustering.image_space import image_space
from protolabel.common.checks import as_numbers, checked_apart_from
from protolabel.common.progress import silent
from protolabel.common.vectors import as_vectors
from protolabel.errors import InputError
from protolabel.evaluation.diagnostics import diagnose
from protolabel.evaluation.truth import class_indices
from protolabel.refinement.labels import label
from protolabel.refinement.loop import refine

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from protolabel.clustering.clusters import Clusters
    from protolabel.clustering.image_space import ImageSpace
    from protolabel.clustering.neighbors import KnnGraph
    from protolabel.common.vectors import FloatArray
    from protolabel.embedding.prompts import ClassVectors
    from protolabel.refinement.loop import Refinement

__all__ = ["SWEPT_METHODS", "TemperatureSweep", "sweep_temperatures"]

SWEPT_METHODS: tuple[Literal["plain"], Literal["anchored"]] = ("plain", "anchored")
"""The first axis of every array of a `TemperatureSweep`."""
_TEMPERATURES = 13  # number of temperatures by default
_RANGE = (0.0125, 0.2)  # lowest and highest; 0.05 and 0.1 are among them
_NO_DIFFERENCE = 3e-6  # difference of unit vectors that is rounding in float32
_TINY = np.finfo(float).tiny


@dataclass(frozen=True, eq=False)
class TemperatureSweep:
    """Both loops on the same images, at K temperatures and every iteration 0..T.

    Arrays that begin with (2, K, ...) hold the methods in the order of `SWEPT_METHODS`.

    Attributes
    ----------
    names : tuple of str
        The C class names.
    temperatures : (K,) float64
        Ascending.
    limit : float
        Temperature above which the plain loop shrinks every difference between prototypes. Around
        one direction, a pass multiplies differences along the first principal axis by
        ``limit / temperature``: the variance along that axis, over the length of the mean image.
    points : (N, 2) float32
        Coordinates of the images on their first two principal axes, around their mean.
    labels : (2, K, T + 1, N) int32
        Class index of every image; iteration 0 is zero-shot.
    prototypes : (2, K, T + 1, C, 2) float32
        Coordinates of the prototypes on the same axes.
    first_axis : (2, K, T + 1) float64
        Fraction of the differences between prototypes that lies along the first principal axis,
        0..1; NaN where they are within the rounding of float32.
    effective_classes : (2, K, T + 1) float64
        Exponential of the entropy of the class frequencies, 1..C.
    spread : (2, K, T + 1) float64
        Root mean square distance of the prototypes from their mean.
    collapse : (2, K) int64
        First iteration from which the labels have lost classes until the end; -1 if there is none.
    accuracy : (2, K, T + 1) float64 or None
        Fraction of the images of known class that are right; None without a truth.
    """

    names: tuple[str, ...]
    temperatures: NDArray[np.float64]
    limit: float
    points: NDArray[np.float32]
    labels: NDArray[np.int32]
    prototypes: NDArray[np.float32]
    first_axis: NDArray[np.float64]
    effective_classes: NDArray[np.float64]
    spread: NDArray[np.float64]
    collapse: NDArray[np.int64]
    accuracy: NDArray[np.float64] | None


@checked_apart_from("vectors", "temperatures")
def sweep_temperatures(
    vectors: FloatArray,
    classes: ClassVectors,
    clusters: Clusters | None = None,
    *,
    graph: KnnGraph | None = None,
    truth: Sequence[str | None] | None = None,
    temperatures: Sequence[float] | None = None,
    iterations: int = 8,
) -> TemperatureSweep:
    """Run both loops at each temperature, and measure the prototypes at every iteration.

    Parameters
    ----------
    vectors : (N, d) floating
        Image vectors, N at least 3.
    classes : ClassVectors
        Text vectors of C classes, C at least 2.
    clusters : Clusters, optional
        Clusters of the images, for the anchored loop; the plain loop uses the images themselves.
    graph : KnnGraph, optional
        Neighbours of the images; computed by default.
    truth : sequence of str or None, optional
        Class name of every image, None where it is unknown.
    temperatures : sequence of float, optional
        By default 13 from 0.0125 to 0.2, evenly spaced on a logarithmic scale.
    iterations : int
        Number T of iterations, 1 or more.

    Returns
    -------
    TemperatureSweep

    Raises
    ------
    InputError
        If there are too few images or classes, or an argument does not fit.
    """
    vectors = as_vectors(vectors)
    if len(vectors) < 3 or len(classes.names) < 2:
        raise InputError(
            f"Expected at least 3 images and 2 classes, got {len(vectors)} and "
            f"{len(classes.names)}: a loop has nothing to learn from fewer."
        )
    if temperatures is None:
        temperatures = np.geomspace(*_RANGE, _TEMPERATURES).tolist()
    heat = np.sort(as_numbers(temperatures, "temperatures", None).astype(np.float64))
    if not len(heat):
        raise InputError("Expected at least one temperature, got none: leave it out.")
    space = image_space(vectors)
    runs = [
        [
            refine(
                space,
                classes,
                clusters if method == "anchored" else None,
                method=method,
                units="images",
                graph=graph,
                temperature=float(temperature),
                iterations=iterations,
                progress=silent,
            )
            for temperature in heat
        ]
        for method in SWEPT_METHODS
    ]
    measured = [[_measure(run, space) for run in of_method] for of_method in runs]
    prototypes, first_axis, effective, spread, lost = (
        np.array([[values[k] for values in of_method] for of_method in measured]) for k in range(5)
    )
    labels = np.array([[[s.labels for s in run.iterations] for run in row] for row in runs])
    accuracy = None
    if truth is not None:
        given = list(truth)
        if len(given) != len(vectors):
            raise InputError(
                f"Expected a true class for each of {len(vectors)} images, got {len(given)}: pass "
                "None where it is unknown."
            )
        true = class_indices(given, classes.names)
        accuracy = (labels == true)[..., true >= 0].mean(axis=-1)
    return TemperatureSweep(
        names=classes.names,
        temperatures=heat,
        limit=space.lambda_max / float(np.linalg.norm(space.mean)),
        points=space.along[:, :2],
        labels=labels,
        prototypes=prototypes.astype(np.float32),
        first_axis=first_axis,
        effective_classes=effective,
        spread=spread,
        collapse=_collapse(lost.astype(bool)),
        accuracy=accuracy,
    )


def _measure(run: Refinement, space: ImageSpace) -> tuple[NDArray[Any], ...]:
    """Return coordinates, fraction of the first axis, effective classes, spread, lost classes."""
    prototypes = np.stack([state.prototypes for state in run.iterations]).astype(np.float64)
    apart = prototypes - prototypes.mean(axis=1, keepdims=True)
    total = np.square(apart).sum(axis=(1, 2))
    along = np.square(apart @ space.axes[0]).sum(axis=1)
    spread = np.sqrt(total / prototypes.shape[1])
    found = [diagnose(label(run, step)) for step in range(len(prototypes))]
    return (
        (prototypes - space.mean) @ space.axes[:2].T,
        np.where(spread > _NO_DIFFERENCE, along / np.maximum(total, _TINY), np.nan),
        np.array([diagnostics.effective_classes for diagnostics in found]),
        spread,
        np.array([diagnostics.classes_lost for diagnostics in found]) | (spread <= _NO_DIFFERENCE),
    )


def _collapse(lost: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return the first iteration from which all values are True, -1 if the last one is not."""
    kept = ~lost[..., ::-1]
    stretch = np.where(kept.any(axis=-1), kept.argmax(axis=-1), lost.shape[-1])
    return np.where(stretch > 0, lost.shape[-1] - stretch, -1)

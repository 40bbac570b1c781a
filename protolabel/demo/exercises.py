"""Checks of the exercises in the notebooks: each says "Right", or what to look at."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from protolabel.clustering.image_space import image_space
from protolabel.common.progress import silent
from protolabel.refinement.loop import refine

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from protolabel.embedding.prompts import ClassVectors

__all__ = [
    "check_largest_variance",
    "check_plain_step",
    "check_prototypes",
    "check_two_animals",
]

Answer = Callable[..., Any]
_OPEN = "Not answered yet."
_TEMPERATURE = 0.1
_ALPHA = 4.0


def check_plain_step(answer: Answer, vectors: NDArray[np.floating], text: ClassVectors) -> str:
    """Check one pass of the plain loop.

    Parameters
    ----------
    answer : callable
        ``answer(prototypes, temperature)`` returns the next (C, d) prototypes.
    vectors : (N, d) floating
        Unit vectors of the images.
    text : ClassVectors
        Text vectors of the C classes.

    Returns
    -------
    str
        "Right." or what to look at.
    """
    try:
        step = answer(text.vectors, _TEMPERATURE)
    except ValueError as error:  # numpy's, about shapes
        return f"Not yet: {error}. Does a sum need keepdims=True, or [:, None], to divide by rows?"
    if step is None:
        return _OPEN
    wanted = text.vectors.shape
    if np.shape(step) != wanted:
        return f"Not yet: the shape is {np.shape(step)}, not {wanted}, a row for each class."
    run = refine(
        vectors,
        text,
        method="plain",
        units="images",
        temperature=_TEMPERATURE,
        iterations=1,
        progress=silent,
    )
    if np.allclose(step, run.iterations[1].prototypes, atol=1e-3):
        return "Right."
    return "Not yet: is it the weighted sum of the rows of x, at length 1?"


def check_largest_variance(answer: Any, vectors: NDArray[np.floating]) -> str:
    """Check the largest eigenvalue of the covariance of the images.

    Parameters
    ----------
    answer : float
        The answer; None while there is none.
    vectors : (N, d) floating
        Unit vectors of the images.

    Returns
    -------
    str
        "Right: ..." or what to look at.
    """
    if answer is None:
        return _OPEN
    if not np.isscalar(answer):
        return "Not yet: one number, the largest of the eigenvalues."
    space = image_space(vectors)
    if not np.isclose(float(np.real(answer)), space.lambda_max, rtol=0.02):
        return "Not yet: for np.cov each dimension is a row, and each picture a column."
    return f"Right: {float(np.real(answer)):.3f}; a temperature of 0.1 is above."


def check_prototypes(answer: Answer) -> str:
    """Check anchored prototypes on a small example.

    Parameters
    ----------
    answer : callable
        ``answer(g, z, anchors)`` returns (C, d) prototypes from (N, C) responsibilities, (N, d)
        images and (C, d) anchors, with an anchor that counts as four images.

    Returns
    -------
    str
        "Right." or what to look at.
    """
    rng = np.random.default_rng(0)
    z, anchors = rng.normal(size=(12, 6)), rng.normal(size=(3, 6))
    g = np.eye(3)[rng.integers(0, 2, 12)]  # the last class has no images
    try:
        found = answer(g, z, anchors)
    except ValueError as error:  # numpy's, about shapes
        return f"Not yet: {error}. To divide row by row, a sum needs [:, None]: (classes, 1)."
    if found is None:
        return _OPEN
    if np.shape(found) != anchors.shape:
        return f"Not yet: the shape is {np.shape(found)}, not {anchors.shape}, one row a class."
    held = g.sum(axis=0)[:, None]
    if np.allclose(found, (g.T @ z + _ALPHA * anchors) / (held + _ALPHA), atol=1e-5):
        return "Right."
    return "Not yet: sums over pictures, plus alpha anchors, over n + alpha."


def check_two_animals(rows: Any, truth: Sequence[str], wanted: Sequence[str]) -> str:
    """Check the choice of all pictures of some classes.

    Parameters
    ----------
    rows : array_like of int or bool, or None
        Row numbers, or True and False for each picture.
    truth : sequence of str
        Class of every picture.
    wanted : sequence of str
        The classes that were asked for.

    Returns
    -------
    str
        "Right: ..." or what to look at.
    """
    if rows is None:
        return _OPEN
    chosen = np.unique(np.arange(len(truth))[rows])  # numbers, flags, or the result of np.where
    if np.array_equal(chosen, np.flatnonzero(np.isin(list(truth), list(wanted)))):
        return f"Right: {len(chosen)} pictures."
    shown = ", ".join(sorted({truth[i] for i in chosen})) or "no animal"
    return f"Not yet: {np.size(chosen)} rows, of: {shown}"

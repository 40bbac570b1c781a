"""Where images stand around their mean, and the strongest axes along which they differ.

Those axes are the style of a folder as often as its classes: photographs and drawings, day and
night. Distances count them less where the images of one class are spread along them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from protolabel.common.vectors import FloatArray, unit_blocks

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["ImageSpace", "axis_weights", "image_space", "principal_axes", "squared_distances"]

N_AXES = 8  # beyond these, no direction holds much more than its share of the variance
HALF_TRUST = 500.0  # images after which the variance along an axis counts for half of its limit
TRUST_LIMIT = 0.5  # the rest of the weight stays with the mean variance, however many images

_SAMPLE = 20_000  # rows that the axes are estimated on

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class ImageSpace:
    """N images seen from a mean.

    Attributes
    ----------
    mean
        (d,) float32, the mean image: what separates image space from text space.
    axes
        (m, d) float32 orthonormal rows, m <= 8: the strongest principal axes.
    square
        (N,) float32 squared distance of every image from the mean.
    along
        (N, m) float32 coordinates of every image on the axes.
    """

    mean: Floats
    axes: Floats
    square: Floats
    along: Floats


def image_space(
    vectors: FloatArray, mean: Floats | None = None, axes: Floats | None = None
) -> ImageSpace:
    """Describe images around their own mean and axes, or around those of others.

    Parameters
    ----------
    vectors
        (N, d) floating; may be a memory map.
    mean, axes
        (d,) and (m, d), as in `ImageSpace`; None takes those of the vectors.
    """
    if mean is None:
        total = np.zeros(vectors.shape[1])
        for _, x in unit_blocks(vectors):
            total += x.sum(axis=0, dtype=np.float64)
        mean = (total / len(vectors)).astype(np.float32)
    if axes is None:
        axes = principal_axes(vectors, N_AXES)[1]
    square = np.empty(len(vectors), dtype=np.float32)
    along = np.empty((len(vectors), len(axes)), dtype=np.float32)
    for rows, x in unit_blocks(vectors):
        z = x - mean
        square[rows] = np.einsum("ij,ij->i", z, z)
        along[rows] = z @ axes.T
    return ImageSpace(mean, axes, square, along)


def principal_axes(vectors: FloatArray, count: int) -> tuple[NDArray[np.float64], Floats]:
    """Largest variances of unit vectors, and the directions of them.

    Parameters
    ----------
    vectors
        (N, d) floating; at most 20,000 rows, evenly spaced, are looked at.
    count
        Number of axes, 1 or more.

    Returns
    -------
    variances
        (m,) eigenvalues of the covariance, the largest first, m = min(count, d).
    axes
        (m, d) float32 orthonormal rows. The largest component of every axis is positive, so equal
        data gives equal signs.
    """
    from scipy.linalg import eigh

    dim = vectors.shape[1]
    total, second, seen = np.zeros(dim), np.zeros((dim, dim)), 0
    for x in _sample_blocks(vectors):
        total += x.sum(axis=0, dtype=np.float64)
        second += x.T @ x
        seen += len(x)
    mean = total / seen
    largest = (max(0, dim - count), dim - 1)
    variances, columns = eigh(second / seen - np.outer(mean, mean), subset_by_index=largest)
    variances, columns = variances[::-1], columns[:, ::-1]
    peak = np.take_along_axis(columns, np.abs(columns).argmax(axis=0)[None], axis=0)
    columns = columns * np.sign(peak)
    return np.maximum(variances, 0.0), np.ascontiguousarray(columns.T, dtype=np.float32)


def axis_weights(along: NDArray[np.float64], mean: float, n: int) -> Floats:
    """How much a squared distance along each axis counts, (m,) float32 in (0, 1].

    The mean variance of a coordinate over the variance along the axis, shrunk to 1 where images
    are few; an axis with less than its share of the variance counts plainly.

    Parameters
    ----------
    along
        (m,) variance within the classes along each axis.
    mean
        Variance within the classes of a coordinate, on average.
    n
        Number of images that they were estimated on.
    """
    trust = TRUST_LIMIT * n / (n + HALF_TRUST)
    shrunk = np.maximum(trust * along + (1.0 - trust) * mean, 1e-12)
    return np.minimum(1.0, max(mean, 1e-12) / shrunk).astype(np.float32)


def squared_distances(
    vectors: FloatArray, space: ImageSpace, centres: Floats, weights: Floats
) -> Floats:
    """Squared distances (N, C) float32 of images from centres, block by block.

    For z an image relative to the mean, ``|z - centre|^2`` less ``1 - weight`` of its part along
    each axis.

    Parameters
    ----------
    vectors, space
        The images, and where they stand.
    centres
        (C, d) float32 relative to the mean.
    weights
        (m,) float32 in 0..1, one per axis.
    """
    less = 1.0 - weights
    own = space.square - np.square(space.along) @ less
    seen = centres - (less * (centres @ space.axes.T)) @ space.axes
    # From x and not z = x - mean, so that no block is copied: z . c = x . c - mean . c
    constant = np.einsum("cj,cj->c", centres, seen) + 2.0 * (seen @ space.mean)
    distances = np.empty((len(vectors), len(centres)), dtype=np.float32)
    for rows, x in unit_blocks(vectors):
        distances[rows] = own[rows, None] - 2.0 * (x @ seen.T) + constant
    np.maximum(distances, 0.0, out=distances)  # rounding can leave a tiny negative one
    return distances


def _sample_blocks(vectors: FloatArray) -> Iterator[Floats]:
    step = -(-len(vectors) // _SAMPLE)
    # Without a step the array itself, whose rows may be known to have length 1.
    for _, x in unit_blocks(vectors if step == 1 else vectors[::step]):
        yield x

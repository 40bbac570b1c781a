"""Coordinates of images around their mean, and the axes along which images differ most.

These axes often show the style of a folder and not its classes: photographs and drawings, day and
night. Distances therefore give less weight to an axis along which one class is spread widely.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from protolabel.common.threads import in_threads, one_matrix_thread
from protolabel.common.vectors import (
    Float32Array,
    FloatArray,
    blocks,
    column_sums,
    held_unit_rows,
    row_slices,
    unit_blocks,
    unit_rows,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

__all__ = ["ImageSpace", "axis_weights", "image_space", "principal_axes", "squared_distances"]

N_AXES = 8  # on CLIP vectors, the variance along further axes is close to the average
HALF_TRUST = 500.0  # images at which the trust in a measured variance is half its limit
TRUST_LIMIT = 0.5  # largest weight of the measured variance; the mean variance has the rest

# Multiplications in a small matrix product. OpenBLAS copies larger matrices first, which takes as
# long as the product itself if there are few points.
_SMALL = 400_000
_FEWEST = 16  # fewest rows of a small product

_SAMPLE = 20_000  # most rows that the axes are estimated on

# Axes along which products and sums change, by the most points and the fewest images for which they
# give the labels of whole vectors. 64 axes hold some 80 % of the variance of real vectors, twice as
# many 90 %; the more points lie between the images, and the fewer images, the more axes it takes.
_STRONG = ((12, 50_000, 64), (25, 10_000, 128))


@dataclass(frozen=True, eq=False)
class ImageSpace:
    """N images relative to a mean, prepared once for many passes over them.

    Attributes
    ----------
    vectors : (N, d) floating
        Float32 rows of length 1 in memory; vectors of more than 256 MB unchanged.
    inverse_length : (N, 1) float32 or None
        Factor that scales each row of `vectors` to length 1; None if all have length 1.
    mean : (d,) float32
        Mean image vector; most of the modality gap between images and texts lies along it.
    axes : (m, d) float32
        Orthonormal rows, m <= 8: the strongest principal axes.
    square : (N,) float32
        Squared distance of every image from the mean.
    along : (N, m) float32
        Coordinates of every image on the axes.
    order : (N,) int64 or None
        Row of each image in `vectors`, if the images are in another order; see `reordered`.
    """

    vectors: FloatArray
    inverse_length: Float32Array | None
    mean: Float32Array
    axes: Float32Array
    square: Float32Array
    along: Float32Array
    strong_axes: Float32Array
    order: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.vectors)

    @property
    def dim(self) -> int:
        """Number of coordinates of a vector, d."""
        return int(self.vectors.shape[1])

    @property
    def lambda_max(self) -> float:
        """Variance of the images along the strongest axis, 0 or more."""
        return float(np.square(self.along[:, 0]).mean(dtype=np.float64))

    def reordered(self, order: NDArray[np.int64]) -> ImageSpace:
        """Return the images in another order, without a copy of the vectors.

        Parameters
        ----------
        order : (N,) int64
            Every image of this space once.
        """
        rows = order if self.order is None else self.order[order]
        return replace(self, square=self.square[order], along=self.along[order], order=rows)

    def unit(self, images: NDArray[np.integer]) -> Float32Array:
        """Return some of the images as rows of length 1, (n, d) float32."""
        return unit_rows(self.vectors[images if self.order is None else self.order[images]])

    def products(self, points: Float32Array) -> Float32Array:
        """Compute the dot products of all images with some points, block by block.

        Parameters
        ----------
        points : (C, d) float32

        Returns
        -------
        (N, C) float32
        """
        products = _products(self.vectors, points)
        # Scaling the products is cheaper than scaling the rows: C numbers in place of d.
        if self.inverse_length is not None:
            products *= self.inverse_length
        return products if self.order is None else products[self.order]

    def sums(self, weights: Float32Array) -> NDArray[np.float64]:
        """Compute weighted sums of all images relative to the mean, block by block.

        Parameters
        ----------
        weights : (N, C) float32
            Weight of each image in each sum.

        Returns
        -------
        (C, d) float64
            ``sum_i weights_ic (x_i - mean)``.
        """
        sums = -np.outer(column_sums(weights), self.mean)
        if self.order is not None:
            by_image, weights = weights, np.empty_like(weights)
            weights[self.order] = by_image
        if self.inverse_length is not None:
            weights = weights * self.inverse_length
        return sums + _sums(self.vectors, weights)

    @cached_property
    def _strong(self) -> dict[int, tuple[Float32Array, Float32Array]]:
        return {}

    def strong(self, count: int) -> tuple[Float32Array, Float32Array]:
        """Return the images along their strongest axes alone, computed once.

        Parameters
        ----------
        count : int
            Number of axes.

        Returns
        -------
        axes : (k, d) float32
            Orthonormal rows, k = min(count, d): the strongest principal axes.
        coordinates : (N, k) float32
            Coordinates of every image on them, relative to the mean.
        """
        if count not in self._strong:
            axes = self.strong_axes[:count]
            coordinates = self.products(axes)
            coordinates -= axes @ self.mean
            self._strong[count] = axes, coordinates
        return self._strong[count]

    def near(
        self, points: Float32Array, weights: Float32Array, sums: NDArray[np.float64]
    ) -> ImageSpace:
        """Return the same images, with fast products and sums near the given ones.

        With many points or few images that would not be exact enough, and the images are returned
        as they are.

        Parameters
        ----------
        points : (C, d) float32
            Products with these are exact. For other points, their difference from these is taken
            along the strongest axes alone.
        weights : (N, C) float32
            Sums with these are exact, and the differences of others likewise.
        sums : (C, d) float64
            ``self.sums(weights)``.
        """
        counts = [
            axes for most, fewest, axes in _STRONG if len(points) <= most and len(self) >= fewest
        ]
        if not counts:
            return self
        axes, coordinates = self.strong(counts[0])
        return _NearSpace(
            **{field.name: getattr(self, field.name) for field in fields(ImageSpace)},
            axes_of_change=axes,
            coordinates=coordinates,
            points=points,
            products_there=self.products(points),
            sums_beside=sums - _sums(coordinates, weights) @ axes,
        )


@dataclass(frozen=True, eq=False, kw_only=True)
class _NearSpace(ImageSpace):
    """Images with fast products and sums, see `ImageSpace.near`."""

    axes_of_change: Float32Array
    coordinates: Float32Array
    points: Float32Array
    products_there: Float32Array
    sums_beside: NDArray[np.float64]  # what the sums have beside the strongest axes

    def products(self, points: Float32Array) -> Float32Array:
        away: Float32Array = points - self.points
        products = _products(self.coordinates, away @ self.axes_of_change.T)
        for rows in row_slices(*products.shape):
            products[rows] += self.products_there[rows]
            products[rows] += away @ self.mean
        return products

    def sums(self, weights: Float32Array) -> NDArray[np.float64]:
        return self.sums_beside + _sums(self.coordinates, weights) @ self.axes_of_change


def image_space(
    vectors: FloatArray, mean: Float32Array | None = None, axes: Float32Array | None = None
) -> ImageSpace:
    """Prepare images relative to their own mean and axes, or to given ones.

    Parameters
    ----------
    vectors : (N, d) floating
        Image vectors of any length, which are scaled to length 1; may be a memory map.
    mean : (d,) float32, optional
        Mean of the space; by default that of the vectors.
    axes : (m, d) float32, optional
        Axes of the space; by default the 8 strongest of the vectors.

    Returns
    -------
    ImageSpace
    """
    unit = held_unit_rows(vectors)
    vectors = vectors if unit is None else unit
    inverse = np.ones((len(vectors), 1), dtype=np.float32)
    total = np.zeros(vectors.shape[1])
    if unit is None or mean is None:
        for rows, x in blocks(vectors):
            if unit is None:
                inverse[rows, 0] = _inverse_length(x)
            total += inverse[rows, 0] @ x
    if mean is None:
        mean = (total / len(vectors)).astype(np.float32)
    strong = axes
    if axes is None or strong is None:
        counts = [count for _, fewest, count in _STRONG if len(vectors) >= fewest]
        strong = principal_axes(vectors, max([N_AXES, *counts]))[1]
        axes = strong[:N_AXES]
    products = _products(vectors, np.concatenate([axes, mean[None]])) * inverse
    along = products[:, :-1] - axes @ mean
    # Of unit rows |x - mean|^2 = 1 - 2 x . mean + |mean|^2; rounding can make it slightly negative.
    square = np.maximum(1.0 + mean @ mean - 2.0 * products[:, -1], 0.0, dtype=np.float32)
    return ImageSpace(vectors, inverse if unit is None else None, mean, axes, square, along, strong)


def principal_axes(vectors: FloatArray, count: int) -> tuple[NDArray[np.float64], Float32Array]:
    """Find the directions in which unit vectors vary most.

    Parameters
    ----------
    vectors : (N, d) floating
        Rows of any length, which are scaled to length 1. At most 20,000 of them, evenly spaced,
        are used.
    count : int
        Number of axes, 1 or more.

    Returns
    -------
    variances : (m,) float64
        Eigenvalues of the covariance, the largest first; m = min(count, d).
    axes : (m, d) float32
        Orthonormal rows. The largest component of each axis is positive, so equal data gives
        equal signs.
    """
    from scipy.linalg import eigh

    def sums(x: Float32Array) -> tuple[int, NDArray[np.float64], Float32Array]:
        return len(x), x.sum(axis=0, dtype=np.float64), x.T @ x

    dim = vectors.shape[1]
    seen, total, second = 0, np.zeros(dim), np.zeros((dim, dim))
    for rows, first, square in in_threads(sums, _sample_blocks(vectors)):
        seen, total, second = seen + rows, total + first, second + square
    mean = total / seen
    largest = (max(0, dim - count), dim - 1)
    with one_matrix_thread():
        variances, columns = eigh(second / seen - np.outer(mean, mean), subset_by_index=largest)
    variances, columns = variances[::-1], columns[:, ::-1]
    peak = np.take_along_axis(columns, np.abs(columns).argmax(axis=0)[None], axis=0)
    columns = columns * np.sign(peak)
    return np.maximum(variances, 0.0), np.ascontiguousarray(columns.T, dtype=np.float32)


def axis_weights(along: NDArray[np.float64], mean: float, n: int) -> Float32Array:
    """Compute the weight of a squared distance along each axis.

    The weight is the ratio of the average variance to the variance along the axis, shrunk towards
    1 if there are few images, and at most 1.

    Parameters
    ----------
    along : (m,) float64
        Variance within the classes along each axis, 0 or more.
    mean : float
        Variance within the classes of a coordinate on average, 0 or more.
    n : int
        Number of images that the variances were estimated on.

    Returns
    -------
    (m,) float32
        Weights in (0, 1].
    """
    trust = TRUST_LIMIT * n / (n + HALF_TRUST)
    shrunk = np.maximum(trust * along + (1.0 - trust) * mean, 1e-12)
    return np.minimum(1.0, max(mean, 1e-12) / shrunk).astype(np.float32)


def squared_distances(
    space: ImageSpace, centres: Float32Array, weights: Float32Array
) -> Float32Array:
    """Compute weighted squared distances of images from centres, block by block.

    For an image z relative to the mean, the distance is ``|z - centre|^2``, with the part along
    each axis multiplied by its weight.

    Parameters
    ----------
    space : ImageSpace
        The images.
    centres : (C, d) float32
        Points relative to the mean.
    weights : (m,) float32
        Weight of each axis, 0..1.

    Returns
    -------
    (N, C) float32
        Distances of 0 or more.
    """
    less = 1.0 - weights
    own = space.square - np.square(space.along) @ less
    seen = centres - (less * (centres @ space.axes.T)) @ space.axes
    # Uses x and not z = x - mean, so that no block is copied: z . c = x . c - mean . c
    constant = np.einsum("cj,cj->c", centres, seen) + 2.0 * (seen @ space.mean)
    distances = space.products((-2.0 * seen).astype(np.float32))
    for rows in row_slices(*distances.shape):
        part = distances[rows]
        part += own[rows, None]
        part += constant.astype(np.float32)
        np.maximum(part, 0.0, out=part)  # rounding can make a distance slightly negative
    return distances


def _products(x: FloatArray, points: Float32Array) -> Float32Array:
    """Return the products of all rows of `x` with the points, (N, C), block by block."""
    products = np.empty((len(x), len(points)), dtype=np.float32)
    columns = np.ascontiguousarray(points.T)  # the matrix library is slower on rows
    for rows, block in blocks(x):
        whole, tiles = _tiled(block, len(points))
        out = products[rows]
        np.matmul(tiles, columns, out=out[:whole].reshape(*tiles.shape[:2], len(points)))
        np.matmul(block[whole:], columns, out=out[whole:])
    return products


def _sums(x: FloatArray, weights: Float32Array) -> NDArray[np.float64]:
    """Return the weighted sums of the rows of `x`, (C, d), block by block."""
    sums = np.zeros((weights.shape[1], x.shape[1]))
    for rows, block in blocks(x):
        whole, tiles = _tiled(block, weights.shape[1])
        w = weights[rows]
        tiled = w[:whole].reshape(*tiles.shape[:2], w.shape[1]).transpose(0, 2, 1)
        sums += (tiled @ tiles).sum(axis=0)
        sums += w[whole:].T @ block[whole:]
    return sums


def _tiled(x: Float32Array, n_points: int) -> tuple[int, NDArray[np.float32]]:
    """Cut rows into tiles for products with few points.

    Returns
    -------
    whole : int
        Number of rows in all tiles; 0 if there are many points.
    tiles : (n, rows, d) float32
    """
    height = _SMALL // (n_points * x.shape[1])
    height = 1 << height.bit_length() >> 1
    count = len(x) // height if height >= _FEWEST else 0
    height = max(1, height)
    return count * height, x[: count * height].reshape(count, height, x.shape[1])


def _inverse_length(x: Float32Array) -> Float32Array:
    inverse: Float32Array = 1.0 / np.sqrt(np.einsum("ij,ij->i", x, x))
    return inverse


def _sample_blocks(vectors: FloatArray) -> Iterator[Float32Array]:
    step = -(-len(vectors) // _SAMPLE)
    for _, x in unit_blocks(vectors[::step]):
        yield x

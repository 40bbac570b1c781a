from __future__ import annotations

import numpy as np
import pytest

from protolabel.clustering import image_space as space_module
from protolabel.clustering.image_space import (
    axis_weights,
    image_space,
    principal_axes,
    squared_distances,
)
from protolabel.common import vectors as vectors_module
from protolabel.common.vectors import unit_rows


def unit(*shape: int, seed: int = 0) -> np.ndarray:
    return unit_rows(np.random.default_rng(seed).normal(size=shape))


def literal(x, space, centres, weights) -> np.ndarray:
    away = x[:, None].astype(float) - space.mean - centres
    along = away @ space.axes.T.astype(float)
    return np.square(away).sum(axis=2) - np.square(along) @ (1.0 - weights)


def test_axes_are_those_of_the_covariance():
    x = unit(300, 12)
    variances, axes = principal_axes(x, 5)
    wanted, columns = np.linalg.eigh(np.cov(x.astype(float), rowvar=False, bias=True))
    np.testing.assert_allclose(variances, wanted[::-1][:5], rtol=1e-4)
    np.testing.assert_allclose(np.abs(np.sum(axes.T * columns[:, ::-1][:, :5], axis=0)), 1, 1e-4)
    np.testing.assert_allclose(axes @ axes.T, np.eye(5), atol=1e-5)
    assert (np.take_along_axis(axes, np.abs(axes).argmax(axis=1)[:, None], axis=1) > 0).all()


def test_no_more_axes_than_dimensions():
    variances, axes = principal_axes(unit(9, 3), 8)
    assert (len(variances), axes.shape) == (3, (3, 3))


def test_axes_of_many_images_are_those_of_a_sample(monkeypatch):
    x = unit(1000, 6, seed=2)
    monkeypatch.setattr(space_module, "_SAMPLE", 250)
    np.testing.assert_allclose(principal_axes(x, 2)[1], principal_axes(x[::4], 2)[1], atol=1e-6)


def test_images_stand_around_their_mean():
    x = unit(40, 7, seed=3)
    space = image_space(x)
    z = x - x.mean(axis=0)
    np.testing.assert_allclose(space.mean, x.mean(axis=0), atol=1e-6)
    np.testing.assert_allclose(space.square, np.square(z).sum(axis=1), rtol=1e-4)
    np.testing.assert_allclose(space.along, z @ space.axes.T, atol=1e-5)
    other = image_space(x[:5], space.mean, space.axes)
    np.testing.assert_allclose(other.along, space.along[:5], atol=1e-6)


def test_weights_closed_form():
    # 500 images: a quarter of the weight is the axis' own variance, three quarters the mean.
    got = axis_weights(np.array([5.0, 1.0, 0.5]), 1.0, 500)
    np.testing.assert_allclose(got, [1 / (0.25 * 5 + 0.75), 1, 1], rtol=1e-6)
    # However many images, half of the weight stays with the mean.
    np.testing.assert_allclose(axis_weights(np.array([5.0]), 1.0, 10**9), [1 / 3], rtol=1e-5)
    np.testing.assert_allclose(axis_weights(np.array([5.0]), 1.0, 1), [1], rtol=0.01)
    np.testing.assert_array_equal(axis_weights(np.zeros(2), 0.0, 10), [1, 1])


def test_distances_in_blocks_are_the_literal_ones(monkeypatch):
    x, rng = unit(50, 20, seed=6), np.random.default_rng(7)
    space = image_space(x)
    centres = rng.normal(size=(4, 20)).astype(np.float32) / 5
    weights = rng.uniform(0.1, 1, size=8).astype(np.float32)
    wanted = literal(x, space, centres, weights)
    np.testing.assert_allclose(squared_distances(space, centres, weights), wanted, atol=1e-5)
    monkeypatch.setattr(vectors_module, "_BLOCK_BYTES", 4 * 20 * 6)
    np.testing.assert_allclose(squared_distances(space, centres, weights), wanted, atol=1e-5)


@pytest.mark.parametrize("height", [1, 16, 64])
def test_products_and_sums_in_small_tiles_are_those_of_any_order(monkeypatch, height):
    rng = np.random.default_rng(4)
    x, order = unit(150, 6, seed=5), rng.permutation(150)
    points = rng.normal(size=(4, 6)).astype(np.float32)
    weights = rng.random((150, 4)).astype(np.float32)
    monkeypatch.setattr(space_module, "_SMALL", height * 4 * 6)
    space = image_space(x).reordered(order)
    np.testing.assert_allclose(space.unit(np.arange(150)), x[order], atol=1e-6)
    np.testing.assert_allclose(space.products(points), x[order] @ points.T, atol=1e-5)
    away = weights.T.astype(np.float64) @ (x[order] - x.mean(axis=0))
    np.testing.assert_allclose(space.sums(weights), away, atol=1e-4)
    np.testing.assert_array_equal(space.square, image_space(x).square[order])
    again = space.reordered(np.argsort(order))
    np.testing.assert_allclose(again.products(points), x @ points.T, atol=1e-5)


def test_a_distance_is_never_negative():
    x = np.tile(unit(1, 64, seed=8), (40, 1))
    space = image_space(x, x[0] / 3)
    got = squared_distances(space, x[:3] * 2 / 3, np.full(8, 0.5, np.float32))
    assert (got >= 0).all()


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_only_the_direction_of_a_vector_counts(dtype):
    x = unit(30, 9, seed=9)
    scaled = (x * np.linspace(0.5, 2, 30)[:, None]).astype(dtype)
    np.testing.assert_allclose(image_space(scaled).square, image_space(x).square, atol=2e-3)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_products_and_sums_are_of_unit_rows_held_or_read(monkeypatch, dtype):
    rng = np.random.default_rng(3)
    x = (rng.normal(size=(50, 6)) * rng.uniform(0.5, 2, (50, 1))).astype(dtype)
    points = rng.normal(size=(4, 6)).astype(np.float32)
    weights = rng.random((50, 4)).astype(np.float32)
    rows = unit_rows(x)
    for held in (2**20, 0):
        monkeypatch.setattr(vectors_module, "_HELD_BYTES", held)
        space = image_space(x)
        assert (space.inverse_length is None) == bool(held)
        np.testing.assert_allclose(space.products(points), rows @ points.T, atol=1e-5)
        away = weights.T.astype(np.float64) @ (rows - rows.mean(axis=0))
        np.testing.assert_allclose(space.sums(weights), away, atol=1e-4)


def test_near_known_points_and_sums_a_difference_counts_along_the_strongest_axes(monkeypatch):
    rng = np.random.default_rng(12)
    x = unit_rows(rng.normal(size=(300, 24)) * np.geomspace(1, 0.01, 24))
    points = rng.normal(size=(3, 24)).astype(np.float32)
    weights = rng.random((300, 3)).astype(np.float32)
    monkeypatch.setattr(space_module, "_STRONG", ((3, 300, 6),))
    space = image_space(x).reordered(rng.permutation(300))
    near = space.near(points, weights, space.sums(weights))
    np.testing.assert_allclose(near.products(points), space.products(points), atol=1e-5)
    np.testing.assert_allclose(near.sums(weights), space.sums(weights), atol=1e-3)
    axes, coordinates = space.strong(6)
    assert axes.shape == (6, 24)
    assert coordinates.shape == (300, 6)
    along = points + rng.normal(size=(3, 6)).astype(np.float32) @ axes
    np.testing.assert_allclose(near.products(along), space.products(along), atol=1e-4)
    beside = points + rng.normal(size=(3, 24)).astype(np.float32)
    beside -= (beside - points) @ axes.T @ axes
    centred = space.products(points) + space.mean @ (beside - points).T
    np.testing.assert_allclose(near.products(beside), centred, atol=1e-4)
    other = rng.random((300, 3)).astype(np.float32)
    away = near.sums(other) - near.sums(weights)
    wanted = (space.sums(other) - space.sums(weights)) @ axes.T @ axes
    np.testing.assert_allclose(away, wanted, atol=1e-3)


def test_along_as_many_axes_as_dimensions_everything_is_exact():
    rng, x = np.random.default_rng(13), unit(200, 16, seed=14)
    space = image_space(x)
    known, first = (rng.normal(size=s).astype(np.float32) for s in ((4, 16), (200, 4)))
    near = space.near(known, first, space.sums(first))
    points = rng.normal(size=(4, 16)).astype(np.float32)
    weights = rng.random((200, 4)).astype(np.float32)
    np.testing.assert_allclose(near.products(points), space.products(points), atol=1e-4)
    np.testing.assert_allclose(near.sums(weights), space.sums(weights), atol=1e-3)

from __future__ import annotations

import numpy as np
import pytest
from worlds import clustered_world, make_world

from protolabel import knn_graph
from protolabel.clustering.reduction import principal_components, umap_layout
from protolabel.common import vectors as vectors_module
from protolabel.common.vectors import unit_rows


def test_components_are_those_of_the_singular_values():
    x = unit_rows(make_world().vectors)
    got = principal_components(x, 3)
    left, values, _ = np.linalg.svd(x - x.mean(axis=0), full_matrices=False)
    np.testing.assert_allclose(np.abs(got), np.abs(left[:, :3] * values[:3]), atol=1e-4)


def test_the_sign_does_not_depend_on_the_order_of_the_images():
    x = make_world().vectors
    order = np.random.default_rng(0).permutation(len(x))
    np.testing.assert_allclose(
        principal_components(x[order], 2), principal_components(x, 2)[order], atol=1e-5
    )


def test_axes_that_the_data_does_not_have_are_zero():
    got = principal_components(np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]), 4)
    assert got.shape == (3, 4)
    assert not got[:, 2:].any()


@pytest.mark.parametrize("x", [np.ones((1, 3)), np.ones((5, 1)), np.full((4, 3), 7.0)])
def test_data_without_spread_lies_at_the_origin(x):
    np.testing.assert_allclose(principal_components(x, 2), np.zeros((len(x), 2)), atol=1e-6)


def test_blocks_and_one_block_agree(monkeypatch):
    x = make_world().vectors
    whole = principal_components(x, 3)
    monkeypatch.setattr(vectors_module, "_BLOCK_BYTES", 4 * x.shape[1] * 17)
    np.testing.assert_allclose(principal_components(x, 3), whole, atol=1e-6)


def test_layout_keeps_neighbours_and_repeats_with_its_seed():
    world, graph, _ = clustered_world()
    options = {"dimensions": 3, "min_dist": 0.0, "epochs": 100}
    layout = umap_layout(world.vectors, graph, seed=4, **options)
    assert layout.shape == (len(world.vectors), 3)
    np.testing.assert_array_equal(umap_layout(world.vectors, graph, seed=4, **options), layout)
    away = np.linalg.norm(layout[:, None] - layout[None], axis=2)
    beside = np.take_along_axis(away, graph.indices.astype(int), axis=1)
    assert beside.mean() < 0.5 * away.mean()


def test_layout_of_equal_images_is_finite():
    x = np.ones((30, 8), np.float32)
    layout = umap_layout(x, knn_graph(x, 5), dimensions=2, min_dist=0.1, epochs=20, seed=0)
    assert np.isfinite(layout).all()

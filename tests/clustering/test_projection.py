from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from worlds import clustered_world, make_world

import protolabel as pl
from protolabel.clustering import projection
from protolabel.clustering.clusters import Clusters
from protolabel.clustering.presets import PRESETS
from protolabel.clustering.projection import (
    _spread,
    place,
    place_centroids,
    place_prototypes,
    project,
)
from protolabel.common import vectors as vectors_module
from protolabel.common.progress import silent
from protolabel.common.vectors import unit_rows


def same_class_share(xy: np.ndarray, truth: np.ndarray) -> float:
    """Share of images whose nearest image on the map is of their class."""
    away = np.linalg.norm(xy[:, None] - xy[None], axis=2)
    np.fill_diagonal(away, np.inf)
    return float(np.mean(truth[away.argmin(axis=1)] == truth))


def test_a_map_keeps_neighbours_and_stays_with_its_seed():
    world, graph, _ = clustered_world()
    xy = project(world.vectors, graph, progress=silent)
    assert xy.shape == (240, 2)
    assert xy.dtype == np.float32
    assert same_class_share(xy, world.truth) > 0.8
    np.testing.assert_array_equal(project(world.vectors, graph, progress=silent), xy)
    np.testing.assert_array_equal(project(world.vectors, progress=silent), xy)


def test_past_the_sample_images_stand_among_their_neighbours():
    world, graph, _ = clustered_world()
    preset = replace(PRESETS["small"], map_sample=120)
    xy = project(world.vectors, graph, preset=preset, progress=silent)
    assert np.isfinite(xy).all()
    assert same_class_share(xy, world.truth) > 0.7
    assert len(np.unique(xy.round(4), axis=0)) > 200
    again = project(world.vectors, graph, preset=preset, progress=silent)
    np.testing.assert_array_equal(again, xy)


def test_images_are_spread_in_waves_from_those_that_have_a_place():
    indices = np.array([[1, 2], [0, 2], [1, 3], [2, 1], [5, 5], [4, 4]], np.int32)
    graph = pl.KnnGraph(indices, np.ones((6, 2), np.float32))
    got = _spread(graph, np.array([0, 1]), np.array([[0.0, 0.0], [3.0, 6.0]], np.float32))
    np.testing.assert_allclose(got[2], [3, 6])  # beside 1, the only neighbour with a place
    # 3 has a place from the wave after: the nearest counts 1, the next 1/2.
    np.testing.assert_allclose(got[3], [3, 6])
    np.testing.assert_allclose(got[4:], [[1.5, 3], [1.5, 3]])  # an island: at the middle


@pytest.mark.parametrize("n", [1, 2, 3, 6, 7, 20])
def test_tiny_folders_have_a_map(n):
    xy = project(np.random.default_rng(n).normal(size=(n, 5)), progress=silent)
    assert xy.shape == (n, 2)
    assert np.isfinite(xy).all()


def test_a_far_group_leaves_no_map_mostly_empty(monkeypatch):
    rng = np.random.default_rng(0)
    near, far = rng.normal(size=(60, 2)), rng.normal([400, -90], 0.5, (12, 2))
    laid_out = np.vstack([near, far]).astype(np.float32)
    monkeypatch.setattr(projection, "_layout", lambda *_: laid_out)
    xy = project(rng.normal(size=(72, 5)), progress=silent)
    for axis, values in enumerate(xy.T):
        before = laid_out[:, axis]
        assert np.diff(np.sort(values)).max() == pytest.approx(np.ptp(values) / 5, rel=1e-4)
        assert (np.argsort(values, kind="stable") == np.argsort(before, kind="stable")).all()
    for group in (slice(60), slice(60, None)):  # moved as a whole
        moved = xy[group] - laid_out[group]
        np.testing.assert_allclose(moved, np.broadcast_to(moved[0], moved.shape), atol=1e-4)


def test_a_map_without_wide_gaps_is_that_of_the_layout(monkeypatch):
    laid_out = np.random.default_rng(0).random((80, 2), dtype=np.float32)
    monkeypatch.setattr(projection, "_layout", lambda *_: laid_out)
    xy = project(np.random.default_rng(1).normal(size=(80, 5)), progress=silent)
    np.testing.assert_array_equal(xy, laid_out)


@pytest.mark.parametrize("places", [[0] * 9, [0] * 4 + [1] * 5, [0, 0, 1, 1, 2, 2, 9, 9, 30]])
def test_images_on_few_spots_keep_apart(places, monkeypatch):
    laid_out = np.array([places, places], dtype=np.float32).T
    monkeypatch.setattr(projection, "_layout", lambda *_: laid_out)
    xy = project(np.random.default_rng(1).normal(size=(9, 5)), progress=silent)
    np.testing.assert_array_equal(xy, laid_out)


def test_principal_components_need_no_layout():
    x = make_world().vectors
    xy = project(x, method="pca", progress=silent)
    assert xy.shape == (240, 2)
    assert xy[:, 0].var() >= xy[:, 1].var() > 0


def test_equal_images_have_a_map():
    assert np.isfinite(project(np.ones((30, 4), np.float32), progress=silent)).all()


def test_bad_arguments_are_refused():
    x = make_world((10, 10)).vectors
    with pytest.raises(pl.InputError, match="umap or pca, got 'tsne'"):
        project(x, method="tsne")
    with pytest.raises(pl.InputError, match="small, medium, large"):
        project(x, preset="tiny")
    with pytest.raises(pl.InputError, match=r"graph of 20 images.* got one of 5"):
        project(x, pl.knn_graph(x[:5]))


def test_a_point_among_equal_images_stands_at_their_middle():
    x = np.repeat(np.eye(2, 3, dtype=np.float32), 15, axis=0)
    xy = np.random.default_rng(0).normal(size=(30, 2)).astype(np.float32)
    got = place(np.eye(2, 3, dtype=np.float32), x, xy)
    np.testing.assert_allclose(got, [xy[:15].mean(axis=0), xy[15:].mean(axis=0)], atol=1e-5)


def test_an_image_alone_in_its_direction_is_placed_on_itself():
    x = np.eye(4, dtype=np.float32)
    xy = np.arange(8.0, dtype=np.float32).reshape(4, 2)
    np.testing.assert_allclose(place(x, x, xy), xy, atol=1e-5)


@pytest.mark.parametrize("rows", [3, 19, 100])
def test_places_do_not_depend_on_blocks(monkeypatch, rows):
    world = clustered_world()[0]
    xy = np.random.default_rng(0).normal(size=(240, 2)).astype(np.float32)
    points = world.classes.vectors
    near = np.argsort(-(points @ world.vectors.T), axis=1)[:, :15]
    cosine = np.take_along_axis(points @ world.vectors.T, near, axis=1)
    weight = np.exp(cosine / 0.02)
    literal = np.einsum("pk,pkc->pc", weight / weight.sum(axis=1, keepdims=True), xy[near])
    np.testing.assert_allclose(place(points, world.vectors, xy), literal, atol=1e-4)
    monkeypatch.setattr(vectors_module, "_BLOCK_BYTES", 4 * 64 * rows)
    np.testing.assert_allclose(place(points, world.vectors, xy), literal, atol=1e-4)


def test_places_check_that_points_images_and_map_fit():
    x, xy = unit_rows(np.eye(3)), np.zeros((3, 2), np.float32)
    with pytest.raises(pl.InputError, match="points with 3 columns, got 2"):
        place(x[:, :2], x, xy)
    with pytest.raises(pl.InputError, match="map of 3 images, got one of 2"):
        place(x, x, xy[:2])


def test_prototypes_have_a_place_at_every_iteration():
    world, graph, clusters = clustered_world()
    run = pl.refine(
        world.vectors, world.classes, clusters, graph=graph, iterations=2, progress=silent
    )
    xy = np.random.default_rng(0).normal(size=(240, 2)).astype(np.float32)
    got = place_prototypes(run, world.vectors, xy)
    assert got.shape == (3, 6, 2)
    for state, places in zip(run.iterations, got, strict=True):
        np.testing.assert_allclose(places, place(state.prototypes, world.vectors, xy), atol=1e-5)


def test_centroids_stand_at_the_mean_of_their_images():
    micro = np.array([0, 1, 0, -1], np.int32)
    centroids = np.eye(2, 3, dtype=np.float32)
    clusters = Clusters(micro, np.maximum(micro, 0), centroids, np.arange(2), centroids)
    xy = np.array([[0, 0], [5, 5], [2, 4], [9, 9]], np.float32)
    np.testing.assert_allclose(place_centroids(clusters, xy), [[1, 2], [5, 5]])
    noise = Clusters(
        np.full(4, -1), np.zeros(4, int), centroids[:1], np.zeros(1, int), centroids[:1]
    )
    np.testing.assert_allclose(place_centroids(noise, xy), [[4, 4.5]])

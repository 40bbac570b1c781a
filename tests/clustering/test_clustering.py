from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score
from worlds import clustered_world

import protolabel as pl
from protolabel.clustering.clusters import (
    _agglomerate,
    _join,
    cluster_means,
    cluster_sums,
    nearest_centroids,
)
from protolabel.clustering.presets import PRESETS
from protolabel.common import vectors as vectors_module
from protolabel.common.progress import silent
from protolabel.common.vectors import unit_rows


def blobs(counts: tuple[int, ...], dim: int = 16, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = rng.permutation(np.repeat(np.arange(len(counts)), counts))
    centres = np.linalg.qr(rng.normal(size=(dim, dim)))[0][: len(counts)]
    noise = rng.normal(scale=0.02, size=(len(truth), dim))
    return (centres[truth] + noise).astype(np.float32), truth


@pytest.fixture(scope="module")
def four() -> tuple[np.ndarray, np.ndarray, pl.Clusters]:
    x, truth = blobs((40, 30, 30, 20))
    return x, truth, pl.cluster(x, progress=silent)


def check(clusters: pl.Clusters, n: int, dim: int) -> None:
    k, m = clusters.n_micro, clusters.n_meta
    assert 1 <= m <= k
    assert clusters.micro.shape == clusters.nearest.shape == (n,)
    assert clusters.micro.dtype == clusters.nearest.dtype == clusters.meta.dtype == np.int32
    assert clusters.micro.min() >= -1
    assert clusters.micro.max() < k
    assert clusters.nearest.min() >= 0
    assert clusters.nearest.max() < k
    inside = clusters.micro >= 0
    np.testing.assert_array_equal(clusters.nearest[inside], clusters.micro[inside])
    assert clusters.centroids.shape == (k, dim)
    np.testing.assert_allclose(np.linalg.norm(clusters.centroids, axis=1), 1.0, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(clusters.meta_centroids, axis=1), 1.0, atol=1e-5)
    assert clusters.meta.shape == (k,)
    assert set(clusters.meta) == set(range(m))
    np.testing.assert_array_equal(clusters.meta_of_images, clusters.meta[clusters.nearest])


def test_separated_blobs_are_the_clusters(four):
    x, truth, clusters = four
    check(clusters, len(x), x.shape[1])
    assert clusters.n_micro >= 4
    # A cluster never mixes two blobs.
    for number in range(clusters.n_micro):
        assert len(set(truth[clusters.micro == number])) == 1
    assert np.mean(clusters.micro >= 0) > 0.8


def test_centroids_are_the_mean_direction_of_their_images(four):
    x, _, clusters = four
    for number in range(clusters.n_micro):
        mean = unit_rows(x)[clusters.micro == number].mean(axis=0)
        np.testing.assert_allclose(
            clusters.centroids[number], mean / np.linalg.norm(mean), atol=1e-5
        )


def test_noise_is_counted_to_the_nearest_centroid():
    outliers = unit_rows(np.random.default_rng(0).normal(size=(9, 64)))
    x = np.concatenate([clustered_world()[0].vectors, outliers])
    clusters = pl.cluster(x, progress=silent)
    check(clusters, *x.shape)
    noise = np.flatnonzero(clusters.micro == -1)
    assert len(noise), "this world should have noise, else the test says nothing"
    assert set(range(240, 249)) <= set(noise)
    nearest = (x[noise] @ clusters.centroids.T).argmax(axis=1)
    np.testing.assert_array_equal(clusters.nearest[noise], nearest)


def test_meta_centroids_weigh_clusters_by_their_images():
    _, _, clusters = clustered_world()
    assert 1 < clusters.n_meta < clusters.n_micro
    size = np.bincount(clusters.nearest, minlength=clusters.n_micro)
    for number in range(clusters.n_meta):
        inside = clusters.meta == number
        wanted = (size[inside, None] * clusters.centroids[inside]).sum(axis=0)
        wanted /= np.linalg.norm(wanted)
        np.testing.assert_allclose(clusters.meta_centroids[number], wanted, atol=1e-5)


def test_the_same_seed_gives_the_same_clusters():
    world, _, clusters = clustered_world()
    again = pl.cluster(world.vectors, pl.knn_graph(world.vectors, 10), progress=silent)
    for name, value in vars(clusters).items():
        np.testing.assert_array_equal(getattr(again, name), value, err_msg=name)


@pytest.mark.parametrize("n", [1, 2, 3, 20])
def test_tiny_folders(n):
    x = np.random.default_rng(n).normal(size=(n, 6)).astype(np.float32)
    clusters = pl.cluster(x, progress=silent)
    check(clusters, n, 6)
    if n < 10:  # fewer than two clusters' worth: all noise beside one centroid
        assert clusters.n_micro == 1
        assert (clusters.micro == -1).all()
        wanted = unit_rows(x).sum(axis=0)
        np.testing.assert_allclose(
            clusters.centroids[0], wanted / np.linalg.norm(wanted), rtol=1e-4
        )


@pytest.mark.parametrize("n", [4, 40])
def test_equal_images_do_not_break_it(n):
    clusters = pl.cluster(np.ones((n, 5), np.float32), progress=silent)
    check(clusters, n, 5)
    np.testing.assert_allclose(clusters.centroids, np.full((clusters.n_micro, 5), 5**-0.5), 1e-5)


def test_past_the_sample_every_other_image_goes_to_its_nearest_centroid():
    x, truth = blobs((150, 100, 80, 70), seed=2)
    preset = replace(PRESETS["small"], sample=160)
    clusters = pl.cluster(x, preset=preset, progress=silent)
    check(clusters, len(x), x.shape[1])
    assert np.count_nonzero(clusters.micro == -1) <= 160
    for number in range(clusters.n_micro):
        assert len(set(truth[clusters.nearest == number])) == 1
    assert adjusted_rand_score(truth, clusters.meta_of_images) > 0.3
    again = pl.cluster(x, preset=preset, progress=silent)
    np.testing.assert_array_equal(again.micro, clusters.micro)
    other = pl.cluster(x, preset=preset, seed=1, progress=silent)
    assert not np.array_equal(other.micro, clusters.micro)


def test_a_larger_minimum_makes_fewer_clusters():
    world, graph, clusters = clustered_world()
    coarse = pl.cluster(world.vectors, graph, min_cluster_size=25, progress=silent)
    assert coarse.n_micro < clusters.n_micro
    inside = coarse.micro[coarse.micro >= 0]
    assert np.bincount(inside).min() >= 25


def test_n_meta_is_kept():
    world, graph, clusters = clustered_world()
    assert pl.cluster(world.vectors, graph, n_meta=3, progress=silent).n_meta == 3
    many = pl.cluster(world.vectors, graph, n_meta=10_000, progress=silent)
    assert many.n_meta == many.n_micro == clusters.n_micro


@pytest.mark.parametrize("value", [1, 0, 2.5, "5"])
def test_min_cluster_size_is_checked(value):
    with pytest.raises(pl.InputError, match="min_cluster_size of 2 images or more"):
        pl.cluster(np.ones((3, 2)), min_cluster_size=value, progress=silent)


@pytest.mark.parametrize("value", [0, -3, 1.5])
def test_n_meta_is_checked(value):
    with pytest.raises(pl.InputError, match="n_meta of 1 meta-cluster or more"):
        pl.cluster(np.ones((3, 2)), n_meta=value, progress=silent)


def test_a_graph_of_other_images_is_refused():
    with pytest.raises(pl.InputError, match=r"graph of 4 images.* got one of 3"):
        pl.cluster(np.ones((4, 2)), pl.knn_graph(np.ones((3, 2))), progress=silent)


@pytest.mark.parametrize("seed", [-1, 0.5, 2**32, "7", np.ones(2)])
def test_a_seed_is_a_whole_number_in_range(seed):
    with pytest.raises(pl.InputError, match="seed from 0 to"):
        pl.cluster(np.ones((3, 2)), seed=seed, progress=silent)


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("micro", [0, 2, 1, 0], "micro from -1 to 1, got 0 to 2"),
        ("micro", [0, -2, 1, 0], "micro from -1 to 1, got -2 to 1"),
        ("nearest", [0, -1, 1, 0], "nearest from 0 to 1, got -1 to 1"),
        ("nearest", [0.0, 1.0, 1.0, 0.0], "nearest that are whole numbers, got dtype float64"),
        ("nearest", [0, 1, 1], r"got \(4,\), \(3,\) and \(2,\)"),
        ("meta", [0, 1], "meta from 0 to 0, got 0 to 1"),
        ("centroids", [[1.0, 0.0], [np.nan, 1.0]], "centroids"),
        ("meta_centroids", [[1.0, 0.0, 0.0]], "meta_centroids with 2 columns"),
    ],
)
def test_clusters_that_do_not_fit_together_are_refused(name, value, reason):
    sound = {
        "micro": np.array([0, -1, 1, 0]),
        "nearest": np.array([0, 1, 1, 0]),
        "centroids": np.eye(2),
        "meta": np.array([0, 0]),
        "meta_centroids": np.array([[1.0, 0.0]]),
    }
    assert pl.Clusters(**sound).micro.dtype == np.int32
    with pytest.raises(pl.InputError, match=reason):
        pl.Clusters(**sound | {name: np.array(value)})


def test_progress_runs_to_its_end():
    seen = []
    pl.cluster(np.ones((3, 2)), progress=lambda *step: seen.append(step))
    assert seen == [("clustering", done, 4) for done in range(5)]


def test_noise_joins_the_cluster_of_enough_mutual_neighbours():
    # 0 to 5 are neighbours of each other; 6 and 7 have neighbours, but are neighbours of nobody.
    ring = [[j for j in range(6) if j != i] for i in range(6)]
    graph = pl.KnnGraph(np.array([*ring, [0, 1, 2, 3, 4], [0, 1, 2, 3, 4]]), np.ones((8, 5), "f4"))
    found = np.array([0, 0, 1, -1, -1, -1, -1, -1], np.int32)
    np.testing.assert_array_equal(_join(found, graph), [0, 0, 1, 0, 0, 0, -1, -1])
    nothing = np.full(8, -1, np.int32)
    np.testing.assert_array_equal(_join(nothing, graph), nothing)


def test_groups_without_a_link_between_them_are_clustered_apart():
    x, truth = blobs((30, 30), dim=8)
    clusters = pl.cluster(x, pl.knn_graph(x, 4), progress=silent)
    assert set(truth[clusters.micro == clusters.micro[0]]) == {truth[0]}
    assert np.mean(clusters.micro >= 0) > 0.8


def test_clusters_need_nothing_that_compiles():
    code = (
        "import sys, numpy as np, protolabel as pl\n"
        "x = np.random.default_rng(0).normal(size=(200, 16)).astype('f4')\n"
        "pl.cluster(x, progress=lambda *step: None)\n"
        "assert not {'numba', 'umap', 'pynndescent', 'torch'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_clusters_are_the_same_with_one_thread_and_with_two():
    code = (
        "import hashlib, numpy as np, protolabel as pl\n"
        "rng = np.random.default_rng(0)\n"
        "x = rng.normal(size=(12, 64))[rng.integers(12, size=2500)] + rng.normal(size=(2500, 64))\n"
        "graph = pl.knn_graph(x)\n"
        "clusters = pl.cluster(x, graph, progress=lambda *step: None)\n"
        "values = graph.indices, clusters.micro, clusters.nearest, clusters.meta\n"
        "print(hashlib.sha256(b''.join(value.tobytes() for value in values)).hexdigest())"
    )
    seen = [
        subprocess.run(
            [sys.executable, "-c", code],
            env=os.environ | dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), threads),
            capture_output=True,
            check=True,
        ).stdout
        for threads in "12"
    ]
    assert seen[0] == seen[1]


def test_means_of_groups():
    values = np.array([[1.0, 0.0], [3.0, 2.0], [5.0, 5.0]])
    got = cluster_means(values, np.array([0, 0, 2]), 3)
    np.testing.assert_allclose(got, [[2.0, 1.0], [0.0, 0.0], [5.0, 5.0]])
    weighted = cluster_means(values, np.array([0, 0, 2]), 3, np.array([3.0, 1.0, 2.0], np.float32))
    np.testing.assert_allclose(weighted, [[1.5, 0.5], [0.0, 0.0], [5.0, 5.0]])


def test_blocks_and_one_block_agree(monkeypatch):
    world, _, clusters = clustered_world()
    x, count = world.vectors, clusters.n_micro
    sums, nearest = cluster_sums(x, clusters.micro, count), nearest_centroids(x, clusters.centroids)
    monkeypatch.setattr(vectors_module, "_BLOCK_BYTES", 4 * x.shape[1] * 23)
    np.testing.assert_allclose(cluster_sums(x, clusters.micro, count), sums, atol=1e-4)
    np.testing.assert_array_equal(nearest_centroids(x, clusters.centroids), nearest)


def test_meta_clusters_are_numbered_as_they_appear():
    pairs = np.array([[0.0, 1.0], [1.0, 0.0], [0.1, 1.0], [1.0, 0.1]], np.float32)
    np.testing.assert_array_equal(_agglomerate(pairs, 2), [0, 1, 0, 1])
    np.testing.assert_array_equal(_agglomerate(pairs, 4), [0, 1, 2, 3])

from __future__ import annotations

import numpy as np
import pytest
import torch
from worlds import make_world

import protolabel as pl
from protolabel.clustering import inverted_file
from protolabel.clustering import neighbors as module
from protolabel.clustering.neighbors import KnnGraph, knn_graph
from protolabel.common.vectors import unit_rows


def angles(*degrees: float) -> np.ndarray:
    turned = np.radians(degrees)
    return np.column_stack([np.cos(turned), np.sin(turned)])


def brute_force(x: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    cosine = unit @ unit.T
    np.fill_diagonal(cosine, -2)
    near = np.argsort(-cosine, axis=1, kind="stable")[:, :k]
    return near, np.take_along_axis(cosine, near, axis=1)


def test_points_on_a_circle():
    graph = knn_graph(angles(0, 10, 30, 70), 2)
    np.testing.assert_array_equal(graph.indices, [[1, 2], [0, 2], [1, 0], [2, 1]])
    wanted = np.cos(np.radians([[10, 30], [10, 20], [20, 30], [40, 60]]))
    np.testing.assert_allclose(graph.similarities, wanted, atol=1e-6)
    assert len(graph) == 4
    assert graph.k == 2


def test_exact_search_is_exact_whatever_the_length_of_the_rows():
    x = np.random.default_rng(1).normal(size=(300, 20)) * np.logspace(-3, 3, 300)[:, None]
    graph = knn_graph(x, 7)
    near, cosine = brute_force(x, 7)
    np.testing.assert_array_equal(graph.indices, near)
    np.testing.assert_allclose(graph.similarities, cosine, atol=1e-5)


def test_equal_vectors_are_neighbours_in_the_order_of_the_images():
    graph = knn_graph(np.ones((6, 4)), 3)
    np.testing.assert_array_equal(graph.similarities.round(5), np.ones((6, 3)))
    assert not (graph.indices == np.arange(6)[:, None]).any()
    assert (np.diff(graph.indices, axis=1) > 0).all()


@pytest.mark.parametrize(("n", "k"), [(1, 0), (2, 1), (3, 2), (20, 15)])
def test_small_folders_have_fewer_neighbours(n, k):
    graph = knn_graph(np.random.default_rng(n).normal(size=(n, 4)), 15)
    assert graph.indices.shape == graph.similarities.shape == (n, k)
    assert graph.weights(5).shape == (n, n)


@pytest.mark.parametrize("k", [0, -1, 1.5, "3"])
def test_k_is_a_whole_number(k):
    with pytest.raises(pl.InputError, match="whole number of 1 or more"):
        knn_graph(np.ones((3, 2)), k)


@pytest.mark.parametrize("seed", [-1, 0.0, 2**32, None])
def test_a_seed_is_a_whole_number_in_range(seed):
    with pytest.raises(pl.InputError, match="seed from 0 to"):
        knn_graph(np.ones((3, 2)), 1, seed=seed)


@pytest.mark.parametrize(
    ("indices", "similarities", "reason"),
    [
        ([[1], [2]], [[1.0], [1.0]], "from 0 to 1, got 1 to 2"),
        ([[1], [-1]], [[1.0], [1.0]], "from 0 to 1, got -1 to 1"),
        ([[1.0], [0.0]], [[1.0], [1.0]], "whole numbers, got dtype float64"),
        ([["a"], ["b"]], [[1.0], [1.0]], "whole numbers"),
        ([[1], [0]], [[1.0], [np.nan]], "finite similarities, got 1 that"),
        ([[1], [0]], [[1], [1]], "floating-point numbers"),
        ([[1], [0]], [[1.0, 1.0], [1.0, 1.0]], r"one shape \(N, k\)"),
        ([1, 0], [1.0, 1.0], r"one shape \(N, k\)"),
    ],
)
def test_a_graph_from_outside_is_checked_before_compiled_code_reads_it(
    indices, similarities, reason
):
    with pytest.raises(pl.InputError, match=reason):
        KnnGraph(np.array(indices), np.array(similarities))


def test_a_graph_from_outside_is_stored_with_the_documented_dtypes():
    graph = KnnGraph(np.array([[1], [0]], np.uint64), np.ones((2, 1)))
    assert (graph.indices.dtype, graph.similarities.dtype) == (np.int32, np.float32)


def test_a_permuted_folder_has_a_permuted_graph():
    x = make_world().vectors
    order = np.random.default_rng(0).permutation(len(x))
    graph, turned = knn_graph(x, 5), knn_graph(x[order], 5)
    np.testing.assert_array_equal(order[turned.indices], graph.indices[order])


def test_float16_and_memory_maps_agree_with_float32(tmp_path):
    x = make_world().vectors
    np.save(tmp_path / "x.npy", x)
    graph = knn_graph(x, 5)
    mapped = knn_graph(np.load(tmp_path / "x.npy", mmap_mode="r"), 5)
    np.testing.assert_array_equal(mapped.indices, graph.indices)
    half = knn_graph(x.astype(np.float16), 5)
    np.testing.assert_allclose(half.similarities, graph.similarities, atol=2e-3)


def test_weights_closed_form():
    # 0 and 1 name each other, 2 names 1, with one neighbour each.
    graph = knn_graph(angles(0, 10, 30), 1)
    wanted = np.array([[0, 1, 0], [1, 0, 0.5], [0, 0.5, 0]])
    np.testing.assert_allclose(graph.weights(1).toarray(), wanted)


def test_weights_are_symmetric_and_share_one_vote_per_image():
    x = make_world().vectors
    weights = knn_graph(x, 8).weights(5)
    assert weights.nnz <= 2 * 5 * len(x)
    assert abs(weights - weights.T).max() == 0
    np.testing.assert_allclose(weights.sum(), len(x), rtol=1e-5)


def test_weights_of_more_neighbours_than_there_are_take_all():
    graph = knn_graph(make_world().vectors, 3)
    assert abs(graph.weights(9) - graph.weights(3)).max() == 0


def test_cells_find_what_the_exact_search_finds(monkeypatch):
    x = make_world((200,) * 6, dim=32).vectors
    exact = knn_graph(x, 10)
    monkeypatch.setattr(module, "EXACT_LIMIT", 100)
    monkeypatch.setattr(module, "_CANDIDATES", 700)
    graph, again = knn_graph(x, 10, seed=3), knn_graph(x, 10, seed=3)
    found = [len(np.intersect1d(a, b)) for a, b in zip(graph.indices, exact.indices, strict=True)]
    assert np.mean(found) > 9.5
    assert not (graph.indices == np.arange(len(x))[:, None]).any()
    assert all(len(np.unique(row)) == 10 for row in graph.indices)
    assert (np.diff(graph.similarities, axis=1) <= 1e-6).all()
    unit = unit_rows(x)
    cosine = np.einsum("nd,nkd->nk", unit, unit[graph.indices])
    np.testing.assert_allclose(graph.similarities, cosine, atol=1e-4)
    np.testing.assert_array_equal(again.indices, graph.indices)


@pytest.mark.parametrize(
    "settings", [{"EXACT_LIMIT": 100, "_CANDIDATES": 300}, {"_TILE": 200}], ids=["cells", "pairs"]
)
def test_neighbours_are_the_same_with_any_number_of_threads(settings, monkeypatch):
    x = make_world((400,) * 3, dim=32).vectors
    for name, value in settings.items():
        monkeypatch.setattr(module, name, value)
    before, found = torch.get_num_threads(), []
    try:
        for threads in (1, 3):
            torch.set_num_threads(threads)
            found.append(knn_graph(x, 10))
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    np.testing.assert_array_equal(found[0].indices, found[1].indices)
    np.testing.assert_array_equal(found[0].similarities, found[1].similarities)


def test_neighbours_do_not_depend_on_what_the_processor_multiplies_fast(monkeypatch):
    x = make_world((400,) * 3, dim=32).vectors
    monkeypatch.setattr(module, "EXACT_LIMIT", 100)
    monkeypatch.setattr(module, "_CANDIDATES", 1200)
    found = []
    for fast in (True, False):
        monkeypatch.setattr(inverted_file, "_multiplies_bytes", lambda fast=fast: fast)
        found.append(knn_graph(x, 10).indices)
    assert np.mean(found[0] == found[1]) > 0.999


@pytest.mark.parametrize("tile", [4, 100, 127, 300])
def test_neighbours_do_not_depend_on_tiles(monkeypatch, tile):
    x = np.concatenate([make_world((100, 100)).vectors, make_world((50, 50)).vectors])
    whole = knn_graph(x, 7)
    monkeypatch.setattr(module, "_TILE", tile)
    graph = knn_graph(x, 7)
    np.testing.assert_allclose(graph.similarities, whole.similarities, atol=1e-6)
    near, _ = brute_force(x.astype(float), 7)
    assert np.mean(graph.indices == near) > 0.99  # equal pictures may change places


def test_cells_leave_the_vectors_as_they_were(monkeypatch):
    x = 3 * make_world((100, 100)).vectors
    before = x.copy()
    monkeypatch.setattr(module, "EXACT_LIMIT", 10)
    knn_graph(x, 5)
    np.testing.assert_array_equal(x, before)


def test_many_copies_of_one_picture_are_searched_in_pieces(monkeypatch):
    rest = make_world((60, 60), dim=16).vectors
    x = np.concatenate([np.tile(rest[:1], (300, 1)), rest])
    monkeypatch.setattr(module, "EXACT_LIMIT", 100)
    monkeypatch.setattr(module, "_CANDIDATES", 90)
    graph = knn_graph(x, 5)
    assert (graph.indices[:300] <= 300).all()  # image 300 is the picture itself
    np.testing.assert_allclose(graph.similarities[:300], 1, atol=1e-5)
    assert not (graph.indices == np.arange(len(x))[:, None]).any()


@pytest.mark.parametrize(("columns", "k"), [(1, 1), (7, 7), (100, 3), (1000, 15), (5000, 15)])
def test_the_largest_of_a_row_are_those_of_a_stable_sort(columns, k):
    rng = np.random.default_rng(columns)
    values = rng.integers(-20, 20, size=(30, columns)).astype(np.float32)
    values *= rng.choice([1.0, -1.0], size=values.shape)  # some zeros are negative
    column, value = module._largest(values, k)
    wanted = np.argsort(-values, axis=1, kind="stable")[:, :k]
    np.testing.assert_array_equal(column, wanted)
    np.testing.assert_array_equal(value, np.take_along_axis(values, wanted, axis=1))


def test_of_equal_values_the_first_columns_are_taken():
    values = np.repeat([[0.0, 1.0, 0.0]], [1000, 1000, 500], axis=1).repeat(3, axis=0)
    column, _ = module._largest(values, 4)
    np.testing.assert_array_equal(column, np.tile(np.arange(1000, 1004), (3, 1)))

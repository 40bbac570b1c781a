import numpy as np
import pytest
from scipy.sparse import csr_matrix
from sklearn.cluster import HDBSCAN

from protolabel.clustering import knn_graph
from protolabel.clustering.clusters import _distances, _smooth
from protolabel.clustering.density import density_clusters


def world(seed: int) -> tuple[csr_matrix, int, int]:
    """Distances along the edges of some groups, closer or farther apart, and settings."""
    rng = np.random.default_rng(seed)
    n, dim, groups = rng.integers((12, 2, 1), (700, 20, 12))
    x = rng.normal(size=(groups, dim))[rng.integers(groups, size=n)] * rng.uniform(0.1, 4.0)
    x += rng.normal(size=(n, dim))
    if seed % 5 == 0:  # copies of pictures, and equal distances
        x = x.round() + 0.01
    graph = knn_graph(x, int(rng.integers(2, 16)))
    smallest = int(rng.integers(2, max(3, n // 4)))
    samples = min(int(rng.integers(1, 6)), graph.k, smallest)
    return _distances(_smooth(x, graph, 64), graph), smallest, samples


@pytest.mark.parametrize("seed", range(40))
def test_clusters_and_their_numbers_are_those_of_scikit_learn(seed):
    edges, smallest, samples = world(seed)
    model = HDBSCAN(metric="precomputed", min_cluster_size=smallest, min_samples=samples, copy=True)
    wanted = model.fit_predict(edges.copy())
    np.testing.assert_array_equal(density_clusters(edges, smallest, samples), wanted)


def test_a_chain_of_equal_distances_has_no_clusters():
    n = 30
    chain = csr_matrix((np.ones(n - 1), (np.arange(n - 1), np.arange(1, n))), shape=(n, n))
    assert (density_clusters(csr_matrix(chain + chain.T), 5, 1) == -1).all()


def test_two_groups_are_two_clusters_and_a_node_that_comes_after_they_meet_is_noise():
    first = [0, 1, 2, 3, 4, 5, 6, 7, 3, 8]
    second = [1, 2, 3, 0, 5, 6, 7, 4, 4, 3]
    length = [1.0] * 8 + [5.0, 7.0]
    edges = csr_matrix((length, (first, second)), shape=(9, 9))
    found = density_clusters(csr_matrix(edges + edges.T), 3, 1)
    assert sorted({tuple(found[:4]), tuple(found[4:8])}) == [(0,) * 4, (1,) * 4]
    assert found[8] == -1

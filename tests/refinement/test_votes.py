"""The votes that explain a label are those of its voters."""

from __future__ import annotations

import numpy as np
import pytest

import protolabel as pl
from protolabel.clustering.neighbors import knn_graph
from protolabel.refinement.labels import label
from protolabel.refinement.votes import image_votes

CENTRES = np.eye(3, 12, dtype=np.float32)


@pytest.fixture
def vectors():
    rng = np.random.default_rng(0)
    made = CENTRES[np.repeat(np.arange(3), 20)] + 0.15 * rng.normal(size=(60, 12))
    return made.astype(np.float32)


@pytest.mark.parametrize("method", ["anchored", "plain"])
def test_all_voters_agree_on_an_image_inside_its_blob(vectors, method):
    classes = pl.ClassVectors(("a", "b", "c"), CENTRES)
    run = pl.refine(vectors, classes, pl.cluster(vectors), method=method)
    graph = knn_graph(vectors)
    votes = image_votes(label(run), 25, vectors, graph)
    for shares in (votes.text, votes.prototype, votes.neighbors):
        assert shares.shape == (3,)
        assert shares.sum() == pytest.approx(1.0, abs=1e-5)
        assert shares.argmax() == 1
    if votes.cluster is not None:
        assert votes.cluster.argmax() == 1


def test_zero_shot_has_no_prototypes_and_a_run_without_clusters_no_cluster(vectors):
    classes = pl.ClassVectors(("a", "b", "c"), CENTRES)
    run = pl.refine(vectors, classes, units="images")
    votes = image_votes(label(run, 0), 3, vectors, knn_graph(vectors))
    assert votes.prototype is None
    assert votes.cluster is None
    nearest = knn_graph(vectors).indices[3, :5]
    counted = np.bincount(label(run, 0).label[nearest], minlength=3) / 5
    np.testing.assert_allclose(votes.neighbors, counted)

"""The order in which corrections pay."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import protolabel as pl
from protolabel.common.progress import silent
from protolabel.evaluation import next_to_correct


@pytest.fixture(scope="module")
def folder():
    """Three groups of 20 images, and their labels."""
    rng = np.random.default_rng(0)
    text = np.eye(3, 16, dtype=np.float32)
    vectors = np.repeat(text, 20, axis=0) + 0.2 * rng.normal(size=(60, 16)).astype(np.float32)
    graph = pl.knn_graph(vectors, 5)
    classes = pl.ClassVectors(["a", "b", "c"], text)
    return pl.label(pl.refine(vectors, classes, graph=graph, progress=silent)), graph


def doubting(labels: pl.Labels, images: list[int]) -> pl.Labels:
    agreement = np.ones(len(labels), np.float32)
    agreement[images] = 0.5
    return replace(labels, agreement=agreement)


def test_a_doubtful_neighbourhood_comes_before_a_doubtful_image(folder):
    labels, graph = folder
    group = [0, *graph.indices[0].tolist()]
    alone = next(image for image in range(40, 60) if not set(graph.indices[image]) & set(group))
    assert next_to_correct(doubting(labels, [*group, alone]), graph, 1)[0] in group


def test_what_was_corrected_speaks_for_the_images_around_it(folder):
    labels, graph = folder
    twin = int(graph.indices[0, 0])
    doubtful = doubting(labels, [0, twin, 30])
    # Twins: one correction is enough for both, so another place comes second.
    same = replace(graph, similarities=np.ones_like(graph.similarities))
    first, second = next_to_correct(doubtful, same, 2).tolist()
    assert (first in (0, twin)) != (second in (0, twin))
    pinned = np.isin(np.arange(60), [0])
    assert next_to_correct(replace(doubtful, pinned=pinned), same, 1)[0] != twin


def test_every_image_that_is_not_pinned_comes_once(folder):
    labels, graph = folder
    pinned = np.isin(np.arange(60), [3, 40])
    order = next_to_correct(replace(labels, pinned=pinned), graph, 1000)
    assert sorted(order) == [image for image in range(60) if image not in (3, 40)]
    assert len(next_to_correct(labels, graph, 0)) == 0


def test_the_choice_is_that_of_a_greedy_search(folder):
    labels, graph = folder
    doubt = 1.0 - labels.agreement.astype(float)
    away = 1.0 - graph.similarities.astype(float)
    kernel = np.eye(60)
    kernel[np.arange(60)[:, None], graph.indices] = np.exp(-away / (0.5 * np.median(away[:, 4])))
    covered, wanted = np.zeros(60), []
    for _ in range(12):
        gain = np.maximum(kernel - covered, 0.0) @ doubt
        gain[wanted] = -np.inf
        wanted.append(int(gain.argmax()))
        covered = np.maximum(covered, kernel[wanted[-1]])
    assert next_to_correct(labels, graph, 12).tolist() == wanted


def test_neighbours_of_other_images_are_refused(folder):
    labels, graph = folder
    with pytest.raises(pl.ProtolabelError, match="neighbours of 60 images"):
        next_to_correct(labels, pl.knn_graph(np.eye(9, 3) + 0.1, 2), 3)
    with pytest.raises(pl.ProtolabelError, match="0 or more"):
        next_to_correct(labels, graph, -1)

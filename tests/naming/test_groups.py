"""Groups and names on simulated vectors: two kinds of animals with breeds, and vehicles."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import protolabel as pl
from protolabel.common.progress import silent
from protolabel.naming import (
    NameTree,
    Suggestions,
    Vocabulary,
    group_images,
    group_pictures,
    write_sheet,
)

WORDS = ("animal", "dog", "beagle", "pug", "collie", "cat", "vehicle", "car", "truck", "spoon")
ABOVE = np.array([-1, 0, 1, 1, 1, 0, -1, 6, 6, -1], np.int32)
VOCABULARY = Vocabulary(WORDS, ABOVE, WORDS)
KINDS = ["beagle", "pug", "collie", "cat", "car", "truck"]
DIM = 64


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)


def make(sizes: dict[str, int], seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Images, their kinds, and the text vectors of WORDS; breeds of dogs are near each other."""
    rng = np.random.default_rng(seed)
    axes = np.linalg.qr(rng.normal(size=(DIM, DIM)))[0]
    cone, text_cone, own = axes[0], axes[1], dict(zip(WORDS, axes[2:], strict=False))
    parents = {"beagle": "dog", "pug": "dog", "collie": "dog", "cat": "animal", "car": "vehicle",
               "truck": "vehicle", "dog": "animal"}  # fmt: skip

    def direction(word: str) -> np.ndarray:
        above = parents.get(word)
        return own[word] + (0.8 * direction(above) if above else 0.0)

    truth = np.repeat(list(sizes), list(sizes.values()))
    noise = rng.normal(scale=0.2 / np.sqrt(DIM), size=(len(truth), DIM))
    images = unit(0.8 * cone + 0.5 * np.array([direction(kind) for kind in truth]) + noise)
    texts = unit(text_cone + 0.4 * np.array([direction(word) for word in WORDS]))
    return images, truth, texts


def tree_of(images: np.ndarray, texts: np.ndarray, **options) -> NameTree:
    graph = pl.knn_graph(images, min(5, len(images) - 1))
    return group_images(images, graph, VOCABULARY, texts, progress=silent, **options)


@pytest.fixture(scope="module")
def world():
    images, truth, texts = make(dict.fromkeys(KINDS, 20))
    return tree_of(images, texts), truth


def test_every_kind_is_found_under_its_own_name(world):
    tree, truth = world
    found = tree.suggest(len(KINDS))
    assert sorted(found.names) == sorted(KINDS)
    for group in found:
        assert set(truth[group.images]) == {group.name}
        assert group.agreement > 0.5
        assert f"images, agreement {group.agreement:.2f}" in str(group)


def test_the_number_of_groups_is_found(world):
    assert 5 <= world[0].best <= 7
    assert len(world[0].suggest()) == len(world[0].suggest(world[0].best))


def test_a_coarser_level_has_more_general_names(world):
    tree, truth = world
    found = {group.name: set(truth[group.images]) for group in tree.suggest(3)}
    assert found["dog"] == {"beagle", "pug", "collie"}
    assert found["cat"] == {"cat"}
    assert found["vehicle"] == {"car", "truck"}
    levels = {group.name: group.level for group in tree.suggest(3)}
    assert levels["vehicle"] == 0
    assert levels["dog"] == 1


@pytest.mark.parametrize("count", [1, 2, 3, 4, 6, 9, 10, 30])
def test_names_are_distinct_and_none_is_above_another(world, count):
    tree, truth = world
    found = tree.suggest(count)
    assert len(set(found.names)) == len(found.names)
    index = [tree.words.index(name) for name in found.names]
    assert not tree.above[np.ix_(index, index)].any()
    everyone = np.concatenate([group.images for group in found])
    assert sorted(everyone.tolist()) == list(range(len(truth)))
    assert [len(group) for group in found] == sorted((len(g) for g in found), reverse=True)


def test_a_group_that_no_word_fits_says_so():
    images, _, texts = make(dict.fromkeys(KINDS, 20))
    rng = np.random.default_rng(5)
    strange = unit(images[:20] * 0.2 + rng.normal(size=DIM) + 0.02 * rng.normal(size=(20, DIM)))
    words = ["dog", "cat", "car"]
    rows = [WORDS.index(word) for word in words]
    names = (*(f"word {number}" for number in range(40)), *words)
    many = Vocabulary(names, np.full(43, -1, np.int32), names)
    beside = unit(rng.normal(size=(40, DIM)) * 0.02 + texts.mean(axis=0))
    everything = np.concatenate([images, strange])
    graph, all_texts = pl.knn_graph(everything, 5), np.concatenate([beside, texts[rows]])
    tree = group_images(everything, graph, many, all_texts, logit_scale=20.0, progress=silent)
    unnamed = {int(i) for group in tree.suggest(7).unnamed for i in group.images}
    assert set(range(120, 140)) <= unnamed
    assert "no good word" in str(tree.suggest(7))


def test_examples_are_images_of_the_group_and_differ(world):
    for group in world[0].suggest(6):
        assert len(set(group.examples.tolist())) == 4
        assert set(group.examples.tolist()) <= set(group.images.tolist())


def test_suggested_names_are_classes_for_a_session(world):
    assert set(world[0].suggest(6).classes.names) == set(KINDS)


def test_a_permuted_folder_has_the_same_groups():
    images, _, texts = make({"beagle": 12, "cat": 9, "truck": 15})
    order = np.random.default_rng(1).permutation(len(images))
    first = {(g.name, tuple(sorted(g.images))) for g in tree_of(images, texts).suggest(3)}
    moved = tree_of(images[order], texts).suggest(3)
    assert {(g.name, tuple(sorted(order[g.images]))) for g in moved} == first


def test_a_large_folder_is_grouped_by_a_sample_that_every_image_follows(monkeypatch):
    monkeypatch.setattr("protolabel.naming.groups._SAMPLE", 60)
    images, truth, texts = make(dict.fromkeys(KINDS, 50))
    tree = tree_of(images, texts)
    assert len(tree.shares) == 60
    for group in tree.suggest(6):
        assert np.mean(truth[group.images] == group.name) > 0.95


@pytest.mark.parametrize("n", [1, 2, 3])
def test_a_few_images_have_names_too(n):
    images, _, texts = make({"cat": n})
    found = pl.knn_graph(images, n - 1) if n > 1 else pl.KnnGraph(
        np.empty((1, 0), np.int32), np.empty((1, 0), np.float32)
    )  # fmt: skip
    tree = group_images(images, found, VOCABULARY, texts, progress=silent)
    assert tree.suggest().groups[0].words[0][0] in WORDS
    assert sum(map(len, tree.suggest(5))) == n


@pytest.mark.parametrize("count", [0, -1, 2.5, "many"])
def test_an_impossible_number_of_groups_is_refused(world, count):
    with pytest.raises(pl.InputError, match="number of groups of 1 or more"):
        world[0].suggest(count)


def test_vectors_that_do_not_fit_together_are_refused():
    images, _, texts = make({"cat": 5})
    graph = pl.knn_graph(images, 3)
    with pytest.raises(pl.InputError, match="pass those of these images"):
        group_images(images, graph, VOCABULARY, texts[:4], progress=silent)
    with pytest.raises(pl.InputError, match="columns"):
        group_images(images, graph, VOCABULARY, texts[:, :9], progress=silent)


def test_names_on_the_page_of_groups_stay_text_and_its_policy_runs_nothing(
    world, tmp_path, image_folder
):
    hostile = "</style><script>hurt()</script><img src=x onerror=hurt()>"
    group = replace(world[0].suggest(2).groups[0], name=hostile, examples=np.array([0, 1]))
    images = pl.find_images(image_folder)
    page = write_sheet(tmp_path / "page.html", Suggestions((group,), world[0]), images)
    text = page.read_text("utf-8")
    assert "default-src 'none'; style-src 'sha256-" in text
    assert (text.count("<script"), text.count("<img"), text.count("data:image/jpeg")) == (0, 2, 2)
    for wrong in ("", tmp_path):
        with pytest.raises(pl.ProtolabelError):
            write_sheet(wrong, Suggestions((group,), world[0]), images)
    with pytest.raises(pl.InputError, match="side"):
        group_pictures(group, images, 2**31)

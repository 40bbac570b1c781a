"""Micro-clusters that fit no name, and what they might be called."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from worlds import make_world

import protolabel as pl
from protolabel.common.progress import silent

ANIMALS = ["dog", "cat", "tiger", "lion", "giraffe", "elephant"]


@pytest.fixture(scope="module")
def case():
    """A world of six classes, the last two of them without a name."""
    world = make_world((50, 50, 40, 40, 60, 30), dim=256, seed=0)
    text = pl.ClassVectors(world.classes.names[:4], world.classes.vectors[:4])
    clusters = pl.cluster(world.vectors, progress=silent)
    labels = pl.label(pl.refine(world.vectors, text, clusters, progress=silent))
    return world, labels, pl.measure_fit(labels, world.vectors, progress=silent)


@pytest.fixture(scope="module")
def vocabulary(case):
    """The six names, 40 words for other things, and another word for a name that is given."""
    world = case[0]
    other = make_world((1,), absent=45, dim=256, seed=9).classes
    rng = np.random.default_rng(0)
    synonym = world.classes.vectors[:1] + 0.01 * rng.normal(size=(1, 256))
    return pl.ClassVectors(
        [*world.classes.names, *(f"word {i}" for i in range(46)), "synonym of class 0"],
        np.concatenate([world.classes.vectors, other.vectors, synonym]),
    )


def test_the_clusters_of_the_missing_names_are_pointed_out(case):
    world, labels, fit = case
    found = pl.missing_names(labels, world.vectors, fit)
    assert [len(one) for one in found] == sorted((len(one) for one in found), reverse=True)
    missing = world.truth >= 4
    seen = np.concatenate([one.images for one in found])
    assert len(np.unique(seen)) == len(seen)
    assert missing[seen].mean() > 0.9
    assert np.isin(np.flatnonzero(missing), seen).mean() > 0.5
    micro = labels.run.clusters.micro
    for one in found:
        np.testing.assert_array_equal(np.sort(one.images), np.flatnonzero(micro == one.cluster))
        assert one.fit == pytest.approx(fit.score[one.images].mean(), abs=1e-5)
        assert one.fit < 0.5
        assert one.suggestions == ()
        cosine = world.vectors[one.images] @ world.vectors[one.images].mean(axis=0)
        assert (np.diff(cosine) <= 1e-6).all()


def test_the_missing_name_is_the_first_suggestion(case, vocabulary):
    world, labels, fit = case
    found = pl.missing_names(labels, world.vectors, fit, vocabulary)
    for one in found:
        real = np.bincount(world.truth[one.images]).argmax()
        assert one.suggestions[0][0] == f"class {real}"
        scores = [score for _, score in one.suggestions]
        assert scores == sorted(scores, reverse=True)


def test_names_that_are_there_are_not_suggested(case, vocabulary):
    world, labels, fit = case
    everything = pl.missing_names(labels, world.vectors, fit, vocabulary, most=1000)
    said = {word for one in everything for word, _ in one.suggestions}
    assert not said & {*labels.names, "synonym of class 0"}
    few = pl.missing_names(labels, world.vectors, fit, vocabulary, most=2)
    for many, less in zip(everything, few, strict=True):
        assert less.suggestions == many.suggestions[:2]


def test_strictness_decides_what_is_pointed_out(case):
    world, labels, fit = case
    found = [
        {one.cluster for one in pl.missing_names(labels, world.vectors, fit, strictness=s)}
        for s in (0.0, 0.3, 0.5, 1.0)
    ]
    assert found[0] == set()
    assert found[1] <= found[2] <= found[3]
    assert len(found[3]) >= labels.run.clusters.n_micro - 1


def test_nothing_is_missing_where_every_image_has_its_name():
    world = make_world(dim=256, seed=0)
    clusters = pl.cluster(world.vectors, progress=silent)
    labels = pl.label(pl.refine(world.vectors, world.classes, clusters, progress=silent))
    fit = pl.measure_fit(labels, world.vectors, progress=silent)
    assert pl.missing_names(labels, world.vectors, fit, world.classes) == ()


def test_what_does_not_fit_together_is_refused(case):
    world, labels, fit = case
    with pytest.raises(pl.InputError, match=r"same images, got .*, 5 and "):
        pl.missing_names(labels, world.vectors, pl.Fit(fit.score[:5]))
    words = pl.ClassVectors(["x"], np.ones((1, 3)))
    with pytest.raises(pl.InputError, match="vocabulary with 256 columns, got 3"):
        pl.missing_names(labels, world.vectors, fit, words)
    alone = pl.label(pl.refine(world.vectors, labels.run.classes, progress=silent))
    for wrong in (alone, replace(labels, run=None)):
        with pytest.raises(pl.InputError, match="a run with clusters"):
            pl.missing_names(wrong, world.vectors, fit)


def test_a_name_left_out_of_the_sample_pictures_is_found_again(tmp_path):
    """From picture files to the missing name, through the bundled encoder's two towers."""
    pictures = pl.write_sample_pictures(tmp_path / "photos", classes=ANIMALS, per_class=15)
    encoder = pl.load_encoder("sample")
    embedded = pl.embed_images(
        pl.find_images(pictures.folder), encoder, store=tmp_path / "store", progress=silent
    )
    truth = np.array([pictures.truth[name] for name in embedded.images.names])
    given = [name for name in ANIMALS if name != "giraffe"]
    clusters = pl.cluster(embedded.vectors, progress=silent)
    labels = pl.label(
        pl.refine(embedded.vectors, pl.embed_classes(given, encoder), clusters, progress=silent)
    )
    words = pl.embed_classes([*ANIMALS, "zebra", "rabbit", "panda", "owl", "fish"], encoder)
    fit = pl.measure_fit(labels, embedded.vectors, background=words, progress=silent)
    unfit, giraffe = fit.unfit(), truth == "giraffe"
    assert unfit[giraffe].mean() > 0.7
    assert unfit[~giraffe].mean() < 0.1
    found = pl.missing_names(labels, embedded.vectors, fit, words)
    assert (truth[found[0].images] == "giraffe").mean() > 0.8
    assert found[0].suggestions[0][0] == "giraffe"

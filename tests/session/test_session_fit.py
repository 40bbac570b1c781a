"""A session asked whether names fit at all: what it sets aside, and what it suggests."""

from __future__ import annotations

import json

import numpy as np
import pytest
import traitlets

import protolabel as pl
from protolabel.common.progress import silent
from protolabel.session.session import Session

COLOURS = ["red", "green"]


@pytest.fixture
def session(make_images, encoder, tmp_path) -> Session:
    """30 pictures of two colours that have a name, and 8 of one that has none."""
    root = make_images({"red": 15, "green": 15, "blue": 8})
    return Session(root, COLOURS, encoder=encoder, store=tmp_path / "store", progress=silent)


def blue(session: Session) -> np.ndarray:
    return np.array([name.startswith("blue") for name in session.embeddings.images.names])


def test_every_image_is_labelled_unless_asked_otherwise(session, tmp_path):
    assert session.none_of_these is None
    assert not session.labels.unfit.any()
    assert session.labels.counts.sum() == 38
    assert "fit" not in session.computed
    session.export(tmp_path / "out")
    assert not (tmp_path / "out" / "splits" / "none_of_these").exists()


def test_what_fits_no_name_is_set_aside_when_asked(session):
    plain = session.labels
    session.none_of_these = 0.5
    aside = session.labels
    np.testing.assert_array_equal(aside.unfit, blue(session))
    np.testing.assert_array_equal(aside.label, plain.label)
    np.testing.assert_array_equal(aside.agreement, plain.agreement)
    assert aside.counts.tolist() == [15, 15]
    session.none_of_these = None
    assert session.labels is plain


def test_the_count_is_live_and_runs_no_loop(session):
    before = session.refinement
    for strictness in (0.2, 0.5, 0.8, 1.0):
        session.none_of_these = strictness
        assert session.fit.count_at(strictness) == session.labels.unfit.sum()
    assert session.refinement is before
    assert len(session.runs) == 1
    assert "none_of_these" not in session.runs[0].settings


def test_a_pin_takes_an_image_back(session):
    session.none_of_these = 0.5
    image = int(np.flatnonzero(blue(session))[0])
    session.pin(image, "green")
    assert not session.labels.unfit[image]
    session.undo()
    assert session.labels.unfit[image]


def test_the_fit_is_of_the_kept_iteration(session):
    last = session.fit
    session.kept = 0
    assert session.fit is not last
    np.testing.assert_array_equal(
        session.fit.score,
        pl.measure_fit(
            pl.label(session.refinement, 0),
            session.embeddings.vectors,
            session.graph,
            progress=silent,
        ).score,
    )


def test_a_new_vocabulary_measures_again_and_embeds_once(session):
    before, loop = session.fit, session.refinement
    session.vocabulary = ["yellow", "blue", "Blue", " yellow "]
    assert session.vocabulary == ("yellow", "blue")
    assert session.fit is not before
    assert session.refinement is loop
    assert "vocabulary" in session.computed
    session.classes = [*COLOURS, "blue"]
    assert "vocabulary" in session.computed


def test_the_missing_name_is_suggested(session):
    (missing,) = session.missing_names()
    np.testing.assert_array_equal(np.sort(missing.images), np.flatnonzero(blue(session)))
    assert missing.suggestions == ()
    session.vocabulary = ["yellow", "red", "blue", "green"]
    (missing,) = session.missing_names(most=1)
    assert [word for word, _ in missing.suggestions] == ["blue"]
    session.add_class(missing.suggestions[0][0])
    assert session.missing_names() == ()


def test_vectors_may_be_the_vocabulary(session, encoder):
    words = pl.embed_classes(["blue", "yellow"], encoder)
    session.vocabulary = words
    assert session.missing_names()[0].suggestions[0][0] == "blue"


@pytest.mark.parametrize("wrong", [-0.1, 1.01, float("nan")])
def test_a_strictness_out_of_range_changes_nothing(session, wrong):
    session.none_of_these = 0.3
    with pytest.raises(pl.InputError, match="strictness from 0"):
        session.none_of_these = wrong
    with pytest.raises(traitlets.TraitError):
        session.none_of_these = "half"
    assert session.none_of_these == 0.3


@pytest.mark.parametrize("wrong", ["dog", [], ["ok", " "]])
def test_a_vocabulary_is_a_list_of_words(session, wrong):
    with pytest.raises(pl.InputError):
        session.vocabulary = wrong
    assert session.vocabulary is None


def test_the_dataset_says_how_strict_it_was(session, tmp_path):
    session.none_of_these = 0.5
    session.vocabulary = ["blue", "yellow"]
    result = session.export(tmp_path / "out")
    assert result.none_of_these == 8
    assert len(list((tmp_path / "out" / "splits" / "none_of_these").iterdir())) == 8
    metadata = json.loads((tmp_path / "out" / "metadata.json").read_text("utf-8"))
    assert metadata["parameters"]["none_of_these"] == 0.5
    assert metadata["parameters"]["vocabulary"] == ["blue", "yellow"]
    report = " ".join((tmp_path / "out" / "report.txt").read_text("utf-8").split())
    assert "8 images fit none of the names and are set aside" in report
    assert any("set aside" in one.text for one in session.diagnostics.findings)


@pytest.mark.parametrize("vectors", [False, True])
def test_a_saved_session_sets_the_same_aside(session, encoder, tmp_path, vectors):
    words = ["blue", "yellow", "red"]
    session.vocabulary = pl.embed_classes(words, encoder) if vectors else words
    session.none_of_these = 0.4
    session.save(tmp_path / "saved")
    options = {} if vectors else {"encoder": encoder}
    loaded = Session.load(tmp_path / "saved", progress=silent, **options)
    assert loaded.none_of_these == 0.4
    np.testing.assert_array_equal(loaded.labels.unfit, session.labels.unfit)
    np.testing.assert_array_equal(loaded.fit.score, session.fit.score)


def test_in_one_call(make_images, encoder, tmp_path):
    root = make_images({"red": 8, "green": 8, "blue": 6})
    pl.annotate(
        root, ["red", "green"], tmp_path / "out", encoder=encoder, store=tmp_path / "store",
        none_of_these=0.5, progress=silent,
    )  # fmt: skip
    names = [path.name for path in (tmp_path / "out" / "splits" / "none_of_these").iterdir()]
    assert len(names) == 6

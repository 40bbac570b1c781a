"""Sessions that begin without class names, and the names that they suggest."""

from __future__ import annotations

import numpy as np
import pytest

import protolabel as pl
from protolabel.common.progress import silent
from protolabel.naming import NameTree

ANIMALS = ["dog", "cat", "giraffe"]


@pytest.fixture(scope="module")
def drawings(tmp_path_factory):
    folder = tmp_path_factory.mktemp("suggesting") / "drawings"
    return pl.write_sample_pictures(folder, classes=ANIMALS, per_class=10)


@pytest.fixture
def session(drawings) -> pl.Session:
    return pl.Session(drawings.folder, encoder="sample", progress=silent)


def test_a_folder_of_drawings_goes_from_nothing_to_labels_without_a_typed_name(session, drawings):
    assert session.names == ()
    session.classes = session.suggest().classes
    assert set(session.names) == set(ANIMALS)
    assert session.evaluate(drawings.truth).accuracy > 0.9


def test_one_call_suggests_the_classes_of_a_folder(drawings):
    found = pl.suggest_classes(drawings.folder, encoder="sample", progress=silent)
    assert isinstance(found, pl.Suggestions)
    assert set(found.names) == set(ANIMALS)
    assert all(line.partition(":")[0] in ANIMALS for line in str(found).splitlines())


def test_one_call_takes_words_and_a_number_of_groups(drawings):
    words = ["animal", "dog", "cat", "giraffe", "penguin"]
    found = pl.suggest_classes(
        drawings.folder, count=3, vocabulary=words, encoder="sample", progress=silent
    )
    assert set(found.names) == set(ANIMALS)


def test_without_classes_labels_say_how_to_get_some(session):
    with pytest.raises(pl.InputError, match=r"got none yet.*session\.suggest\(\)\.classes"):
        _ = session.labels


def test_the_first_class_can_be_added_to_none(session):
    session.add_class("dog", ["puppy"])
    session.add_class("cat")
    assert session.names == ("dog", "cat")
    assert len(session.labels) == 30


def test_suggestions_stay_while_classes_and_loop_change(session):
    first = session.suggest()
    session.classes = ["dog", "cat"]
    session.temperature = 0.2
    assert session.suggest().tree is first.tree
    session.vocabulary = ["lion", "tiger"]
    assert session.suggest().tree is not first.tree


def test_groups_that_fit_no_class_have_suggestions_once_words_are_known(session):
    session.classes = ["dog", "cat"]
    assert all(not group.suggestions for group in session.missing_names())
    session.suggest()
    assert "giraffe" in [group.suggestions[0][0] for group in session.missing_names()]


def test_vectors_of_words_serve_as_a_vocabulary():
    rng = np.random.default_rng(0)
    own = np.linalg.qr(rng.normal(size=(32, 32)))[0][:3].astype(np.float32)
    images = np.repeat(own, 8, axis=0) + 0.05 * rng.normal(size=(24, 32)).astype(np.float32)
    words = pl.ClassVectors(["violin", "teapot", "canoe"], own)
    session = pl.Session(pl.load_embeddings(images), vocabulary=words, progress=silent)
    assert set(session.suggest(3).names) == {"violin", "teapot", "canoe"}


def test_groups_of_a_saved_session_are_there_when_it_is_opened(session, tmp_path):
    session.classes = session.suggest().classes
    session.save(tmp_path / "saved")
    again = pl.Session.load(tmp_path / "saved", progress=silent)
    assert "name_tree" in again.computed
    assert "words" not in again.computed
    for count in (2, 3, 8):
        assert str(again.suggest(count)) == str(session.suggest(count))
    assert (tmp_path / "saved" / "session.npz").stat().st_size < 2**20


@pytest.mark.parametrize(
    "name", ["merges", "leaf", "words", "above", "levels", "shares", "specificity"]
)
def test_groups_of_a_stranger_never_reach_compiled_code_unchecked(session, tmp_path, name):
    session.classes = session.suggest().classes
    tree = session.name_tree
    state = tree.state()
    half = state[name][: len(state[name]) // 2]
    far = np.full_like(state[name], 99)
    for damaged in (half, far) if name in ("merges", "leaf", "words") else (half,):
        with pytest.raises((pl.InputError, ValueError)):
            NameTree.from_state({**state, name: damaged}, tree.vectors)


@pytest.mark.parametrize("value", [np.nan, np.inf, 0.5])
def test_merges_that_are_no_numbers_of_images_are_refused(session, value):
    """They crashed the interpreter."""
    tree = session.name_tree
    merges = tree.merges.copy()
    merges[1, 0] = value
    with pytest.raises(pl.InputError):
        NameTree.from_state({**tree.state(), "merges": merges}, tree.vectors)

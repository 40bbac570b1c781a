"""Values that a setting cannot have are refused with a ProtolabelError, and never stay."""

from __future__ import annotations

import numpy as np
import pytest
import traitlets

import protolabel as pl
from protolabel.common.progress import silent

WRONG = [
    ("temperature", "hot"),
    ("temperature", None),
    ("method", "foo"),
    ("method", 3),
    ("units", "pixels"),
    ("iterations", 2.5),
    ("preset", "tiny"),
    ("seed", -1),
    ("seed", 2**32),
    ("seed", True),
    ("kept", "last"),
    ("kept", 99),
    ("min_cluster_size", 1),
    ("none_of_these", "half"),
    ("visual", [[1, 2], [3]]),
    ("visual", 7),
    ("vocabulary", []),
    ("classes", 5),
    ("templates", ["no place"]),
    ("pins", ["red"]),
    ("pins", {0: "red"}),
]


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_a_wrong_value_is_an_input_error_and_changes_nothing(session, name, value):
    before, revision = getattr(session, name), session.revision
    with pytest.raises(pl.InputError) as caught:
        setattr(session, name, value)
    assert isinstance(caught.value, traitlets.TraitError)  # so that traitlets takes it back
    assert getattr(session, name) is before
    assert session.revision == revision


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_a_wrong_value_is_refused_by_the_constructor(image_folder, name, value):
    with pytest.raises(pl.InputError):
        pl.Session(image_folder, **{"classes": ["red"], name: value})


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_a_refused_value_does_not_stay_when_several_are_set_at_once(session, name, value):
    before = {one: getattr(session, one) for one in (name, "temperature", "iterations")}

    def set_all() -> None:
        with session.hold_trait_notifications():
            session.temperature, session.iterations = 0.2, 7
            setattr(session, name, value)

    with pytest.raises(pl.InputError):
        set_all()
    assert {one: getattr(session, one) for one in before} == before
    assert len(session.labels.label) == 15


def test_truth_that_does_not_fit_does_not_stay_when_several_are_set_at_once(session):
    with pytest.raises(pl.InputError), session.hold_trait_notifications():
        session.truth = ["red"]
    assert session.truth is None


def test_numbers_of_numpy_are_numbers(session):
    session.temperature = np.float32(0.05)
    session.iterations = np.int64(3)
    session.seed = np.uint8(7)
    session.none_of_these = np.float64(0.5)
    assert session.temperature == pytest.approx(0.05)
    assert type(session.temperature) is float
    assert (session.iterations, session.seed, session.none_of_these) == (3, 7, 0.5)
    assert session.labels.iteration == 3


def test_an_empty_vocabulary_is_called_so(session):
    with pytest.raises(pl.InputError, match=r"vocabulary of at least one word.*set it to None"):
        session.vocabulary = []


def test_a_choice_that_is_nearly_right_is_pointed_out(session):
    with pytest.raises(pl.InputError, match=r"anchored, plain, got 'anchord'.*mean 'anchored'"):
        session.method = "anchord"


class Frame:
    columns = ("path",)


@pytest.mark.parametrize(
    ("source", "advice"),
    [
        (["a.png", "b.png"], r"got none among 2 entries.*does not exist"),
        (np.ones((3, 4)), r"got shape \(3, 4\): for vectors .* load_embeddings"),
        (None, r"got NoneType: pass the path of a folder"),
        (Frame(), r"got Frame: pass the path of a folder"),
        (3, r"got int: pass the path"),
    ],
    ids=["list", "array", "None", "table", "number"],
)
def test_a_source_of_another_kind_is_refused_with_what_to_do(source, advice):
    with pytest.raises(pl.InputError, match=advice):
        pl.Session(source, ["red"])


# --- the end -----------------------------------------------------------------------------------


def test_a_closed_session_calls_what_was_registered_once(session):
    seen = []
    session.on_close(lambda: seen.append("first"))
    session.on_close(lambda: seen.append("second"))
    session.close()
    session.close()
    assert seen == ["second", "first"]
    assert session.labels.counts.sum() == 15  # it can be used on


def test_a_session_closes_itself_at_the_end_of_a_block(image_folder, encoder, tmp_path):
    seen = []
    with pl.Session(
        image_folder, ["red"], encoder=encoder, store=tmp_path / "s", progress=silent
    ) as session:
        session.on_close(lambda: seen.append("closed"))
        assert not seen
    assert seen == ["closed"]


def test_progress_goes_to_the_first_function_again_after_the_end(image_folder, encoder, tmp_path):
    told = []
    session = pl.Session(
        image_folder, ["red"], encoder=encoder, store=tmp_path / "s",
        progress=lambda *_: told.append("own"),
    )  # fmt: skip
    session.report_to(lambda *_: told.append("panel"))
    session.close()
    assert session.embeddings is not None
    assert set(told) == {"own"}


def test_a_session_that_nobody_holds_is_freed(image_folder, encoder, tmp_path):
    import gc
    import weakref

    session = pl.Session(
        image_folder, ["red", "blue"], encoder=encoder, store=tmp_path / "s", progress=silent
    )
    _ = session.labels, session.map
    gone = weakref.ref(session)
    del session
    gc.collect()
    assert gone() is None


def test_a_word_that_the_sample_encoder_does_not_know_is_refused_before_it_is_loaded(tmp_path):
    folder = pl.write_sample_pictures(tmp_path, classes=["dog"], per_class=2).folder
    with pytest.raises(pl.InputError, match=r"does not know 'submarine' in .*load_encoder"):
        pl.Session(folder, ["dog", "submarine"], encoder="sample")
    session = pl.Session(folder, ["dog", "cat"], encoder="sample", progress=silent)
    for name, value in (
        ("classes", ["dog", "submarine"]),
        ("templates", ["a submarine with a {}"]),
        ("vocabulary", ["lion", "submarine"]),
    ):
        before = getattr(session, name)
        with pytest.raises(pl.InputError, match="'submarine'"):
            setattr(session, name, value)
        assert getattr(session, name) == before
    with pytest.raises(pl.InputError, match="'submarine'"):
        session.add_class("submarine")
    assert session.names == ("dog", "cat")
    assert not session.computed
    session.templates = ["a drawing of a {}"]  # its words are known


def test_other_encoders_take_any_word(session):
    session.classes = ["red", "submarine"]
    assert session.names == ("red", "submarine")

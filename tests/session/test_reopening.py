"""A dataset opens again as a session."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

import protolabel as pl
from protolabel.common.progress import silent
from protolabel.session import Session
from protolabel.session import session as module


@pytest.fixture
def dataset(session, tmp_path):
    """What a session with corrections, synonyms and settings exported."""
    session.set_synonyms("red", ["scarlet"])
    session.templates = {"red": ["only {}"]}
    session.temperature, session.iterations, session.seed = 0.2, 4, 3
    session.kept = 3
    session.vocabulary = ["yellow"]
    session.pin([0, 1], "green")
    session.unpin(1)
    session.export(tmp_path / "dataset")
    return tmp_path / "dataset"


@pytest.fixture
def opened(dataset, encoder, tmp_path):
    """A function that opens the dataset with the store of the session."""

    def load(**options) -> Session:
        given = {"encoder": encoder, "store": tmp_path / "store", "progress": silent, **options}
        return Session.load(dataset, **given)

    return load


def changed(dataset, **parts) -> None:
    path = dataset / "metadata.json"
    about = json.loads(path.read_text("utf-8"))
    path.write_text(json.dumps({**about, **parts}), "utf-8")


def test_a_dataset_opens_with_its_labels_pins_classes_and_settings(session, opened, encoder):
    seen = encoder.seen
    again = opened()
    assert again.pins == session.pins
    assert again.corrections == session.corrections
    assert (
        again.classes.to_dict()
        == pl.ClassPrompts.parse(session.classes, session.templates).to_dict()
    )
    for name in ("temperature", "iterations", "seed", "kept", "vocabulary", "method", "units"):
        assert getattr(again, name) == getattr(session, name), name
    assert again.embeddings.images.names == session.embeddings.images.names
    np.testing.assert_array_equal(again.labels.label, session.labels.label)
    np.testing.assert_array_equal(again.labels.pinned, session.labels.pinned)
    assert encoder.seen == seen  # the vectors were in the store
    assert not again.can_undo


def test_work_goes_on_and_is_exported_over_the_dataset(opened, dataset):
    again = opened()
    again.pin(4, "red")
    again.export(dataset, overwrite=True)
    pins = opened().pins
    assert pins == again.pins
    assert len(pins) == 2


def test_the_copies_in_the_dataset_serve_where_the_originals_are_gone(
    session, opened, dataset, image_folder
):
    shutil.rmtree(image_folder)
    again = opened(store=None)
    assert again.embeddings.images.root == dataset
    assert len(again.pins) == 1
    (pinned,) = np.flatnonzero(again.labels.pinned)
    assert session.labels.pinned[pinned]
    assert [one.image for one in again.corrections] != [one.image for one in session.corrections]
    np.testing.assert_array_equal(again.labels.label, session.labels.label)


def test_a_dataset_that_was_moved_with_its_images_opens(session, opened, image_folder, tmp_path):
    moved = image_folder.rename(tmp_path / "elsewhere")
    again = opened(images=moved)
    assert again.embeddings.images.root == moved
    assert again.pins == session.pins
    with pytest.raises(pl.StoreError, match=r"15 are missing, the first: 'blue/0000"):
        opened(images=tmp_path / "store")


def test_a_dataset_without_pictures_asks_for_them(session, encoder, image_folder, tmp_path):
    session.export(tmp_path / "table", formats=["csv"])
    with pytest.raises(pl.StoreError, match="pass images="):
        Session.load(tmp_path / "table", encoder=encoder)
    again = Session.load(
        tmp_path / "table", encoder=encoder, images=image_folder, store=tmp_path / "store",
        progress=silent,
    )  # fmt: skip
    np.testing.assert_array_equal(again.labels.label, session.labels.label)


def test_pins_come_from_the_labels_where_parameters_are_missing(opened, dataset, session):
    changed(dataset, parameters=None)
    again = opened()
    assert again.pins == session.pins
    assert again.temperature == 0.1


# --- encoders -------------------------------------------------------------------------------------


def test_an_encoder_that_no_name_brings_back_has_to_be_passed(opened):
    with pytest.raises(pl.EncoderError, match=r"'mean-colour', which cannot be .* encoder=\.\.\."):
        opened(encoder=None)


def test_no_encoder_is_loaded_because_a_dataset_names_it(opened, dataset, monkeypatch, encoder):
    asked = []

    def hub(model, *_, **__):
        asked.append(model)
        return encoder

    monkeypatch.setattr("protolabel.session.source.load_encoder", hub)
    monkeypatch.setattr(module, "load_encoder", hub)
    strange = {
        "name": "x", "dim": 12, "logit_scale": 20.0, "model": "hf-hub:someone/model",
        "pretrained": None,
    }  # fmt: skip
    changed(dataset, encoder=strange, visual_encoder=strange)
    with pytest.raises(pl.EncoderError, match=r"visual=\.\.\., or trust=True"):
        opened(encoder=None)
    with pytest.raises(pl.EncoderError, match=r"encoder=\.\.\., or trust=True"):
        opened(encoder=None, visual=None)
    changed(dataset, encoder={**strange, "model": "sample", "pretrained": "/tmp/weights.pt"})
    with pytest.raises(pl.EncoderError, match="or trust=True"):
        opened(encoder=None, visual=None)
    assert not asked
    changed(dataset, encoder=strange, visual_encoder=None)
    trusted = opened(encoder=None, trust=True)
    assert trusted.labels.counts.sum() == 15
    assert [info.model for info in asked] == ["hf-hub:someone/model"]


def test_the_bundled_encoder_needs_no_consent(tmp_path):
    folder = pl.write_sample_pictures(tmp_path / "photos", per_class=3)
    classes = ["dog", "cat"]
    first = pl.annotate(
        tmp_path / "photos", classes, tmp_path / "out", encoder="sample", progress=silent
    )
    again = Session.load(tmp_path / "out", progress=silent)
    np.testing.assert_array_equal(again.labels.label, first.labels.label)
    assert folder is not None


def test_visual_vectors_have_to_be_passed_again(session, tmp_path, encoder):
    visual = np.random.default_rng(0).normal(size=(15, 4)).astype(np.float32)
    session.visual = visual
    session.export(tmp_path / "out")
    options = {"encoder": encoder, "store": tmp_path / "store", "progress": silent}
    with pytest.raises(pl.EncoderError, match=r"as visual=\.\.\."):
        Session.load(tmp_path / "out", **options)
    again = Session.load(tmp_path / "out", visual=visual, **options)
    np.testing.assert_array_equal(again.labels.label, session.labels.label)
    assert Session.load(tmp_path / "out", visual=None, **options).visual is None


def test_class_vectors_have_to_be_passed_again(session, tmp_path, encoder):
    text = pl.ClassVectors(session.names, session.text.vectors)
    made = Session(session.embeddings, text, progress=silent)
    made.export(tmp_path / "out")
    options = {"encoder": encoder, "store": tmp_path / "store", "progress": silent}
    with pytest.raises(pl.StoreError, match="pass classes="):
        Session.load(tmp_path / "out", **options)
    again = Session.load(tmp_path / "out", classes=text, **options)
    np.testing.assert_array_equal(again.labels.label, made.labels.label)


# --- strangers ------------------------------------------------------------------------------------


@pytest.mark.parametrize("source", ["../../precious.png", "/precious.png", "red/../../x.png"])
def test_a_dataset_names_no_file_outside_its_folder(opened, dataset, source, image_folder):
    about = json.loads((dataset / "metadata.json").read_text("utf-8"))
    about["images"][0]["source"] = source
    (dataset / "metadata.json").write_text(json.dumps(about), "utf-8")
    assert opened(store=None).embeddings.images.root == dataset  # the copies
    with pytest.raises(pl.StoreError, match="are missing"):
        opened(images=image_folder)


def test_other_files_under_the_names_of_the_originals_are_not_read(opened, dataset, image_folder):
    (image_folder / "red" / "0000.png").write_bytes(b"another file of another size")
    assert opened(store=None).embeddings.images.root == dataset


@pytest.mark.parametrize(
    "parts",
    [
        {"parameters": {"temperature": "hot"}},
        {"parameters": {"iterations": 10**9}},
        {"parameters": {"kept": 99}},
        {"parameters": {"pins": [1]}},
        {"parameters": [1]},
        {"parameters": {"corrections": [3]}},
        {"parameters": {"truth": "/etc"}},
        {"prompts": {}},
        {"prompts": 3},
        {"encoder": 3},
        {"visual_encoder": {"name": "x"}},
        {"images": "none"},
        {"images": []},
        {"source_root": 7},
        {"format": 99},
        {"generator": "other"},
    ],
)
def test_a_damaged_dataset_is_a_store_error_or_opens(opened, dataset, parts):
    changed(dataset, **parts)
    if parts == {"source_root": 7}:
        assert opened(store=None).labels.counts.sum() == 15
        return
    with pytest.raises(pl.StoreError):
        opened()


def test_a_folder_that_is_neither_is_refused(tmp_path):
    with pytest.raises(pl.StoreError, match=r"Expected a folder that Session.save wrote"):
        Session.load(tmp_path)
    (tmp_path / "metadata.json").write_text("[" * 100_000)
    with pytest.raises(pl.StoreError):
        Session.load(tmp_path)

"""A saved session is one whole, old or new; damaged and strange ones are refused."""

from __future__ import annotations

import json
import os
import shutil
import zipfile

import numpy as np
import pytest
from fakes import killed_at

import protolabel as pl
from protolabel.common import files
from protolabel.common.progress import silent
from protolabel.session import Session, source


def state(session: Session) -> tuple:
    """What has to stay together: settings, and labels that follow from all the arrays."""
    return (
        session.temperature,
        session.seed,
        dict(session.pins),
        session.names,
        session.labels.label.tolist(),
        session.embeddings.images.names,
        session.embeddings.vectors.tobytes(),
        session.graph.indices.tobytes(),
        session.text.vectors.tobytes(),
    )


def load(folder) -> Session:
    return Session.load(folder, progress=silent)


@pytest.fixture
def folder(session, tmp_path):
    """A saved session of 15 pictures."""
    return session.save(tmp_path / "saved")


# --- killed while it saves ------------------------------------------------------------------------


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
@pytest.mark.parametrize(
    "name",
    ["session.json", "session.npz", "embeddings.npy", "embeddings.json", "image_paths.txt"],
)
def test_a_pipe_in_the_place_of_a_file_is_refused_at_once(folder, name):
    (folder / name).unlink()
    os.mkfifo(folder / name)
    with pytest.raises(pl.StoreError, match="not a regular file"):
        load(folder)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs a process that can be killed")
@pytest.mark.parametrize("visual", [False, True], ids=["", "visual"])
def test_a_save_that_is_killed_leaves_the_old_or_the_new_session(
    session, encoder, image_folder, tmp_path, visual
):
    folder = session.save(tmp_path / "saved")
    shutil.copytree(folder, tmp_path / "backup")
    old = state(session)
    for name in ("red/0000.png", "green/0001.png"):  # other images, vectors, neighbours, names
        (image_folder / name).unlink()
    other = Session(
        image_folder, ["blue", "red"], encoder=encoder, store=tmp_path / "store", progress=silent,
        temperature=0.3, seed=5, visual=np.eye(13) if visual else None,
    )  # fmt: skip
    other.pin(0, "red")
    new, seen = state(other), []
    point = 0
    while killed_at(point, lambda: other.save(folder)):
        seen.append(state(load(folder)))
        assert seen[-1] in (old, new), point
        if point % 3 == 0:  # the next save is not disturbed by what the kill left
            session.save(folder)
            assert state(load(folder)) == old
            assert not list(folder.glob(".sav*"))
        shutil.rmtree(folder)
        shutil.copytree(tmp_path / "backup", folder)
        point += 1
    assert state(load(folder)) == new
    assert {old == one for one in seen} == {True, False}
    assert point > 15


def test_a_save_that_fails_leaves_the_earlier_session(session, folder, monkeypatch):
    before, files = state(load(folder)), sorted(folder.rglob("*"))
    session.temperature = 0.3

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(pl.StoreError, match=r"No space left on device.*free the disk"):
        session.save(folder)
    assert state(load(folder)) == before
    assert sorted(folder.rglob("*")) == files


def test_a_session_that_another_process_saves_is_left_alone(session, folder, monkeypatch):
    import filelock

    monkeypatch.setattr(files, "_PATIENCE", 0.1)
    wrong = pytest.raises(pl.StoreError, match="another process is writing to it")
    with filelock.FileLock(folder / ".lock"), wrong:
        session.save(folder)
    assert load(folder).names == session.names  # it can be read meanwhile


# --- damaged --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["session.json", "session.npz", "embeddings.npy", "embeddings.json"]
)
def test_flipped_bits_are_found(session, folder, name):
    whole, rng = (folder / name).read_bytes(), np.random.default_rng(0)
    expected = state(load(folder))
    for place in rng.integers(0, len(whole), 60):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << int(rng.integers(8))
        (folder / name).write_bytes(damaged)
        try:
            got = state(load(folder))
        except pl.StoreError:
            continue
        assert got == expected


def test_parts_of_two_sessions_are_refused(session, folder, tmp_path):
    session.classes, session.temperature = ["blue", "red"], 0.2
    other = session.save(tmp_path / "other")
    for name in ("session.json", "session.npz"):
        mixed = tmp_path / f"mixed {name}"
        shutil.copytree(folder, mixed)
        shutil.copy(other / name, mixed / name)
        with pytest.raises(pl.StoreError, match="different sessions"):
            load(mixed)


@pytest.mark.parametrize(
    "text",
    [
        b"[" * 100_000,
        b'{"generator": "protolabel"}',
        b'{"generator": "protolabel", "format": 99}',
        b"null",
        b'"text"',
        b"\x00",
    ],
    ids=["deep", "no format", "newer", "null", "text", "zero"],
)
def test_damaged_json_is_a_store_error(folder, text):
    (folder / "session.json").write_bytes(text)
    with pytest.raises(pl.StoreError):
        load(folder)


def rewritten(folder, **changes) -> None:
    """Write a session.json as a stranger may, without checksums."""
    about = json.loads((folder / "session.json").read_text("utf-8"))
    about = {key: value for key, value in about.items() if key not in ("files", "checksum")}
    about["settings"] |= changes
    (folder / "session.json").write_text(json.dumps(about), "utf-8")


def with_arrays(folder, **changes) -> None:
    with np.load(folder / "session.npz") as stored:
        arrays = {**stored, **changes}
    np.savez(folder / "session.npz", **arrays)
    rewritten(folder)


@pytest.mark.parametrize(
    "arrays",
    [
        {"graph_indices": np.full((15, 10), 10**8, np.int32)},
        {"graph_indices": np.full((15, 10), -7, np.int32)},
        {"graph_indices": np.zeros((15, 10), np.float64)},
        {"graph_indices": np.zeros(15, np.int32)},
        {"graph_similarities": np.full((15, 10), np.nan, np.float32)},
        {"clusters_micro": np.full(15, 999, np.int32)},
        {"clusters_nearest": np.full(15, -5, np.int32)},
        {"clusters_meta": np.full(1, 44, np.int32)},
        {"clusters_centroids": np.full((1, 5), 1, np.float32)},
        {"text": np.ones((3, 7), np.float32)},
        {"text": np.zeros((3, 12), np.float32)},
        {"map": np.zeros((3, 2), np.float32)},
        {"map": np.full((15, 2), np.inf, np.float32)},
        {"map": np.full((15, 2), "text")},
        {"graph_more": np.zeros(3)},
    ],
)
def test_arrays_that_do_not_fit_never_reach_compiled_code(session, folder, arrays):
    _ = session.map
    session.save(folder)
    with_arrays(folder, **arrays)
    with pytest.raises(pl.StoreError):
        load(folder)


def test_compressed_arrays_are_refused(folder):
    """A small file could hold terabytes of zeros."""
    with np.load(folder / "session.npz") as stored:
        arrays = dict(stored)
    np.savez_compressed(folder / "session.npz", **arrays)
    rewritten(folder)
    with pytest.raises(pl.StoreError, match="compressed"):
        load(folder)


def test_arrays_that_would_need_pickle_are_refused(folder, tmp_path):
    with np.load(folder / "session.npz") as stored:
        arrays = {**stored, "map": np.array([{}], object)}
    np.savez(folder / "session.npz", **arrays)
    rewritten(folder)
    with pytest.raises(pl.StoreError):
        load(folder)


def test_a_header_that_claims_too_much_is_refused(folder):
    with zipfile.ZipFile(folder / "session.npz", "a") as archive, archive.open("map.npy", "w") as f:
        np.lib.format.write_array_header_1_0(
            f, {"descr": "<f4", "fortran_order": False, "shape": (10**14, 2)}
        )
    rewritten(folder)
    with pytest.raises(pl.StoreError):
        load(folder)


@pytest.mark.parametrize(
    "settings",
    [
        {"temperature": "hot"},
        {"iterations": 10**9},
        {"kept": 99},
        {"seed": -1},
        {"pins": [1]},
        {"pins": {"a": 1}},
        {"truth": "/etc"},
        {"truth": ["red"]},
        {"truth": {"a": "b"}},
        {"corrections": [{"when": "now"}]},
        {"corrections": ["when"]},
        {"corrections": [{"when": [], "image": "a", "before": None, "after": None}]},
        {"corrections": 7},
        {"vocabulary": {"names": ["a"]}},
        {"vocabulary": "text"},
        {"templates": 3},
        {"method": ["anchored"]},
    ],
)
def test_settings_of_a_stranger_are_checked(folder, settings):
    rewritten(folder, **settings)
    with pytest.raises(pl.StoreError):
        load(folder)


def test_a_stranger_names_no_store_encoder_or_second_encoder(folder, tmp_path):
    rewritten(
        folder, store=str(tmp_path / "elsewhere"), encoder="hf-hub:someone/model", visual="dino",
        device="cuda", progress=3, revision=7,
    )  # fmt: skip
    loaded = load(folder)
    assert loaded.labels.counts.sum() == 15
    assert loaded.visual is None
    assert not (tmp_path / "elsewhere").exists()


def test_an_encoder_that_the_folder_names_is_not_loaded_unasked(folder, encoder, monkeypatch):
    about = json.loads((folder / "embeddings.json").read_text("utf-8"))
    about["encoder"]["model"] = "hf-hub:someone/model"
    (folder / "embeddings.json").write_text(json.dumps(about), "utf-8")
    rewritten(folder)
    asked = []

    def hub(info, **_):
        asked.append(info.model)
        return encoder

    monkeypatch.setattr(source, "load_encoder", hub)
    loaded = load(folder)
    loaded.add_class("yellow")
    with pytest.raises(pl.EncoderError, match=r"encoder=\.\.\., or trust=True"):
        _ = loaded.labels
    assert not asked
    mine = Session.load(folder, trust=True, progress=silent)
    mine.add_class("yellow")
    assert mine.labels.names[-1] == "yellow"
    assert asked == ["hf-hub:someone/model"]


# --- of the first release -------------------------------------------------------------------------


@pytest.mark.parametrize("vocabulary", [None, ["zebra", "owl"], "vectors"])
def test_a_session_of_the_first_release_still_loads(session, encoder, tmp_path, vocabulary):
    folder = tmp_path / "old"
    session.embeddings.save(folder)
    arrays = {"text": session.text.vectors, "map": session.map}
    for part in ("clusters", "graph"):
        arrays |= {f"{part}_{k}": v for k, v in vars(getattr(session, part)).items()}
    if vocabulary == "vectors":
        words = pl.embed_classes(["zebra", "owl"], encoder)
        arrays["vocabulary"] = words.vectors
        vocabulary = {"names": ["zebra", "owl"], "logit_scale": words.logit_scale}
    np.savez(folder / "session.npz", **arrays)
    name = session.embeddings.images.names[0]
    settings = {
        "templates": list(pl.DEFAULT_TEMPLATES), "preset": None, "seed": 0,
        "min_cluster_size": None, "method": "anchored", "temperature": 0.2, "iterations": 4,
        "units": "clusters", "pins": {name: "red"}, "kept": 3, "vocabulary": vocabulary,
        "none_of_these": None, "truth": None,
        "corrections": [
            {"when": "2026-01-02T03:04:05+00:00", "image": name, "before": None, "after": "red"}
        ],
    }  # fmt: skip
    about = {
        "generator": "protolabel", "format": 1, "settings": settings, "names": list(session.names),
        "logit_scale": session.text.logit_scale, "prompts": session.classes.to_dict(),
    }  # fmt: skip
    (folder / "session.json").write_text(json.dumps(about, indent=1), "utf-8")
    loaded = load(folder)
    assert (loaded.temperature, loaded.iterations, loaded.kept) == (0.2, 4, 3)
    assert loaded.pins == {name: "red"}
    assert loaded.corrections[0].after == "red"
    session.temperature, session.iterations, session.kept = 0.2, 4, 3
    session.pin(0, "red")
    np.testing.assert_array_equal(loaded.labels.label, session.labels.label)
    np.testing.assert_array_equal(loaded.map, session.map)
    if vocabulary:
        assert tuple(getattr(loaded.vocabulary, "names", loaded.vocabulary)) == ("zebra", "owl")
    loaded.save(folder)  # and is saved as a new one
    assert state(load(folder)) == state(loaded)

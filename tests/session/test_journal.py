"""Corrections outlive the kernel: written as they are made, and applied only when asked."""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
import time
import warnings

import numpy as np
import pytest

import protolabel as pl
from protolabel.common.progress import silent
from protolabel.session.journal import Journal

NAMES = ["red", "green", "blue"]


@pytest.fixture
def again(image_folder, encoder, tmp_path):
    """A function that makes a session as the notebook does when its cell is run again."""
    return lambda **settings: pl.Session(
        image_folder, NAMES, encoder=encoder, store=tmp_path / "store", progress=silent, **settings
    )


@pytest.fixture
def journal(tmp_path):
    return tmp_path / "store" / "corrections.jsonl"


def test_corrections_are_known_to_the_next_session_and_applied_when_asked(again):
    first = again()
    assert first.saved_corrections is None
    first.pin([0, 1], "green")
    first.pin(2, "red")
    first.temperature = 0.2
    first.rename_class("blue", "navy")
    first.add_class("yellow", ["amber"])
    assert first.saved_corrections is None  # it has them
    second = again()
    assert second.temperature == 0.1
    assert second.names == tuple(NAMES)
    assert not second.pins
    assert not second.labels.pinned.any()  # a notebook that is run again gives the same
    saved = second.saved_corrections
    assert (saved.count, saved.images) == (5, 3)
    assert set(saved.settings) == {"classes", "temperature"}
    assert saved.when[:2] == "20"
    second.restore_corrections()
    assert second.pins == first.pins
    assert second.names == first.names
    assert second.classes.to_dict() == first.classes.to_dict()
    np.testing.assert_array_equal(second.labels.label, first.labels.label)
    assert len(second.corrections) == 3
    assert second.saved_corrections is None
    with pytest.raises(pl.InputError, match=r"saved corrections .* found none"):
        second.restore_corrections()


def test_corrections_of_several_sessions_add_up(again):
    again().pin(0, "green")
    again().pin(1, "red")
    third = again()
    third.pin(2, "blue")
    assert third.saved_corrections.count == 2
    third.restore_corrections()
    names = third.embeddings.images.names
    assert third.pins == {names[0]: "green", names[1]: "red", names[2]: "blue"}


def test_what_was_taken_back_is_not_saved(again):
    session = again()
    session.pin([0, 1, 2], "green")
    session.undo()
    session.pin(3, "red")
    session.unpin(3)
    session.temperature = 0.3
    session.temperature = 0.1
    assert again().saved_corrections is None


def test_saved_pins_follow_a_class_that_another_session_renamed(again):
    again().pin(0, "red")
    again().rename_class("red", "rose")
    third = again()
    third.restore_corrections()
    assert set(third.pins.values()) == {"rose"}
    assert third.labels.pinned.sum() == 1


def test_settings_of_several_sessions_that_do_not_fit_together_are_restored_as_far_as_they_do(
    again,
):
    first = again(iterations=8)
    first.kept = 7
    first.templates = {"red": ["only {}"]}
    second = again(iterations=6)
    second.classes = ["green", "blue"]
    third = again()
    third.restore_corrections()
    assert (third.iterations, third.kept) == (5, None)
    assert third.names == ("green", "blue")


def test_a_second_view_that_is_not_kept_is_named_when_corrections_are_restored(again):
    first = again()
    first.visual = np.eye(15)
    first.pin(0, "blue")
    second = again()
    assert second.saved_corrections.missing == ("visual",)
    with pytest.warns(UserWarning, match="without visual.*set it again"):
        second.restore_corrections()
    third = again(visual=np.eye(15))
    assert third.saved_corrections.missing == ()
    third.restore_corrections()
    np.testing.assert_array_equal(third.labels.label, first.labels.label)
    first.visual = None
    assert again().saved_corrections.missing == ()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("temperature", 0.07), ("iterations", 2), ("method", "plain"), ("units", "images"),
        ("preset", "medium"), ("min_cluster_size", 3), ("seed", 4), ("kept", 2),
        ("none_of_these", 0.4), ("vocabulary", ("owl", "zebra")), ("templates", ("a {}",)),
        ("templates", {"red": ["only {}"]}), ("classes", {"warm": ["red"], "cold": ["blue"]}),
    ],
)  # fmt: skip
def test_every_setting_is_kept(again, name, value):
    first = again()
    setattr(first, name, value)
    second = again()
    assert second.saved_corrections.settings == (name,)
    second.restore_corrections()
    kept = getattr(second, name)
    wanted = getattr(first, name)
    assert getattr(kept, "to_dict", lambda: kept)() == getattr(wanted, "to_dict", lambda: wanted)()


def test_values_that_json_cannot_hold_are_left_out(again):
    session = again()
    session.vocabulary = pl.ClassVectors(["owl"], np.ones((1, 12), np.float32))
    session.visual = np.eye(15)
    assert again().saved_corrections is None


def test_the_journal_lies_in_the_cache_where_no_store_is_named(image_folder, encoder, tmp_path):
    def make():
        return pl.Session(image_folder, NAMES, encoder=encoder, progress=silent)

    make().temperature = 0.2
    assert make().saved_corrections.count == 1
    assert not (image_folder / "corrections.jsonl").exists()


def test_a_session_from_embeddings_finds_those_of_its_folder(again, tmp_path):
    first = again()
    first.pin(0, "blue")
    other = pl.Session(first.embeddings, NAMES, store=tmp_path / "store", progress=silent)
    assert other.saved_corrections.images == 1


# --- torn, damaged, strange -----------------------------------------------------------------------


def test_a_torn_last_line_is_passed_over_and_the_next_is_whole(again, journal):
    session = again()
    session.pin(0, "green")
    torn = Journal(session.embeddings.images.root, journal.parent)
    with journal.open("ab") as file:
        file.write(b'\n{"entry": {"kind": "pins", "val')
    assert len(torn.read().pins) == 1
    torn.write("temperature", 0.3)
    assert torn.read().settings == {"temperature": 0.3}
    assert len(torn.read().pins) == 1


def test_every_prefix_of_a_journal_can_be_read(again, journal):
    session = again()
    for number in range(4):
        session.pin(number, "green")
    content, counts = journal.read_bytes(), []
    for end in range(len(content) + 1):
        journal.write_bytes(content[:end])
        state = Journal(session.embeddings.images.root, journal.parent).read()
        counts.append(0 if state is None else len(state.pins))
    assert counts == sorted(counts)
    assert set(counts) == {0, 1, 2, 3, 4}


def test_a_flipped_bit_costs_its_line_at_most(again, journal):
    session = again()
    for number in range(3):
        session.pin(number, "green")
    content, rng = journal.read_bytes(), np.random.default_rng(0)
    names = session.embeddings.images.names
    for place in rng.integers(0, len(content), 200):
        damaged = bytearray(content)
        damaged[place] ^= 1 << int(rng.integers(8))
        journal.write_bytes(damaged)
        pins = Journal(session.embeddings.images.root, journal.parent).read().pins
        assert len(pins) >= 2 - (damaged[place] == 10)
        assert set(pins.items()) <= {(name, "green") for name in names[:3]}


@pytest.mark.parametrize(
    "entry",
    [
        {"kind": "pins", "value": {"a": 3}, "when": "x"},
        {"kind": "pins", "value": ["a"], "when": "x"},
        {"kind": "temperature", "value": "hot", "when": "x"},
        {"kind": "iterations", "value": 10**9, "when": "x"},
        {"kind": "truth", "value": "/etc", "when": "x"},
        {"kind": "visual", "value": "dino", "when": "x"},
        {"kind": "store", "value": "/", "when": "x"},
        {"kind": "classes", "value": ["a"], "when": "x"},
        {"kind": "rename", "value": ["a"], "when": "x"},
        {"kind": "rename", "value": 3, "when": "x"},
        {"kind": "seed"},
        [],
        None,
    ],
)
def test_an_entry_that_no_session_writes_is_passed_over(again, journal, entry):
    import zlib

    journal.parent.mkdir(exist_ok=True)
    check = zlib.crc32(json.dumps(entry, sort_keys=True).encode())
    journal.write_text(json.dumps({"entry": entry, "crc32": check}) + "\n" + "[" * 10_000, "utf-8")
    assert again().saved_corrections is None


def test_a_folder_in_the_place_of_the_journal_ends_nothing(again, journal):
    session = again()
    journal.mkdir(parents=True)
    with pytest.warns(UserWarning, match="Corrections are not kept"):
        session.pin(0, "red")
    assert session.labels.pinned.sum() == 1
    assert session.saved_corrections is None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        session.temperature = 0.2  # said once


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
@pytest.mark.parametrize("kind", ["pipe", "link"])
def test_a_pipe_or_a_link_in_the_place_of_the_journal_is_left_alone(again, journal, tmp_path, kind):
    session = again()
    journal.parent.mkdir(exist_ok=True)
    precious = tmp_path / "precious.txt"
    precious.write_text("mine")
    if kind == "pipe":
        os.mkfifo(journal)
    else:
        journal.symlink_to(precious)
    with pytest.warns(UserWarning, match="Corrections are not kept"):
        session.pin(0, "red")
    assert precious.read_text() == "mine"
    assert session.saved_corrections is None


def test_a_full_disk_ends_nothing(again, monkeypatch):
    session = again()
    monkeypatch.setattr(os, "write", lambda *_: 3)
    with pytest.warns(UserWarning, match="the disk is full"):
        session.pin(0, "red")
    assert session.labels.pinned.sum() == 1


# --- several processes ----------------------------------------------------------------------------


def _many(root, store, start: int) -> None:
    journal = Journal(root, store)
    for number in range(start, start + 200):
        journal.write("pins", {f"{number}.png": "red" * 200})


def test_two_processes_lose_nothing_of_each_other(tmp_path):
    start = multiprocessing.get_context("fork" if sys.platform == "linux" else None)
    workers = [start.Process(target=_many, args=(tmp_path, tmp_path, 200 * n)) for n in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(Journal(tmp_path, tmp_path).read().pins) == 600


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs a process that can be killed")
def test_what_was_written_before_a_kill_is_there(tmp_path):
    read, write = os.pipe()
    child = os.fork()
    if not child:
        journal = Journal(tmp_path, tmp_path)
        for number in range(100_000):
            journal.write("pins", {f"{number}.png": "red"})
            os.write(write, b".")
    os.close(write)
    done = 0
    while done < 50:
        done += len(os.read(read, 100))
    time.sleep(0.01)
    os.kill(child, 9)
    os.waitpid(child, 0)
    while more := os.read(read, 4096):
        done += len(more)
    os.close(read)
    assert len(Journal(tmp_path, tmp_path).read().pins) >= done


def test_edits_of_class_vectors_are_kept_with_their_numbers(image_folder, encoder, tmp_path):
    vectors = encoder.encode_texts(["red", "green", "blue"])

    def make() -> pl.Session:
        return pl.Session(
            image_folder, pl.ClassVectors(["red", "green", "blue"], vectors), encoder=encoder,
            store=tmp_path / "store", progress=silent,
        )  # fmt: skip

    make().rename_class("red", "rose")
    again = make()
    assert again.saved_corrections.settings == ("classes",)
    again.restore_corrections()
    assert again.names == ("rose", "green", "blue")
    np.testing.assert_array_equal(again.classes.vectors, make().classes.vectors)

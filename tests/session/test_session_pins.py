"""Pins are read-only, follow their class and their image, and survive two threads."""

from __future__ import annotations

import copy
import json
import os
import pickle
import threading
import unicodedata
from pathlib import Path

import pytest

import protolabel as pl
from protolabel.common.progress import silent
from protolabel.session.pins import PinHistory

DECOMPOSED = "rose\u0301e"
COMPOSED = unicodedata.normalize("NFC", DECOMPOSED)


def test_pins_survive_a_rename_to_decomposed_unicode(session):
    session.pin([0, 1], "red")
    session.rename_class("red", f" {DECOMPOSED} ")
    assert session.names[0] == COMPOSED
    assert set(session.pins.values()) == {COMPOSED}
    assert session.labels.pinned.sum() == 2
    session.undo()  # the rename
    assert set(session.pins.values()) == {"red"}
    session.redo()
    assert session.labels.pinned.sum() == 2


def test_a_class_is_found_in_any_unicode_form_and_case(session):
    session.rename_class("red", COMPOSED)
    session.pin(0, DECOMPOSED)
    session.pin(1, COMPOSED.upper())
    assert set(session.pins.values()) == {COMPOSED}
    session.pins = {session.embeddings.images.names[2]: DECOMPOSED}
    assert session.labels.pinned.sum() == 1
    session.rename_class(DECOMPOSED, "rose")
    assert session.names[0] == "rose"


@pytest.mark.parametrize(
    "change",
    [
        lambda pins: pins.__setitem__("x.png", "red"),
        lambda pins: pins.__delitem__("x.png"),
        lambda pins: pins.update({"x.png": "red"}),
        lambda pins: pins.clear(),
        lambda pins: pins.pop("x.png"),
        lambda pins: pins.setdefault("x.png", "red"),
        lambda pins: pins.__ior__({"x.png": "red"}),
    ],
)
def test_pins_are_not_changed_in_place(session, change):
    session.pin(0, "red")
    before = dict(session.pins)
    with pytest.raises(pl.InputError, match=r"use session.pin\(image, name\)"):
        change(session.pins)
    assert session.pins == before
    assert session.parameters["pins"] == before


def test_pins_can_be_copied_and_written(session):
    session.pin(0, "red")
    for again in (
        copy.copy(session.pins), copy.deepcopy(session.pins),
        pickle.loads(pickle.dumps(session.pins)), json.loads(json.dumps(session.pins)),
    ):  # fmt: skip
        assert again == session.pins


def test_pins_find_an_image_by_any_unicode_form_and_by_its_path(encoder, make_images, tmp_path):
    root = make_images({"red": 3, "blue": 2})
    on_disk = unicodedata.normalize("NFD", "caf\u00e9.png")  # as a Mac writes it
    (root / "red" / "0000.png").rename(root / "red" / on_disk)
    session = pl.Session(
        root, ["red", "blue"], encoder=encoder, store=tmp_path / "store", progress=silent
    )
    session.pin("red/caf\u00e9.png", "blue")
    session.pin(Path("red/0001.png"), "blue")
    session.pin(
        [str(root / "red" / "0002.png"), Path(os.path.relpath(root / "blue/0000.png"))], "blue"
    )
    assert session.labels.pinned.sum() == 4
    session.unpin(root / "red" / on_disk)
    assert session.labels.pinned.sum() == 3


def test_undo_and_redo_from_many_threads_lose_no_correction():
    history = PinHistory({})
    for number in range(200):
        history.record({f"{number}.png": "red"})
    failed = []

    def back_and_forth() -> None:
        for step in (history.undo, history.redo) * 100:
            try:
                step()
            except pl.InputError as error:
                failed.append(error)

    threads = [threading.Thread(target=back_and_forth) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert not history.can_redo
    state: dict[str, str] = {}
    for correction in history.trail:  # every change begins where the one before ended
        assert state.get(correction.image) == correction.before
        if correction.after is None:
            del state[correction.image]
        else:
            state[correction.image] = correction.after
    assert state == {"199.png": "red"}


def test_the_next_images_to_correct_are_none_that_are_fixed(session):
    first = session.next_to_correct(3)
    session.pin(first, "red")
    assert not set(first) & set(session.next_to_correct(12))
    assert len(session.next_to_correct(100)) == len(session.labels) - 3

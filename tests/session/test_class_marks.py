"""A class keeps its number, key and colour, and undo brings classes back as they were."""

from __future__ import annotations

import pytest

import protolabel as pl
from protolabel.common.palette import class_colour


def marks(session) -> dict[str, tuple[str, str]]:
    return {
        name: (session.marks.key(name), session.marks.colour(name)[0]) for name in session.names
    }


def test_keys_and_colours_stay_when_classes_come_go_move_and_change_their_name(session):
    before = marks(session)
    session.remove_class("red")
    assert marks(session) == {name: before[name] for name in ("green", "blue")}
    session.add_class("violet")
    assert session.marks.key("violet") == "4"
    session.add_class("red")
    assert marks(session)["red"] == before["red"]
    session.move_class("blue", 0)
    session.rename_class("green", "lime")
    after = marks(session)
    assert (after["blue"], after["lime"]) == (before["blue"], before["green"])
    session.add_class("green")  # another class now
    assert marks(session)["green"][0] == "5"
    assert len(set(marks(session).values())) == len(session.names)


def test_classes_with_nothing_in_common_begin_again(session):
    session.remove_class("red")
    session.classes = ["dog", "cat"]
    assert [session.marks.key(name) for name in session.names] == ["1", "2"]


def test_a_person_chooses_the_colour_of_a_class(session):
    session.set_colour("red", "#804020")
    assert session.marks.colour("red") == class_colour(0, "#804020")
    assert session.marks.recoloured == 1
    session.set_colour("red", None)
    assert session.marks.colour("red") == class_colour(0)
    with pytest.raises(pl.InputError, match="#rrggbb"):
        session.set_colour("red", "red; } body {")


def test_undo_takes_back_edits_of_classes_with_their_pins(session):
    session.pin(0, "red")
    session.rename_class("red", "rose")
    session.set_synonyms("rose", ["crimson"])
    session.merge_classes("rose", "blue")
    assert (session.names, set(session.pins.values())) == (("green", "blue"), {"blue"})
    session.undo()
    assert (session.names, set(session.pins.values())) == (("rose", "green", "blue"), {"rose"})
    session.undo()
    assert session.classes.synonyms[0] == ("rose",)
    session.undo()
    assert (session.names[0], set(session.pins.values())) == ("red", {"red"})
    assert session.marks.key("red") == "1"
    session.undo()
    assert not session.pins
    assert not session.can_undo
    for _ in range(4):
        session.redo()
    assert (session.names, set(session.pins.values())) == (("green", "blue"), {"blue"})
    session.remove_class("green")
    session.undo()
    assert session.names == ("green", "blue")
    changed = [(one.before, one.after) for one in session.corrections]
    # The pin, the merging, both taken back, both made again; a new name alone is no correction.
    assert changed == [
        (None, "red"), ("rose", "blue"), ("blue", "rose"), ("red", None),
        (None, "red"), ("rose", "blue"),
    ]  # fmt: skip


def test_undo_of_a_new_name_reaches_runs_and_truth(session):
    session.evaluate({session.embeddings.images.names[0]: "red"})
    session.rename_class("red", "rose")
    assert session.runs[0].names[0] == "rose"
    session.undo()
    assert session.runs[0].names[0] == "red"
    assert session.truth[0] == "red"

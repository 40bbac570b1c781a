"""A class keeps its number, key and colour, and undo brings classes back as they were."""

from __future__ import annotations

import json

import numpy as np
import pytest

import protolabel as pl
from protolabel import plots
from protolabel.common.palette import class_colour, rgb


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


def test_chosen_colours_and_keys_are_saved_with_a_session(session, encoder, tmp_path):
    session.remove_class("red")
    session.add_class("violet")
    session.move_class("violet", 0)
    session.set_colour("blue", "#123456")
    before = marks(session)
    session.save(tmp_path / "saved")
    again = pl.Session.load(tmp_path / "saved", encoder=encoder)
    assert marks(again) == before
    assert again.colours == session.colours
    again.add_class("white")
    assert again.marks.key("white") not in {key for key, _ in before.values()}


@pytest.mark.parametrize(
    "state", [7, [], [[0, None]] * 3, [[0, None], [1, None], [-1, None]],
              [[0, None], [1, "red"], [2, None]], [[0, None], [1, None], 2],
              [[0, None], [1, None], [10**9, None]]],
)  # fmt: skip
def test_marks_of_a_stranger_are_checked(session, state):
    before = marks(session)
    with pytest.raises(pl.InputError):
        session.marks.restore(state)
    assert marks(session) == before


def test_exports_replays_plots_and_reopened_datasets_have_the_colours_of_the_session(
    session, encoder, tmp_path
):
    session.move_class("blue", 0)
    session.set_colour("green", "#123456")
    folder = session.export(tmp_path / "out").folder
    page = (folder / "replay.html").read_text("utf-8")
    assert f'"colours": {json.dumps(list(session.colours))}' in page
    again = pl.Session.load(folder, encoder=encoder)
    assert (again.names, again.colours) == (session.names, session.colours)
    assert again.marks.is_chosen("green")
    bars = plots.plot_counts(session.names, session.labels.counts, colours=session.colours)
    painted = [bar.get_facecolor()[:3] for bar in bars.axes[0].patches]
    assert np.allclose(np.array(painted) * 255, [rgb(colour) for colour in session.colours])
    for colours in (session.colours[:2], ["red", "blue", "green"]):
        with pytest.raises(pl.InputError, match="colour"):
            plots.plot_counts(session.names, session.labels.counts, colours=colours)

"""The slider, its live count, and the list of groups that fit no name."""

from __future__ import annotations

import numpy as np
import pytest

from protolabel.common.progress import silent
from protolabel.session.session import Session
from protolabel.widgets.follower import follower_of
from protolabel.widgets.panels.gallery import GalleryPanel
from protolabel.widgets.panels.none_of_these import NonePanel
from protolabel.widgets.studio import Studio


@pytest.fixture
def session(make_images, encoder, tmp_path):
    root = make_images({"red": 10, "green": 10, "blue": 8})
    made = Session(root, ["red", "green"], encoder=encoder, store=tmp_path / "s", progress=silent)
    yield made
    follower = follower_of(made)
    follower.wait(120)
    follower.close()


def test_the_count_follows_the_slider_before_anything_is_set_aside(session, settle):
    panel = NonePanel(session)
    settle(panel)
    assert not panel.on.value
    for strictness in (0.0, 0.5, 0.9):
        panel.strictness.value = strictness
        assert f"<b>{session.fit.count_at(strictness)}</b> of 28 would be" in panel.count.value
    assert session.none_of_these is None
    assert not session.labels.unfit.any()


def test_switch_and_slider_set_the_trait_and_follow_it(session, settle):
    panel = NonePanel(session)
    settle(panel)
    panel.on.value = True
    assert session.none_of_these == 0.5
    panel.strictness.value = 0.4
    assert session.none_of_these == 0.4
    settle(panel)
    assert f"<b>{panel.follower.labels.unfit.sum()}</b> of 28 are set aside" in panel.count.value
    assert panel.follower.labels.unfit.sum() == 8
    session.none_of_these = 0.7
    assert panel.strictness.value == 0.7
    session.none_of_these = None
    assert not panel.on.value
    settle(panel)
    assert not panel.follower.labels.unfit.any()
    assert panel.follower.problem == ""


def test_moving_the_slider_forgets_no_run(session, settle):
    panel = NonePanel(session)
    settle(panel)
    session.temperature = 0.2
    settle(panel)
    before = [run.number for run in session.runs]
    panel.on.value = True
    for strictness in (0.3, 0.4, 0.6):
        panel.strictness.value = strictness
        settle(panel)
    assert [run.number for run in session.runs] == before


def test_what_fits_no_name_can_be_looked_at(session, settle):
    panel = NonePanel(session)
    settle(panel)
    panel.look.click()
    chosen = np.array(panel.follower.selection)
    np.testing.assert_array_equal(chosen, np.flatnonzero(session.fit.unfit(0.5)))
    panel.strictness.value = 0.0
    assert panel.look.disabled


def test_groups_without_a_name_are_listed_with_words_that_cannot_harm(session, settle):
    panel = NonePanel(session)
    settle(panel)
    assert "8 images, for now" in panel.missing.value
    evil = "<img src=x onerror=alert(1)> blue"
    session.vocabulary = [evil, "yellow"]
    settle(panel)
    assert "blue" in panel.missing.value
    assert "<img" not in panel.missing.value
    session.add_class("blue")
    settle(panel)
    assert panel.missing.value == ""


def test_a_change_that_measures_again_shows_no_old_count(session, settle):
    panel = NonePanel(session)
    settle(panel)
    with panel.follower.drawing:  # what follows cannot be drawn yet
        session.temperature = 0.3
        assert "of 28" not in panel.count.value
    settle(panel)
    assert "of 28" in panel.count.value


def test_the_gallery_marks_what_is_set_aside_until_somebody_says_what_it_is(session, settle):
    session.none_of_these = 0.5
    panel = GalleryPanel(session)
    settle(panel)
    unfit = panel.follower.labels.unfit
    assert unfit.sum() == 8
    assert {one["id"] for one in panel.grid.tiles if one["unfit"]} == set(np.flatnonzero(unfit))
    assert all((one["note"] == "set aside") == one["unfit"] for one in panel.grid.tiles)
    panel.follower.iteration = 0  # looking at another step sets nobody aside anew
    settle(panel)
    assert sum(one["unfit"] for one in panel.grid.tiles) == unfit.sum()
    first = int(np.flatnonzero(unfit)[0])
    panel.relabel([first], 1)
    panel.show.value = "pinned"
    settle(panel)
    assert [(one["id"], one["unfit"]) for one in panel.grid.tiles] == [(first, False)]
    assert [one["note"] for one in panel.grid.tiles] == ["fixed"]


def test_the_studio_turns_to_what_fits_no_name(session, settle):
    studio = Studio(session)
    settle(studio.gallery)
    studio.tabs.selected_index = 3
    studio.none.look.click()
    chosen = np.flatnonzero(session.fit.unfit(0.5)).tolist()
    assert studio.tabs.selected_index == 0
    assert studio.gallery.show.value == "selection"
    assert studio.map.selected.tolist() == chosen
    studio.tabs.selected_index, studio.gallery.show.value = 3, "doubt"
    studio.none.look.click()  # the same once more
    assert (studio.tabs.selected_index, studio.gallery.show.value) == (0, "selection")
    settle(studio.gallery)


def test_a_group_is_shown_named_and_added_as_a_class(session, settle):
    panel = NonePanel(session)
    settle(panel)
    panel.words.value = "blue, yellow,"
    assert session.vocabulary == ("blue", "yellow")
    settle(panel)
    field, add, look, pictures = panel.groups.children[0].children
    assert field.value == "blue"
    assert pictures.value[:2] == b"\xff\xd8"
    look.click()
    files = session.embeddings.images.names
    assert {files[i].split("/")[0] for i in panel.follower.selection} == {"blue"}
    add.click()
    assert session.names == ("red", "green", "blue")
    assert "blue is a class now" in panel.status.value
    session.vocabulary = None
    assert panel.words.value == ""
    settle(panel)

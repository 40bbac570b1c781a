"""Begin without classes: groups, words to click, merge, rename, leave, coarse to fine."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

import protolabel as pl
from protolabel.common.progress import silent
from protolabel.widgets.follower import follower_of
from protolabel.widgets.panels.names import NamesPanel
from protolabel.widgets.studio import Studio

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from host import Host

ANIMALS = ["dog", "cat", "giraffe"]


@pytest.fixture(scope="module")
def drawings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("names") / "drawings"
    pl.write_sample_pictures(folder, classes=ANIMALS, per_class=10)
    return folder


@pytest.fixture
def session(drawings: Path, tmp_path: Path) -> Iterator[pl.Session]:
    made = pl.Session(drawings, encoder="sample", store=tmp_path / "store", progress=silent)
    yield made
    follower = follower_of(made)
    follower.wait(120)
    follower.close()


def listed(panel: NamesPanel) -> dict[str, dict[str, Any]]:
    return {group["name"]: group for group in panel.list.groups}


def say(panel: NamesPanel, settle: Callable[..., None], **message: Any) -> None:
    panel.list._handle_custom_msg(message, [])
    settle(panel)


def test_a_session_without_classes_lists_names_at_once(session, settle):
    panel = NamesPanel(session)
    settle(panel)
    assert set(listed(panel)) == set(ANIMALS)
    dog = listed(panel)["dog"]
    assert dog["words"][0] == "dog"
    assert dog["pictures"] == 4
    assert re.fullmatch(r"\d+ images; \d+ % for this name, the rest for other words", dog["note"])
    assert panel.list.sheet.startswith(b"\xff\xd8")
    assert panel.list.note == "3 groups"
    assert session.names == ()


def test_take_all_makes_classes_and_labels_follow(session, settle):
    panel = NamesPanel(session)
    settle(panel)
    say(panel, settle, take_all=[group["id"] for group in panel.list.groups])
    assert set(session.names) == set(ANIMALS)
    assert panel.list.groups == []
    assert len(panel.follower.labels) == 30
    assert "3 classes added" in panel.status.value


def test_merged_groups_have_the_name_of_the_largest_and_the_others_as_synonyms(session, settle):
    panel = NamesPanel(session)
    settle(panel)
    ids = [group["id"] for group in panel.list.groups[1:]]
    names = [group["name"] for group in panel.list.groups[1:]]
    say(panel, settle, merge=ids)
    assert len(panel.list.groups) == 2
    merged = panel.list.groups[1]
    assert merged["name"] == names[0]
    assert merged["words"][:2] == names
    say(panel, settle, take=merged["id"], name=merged["name"])
    assert session.names == (names[0],)
    assert session.classes.synonyms[0] == tuple(names)


def test_rename_and_leave(session, settle):
    panel = NamesPanel(session)
    settle(panel)
    first, second, third = panel.list.groups
    say(panel, settle, rename=first["id"], name="kitty")
    say(panel, settle, leave=second["id"])
    assert [group["name"] for group in panel.list.groups] == ["kitty", third["name"]]
    say(panel, settle, take_all=[group["id"] for group in panel.list.groups])
    assert session.names == ("kitty", third["name"])


def test_the_slider_goes_from_coarse_to_fine(session, settle):
    panel = NamesPanel(session)
    settle(panel)
    assert panel.list.counts[panel.list.level] == session.name_tree.best
    panel.list.level = len(panel.list.counts) - 1
    settle(panel)
    assert len(panel.list.groups) > 3
    panel.list.level = 0
    settle(panel)
    assert len(panel.list.groups) <= 2


def test_a_click_on_a_list_that_is_gone_takes_no_group_of_the_new_one(session, settle):
    panel = NamesPanel(session)
    settle(panel)
    shown = [group["id"] for group in panel.list.groups]
    panel.list.level = len(panel.list.counts) - 1  # the page still shows the list before
    settle(panel)
    for said in ({"take": shown[0], "name": "dog"}, {"take_all": shown}, {"merge": shown[:2]}):
        say(panel, settle, **said)
        assert "one that is gone: look again" in panel.status.value
    assert session.names == ()


def test_beside_classes_groups_that_fit_none_are_named(session, settle):
    session.classes = ["dog", "cat"]
    panel = NamesPanel(session)
    settle(panel)
    assert panel.list.groups == []  # nothing unasked
    panel.missing.click()
    settle(panel)
    group = next(one for one in panel.list.groups if "giraffe" in one["words"])
    assert "fit none of your names" in group["note"]
    say(panel, settle, take=group["id"], name="giraffe")
    assert session.names == ("dog", "cat", "giraffe")


def test_a_group_without_a_name_cannot_be_taken(session, settle):
    panel = NamesPanel(session)
    settle(panel)
    say(panel, settle, take=panel.list.groups[0]["id"], name=" ")
    assert "click a word" in panel.status.value
    assert session.names == ()


def test_the_studio_of_a_session_without_classes_opens_with_names(session, settle):
    studio = Studio(session)
    settle(studio)
    assert studio.tabs.titles[studio.tabs.selected_index] == "Names"
    say(studio.names, settle, take_all=[group["id"] for group in studio.names.list.groups])
    assert set(session.names) == set(ANIMALS)
    assert studio.follower.problem == ""
    assert len(studio.classes.rows) == 3
    studio.close()


def test_a_mouse_alone_goes_from_nothing_to_labels(
    session: pl.Session, settle: Callable[..., None], show: Callable[..., Host]
) -> None:
    panel = NamesPanel(session)
    settle(panel)
    host = show(panel.list)
    page = host.page

    def click(selector: str) -> None:
        page.locator(selector).first.click()
        host.settle()
        settle(panel)
        host.settle()

    assert page.locator(".pls-name-group").count() == 3
    assert page.locator(".pls-name-picture").count() == 12
    # finer, by a click at the right end of the slider, and back to the level before
    level = panel.list.level
    box = page.locator(".pls-level").bounding_box()
    page.mouse.click(box["x"] + box["width"] - 3, box["y"] + box["height"] / 2)
    host.settle()  # the click has arrived
    settle(panel)
    host.settle()
    assert panel.list.level > level
    assert page.locator(".pls-name-group").count() > 3
    panel.list.level = level
    host.settle()  # the click has arrived
    settle(panel)
    host.settle()
    # another word, then its own again
    group = page.locator(".pls-name-group").first
    own, other = group.locator(".pls-name-word").nth(0), group.locator(".pls-name-word").nth(1)
    name, word = own.inner_text(), other.inner_text()
    other.click()
    host.settle()  # the click has arrived
    settle(panel)
    host.settle()
    assert group.locator(".pls-name-field").input_value() == word
    group.locator(".pls-name-word", has_text=name).click()
    host.settle()  # the click has arrived
    settle(panel)
    host.settle()
    # one group by itself, the others at once
    click(".pls-take")
    assert session.names == (name,)
    click(".pls-take-all")
    assert set(session.names) == set(ANIMALS)
    assert len(session.labels) == 30
    assert page.locator(".pls-name-group").count() == 0


def test_a_mouse_merges_and_leaves_groups(
    session: pl.Session, settle: Callable[..., None], show: Callable[..., Host]
) -> None:
    panel = NamesPanel(session)
    settle(panel)
    page = (host := show(panel.list)).page
    assert page.locator(".pls-merge").is_disabled()
    for place in (0, 1):
        page.locator(".pls-name-group input[type=checkbox]").nth(place).check()
    page.locator(".pls-merge").click()
    host.settle()  # the click has arrived
    settle(panel)
    host.settle()
    assert page.locator(".pls-name-group").count() == 2
    page.locator(".pls-leave").nth(1).click()
    host.settle()  # the click has arrived
    settle(panel)
    host.settle()
    assert page.locator(".pls-name-group").count() == 1


def test_the_list_has_names_for_a_screen_reader(
    session: pl.Session, settle: Callable[..., None], show: Callable[..., Host]
) -> None:
    from host import serious

    panel = NamesPanel(session)
    settle(panel)
    assert serious(show(panel.list).page) == []

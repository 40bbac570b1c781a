"""The gallery in the hands of somebody quick: every key is about the picture that was shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from host import devtools_port
from quick_hand import many_pictures, type_labels

from protolabel.widgets.follower import follower_of
from protolabel.widgets.panels.gallery import PAGE, GalleryPanel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from host import Host


@pytest.fixture
def gallery(tmp_path: Path) -> Iterator[GalleryPanel]:
    session = many_pictures(tmp_path, 600)
    panel = GalleryPanel(session)
    assert panel.follower.wait(120)
    yield panel
    follower_of(session).wait(120)
    session.close()


def press(host: Host, name: str) -> None:
    """Press a button of the gallery."""
    host.page.get_by_role("button", name=name).click()
    host.settle()


def test_every_key_goes_to_the_picture_that_was_shown(
    gallery: GalleryPanel, show: Callable[..., Host], profile: Path
) -> None:
    session, host = gallery.session, show(gallery.grid)
    order = [tile["name"] for tile in gallery.grid.tiles]
    meant = type_labels(host, devtools_port(profile), count=3 * PAGE, rate=10)
    assert gallery.follower.wait(120)
    host.settle()
    assert len(meant) == 3 * PAGE  # three pages, no picture twice
    assert list(meant)[:PAGE] == order  # which stood still
    assert dict(session.pins) == meant
    assert len(session.corrections) == 3 * PAGE  # none was overwritten


def test_enter_confirms_what_is_shown_and_the_labels_are_said_at_once(
    gallery: GalleryPanel, show: Callable[..., Host]
) -> None:
    session, host = gallery.session, show(gallery.grid)
    shown = {tile["name"]: tile["text"] for tile in gallery.grid.tiles[:3]}
    host.page.locator(".pls-grid").focus()
    host.page.keyboard.press("Home")
    for _ in range(3):
        host.page.keyboard.press("Enter")
    host.flush()
    assert dict(session.pins) == shown
    assert host.page.locator(".pls-fixed").count() == 3
    assert gallery.follower.wait(120)
    host.settle()
    assert host.page.locator(".pls-fixed").count() == 3  # and stay where they are
    host.page.keyboard.press("z")
    host.flush()
    assert len(session.pins) == 2


def test_a_screen_reader_hears_what_a_key_did_and_where_the_focus_is(
    gallery: GalleryPanel, show: Callable[..., Host]
) -> None:
    host = show(gallery.grid)
    page, press = host.page, host.page.keyboard.press
    first, second, third = gallery.grid.tiles[:3]
    said = page.locator(".pls-pictures > .pls-unseen")
    assert said.get_attribute("role") == "status"
    assert page.get_by_role("option").first.get_attribute("aria-label") == (
        f"{first['name']}: {first['text']} {first['note']}"
    )
    grid = page.get_by_role("listbox")
    grid.focus()
    press("Home")
    press("3")
    assert said.inner_text() == f"{first['name']} labelled owl"
    here = grid.get_attribute("aria-activedescendant")
    assert page.locator(f"#{here}").get_attribute("aria-label").startswith(second["name"])
    press("Enter")
    assert said.inner_text() == f"{second['name']} confirmed as {second['text']}"
    press("0")
    assert said.inner_text() == f"{third['name']} left to the loop"
    press("z")
    assert said.inner_text() == "The last correction is taken back"
    press("y")
    assert said.inner_text() == "The correction is made again"
    press("Home")
    press("Shift+ArrowRight")
    press("2")
    assert said.inner_text() == "2 pictures labelled cat"
    press("Space")  # behind an open dialog the page is silent
    press("1")
    assert page.locator("dialog .pls-unseen").inner_text().endswith("labelled dog")
    host.settle()


def test_the_order_stands_still_until_it_is_asked_for(gallery: GalleryPanel, settle: Any) -> None:
    settle(gallery)
    before = [tile["id"] for tile in gallery.grid.tiles]
    gallery.relabel(before[:5], 2)
    settle(gallery)
    assert [tile["id"] for tile in gallery.grid.tiles] == before
    assert gallery.outdated.layout.visibility is None
    gallery.sort.click()
    settle(gallery)
    after = [tile["id"] for tile in gallery.grid.tiles]
    assert not set(before[:5]) & set(after)
    assert gallery.outdated.layout.visibility == "hidden"
    gallery.session.temperature = 0.2  # nobody labels: the list follows
    settle(gallery)
    first = gallery.session.next_to_correct(PAGE).tolist()
    assert [t["id"] for t in gallery.grid.tiles] == first


def test_the_gallery_is_filtered_and_sorted(gallery: GalleryPanel, settle: Any) -> None:
    gallery.show.value, gallery.part.value = "every", "0005"
    settle(gallery)
    names = [f"{i:05d}.png" for i in (5, *range(50, 60))]
    assert [tile["name"] for tile in gallery.grid.tiles] == names
    gallery.sort_by.value = "low"
    settle(gallery)
    sure = gallery.follower.labels.agreement[[tile["id"] for tile in gallery.grid.tiles]]
    assert (np.diff(sure) >= 0).all()
    captions = [int(tile["note"].rstrip("%")) for tile in gallery.grid.tiles]
    assert captions == sorted(captions)  # what is read ascends as well
    gallery.session.pin([5, 50], "dog")
    gallery.open_only.value = True
    settle(gallery)
    assert {tile["id"] for tile in gallery.grid.tiles} == set(range(51, 60))
    gallery.part.value = "no such name"
    settle(gallery)
    assert "No picture passes the filter" in gallery.count.value


def test_a_whole_list_is_relabelled_in_one_step_and_undone_in_one(
    gallery: GalleryPanel, show: Callable[..., Host], settle: Any
) -> None:
    session, host = gallery.session, show(gallery.grid)
    gallery.show.value, gallery.of_class.value = "class", 1
    settle(gallery)
    host.settle()
    cats = np.flatnonzero(gallery.follower.labels.label == 1)
    assert len(cats) > PAGE
    host.page.locator(".pls-grid").focus()
    host.page.keyboard.press("Shift+A")
    host.settle()
    assert f"{len(cats)} pictures chosen, on all pages" in gallery.status.value
    host.page.keyboard.press("4")
    host.settle()
    assert set(session.pins.values()) == {"fox"}
    assert len(session.pins) == len(cats)
    assert f"{len(cats)} pictures fixed as fox" in gallery.status.value
    press(host, "Undo")
    assert len(session.pins) == 0
    press(host, "Redo")
    assert len(session.pins) == len(cats)
    press(host, "Undo")
    settle(gallery)
    host.settle()
    press(host, f"Choose all {len(cats)}")  # the same with the mouse: all of them are right
    press(host, "Confirm")
    assert set(session.pins.values()) == {"cat"}
    assert len(session.pins) == len(cats)


def test_a_key_after_another_choice_is_not_about_the_whole_list(
    gallery: GalleryPanel, show: Callable[..., Host], settle: Any
) -> None:
    host = show(gallery.grid)
    gallery.show.value = "every"
    settle(gallery)
    host.settle()
    host.page.locator(".pls-grid").focus()
    host.page.keyboard.press("Shift+A")
    host.settle()
    host.page.keyboard.press("ArrowRight")
    host.page.keyboard.press("2")
    host.settle()
    assert len(gallery.session.pins) == 1


def test_a_large_picture_opens_with_what_is_known_and_moves_and_labels_by_keys(
    gallery: GalleryPanel, show: Callable[..., Host], settle: Any
) -> None:
    session, host = gallery.session, show(gallery.grid)
    page, press = host.page, host.page.keyboard.press
    first, second = gallery.grid.tiles[:2]
    page.locator(".pls-grid").focus()
    press("Home")
    press(" ")
    sheet = page.locator("dialog.pls-large")

    def name() -> str:
        host.settle()
        assert gallery.jobs.wait()
        host.settle()
        return str(sheet.locator(".pls-large-name").inner_text())

    assert name() == first["name"]
    assert str(session.embeddings.images.path(first["id"])) in sheet.inner_text()
    voters = sheet.locator("th").all_inner_texts()
    assert voters[:3] == ["Name", "Prototype", "Nearest pictures"]
    assert sheet.locator(".pls-large-small").count() == 8
    press("ArrowRight")
    assert name() == second["name"]
    press("ArrowLeft")
    press("3")  # label it, and the next one is up
    assert name() == second["name"]
    assert dict(session.pins) == {first["name"]: "owl"}
    shown = sheet.locator(".pls-large-label b").inner_text()
    press("Enter")
    assert session.pins[second["name"]] == shown
    press("z")
    host.settle()
    assert second["name"] not in session.pins
    assert first["id"] in gallery.follower.seen
    press("Escape")
    host.settle()
    assert not sheet.is_visible()
    assert page.evaluate("document.activeElement.className") == "pls-grid"
    tile = page.locator(".pls-tile").nth(5)
    tile.click()
    tile.click()
    host.settle()
    assert sheet.is_visible()
    press(" ")
    assert not sheet.is_visible()


def test_a_class_is_found_by_a_few_letters(
    gallery: GalleryPanel, show: Callable[..., Host], settle: Any
) -> None:
    session, host = gallery.session, show(gallery.grid)
    page = host.page
    first = gallery.grid.tiles[0]["name"]
    page.locator(".pls-grid").focus()
    page.keyboard.press("Home")
    page.keyboard.press("c")
    page.keyboard.type("ow")
    assert page.locator(".pls-pick-line").all_inner_texts()[0].startswith("owl")
    page.keyboard.press("Enter")
    host.settle()
    assert dict(session.pins) == {first: "owl"}
    page.keyboard.press("2")  # the keys are those of the pictures again
    host.settle()
    assert len(session.pins) == 2
    page.keyboard.press("c")
    page.keyboard.press("Escape")
    assert page.locator(".pls-pick").count() == 0
    assert page.evaluate("document.activeElement.className") == "pls-grid"


def test_tiles_grow_and_the_list_is_filtered_by_pair_agreement_and_what_was_seen(
    gallery: GalleryPanel, settle: Any
) -> None:
    gallery.size.value = 200
    assert gallery.grid.size == 200
    labels = gallery.follower.labels
    gallery.show.value = "every"
    gallery.choice.label.value, gallery.choice.other.value = "dog", "cat"
    settle(gallery)
    pair = np.flatnonzero((labels.label == 0) & (labels.runner_up == 1))
    assert gallery._order.tolist() == pair.tolist()
    gallery.choice.label.value = gallery.choice.other.value = None
    gallery.choice.agreement.value = (0, 60)
    settle(gallery)
    assert gallery._order.tolist() == np.flatnonzero(labels.agreement <= 0.6).tolist()
    gallery.choice.agreement.value = (0, 100)
    gallery.forth.click()  # a page that was turned was looked at
    settle(gallery)
    gallery.choice.unseen.value = True
    settle(gallery)
    assert gallery._order.tolist() == list(range(PAGE, 600))
    gallery.choice.unseen.value, gallery.sort_by.value = False, "pair"
    settle(gallery)
    pairs = list(zip(labels.label[gallery._order], labels.runner_up[gallery._order], strict=True))
    assert pairs == sorted(pairs)


def test_more_like_this_lists_the_nearest_vectors_first(gallery: GalleryPanel, settle: Any) -> None:
    gallery._on_message(None, {"alike": 7}, [])
    settle(gallery)
    unit = gallery.session.embeddings.unit
    assert gallery.show.value == "alike"
    assert [t["id"] for t in gallery.grid.tiles] == np.argsort(-(unit @ unit[7]))[:PAGE].tolist()
    assert "00007.png" in gallery.count.value
    gallery.words.value = "a red sofa"  # these vectors have no encoder
    settle(gallery)
    assert "encoder" in gallery.status.value
    assert gallery.show.value == "alike"

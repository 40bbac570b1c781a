"""A click acts on what the page shows, also while the kernel has not caught up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ipywidgets as ipw
import pytest
from quick_hand import many_pictures

from protolabel.widgets.page_button import PageButton, PageColour
from protolabel.widgets.panels.classes import ClassesPanel
from protolabel.widgets.panels.gallery import GalleryPanel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from host import Host


def test_a_click_brings_what_the_page_shows(show: Callable[..., Host]) -> None:
    field = ipw.Text("pan")
    button = PageButton((field, "value"), description="Add")
    said: list[str] = []
    button.on_click(lambda _: said.append(field.value))
    host = show(button, others={field.model_id: "panda"})
    host.page.get_by_role("button", name="Add").click()
    assert said == ["panda"]
    button.click()  # from a cell, with what the kernel knows
    assert said == ["panda", "panda"]


def test_the_text_follows_the_page_and_hides_where_there_is_nothing_to_do(
    show: Callable[..., Host],
) -> None:
    slider = ipw.IntSlider(2, max=3)
    texts = ["Keep zero-shot", "Keep iteration 1", "Keep iteration 2", ""]
    button = PageButton((slider, "value"), description=texts[2], texts=texts)
    kept: list[int] = []
    button.on_click(lambda _: kept.append(slider.value))
    host = show(button, others={slider.model_id: 0})
    shown = host.page.locator("button")
    assert shown.inner_text() == "Keep zero-shot"
    shown.click()
    assert kept == [0]
    host.page.evaluate("(id) => others[id].show(3)", slider.model_id)
    assert host.page.locator(".pls-gone").count() == 1
    host.page.evaluate("(id) => others[id].show(1)", slider.model_id)
    shown.click()
    assert kept == [0, 1]


def test_a_page_that_knows_no_other_widgets_leaves_it_to_the_kernel(
    show: Callable[..., Host],
) -> None:
    slider = ipw.IntSlider(2, max=3)
    button = PageButton((slider, "value"), description="Keep iteration 2", texts=["", "", "x"])
    kept: list[int] = []
    button.on_click(lambda _: kept.append(slider.value))
    host = show(button)
    host.page.get_by_role("button", name="Keep iteration 2").click()
    assert kept == [2]


def test_a_colour_goes_to_the_class_that_the_page_shows(
    session: Any, show: Callable[..., Host]
) -> None:
    panel = ClassesPanel(session)
    host = show(panel.colour, others={panel.which.model_id: 2})  # the kernel still has the first
    red, _, blue = (session.marks.colour(name) for name in session.names)
    assert isinstance(panel.colour, PageColour)
    field = host.page.locator("input[type=color]")
    field.evaluate("(e) => { e.value = '#804020'; e.dispatchEvent(new Event('change')); }")
    assert session.marks.colour("blue") != blue
    assert session.marks.colour("red") == red


@pytest.fixture
def gallery(tmp_path: Path) -> Iterator[GalleryPanel]:
    made = many_pictures(tmp_path, 120)
    panel = GalleryPanel(made)
    assert panel.follower.wait(120)
    yield panel
    panel.follower.wait(120)
    made.close()


def test_a_button_labels_the_pictures_that_are_marked_though_clicks_overtake_the_choice(
    gallery: GalleryPanel, show: Callable[..., Host]
) -> None:
    session, host = gallery.session, show(gallery.grid)
    tiles, page = gallery.grid.tiles, host.page
    with host.busy():
        for place, name in ((3, "2 cat"), (5, "3 owl")):
            page.locator(".pls-tile").nth(place).click()
            page.get_by_role("button", name=name).click()
        page.locator(".pls-tile").nth(7).click()
        page.locator(".pls-tile").nth(8).click(modifiers=["Control"])
        page.get_by_role("button", name="Confirm").click()
        page.get_by_role("button", name="4 fox").click()  # nothing is marked any more
    wanted = {tiles[3]["name"]: "cat", tiles[5]["name"]: "owl"}
    wanted |= {tiles[place]["name"]: tiles[place]["text"] for place in (7, 8)}
    assert dict(session.pins) == wanted
    assert "Choose one or more pictures first" in gallery.status.value


def test_a_whole_list_is_the_one_that_the_page_shows(
    gallery: GalleryPanel, show: Callable[..., Host], settle: Any
) -> None:
    session = gallery.session
    gallery.show.value, gallery.of_class.value = "class", 1
    settle(gallery)
    cats = gallery._order.tolist()
    host = show(gallery.grid)
    with host.busy():
        host.page.locator(".pls-grid").focus()
        host.page.keyboard.press("Shift+A")
        gallery.of_class.value = 2  # the kernel is at another list, which is not on the page yet
        settle(gallery)
        host.page.keyboard.press("1")
    files = session.embeddings.images.names
    assert dict(session.pins) == {files[image]: "dog" for image in cats}


def test_a_list_that_is_long_gone_is_not_acted_on(
    gallery: GalleryPanel, show: Callable[..., Host], settle: Any
) -> None:
    host = show(gallery.grid)
    with host.busy():
        host.page.locator(".pls-grid").focus()
        host.page.keyboard.press("Shift+A")
        for _ in range(4):
            for kind in ("every", "doubt"):
                gallery.show.value = kind
                settle(gallery)
        host.page.keyboard.press("1")
    assert len(gallery.session.pins) == 0
    assert "The list has changed meanwhile" in gallery.status.value


def test_what_a_person_fixed_stays_when_a_whole_list_is_confirmed(
    gallery: GalleryPanel, show: Callable[..., Host], settle: Any
) -> None:
    session = gallery.session
    gallery.show.value = "every"
    settle(gallery)
    first = gallery._order[0]
    other = next(name for name in session.names if name != gallery.grid.tiles[0]["text"])
    host = show(gallery.grid)
    session.pin(int(first), other)  # its tile says so, before the labels follow
    host.page.locator(".pls-grid").focus()
    host.page.keyboard.press("Shift+A")
    host.page.keyboard.press("Enter")
    host.settle()
    assert session.pins[session.embeddings.images.names[first]] == other
    assert len(session.pins) == 120

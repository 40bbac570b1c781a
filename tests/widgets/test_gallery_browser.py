"""The gallery in the hands of somebody quick: every key is about the picture that was shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
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


def test_every_key_goes_to_the_picture_that_was_shown(
    gallery: GalleryPanel, show: Callable[..., Host]
) -> None:
    session, host = gallery.session, show(gallery.grid)
    order = [tile["name"] for tile in gallery.grid.tiles]
    meant = type_labels(host, keys=3 * PAGE, pause=0.04)
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
    gallery.session.pin([5, 50], "dog")
    gallery.open_only.value = True
    settle(gallery)
    assert {tile["id"] for tile in gallery.grid.tiles} == set(range(51, 60))
    gallery.part.value = "no such name"
    settle(gallery)
    assert "No picture passes the filter" in gallery.count.value

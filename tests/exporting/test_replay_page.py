"""The replay page in a browser, on a desk and on a phone; its names are hostile."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image
from worlds import clustered_world

from protolabel.clustering.projection import place_prototypes, project
from protolabel.common.progress import silent
from protolabel.exporting.writers.replay import write_replay
from protolabel.images import ImageSet
from protolabel.refinement.labels import label
from protolabel.refinement.loop import refine

sys.path.insert(0, str(Path(__file__).parents[1] / "widgets"))
from host import CHROMIUM, FLAGS, require_browser, serious  # isort: skip

if TYPE_CHECKING:
    from collections.abc import Iterator

HURT = '<img src=x onerror="window.hurt=1">'
CLASSES = (
    f"</script>{HURT}",
    "'\"><svg onload=window.hurt=1>",
    "javascript:alert(1) \u202edog",
)
FILES = (
    f"{HURT}.png".replace("/", ""),
    "'\"><b onmouseover=window.hurt=1>.png",
    "new\nline & \u202egnp.png",
    "\udcff\udcfe not text.png",
    "x" * 180 + ".png",
)
PHONE = {
    "viewport": {"width": 360, "height": 740},
    "device_scale_factor": 2,
    "has_touch": True,
    "is_mobile": True,
}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A run over real files, with names of every unpleasant kind."""
    world, graph, clusters = clustered_world()
    names = (*CLASSES, *world.classes.names[3:])
    classes = type(world.classes)(names, world.classes.vectors)
    run = refine(
        world.vectors, classes, clusters, graph=graph, progress=silent, iterations=3,
        temperature=float(np.float32(0.1)) - 1e-9,
    )  # fmt: skip
    root = tmp_path_factory.mktemp("photos")
    n = len(world.truth)
    files = (*FILES, *(f"img{i:03d}.png" for i in range(len(FILES), n)))
    for i, name in enumerate(files):
        Image.new("RGB", (60, 40), (i % 256, 90, 160)).save(root / name)
    xy = project(world.vectors, method="pca")
    path = root.parent / "replay.html"
    write_replay(path, label(run, 3), ImageSet(root, files), xy,
                 place_prototypes(run, world.vectors, xy))  # fmt: skip
    return {"path": path, "names": names, "files": files, "xy": xy.astype(float)}


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    require_browser()
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture
def visit(chromium: Any, world: dict[str, Any]) -> Iterator[Any]:
    """A function: open the page on some device, where no error and no request may happen."""
    opened: list[tuple[Any, list[str]]] = []

    def go(**device: Any) -> Any:
        context = chromium.new_context(reduced_motion="reduce", **device)
        page = context.new_page()
        errors: list[str] = []
        opened.append((context, errors))
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda m: errors.append(m.text) if m.type == "error" else None)
        page.on("request", lambda r: None if r.url.startswith(("file:", "blob:", "data:"))
                else errors.append(r.url))  # fmt: skip
        page.errors = errors
        page.goto(world["path"].as_uri())
        page.wait_for_selector(".pl-map[data-view]")
        page.wait_for_timeout(200)
        return page

    yield go
    for context, errors in opened:
        context.close()
        assert errors == []


def spot(page: Any, world: dict[str, Any], index: int) -> tuple[float, float]:
    """Where an image is on the page."""
    k, x, y = map(float, page.locator(".pl-map").get_attribute("data-view").split())
    xy = world["xy"]
    side = np.ptp(xy, axis=0).max()
    box = page.locator(".pl-stage").bounding_box()
    return (
        (xy[index, 0] - xy[:, 0].min()) / side * k + x + box["x"],
        (xy[:, 1].max() - xy[index, 1]) / side * k + y + box["y"],
    )


def alone(world: dict[str, Any]) -> int:
    """The image that is farthest from its nearest neighbour."""
    apart = np.hypot(*(world["xy"][:, None] - world["xy"][None]).T)
    np.fill_diagonal(apart, np.inf)
    return int(apart.min(axis=0).argmax())


def test_a_tap_shows_the_picture_and_a_second_one_selects(visit: Any, world: dict) -> None:
    page, i = visit(**PHONE), alone(world)
    page.touchscreen.tap(*spot(page, world, i))
    page.wait_for_timeout(250)
    card = page.locator(".pl-card")
    assert card.is_visible()
    canvas = page.locator(".pl-card canvas")
    assert canvas.is_visible()
    assert canvas.evaluate("(e) => e.width / e.offsetWidth") >= 2  # sharp on this screen
    assert page.locator(".pl-map").get_attribute("data-selected") == "0"
    box, stage = card.bounding_box(), page.locator(".pl-stage").bounding_box()
    assert box["x"] >= stage["x"]
    assert box["x"] + box["width"] <= stage["x"] + stage["width"]
    page.touchscreen.tap(*spot(page, world, i))
    page.wait_for_timeout(250)
    assert page.locator(".pl-map").get_attribute("data-selected") == "1"
    page.touchscreen.tap(stage["x"] + 5, stage["y"] + 5)
    page.wait_for_timeout(250)
    assert card.is_hidden()


def test_a_swipe_over_the_map_scrolls_the_page(visit: Any) -> None:
    page = visit(**PHONE)
    box = page.locator(".pl-stage").bounding_box()
    before = page.locator(".pl-map").get_attribute("data-view")
    touch = page.context.new_cdp_session(page)
    for step in range(17):
        kind = ("touchStart", *["touchMove"] * 15, "touchEnd")[step]
        finger = {"x": box["x"] + 100, "y": box["y"] + 300 - 12 * step}
        fingers = [] if kind == "touchEnd" else [finger]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": fingers})
        page.wait_for_timeout(16)
    page.wait_for_timeout(200)
    assert page.evaluate("window.scrollY") > 60
    assert page.locator(".pl-map").get_attribute("data-view") == before


@pytest.mark.parametrize("step", [0, 2])
def test_nothing_is_cut_on_a_narrow_screen(visit: Any, step: int) -> None:
    page = visit(**PHONE)
    page.locator("input[type=range]").fill(str(step))
    page.wait_for_timeout(200)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    outside = page.evaluate(
        """() => Array.from(document.querySelectorAll("main *"))
            .filter((e) => e.getClientRects().length && !e.closest(".pl-unseen, canvas"))
            .filter((e) => {
                const box = e.getBoundingClientRect();
                return box.left < -1 || box.right > innerWidth + 1;
            }).map((e) => e.className || e.tagName)"""
    )
    assert outside == []
    within = page.evaluate(
        """() => Array.from(document.querySelectorAll(".pl-bar, .pl-choice, .pl-when, .pl-tools"))
            .filter((e) => e.scrollWidth > e.clientWidth + 1).map((e) => e.className)"""
    )
    assert within == []


def test_numbers_are_rounded(visit: Any) -> None:
    page = visit()
    assert "temperature 0.1 " in page.locator(".pl-settings").inner_text()
    assert not re.search(r"\d\.\d{5,}", page.locator("body").inner_text())


def test_names_are_only_ever_text(visit: Any, world: dict) -> None:
    page = visit()
    shown = page.locator(".pl-entry .pl-label").all_text_contents()
    assert shown == list(world["names"])
    for i in range(len(FILES)):
        page.mouse.move(*spot(page, world, i))
        page.wait_for_timeout(120)
    assert page.locator("main img, main svg:not(.pl-map svg), main b[onmouseover]").count() == 0
    assert page.evaluate("window.hurt") is None


def test_the_policy_of_the_page_stops_what_is_not_its_own(visit: Any) -> None:
    page = visit()
    page.evaluate(
        """() => {
            const script = document.createElement("script");
            script.textContent = "window.hurt = 1";
            document.body.append(script);
            const tag = "<img src='data:,' onerror='window.hurt=2'>";
            document.body.insertAdjacentHTML("beforeend", tag);
        }"""
    )
    page.wait_for_timeout(200)
    assert page.evaluate("window.hurt") is None
    refused = [error for error in page.errors if "Content Security Policy" in error]
    assert len(refused) >= 2
    page.errors.clear()
    policy = page.locator("meta[http-equiv]").get_attribute("content")
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("device", [{}, PHONE], ids=["desk", "phone"])
def test_axe_finds_nothing_serious(visit: Any, scheme: str, device: dict) -> None:
    page = visit(**device, color_scheme=scheme)
    page.locator("input[type=range]").fill("2")
    page.wait_for_timeout(200)
    assert serious(page) == []


def test_the_data_of_the_page_hold_no_tag(world: dict) -> None:
    page = world["path"].read_text("utf-8")
    data = re.search(r'id="data">(.*?)</script>', page, re.DOTALL).group(1)
    assert "<" not in data
    assert json.loads(data)["state"]["names"] == list(world["names"])

"""The ES module of the map in a real browser: what a person does, and what Python hears of it."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

sys.path.insert(0, str(Path(__file__).parent))

from host import serious

from protolabel.browser.atlas import make_atlas
from protolabel.common.palette import class_colours as palette_colours
from protolabel.common.palette import rgb
from protolabel.images import ImageSet
from protolabel.plots import class_colours
from protolabel.widgets.grid import tiles_of
from protolabel.widgets.map_view import MapView

if TYPE_CHECKING:
    from host import Host

NAMES = ["dog", "cat", "owl"]


def grid_view(names: list[str] | None = None, **traits: Any) -> MapView:
    """A grid of 12 x 8 images whose labels shift by one class at each of two iterations."""
    x, y = np.meshgrid(np.arange(12.0), np.arange(8.0))
    xy = np.column_stack([x.ravel(), y.ravel()])
    first = (np.arange(96) % 12) // 4
    table = np.stack([first, (first + 1) % 3, first])
    view = MapView(thumbnail=_picture, caption=lambda i: f"folder/img{i}.png", **traits)
    view.set_points(xy)
    agreement = np.full(table.shape, 0.8)
    view.set_run(table, agreement, names or NAMES)
    return view


def _picture(index: int) -> bytes:
    with io.BytesIO() as file:
        Image.new("RGB", (8, 8), (200, 30, index)).save(file, "PNG")
        return file.getvalue()


def places(host: Host) -> np.ndarray:
    """Where every image is on the page, in CSS pixels."""
    xy = np.frombuffer(host.widget.xy, np.float32).reshape(-1, 2).astype(float)
    k, x, y = map(float, host.data("view").split())
    side = np.ptp(xy, axis=0).max()
    box = host.page.locator(".pl-stage").bounding_box()
    across = (xy[:, 0] - xy[:, 0].min()) / side * k + x + box["x"]
    down = (xy[:, 1].max() - xy[:, 1]) / side * k + y + box["y"]
    return np.column_stack([across, down])


def colour_at(host: Host, index: int) -> tuple[int, ...]:
    box = host.page.locator(".pl-stage").bounding_box()
    x, y = places(host)[index] - (box["x"], box["y"])
    return tuple(
        host.page.evaluate(
            """([x, y]) => Array.from(document.querySelector(".pl-stage canvas").getContext("2d")
                .getImageData(Math.floor(x), Math.floor(y), 1, 1).data.slice(0, 3))""",
            [x, y],
        )
    )


def as_bytes(colour: np.ndarray) -> tuple[int, ...]:
    return tuple(np.rint(255 * np.asarray(colour)).astype(int).tolist())


def inside(polygon: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Even-odd rule, written another way than in the module."""
    result = np.zeros(len(points), dtype=bool)
    for a, b in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
        crosses = (a[1] > points[:, 1]) != (b[1] > points[:, 1])
        with np.errstate(divide="ignore", invalid="ignore"):
            at = (b[0] - a[0]) * (points[:, 1] - a[1]) / (b[1] - a[1]) + a[0]
        result ^= crosses & (points[:, 0] < at)
    return result


def test_points_have_the_palette_of_the_pictures(show: Any) -> None:
    host = show(grid_view(iteration=0))
    colours = class_colours(3)
    for index, label in ((0, 0), (5, 1), (95, 2)):
        assert colour_at(host, index) == as_bytes(colours[label])


def test_an_iteration_set_in_python_recolours_the_map(show: Any) -> None:
    host = show(grid_view())
    host.widget.iteration = 1
    host.settle()
    assert colour_at(host, 0) == as_bytes(class_colours(3)[1])
    assert host.page.locator(".pl-when").inner_text() == "Iteration 1 of 2 · 96 changed"


def test_the_keyboard_steps_plays_and_zooms(show: Any) -> None:
    host = show(grid_view())
    page, view = host.page, host.widget
    page.locator(".pl-stage").focus()
    page.keyboard.press("Home")
    host.settle()
    assert view.iteration == 0
    page.keyboard.press("ArrowRight")
    host.settle()
    assert view.iteration == 1
    before = float(host.data("view").split()[0])
    page.keyboard.press("+")
    host.settle()
    assert float(host.data("view").split()[0]) == pytest.approx(1.5 * before)
    page.keyboard.press("0")
    host.settle()
    assert float(host.data("view").split()[0]) == pytest.approx(before)
    page.keyboard.press("Space")
    assert page.locator(".pl-play").get_attribute("aria-label") is not None
    page.locator(".pl-when", has_text="Iteration 2").wait_for()
    page.wait_for_function("() => document.querySelector('.pl-play').title.startsWith('Play')")
    host.settle()
    assert view.iteration == 2
    assert view.playing is False


@pytest.mark.parametrize(("dx", "dy"), [(380, 0), (-380, -290), (0, 290)])
def test_nobody_loses_sight_of_the_images(show: Any, dx: int, dy: int) -> None:
    host = show(grid_view())
    box = host.page.locator(".pl-stage").bounding_box()
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    for _ in range(6):
        host.page.mouse.move(*middle)
        host.page.mouse.down()
        host.page.mouse.move(middle[0] + dx / 2, middle[1] + dy / 2, steps=4)
        host.page.mouse.up()
    host.settle()
    there = places(host)
    low, size = (box["x"], box["y"]), (box["width"], box["height"])
    within = (there > low) & (there < np.add(low, size))
    assert within.all(axis=1).any()


def test_one_class_is_no_classes(show: Any) -> None:
    view = MapView()
    view.set_points([[0.0, 0.0], [1.0, 1.0]])
    view.set_run([[0, 0]], [[1.0, 1.0]], ["dog"])
    host = show(view)
    assert host.page.locator(".pl-legend").inner_text().startswith("1 class\n")


def test_the_slider_and_the_buttons_write_the_traits(show: Any) -> None:
    host = show(grid_view())
    host.page.locator("input[type=range]").fill("1")
    host.page.get_by_role("button", name="Colour what the iterations changed").click()
    host.settle()
    assert host.widget.iteration == 1
    assert host.widget.color_by == "changed"
    assert colour_at(host, 0) == (0xD5, 0x5E, 0x00)


def test_the_map_writes_an_agreement_as_the_gallery_does(show: Any) -> None:
    view = grid_view()
    agreement = np.resize(np.float32([0.0, 0.004, 0.799, 0.8, 0.805, 0.996, 1.0]), 96)
    first = np.zeros((1, 96), dtype=np.int64)
    view.set_run(first, agreement[None], NAMES)
    host = show(view)
    images = ImageSet(Path(), tuple(f"{i}.png" for i in range(96)))
    none = np.zeros(96, dtype=bool)
    labels: Any = SimpleNamespace(
        names=NAMES, label=first[0], agreement=agreement, pinned=none, unfit=none
    )
    tiles = tiles_of(images, labels, range(7), ["red"] * 3)
    assert [tile["note"] for tile in tiles][-1] == "99\u00a0%"  # never 100 %
    for i, tile in enumerate(tiles):
        host.page.mouse.move(*places(host)[i])
        host.page.wait_for_timeout(150)
        host.settle()
        said = host.page.locator(".pl-facts").inner_text()
        assert said.split("\n")[1] == f"agreement {tile['note']}"


def test_hover_shows_the_picture_and_says_what_it_is(show: Any) -> None:
    host = show(grid_view())
    host.widget.iteration = 1
    host.settle()
    host.page.mouse.move(*places(host)[40])
    host.page.wait_for_timeout(150)
    host.settle()
    card = host.page.locator(".pl-facts").inner_text()
    assert card.split("\n") == ["cat" if (40 % 12) // 4 == 0 else "owl", "agreement 80\u00a0%",
                                "zero-shot: cat", "img40.png"]  # fmt: skip
    assert host.widget.hovered == 40
    pixel = host.page.evaluate(
        """Array.from(document.querySelector(".pl-card canvas").getContext("2d")
            .getImageData(64, 64, 1, 1).data)"""
    )
    assert pixel == [200, 30, 40, 255]
    host.page.mouse.move(5, 5)
    host.page.wait_for_timeout(150)
    assert host.page.locator(".pl-card").is_hidden()
    assert host.widget.hovered == -1


@pytest.mark.parametrize("way", ["tool", "shift"])
def test_a_lasso_selects_what_is_inside_it(show: Any, way: str) -> None:
    host = show(grid_view())
    page = host.page
    if way == "tool":
        page.locator(".pl-stage").focus()
        page.keyboard.press("l")
    else:
        page.keyboard.down("Shift")
    corners = [(300, 120), (480, 100), (520, 330), (400, 240), (280, 350)]
    page.mouse.move(*corners[0])
    page.mouse.down()
    for corner in corners[1:]:
        page.mouse.move(*corner, steps=7)
    page.mouse.up()
    page.keyboard.up("Shift")
    host.settle()
    box = page.locator(".pl-stage").bounding_box()
    drawn = np.array(json.loads(host.data("polygon"))) + np.array([box["x"], box["y"]])
    expected = np.flatnonzero(inside(drawn, places(host)))
    assert 5 < len(expected) < 90
    assert host.widget.selected.tolist() == expected.tolist()
    assert page.locator(".pl-chip").inner_text() == f"{len(expected)} selected"
    page.keyboard.press("Escape")
    host.settle()
    assert host.widget.selected.tolist() == []


def test_a_lasso_keeps_its_corners_when_a_busy_page_merges_the_moves(show: Any) -> None:
    host = show(grid_view())
    page = host.page
    box = page.locator(".pl-stage").bounding_box()
    left, top = box["x"] + 4, box["y"] + 4
    right, bottom = box["x"] + box["width"] - 4, box["y"] + box["height"] - 4
    page.locator(".pl-stage").focus()
    page.keyboard.press("l")
    page.mouse.move(left, top)
    page.mouse.down()
    page.evaluate(
        """corners => {
          const move = ([clientX, clientY], merged) => new PointerEvent("pointermove",
            { pointerId: 1, bubbles: true, clientX, clientY, coalescedEvents: merged });
          const merged = corners.map((corner) => move(corner, []));
          document.querySelector(".pl-stage").dispatchEvent(move(corners.at(-1), merged));
        }""",
        [(right, top), (right, bottom), (left, bottom)],
    )
    page.mouse.up()
    host.settle()
    assert host.widget.selected.tolist() == list(range(96))


def test_clicks_select_one_and_shift_adds(show: Any) -> None:
    host = show(grid_view())
    spots = places(host)
    host.page.mouse.click(*spots[17])
    host.settle()
    assert host.widget.selected.tolist() == [17]
    host.page.keyboard.down("Shift")
    host.page.mouse.click(*spots[3])
    host.page.keyboard.up("Shift")
    host.settle()
    assert host.widget.selected.tolist() == [3, 17]


def test_a_selection_set_in_python_shows(show: Any) -> None:
    host = show(grid_view(iteration=0))
    host.widget.select([0, 95])
    host.settle()
    assert host.data("selected") == "2"
    assert colour_at(host, 0) == as_bytes(class_colours(3)[0])
    assert colour_at(host, 1) != as_bytes(class_colours(3)[0])


def test_the_legend_counts_and_filters(show: Any) -> None:
    host = show(grid_view())
    entries = host.page.locator(".pl-entry")
    assert entries.all_inner_texts() == ["dog\n32", "cat\n32", "owl\n32"]
    entries.first.click()
    host.settle()
    assert host.widget.hidden == [0]
    assert colour_at(host, 0) == (255, 255, 255)
    host.page.mouse.click(*places(host)[0])
    host.settle()
    assert host.widget.selected.tolist() == []
    host.page.get_by_role("button", name="Show every class").click()
    host.settle()
    assert host.widget.hidden == []
    assert colour_at(host, 0) == as_bytes(class_colours(3)[0])


def test_what_is_set_aside_is_a_circle_and_counted(show: Any) -> None:
    host = show(grid_view(iteration=0))
    assert host.page.locator(".pl-hollow").count() == 0
    host.widget.set_unfit([0, 5])
    host.settle()
    assert colour_at(host, 0) == (255, 255, 255)  # its middle
    assert colour_at(host, 1) == as_bytes(class_colours(3)[0])
    assert host.page.locator(".pl-entry").all_inner_texts() == ["dog\n31", "cat\n31", "owl\n32"]
    assert host.page.locator(".pl-key").inner_text() == "2 fit none of these"
    assert "None of these 2." in host.page.locator(".pl-stage").get_attribute("aria-label")
    host.page.mouse.move(*places(host)[5])
    host.page.wait_for_timeout(150)
    host.settle()
    assert "set aside: none of these" in host.page.locator(".pl-facts").inner_text()
    host.widget.color_by = "agreement"  # what the colour says is true of these images too
    host.settle()
    assert colour_at(host, 0) == colour_at(host, 1)
    host.widget.color_by = "label"
    host.widget.set_unfit(np.zeros(96, dtype=bool))
    host.settle()
    assert host.widget.unfit == b""
    assert colour_at(host, 0) == as_bytes(class_colours(3)[0])
    assert host.page.locator(".pl-entry").first.inner_text() == "dog\n32"


def test_dragging_moves_the_map(show: Any) -> None:
    host = show(grid_view())
    before = places(host)
    host.page.mouse.move(330, 60)
    host.page.mouse.down()
    host.page.mouse.move(370, 90, steps=4)
    host.page.mouse.up()
    host.settle()
    assert places(host) == pytest.approx(before + np.array([40, 30]), abs=1.5)


def test_a_hostile_class_name_is_only_text(show: Any) -> None:
    name = '<img src=x onerror="window.hurt=1"></script>'
    host = show(grid_view(names=[name, "cat", "owl"]))
    host.page.mouse.move(*places(host)[0])
    host.page.wait_for_timeout(150)
    host.settle()
    assert host.page.locator(".pl-label").first.text_content() == name
    assert host.page.locator(".pl-map img").count() == 0
    assert host.page.evaluate("window.hurt") is None


def test_dark_theme_and_another_width(show: Any) -> None:
    host = show(grid_view(theme="dark"))
    assert host.data("theme") == "dark"
    assert colour_at(host, 0) != (255, 255, 255)
    host.page.set_viewport_size({"width": 600, "height": 640})
    host.settle()
    spots = places(host)
    assert spots[:, 0].min() > 0
    assert spots[:, 0].max() < 600
    wide = host.page.evaluate("document.documentElement.scrollWidth")
    assert wide <= 600
    host.page.set_viewport_size({"width": 900, "height": 640})


def test_a_theme_change_while_the_page_hides_for_a_moment(show: Any) -> None:
    host = show(grid_view())
    # As JupyterLab does it: hidden when our frame runs, shown again before the next layout.
    host.page.evaluate(
        """() => {
            const place = document.getElementById("host");
            place.style.display = "none";
            document.body.dataset.jpThemeLight = "false";
            return new Promise((done) => queueMicrotask(() => requestAnimationFrame(() => {
                place.style.display = "";
                done();
            })));
        }"""
    )
    host.settle()
    corner = host.page.evaluate(
        """() => Array.from(document.querySelector(".pl-stage canvas").getContext("2d")
            .getImageData(3, 3, 1, 1).data.slice(0, 3)).join(", ")"""
    )
    assert host.data("theme") == "dark"
    style = "(el) => getComputedStyle(el).backgroundColor"
    assert host.page.eval_on_selector(".pl-map", style) == f"rgb({corner})"


def test_new_coordinates_and_no_points_at_all(show: Any) -> None:
    host = show(grid_view(iteration=0))
    xy = np.frombuffer(host.widget.xy, np.float32).reshape(-1, 2)
    host.widget.set_points(xy[::-1])
    host.settle()
    assert colour_at(host, 95) == as_bytes(class_colours(3)[2])
    host.widget.set_points(np.zeros((0, 2)))
    host.settle()
    assert "Waiting" in host.page.locator(".pl-status").inner_text()


def listening(view: MapView) -> list[tuple[Any, list[int]]]:
    """What the map sends, with the images that it is about."""
    heard: list[tuple[Any, list[int]]] = []

    def hear(_: Any, content: Any, buffers: Any) -> None:
        if "thumb" not in content:
            heard.append((content, view.images_in(buffers[0]).tolist() if buffers else []))

    view.on_msg(hear)
    return heard


def test_a_whole_selection_is_relabelled_by_one_key_with_a_way_back(show: Any) -> None:
    view = grid_view(relabels=True)
    heard = listening(view)
    host = show(view)
    page = host.page
    page.locator(".pl-stage").focus()
    view.select(range(40, 65))
    host.settle()
    page.keyboard.press("2")
    host.settle()
    assert heard == [({"relabel": "cat"}, list(range(40, 65)))]
    assert view.selected.tolist() == []
    assert page.locator(".pl-done").inner_text() == "25 images labelled cat"
    page.keyboard.press("3")  # nothing is selected any more
    assert len(heard) == 1
    page.get_by_role("button", name="Undo").click()
    page.locator(".pl-stage").focus()
    page.keyboard.press("y")
    page.keyboard.press("z")
    assert [one for one, _ in heard[1:]] == [{"undo": True}, {"redo": True}, {"undo": True}]
    assert page.locator(".pl-done").is_hidden()


def test_a_selection_is_relabelled_from_the_list_of_classes(show: Any) -> None:
    names = [f"kind {i}" for i in range(30)]
    view = grid_view(names, relabels=True)
    heard = listening(view)
    host = show(view)
    menu = host.page.get_by_role("combobox", name="Label the selected images as")
    assert menu.is_hidden()
    view.select([3, 95])
    host.settle()
    menu.focus()
    host.page.keyboard.press("l")  # a letter of the list, not the lasso
    assert host.page.locator(".pl-stage").get_attribute("data-tool") == "pan"
    menu.select_option("kind 17")
    host.settle()
    assert heard == [({"relabel": "kind 17"}, [3, 95])]
    assert menu.is_hidden()
    assert serious(host.page, ".pl-map") == []


def test_where_nobody_listens_a_map_offers_no_labels(show: Any) -> None:
    view = grid_view()
    heard = listening(view)
    host = show(view)
    view.select([1])
    host.settle()
    host.page.locator(".pl-stage").focus()
    for key in "2zy":
        host.page.keyboard.press(key)
    assert host.page.locator(".pl-relabel").is_hidden()
    assert heard == []
    assert view.selected.tolist() == [1]


@pytest.mark.parametrize("ratio", [1, 2])
def test_the_hover_picture_is_sharp_in_the_pixels_of_the_screen(
    show: Any, tmp_path: Path, ratio: int
) -> None:
    paths = [tmp_path / f"{i}.png" for i in range(96)]
    for path in paths:
        Image.new("RGB", (60, 60), (10, 10, 200)).save(path)
    view = grid_view(atlas=b"")
    view.thumbnail = lambda _: _stripes(256)
    view.captions = [path.name for path in paths]
    view.atlas = make_atlas(paths)
    host = show(view)
    host.page.context.new_cdp_session(host.page).send(
        "Emulation.setDeviceMetricsOverride",
        {"width": 900, "height": 640, "deviceScaleFactor": ratio, "mobile": False},
    )
    host.settle()
    read = """() => {
        const canvas = document.querySelector(".pl-card canvas");
        const g = canvas.getContext("2d");
        const row = g.getImageData(0, canvas.height / 2, canvas.width, 1).data;
        return [canvas.width, canvas.offsetWidth, Array.from(row)];
    }"""
    host.page.mouse.move(*places(host)[40])
    host.page.wait_for_function("() => !document.querySelector('.pl-card').hidden")
    host._calm()
    wide, shown, row = host.page.evaluate(read)
    assert (wide, shown) == (128 * ratio, 128)
    assert row[2] > 150  # the small picture of the atlas, at once
    host.page.wait_for_timeout(150)  # the pointer rests: the sharp one is asked for
    host.settle()
    _, _, row = host.page.evaluate(read)
    red = np.reshape(row, (-1, 4))[:, 0].astype(int)
    # Stripes of eight pixels in 256: sharp edges only where every pixel of the picture has one.
    edges = int((np.abs(np.diff(red)) > 200).sum())
    assert edges == 31
    assert np.ptp(red) > 200
    assert host.page.locator(".pl-facts").inner_text().endswith("40.png")


def _stripes(side: int) -> bytes:
    columns = np.where(np.arange(side) // 8 % 2, 255, 0).astype(np.uint8)
    with io.BytesIO() as file:
        Image.fromarray(np.tile(columns, (side, 1))).convert("RGB").save(file, "PNG")
        return file.getvalue()


@pytest.mark.parametrize("count", [60, 1000])
def test_a_class_is_found_among_many_by_its_name(show: Any, count: int) -> None:
    names = [f"Ruby-throated hummingbird of the northern kind, variety {i}" for i in range(count)]
    names[7], names[41] = "Éclair au café", "Cafe racer"
    view = MapView()
    view.set_points(np.random.default_rng(0).normal(size=(2000, 2)))
    table = np.arange(2000)[None] % count
    view.set_run(table, np.ones(table.shape), names)
    host = show(view)
    page, search = host.page, host.page.get_by_role("searchbox", name="Find a class")
    assert page.locator(".pl-entry").count() == count
    cut = "(all) => all.filter((e) => e.scrollHeight > e.clientHeight + 1).length"
    assert page.eval_on_selector_all(".pl-label", cut) == 0  # long names can be read
    search.focus()
    page.keyboard.type("cafe")
    host.settle()
    assert page.locator(".pl-entry:visible .pl-label").all_inner_texts() == [names[7], names[41]]
    assert page.locator(".pl-title").inner_text().startswith(f"2 of {count:,} classes")
    assert float(host.data("view").split()[0]) > 0
    assert host.widget.playing is False  # letters are letters here, not shortcuts
    page.get_by_role("button", name="Show these classes on the map and no others").click()
    host.settle()
    assert host.widget.hidden == [c for c in range(count) if c not in (7, 41)]
    search.fill("")
    host.settle()
    assert page.locator(".pl-entry:visible").count() == count
    page.get_by_role("button", name="Show every class").click()
    host.settle()
    assert host.widget.hidden == []


def test_few_classes_need_no_search(show: Any) -> None:
    assert show(grid_view()).page.locator(".pl-search").is_hidden()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_serious_on_the_map(show: Any, theme: str) -> None:
    names = [f"class {i}" for i in range(20)]
    host = show(grid_view(names, theme=theme))
    host.widget.hidden = [1]
    host.widget.select([3, 4])
    host.widget.status = "Laying out the map …"
    for colouring in ("label", "agreement", "changed"):
        host.widget.color_by = colouring
        host.settle()
        assert serious(host.page, ".pl-map") == []


def test_a_question_mark_says_what_mouse_and_keys_do(show: Any) -> None:
    host = show(grid_view(relabels=True))
    page, sheet = host.page, host.page.get_by_role("dialog", name="Mouse and keys")
    # As in the outputs of JupyterLab, where terms would be a fifth as wide.
    lab = ".jp-RenderedHTMLCommon dt { float: left; width: 20%; }"
    page.add_style_tag(content=lab)
    page.evaluate("document.getElementById('host').className = 'jp-RenderedHTMLCommon'")
    page.locator(".pl-stage").focus()
    page.keyboard.press("?")
    assert sheet.is_visible()
    assert "label the selected images" in sheet.inner_text()
    assert max(one.bounding_box()["height"] for one in sheet.locator("dt").all()) < 24  # one line
    assert serious(page, ".pl-map") == []
    page.keyboard.press("Escape")
    assert sheet.is_hidden()
    assert page.evaluate("document.activeElement.className") == "pl-stage"
    host.widget.relabels = False  # as on a replay page
    host.settle()
    page.get_by_role("button", name="Mouse and keys (?)").click()
    assert "label the selected" not in sheet.inner_text()


@pytest.mark.parametrize(("width", "count"), [(900, 200), (600, 200), (330, 5)])
def test_what_stars_and_rings_mean_is_in_sight_at_any_width(
    show: Any, width: int, count: int
) -> None:
    view = grid_view([f"class {i}" for i in range(count)])
    view.set_prototypes(np.zeros((3, count, 2)))
    host = show(view)
    host.page.set_viewport_size({"width": width, "height": 900})
    host.settle()
    box, signs = (host.page.locator(one).bounding_box() for one in (".pl-legend", ".pl-signs"))
    assert "prototype" in host.page.locator(".pl-signs").inner_text()
    assert "fixed by you" not in host.page.locator(".pl-signs").inner_text()
    view.set_pinned(np.arange(96) == 3)
    host.settle()
    assert "fixed by you" in host.page.locator(".pl-signs").inner_text()
    box, signs = (host.page.locator(one).bounding_box() for one in (".pl-legend", ".pl-signs"))
    assert signs["y"] + signs["height"] <= box["y"] + box["height"] + 1
    assert signs["height"] > 20
    host.page.set_viewport_size({"width": 900, "height": 640})


def test_the_focus_can_be_seen_wherever_it_is(show: Any) -> None:
    page = show(grid_view()).page
    seen = set()
    for _ in range(20):
        page.keyboard.press("Tab")
        name, outline = page.evaluate(
            """() => {
                const here = document.activeElement, style = getComputedStyle(here);
                const name = here.getAttribute("aria-label") || here.textContent;
                return [name, `${style.outlineStyle} ${style.outlineWidth}`];
            }"""
        )
        if page.evaluate("document.activeElement === document.body"):
            break
        assert outline == "solid 2px", name
        seen.add(name)
    assert len(seen) >= 14  # colourings, tools, the stage, classes, the player and its slider


def test_a_class_has_the_colour_of_the_palette_in_the_dark_too(show: Any) -> None:
    host = show(grid_view(theme="dark", iteration=0))
    for index, label in ((0, 0), (5, 1), (95, 2)):
        assert colour_at(host, index) == rgb(palette_colours(3, dark=True)[label])
    swatch = host.page.locator(".pl-entry .pl-swatch").first
    shown = swatch.evaluate("(e) => getComputedStyle(e).backgroundColor")
    assert shown == "rgb({}, {}, {})".format(*rgb(palette_colours(1, dark=True)[0]))


def test_colours_of_ones_own_are_lightened_in_the_dark(show: Any) -> None:
    view = grid_view(theme="light", iteration=0)
    view.colours = ["#101040", "#aa0000", "#00aa00"]
    host = show(view)
    assert colour_at(host, 0) == (16, 16, 64)
    host.widget.theme = "dark"
    host.settle()
    assert min(colour_at(host, 0)) > 100

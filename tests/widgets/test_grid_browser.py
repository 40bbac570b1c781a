"""The pictures of the gallery in a real browser: chosen by mouse and keys, labelled by numbers."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from protolabel.images.image_set import ImageSet
from protolabel.widgets.grid import COLUMNS, SIZE, ThumbGrid, Thumbnails

sys.path.insert(0, str(Path(__file__).parent))
from host import serious  # isort: skip


@pytest.fixture
def grid() -> ThumbGrid:
    """Fifteen pictures, two lines of the sheet; their ids are not their places."""
    sheet = Image.new("RGB", (COLUMNS * 8, 16), (200, 30, 30))
    sheet.paste((30, 30, 200), (2 * 8, 8, 3 * 8, 16))  # the third of the second line
    with io.BytesIO() as file:
        sheet.save(file, "PNG")
        data = file.getvalue()
    made = ThumbGrid()
    tiles = [
        {"id": 100 + i, "name": f"{i}.png", "text": "dog",
         "note": {1: "fixed", 2: "set aside"}.get(i, "80%"),
         "colour": "#0072B2", "pinned": i == 1, "unfit": i == 2}
        for i in range(15)
    ]  # fmt: skip
    made.show(data, tiles)
    return made


def tile(host: Any, place: int) -> Any:
    return host.page.locator(".pls-tile").nth(place)


@pytest.mark.parametrize("size", [(1100, 1800), (1100, 700), (390, 844)])
def test_the_small_picture_that_comes_first_covers_no_facts(
    show: Any, grid: ThumbGrid, size: tuple[int, int]
) -> None:
    grid.opens = True
    host = show(grid)
    host.page.set_viewport_size({"width": size[0], "height": size[1]})
    tile(host, 3).click()
    host.page.keyboard.press("Space")
    small, stage, facts = (
        host.page.locator(f".pls-large-{part}").bounding_box()
        for part in ("thumb", "stage", "facts")
    )
    assert small["width"] == pytest.approx(small["height"], abs=1)  # not distorted
    assert small["width"] > 100
    for start, extent in (("x", "width"), ("y", "height")):
        assert small[start] >= stage[start]
        assert small[start] + small[extent] <= stage[start] + stage[extent]
    assert stage["x"] + stage["width"] <= facts["x"] or stage["y"] + stage["height"] <= facts["y"]


def test_clicks_choose_one_several_and_a_range(show: Any, grid: ThumbGrid) -> None:
    host = show(grid)
    tile(host, 3).click()
    assert grid.chosen == [103]
    tile(host, 5).click(modifiers=["Control"])
    assert grid.chosen == [103, 105]
    tile(host, 7).click()
    tile(host, 9).click(modifiers=["Shift"])
    assert grid.chosen == [107, 108, 109]
    marked = host.page.locator('.pls-tile[aria-selected="true"]')
    assert marked.count() == 3


def test_keys_move_choose_and_say_what_a_person_wants(show: Any, grid: ThumbGrid) -> None:
    heard: list[Any] = []
    grid.on_msg(lambda _, content, __: heard.append(content))
    host = show(grid)
    press = host.page.keyboard.press
    host.page.locator(".pls-grid").focus()
    press("ArrowRight")
    press("Shift+ArrowRight")
    press("2")
    press("Home")
    press("0")
    press("z")
    press("y")
    host.settle()
    assert heard == [
        {"relabel": 1, "ids": [101, 102]},
        {"unpin": True, "ids": [100]},
        {"undo": True},
        {"redo": True},
    ]
    press("a")
    host.settle()
    assert grid.chosen == [100 + i for i in range(15)]
    active = host.page.locator(".pls-grid").get_attribute("aria-activedescendant")
    assert host.page.locator(f"#{active}").count() == 1


def test_all_can_be_chosen_from_python_and_pins_show(show: Any, grid: ThumbGrid) -> None:
    host = show(grid)
    grid.choose_all()
    assert host.page.locator('.pls-tile[aria-selected="true"]').count() == 15
    assert host.page.locator(".pls-fixed").count() == 1
    assert tile(host, 1).get_attribute("aria-label") == "1.png: dog fixed"
    assert host.page.locator(".pls-unfit").count() == 1
    assert tile(host, 2).get_attribute("aria-label") == "2.png: dog set aside"


def test_the_same_pictures_stay_chosen_when_others_come(show: Any, grid: ThumbGrid) -> None:
    host = show(grid)
    tile(host, 3).click()
    tile(host, 5).click(modifiers=["Control"])
    grid.show(grid.sheet, [one for one in reversed(grid.tiles) if one["id"] != 105])
    assert grid.chosen == [103]
    marked = host.page.locator('.pls-tile[aria-selected="true"]')
    assert [one.get_attribute("title").split("\n")[0] for one in marked.all()] == ["3.png"]
    tile(host, 0).click(modifiers=["Control"])
    assert grid.chosen == [114, 103]


def test_every_tile_shows_its_own_part_of_the_sheet(show: Any, grid: ThumbGrid) -> None:
    host = show(grid)

    def colour(place: int) -> tuple[int, ...]:
        picture = tile(host, place).locator(".pls-picture").screenshot()
        with Image.open(io.BytesIO(picture)) as image:
            return image.convert("RGB").getpixel((image.width // 2, image.height // 2))

    host.page.wait_for_timeout(100)
    assert colour(14)[2] > 150 > colour(14)[0]
    assert colour(13)[0] > 150 > colour(13)[2]
    assert colour(2)[0] > 150 > colour(2)[2]


def test_tiles_have_the_size_that_is_asked_for(show: Any, grid: ThumbGrid) -> None:
    host = show(grid)
    small = tile(host, 0).bounding_box()["width"]
    grid.size = 200
    host.settle()
    large = tile(host, 0).bounding_box()["width"]
    assert 86 <= small < 200 <= large
    press = host.page.keyboard.press
    host.page.locator(".pls-grid").focus()
    press("ArrowDown")  # four fit in a line now
    assert grid.chosen == [104]


def test_photographs_fill_their_tiles_and_are_sharp_on_a_fine_screen(tmp_path: Path) -> None:
    for name, size in (("wide", (900, 300)), ("tall", (300, 900))):
        picture = Image.new("RGB", size, "red")
        across, down = size
        picture.paste("blue", (across // 2 - 100, down // 2 - 100, across // 2, down // 2 + 100))
        picture.save(tmp_path / f"{name}.png")
    (tmp_path / "damaged.png").write_bytes(b"no picture")
    images = ImageSet(tmp_path, ("wide.png", "damaged.png", "tall.png"))
    with Image.open(io.BytesIO(Thumbnails(images).sheet([0, 1, 2]))) as sheet:
        assert sheet.size == (COLUMNS * SIZE, SIZE)
        tiles = [sheet.crop((k * SIZE, 0, (k + 1) * SIZE, SIZE)) for k in range(3)]
    assert SIZE >= 2 * 86
    for one in (tiles[0], tiles[2]):
        corners = [one.getpixel((x, y)) for x in (3, SIZE - 4) for y in (3, SIZE - 4)]
        assert all(red > 200 > blue for red, _, blue in corners)
        edge = [one.getpixel((SIZE // 2 + step, SIZE // 2))[2] for step in (-6, 6)]
        assert edge[0] > 180 > edge[1]
    grey = tiles[1].getpixel((SIZE // 2, SIZE // 2))
    assert max(grey) - min(grey) < 30
    dark, light = tiles[1].convert("L").getextrema()
    assert light - dark > 100  # it says in words that the file cannot be read


def test_a_hostile_name_is_only_text(show: Any, grid: ThumbGrid) -> None:
    evil = "<img src=x onerror=alert(1)>"
    grid.tiles = [{"id": 1, "name": evil, "text": evil, "note": evil, "colour": "red;x",
                   "pinned": False, "unfit": False}]  # fmt: skip
    host = show(grid)
    assert host.page.locator(".pls-grid img").count() == 0
    assert evil in host.page.locator(".pls-word").inner_text()


def test_every_key_goes_to_the_picture_that_was_shown(show: Any, grid: ThumbGrid) -> None:
    heard: list[Any] = []
    grid.on_msg(lambda _, content, __: heard.append(content))
    host = show(grid)
    tile(host, 0).click()
    for turn in range(14):
        host.page.keyboard.press(str(turn % 3 + 1))  # as fast as a browser can
        if turn % 4 == 3:  # what was labelled leaves the list, and the rest is sorted again
            done = {i for one in heard for i in one["ids"]}
            rest = [one for one in grid.tiles if one["id"] not in done]
            here = grid.chosen[0]
            grid.show(grid.sheet, sorted(rest, key=lambda one: (one["id"] < here, one["id"])))
    assert [one["relabel"] for one in heard] == [turn % 3 for turn in range(14)]
    assert [one["ids"] for one in heard] == [[100 + turn] for turn in range(14)]
    assert grid.chosen == [114]


def test_axe_finds_nothing_serious_on_the_pictures(show: Any, grid: ThumbGrid) -> None:
    host = show(grid)
    host.page.locator(".pls-grid").focus()
    host.page.keyboard.press("ArrowRight")
    assert serious(host.page, ".pls-grid") == []


def test_a_click_that_meets_new_labels_is_not_lost(show: Any, grid: ThumbGrid) -> None:
    host = show(grid)
    box = tile(host, 4).bounding_box()
    host.page.mouse.move(box["x"] + 20, box["y"] + 20)
    host.page.mouse.down()
    grid.tiles = [{**one, "text": "cat", "note": "51%"} for one in grid.tiles]  # they come now
    host.page.mouse.up()
    host.settle()
    assert grid.chosen == [104]
    assert tile(host, 4).get_attribute("aria-label") == "4.png: cat 51%"

"""The quickstart in JupyterLab and Notebook 7, from pictures to an exported dataset, by hand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from server import open_notebook, set_theme

CELLS = [
    """import protolabel as pl
pl.write_sample_pictures("photos", per_class=12, styles=["chalkboard", "night"], seed=1)""",
    """session = pl.Session("photos", classes=["dog", "cat", "tiger", "lion", "giraffe"],
                     encoder="sample")
session""",
]
GROUND = """() => {
  const map = document.querySelector('.pl-map');
  const pixel = map.querySelector('canvas').getContext('2d').getImageData(3, 3, 1, 1).data;
  const drawn = `rgb(${Array.from(pixel.slice(0, 3)).join(', ')})`;
  const wanted = getComputedStyle(map).backgroundColor;
  return drawn === wanted ? "the map's own" : `${drawn}, not ${wanted}`;
}"""
# What shows less of the studio than there is: itself, or a box around it in its cell.
CUT_OFF = """() => {
  const found = [];
  for (let e = document.querySelector('.pls-studio'); !e.matches('.jp-Cell'); e = e.parentElement) {
    if (e.scrollWidth > e.clientWidth + 2 || e.scrollHeight > e.clientHeight + 2) {
      const sizes = [e.clientWidth, e.clientHeight, e.scrollWidth, e.scrollHeight];
      found.push(`${e.className}: ${sizes}`);
    }
  }
  return found;
}"""
# The gallery has turned to what was selected, and has its pictures, which go by their names.
SHOWS_SELECTION = """() => {
  const choices = [...document.querySelectorAll('.pls-panel select')];
  const names = [...document.querySelectorAll('.pls-tile')].map((tile) => tile.title);
  return choices.some((one) => one.value.startsWith('Selection'))
    && names.join() === names.toSorted().join();
}"""
CELL = "window.jupyterapp.shell.currentWidget.content.model.cells.get(1)"


def open_studio(page, lab, program, name):
    open_notebook(page, lab, f"{program}/{name}", CELLS, program=program)
    page.wait_for_selector(".pls-studio", timeout=120_000)
    wait_for_text(page, "60 images", 180_000)
    page.wait_for_selector(".pls-tile", timeout=60_000)


def wait_for_text(page, text, timeout=60_000):
    from playwright.sync_api import TimeoutError as NotShown

    try:
        page.wait_for_function(
            "t => document.querySelector('.pls-studio')?.innerText.includes(t)",
            arg=text,
            timeout=timeout,
        )
    except NotShown:
        shown = page.evaluate("document.querySelector('.pls-studio')?.innerText")
        pytest.fail(f"{text!r} was not shown; this was:\n{shown}")


def at_rest(page, selector):
    """Return the place of an element once the panels around it have stopped moving it."""
    before, now = None, page.locator(selector).bounding_box()
    while now != before:
        page.wait_for_timeout(400)
        before, now = now, page.locator(selector).bounding_box()
    return now


def drag(page, start, *corners):
    """Press, move and let go, as a hand does; the events in between may be merged."""
    page.mouse.move(*start)
    page.mouse.down()
    for corner in corners:
        page.mouse.move(*corner, steps=3)
    page.mouse.up()


def middle(page, selector):
    box = page.locator(selector).first.bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


@pytest.mark.timeout(600)
def test_from_pictures_to_a_dataset_with_two_corrections_by_mouse(page, lab, program):
    open_studio(page, lab, program, "quickstart.ipynb")

    x, y = middle(page, ".pls-temperature .noUi-handle")
    drag(page, (x, y), (x - 20, y), (x - 30, y))
    page.wait_for_function(
        "Number(document.querySelector('.pls-temperature .widget-readout').innerText) < 0.09"
    )

    # Every step of the map is looked at by all panels, and one is kept for a while.
    page.locator(".pl-play").click()
    wait_for_text(page, "Zero-shot")
    wait_for_text(page, "Iteration 5 of 5")
    x, y = middle(page, ".pl-track")
    left = page.locator(".pl-track").bounding_box()["x"]
    drag(page, (x, y), (left + 40, y), (left + 2, y))
    wait_for_text(page, "Zero-shot")
    page.get_by_role("button", name="Keep zero-shot").click()
    wait_for_text(page, "Labels in use: zero-shot (kept by you)")
    page.get_by_role("button", name="Back to the last").click()
    wait_for_text(page, "Labels in use: iteration 5 (the last)")

    page.locator('[data-tool="lasso"]').first.click()
    box = at_rest(page, ".pl-stage")
    right, bottom = box["x"] + box["width"] - 4, box["y"] + box["height"] - 4
    corners = [(right, box["y"] + 4), (right, bottom), (box["x"] + 4, bottom)]
    drag(page, (box["x"] + 4, box["y"] + 4), *corners, (box["x"] + 4, box["y"] + 4))
    wait_for_text(page, "60 selected")
    page.wait_for_function(SHOWS_SELECTION)

    for count, name in ((1, "1 dog"), (2, "3 tiger")):
        page.locator(".pls-tile").nth(4 * count).click()
        page.get_by_role("button", name=name).click()
        wait_for_text(page, f"{count} fixed by you")
    page.wait_for_selector(".pls-fixed >> nth=1")  # a pin can be seen
    page.get_by_role("button", name="Undo").click()
    wait_for_text(page, "1 fixed by you")
    page.get_by_role("button", name="Redo").click()
    wait_for_text(page, "2 fixed by you")

    page.get_by_role("tab", name="Runs").click()
    wait_for_text(page, "What differs")
    page.get_by_role("tab", name="Export").click()
    page.get_by_role("button", name="Export").click()
    wait_for_text(page, "60 images (", 120_000)

    dataset = lab[1] / program / "annotated_dataset"
    parameters = json.loads((dataset / "metadata.json").read_text("utf-8"))["parameters"]
    assert sorted(parameters["pins"].values()) == ["dog", "tiger"]
    assert len(parameters["corrections"]) == 4  # two, one taken back, and made again
    assert parameters["temperature"] < 0.09
    assert parameters["kept"] is None
    for image, name in parameters["pins"].items():
        assert list((dataset / name).glob(f"*{Path(image).stem}*"))
    assert (dataset / "replay.html").is_file()
    assert page.evaluate("window.kernelErrors") == []


@pytest.mark.timeout(600)
def test_keys_do_the_same(page, lab, program):
    open_studio(page, lab, program, "keys.ipynb")
    for name in ("protolabel", "Classes", "Settings", "Gallery"):  # a screen reader's way around
        assert page.get_by_role("heading", name=name, exact=True).count() == 1
    assert page.get_by_role("region", name="Map of the images").count() == 1
    readout = "document.querySelector('.pls-temperature .widget-readout').innerText"
    before = page.evaluate(readout)
    page.locator(".pls-temperature .noUi-handle").focus()
    for _ in range(5):
        page.keyboard.press("ArrowLeft")
    page.wait_for_function(f"b => {readout} !== b", arg=before)
    page.locator(".pl-track input").focus()
    page.keyboard.press("Home")
    wait_for_text(page, "Zero-shot")
    page.keyboard.press("End")
    wait_for_text(page, "Iteration 5 of 5")
    page.locator(".pls-grid").first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("3")  # in the notebook's own hands this would make a heading
    wait_for_text(page, "1 fixed by you")
    page.locator(".pls-grid").first.focus()
    page.keyboard.press("z")
    wait_for_text(page, "0 fixed by you")
    page.keyboard.press("y")
    wait_for_text(page, "1 fixed by you")
    # A button has the focus after a click, and the notebook would cut its cell at an x; but a
    # shortcut with Ctrl is the notebook's.
    page.get_by_role("button", name="Undo").click()
    wait_for_text(page, "0 fixed by you")
    page.keyboard.press("x")
    page.keyboard.press("Control+s")
    page.wait_for_function("!window.jupyterapp.shell.currentWidget.context.model.dirty")
    assert page.evaluate(f"{CELL}.type") == "code"
    assert page.evaluate("window.kernelErrors") == []


@pytest.mark.timeout(600)
def test_the_studio_in_both_themes_and_without_a_kernel(page, lab, program):
    page.set_viewport_size({"width": 760, "height": 1500})  # one column, taller than the page
    open_studio(page, lab, program, "themes.ipynb")
    page.wait_for_function(
        f"{CELL}.outputs.toJSON().some(o => o.data && 'image/png' in o.data)", timeout=120_000
    )
    for theme in ("Light", "Dark"):
        set_theme(page, theme)
        for width in (760, 1280):
            page.set_viewport_size({"width": width, "height": 1500})
            page.wait_for_timeout(500)
            assert page.evaluate(CUT_OFF) == []
            assert page.evaluate(GROUND) == "the map's own"
    still = page.locator(".jp-OutputArea-output.jp-RenderedImage")
    assert not still.first.is_visible()  # the picture is for where no kernel runs
    page.evaluate("window.jupyterapp.commands.execute('docmanager:save')")
    page.wait_for_function("!window.jupyterapp.shell.currentWidget.context.model.dirty")
    assert page.evaluate("window.kernelErrors") == []
    saved_notebook_shows_a_picture(page, lab[1] / program / "themes.ipynb")


def saved_notebook_shows_a_picture(page, notebook):
    """Without a kernel: small on disk, and one picture where the studio was."""
    from nbconvert import HTMLExporter

    assert notebook.stat().st_size < 150_000
    html, _ = HTMLExporter(template_name="basic").from_filename(str(notebook))
    page.set_content(html)
    pictures = page.locator("img")
    assert pictures.count() == 1
    assert pictures.bounding_box()["width"] > 300

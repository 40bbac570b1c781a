"""The quickstart in JupyterLab, from sample pictures to an exported dataset, by hand."""

from __future__ import annotations

import json
import os

import pytest
from server import open_notebook, set_theme

CELLS = [
    """import protolabel as pl
pictures = pl.write_sample_pictures("photos", per_class=12)""",
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
CELL = "window.jupyterapp.shell.currentWidget.content.model.cells.get(1)"


def open_studio(page, lab, name):
    open_notebook(page, lab, name, CELLS)
    page.wait_for_selector(".pls-studio", timeout=120_000)
    wait_for_text(page, "60 images", 180_000)
    page.wait_for_selector(".pls-tile", timeout=60_000)


def wait_for_text(page, text, timeout=60_000):
    page.wait_for_function(
        "t => document.querySelector('.pls-studio')?.innerText.includes(t)",
        arg=text,
        timeout=timeout,
    )


@pytest.mark.timeout(600)
def test_from_pictures_to_a_dataset_with_two_corrections(page, lab):
    open_studio(page, lab, "quickstart.ipynb")

    page.locator(".pls-temperature .noUi-handle").focus()
    readout = "document.querySelector('.pls-temperature .widget-readout').innerText"
    before = page.evaluate(readout)
    for _ in range(5):
        page.keyboard.press("ArrowLeft")
    page.wait_for_function(f"b => {readout} !== b", arg=before)

    page.locator(".pls-iteration .noUi-handle").focus()
    page.keyboard.press("Home")
    wait_for_text(page, "Shown: zero-shot")
    page.keyboard.press("End")
    wait_for_text(page, "Shown: iteration 5 of 5")

    page.locator(".pls-tile").nth(0).click()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("3")  # in JupyterLab's own hands this would make a heading
    wait_for_text(page, "1 fixed by you")
    page.locator(".pls-grid").first.focus()
    page.keyboard.press("z")
    wait_for_text(page, "0 fixed by you")
    for count in (1, 2):
        page.locator(".pls-tile").nth(count).click()
        page.keyboard.press(str(count))
        wait_for_text(page, f"{count} fixed by you")

    page.get_by_role("tab", name="Runs").click()
    page.get_by_role("tab", name="Export").click()
    page.get_by_role("button", name="Export").click()
    wait_for_text(page, "60 images (", 120_000)

    metadata = lab[1] / "annotated_dataset" / "metadata.json"
    parameters = json.loads(metadata.read_text("utf-8"))["parameters"]
    assert len(parameters["pins"]) == 2
    assert len(parameters["corrections"]) == 4
    assert parameters["temperature"] < 0.1
    assert page.evaluate(f"{CELL}.type") == "code"
    assert page.evaluate("window.kernelErrors") == []


@pytest.mark.timeout(600)
@pytest.mark.parametrize("theme", ["Light", "Dark"])
def test_the_studio_in_both_themes(page, lab, theme):
    open_studio(page, lab, f"{theme}.ipynb")
    set_theme(page, theme)
    page.wait_for_function(
        f"{CELL}.outputs.toJSON().some(o => o.data && 'image/png' in o.data)", timeout=120_000
    )
    for width in (1280, 760):
        page.set_viewport_size({"width": width, "height": 1500})
        page.wait_for_timeout(500)
        inside, outside = page.evaluate(
            "(() => { const e = document.querySelector('.pls-studio');"
            " return [e.scrollWidth, e.clientWidth]; })()"
        )
        assert inside <= outside + 2  # nothing is cut off at the right
        assert page.evaluate(GROUND) == "the map's own"
        if folder := os.environ.get("PROTOLABEL_SCREENSHOTS"):
            page.locator(".pls-studio").screenshot(path=f"{folder}/studio_{theme}_{width}.png")
    still = page.locator(".jp-OutputArea-output.jp-RenderedImage")
    assert not still.first.is_visible()  # the picture is for where no kernel runs
    assert page.evaluate("window.kernelErrors") == []

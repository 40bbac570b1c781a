"""The whole studio in JupyterLab: no barrier, and a plain word when its kernel is gone."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from server import set_theme
from test_lab import open_studio, wait_for_text

sys.path.insert(0, str(Path(__file__).parents[1]))
from host import serious  # isort: skip

TABS = ("Gallery", "Audit", "Charts", "Runs", "None of these", "Names", "Export")


@pytest.mark.timeout(600)
def test_axe_finds_nothing_serious_on_the_whole_studio(page, lab):
    open_studio(page, lab, "JupyterLab", "axe.ipynb")
    page.get_by_role("button", name="Keys, and every term in plain words").click()
    for folded in ("Order, colours, merging", "Prompt templates", "Advanced", "Filter"):
        page.get_by_text(folded, exact=True).click()
    found = {}
    for tab in TABS:
        page.get_by_role("tab", name=tab).click()
        if tab == "Audit":
            page.get_by_role("button", name="Draw a sample").click()
            page.wait_for_selector(".pls-audit-asks b")
        if tab == "Names":
            page.get_by_role("button", name="Suggest names").click()
            page.wait_for_selector(".pls-name-group", timeout=180_000)
        for theme in ("Dark", "Light"):
            set_theme(page, theme)
            page.wait_for_timeout(500)
            found[f"{tab}, {theme}"] = serious(page, ".pls-studio")
    page.get_by_role("tab", name="Gallery").click()
    page.locator(".pls-grid").first.focus()
    page.keyboard.press("Home")
    page.keyboard.press("Space")
    page.wait_for_selector(".pls-large-votes th")
    found["large"] = serious(page, ".pls-large")
    assert {place: faults for place, faults in found.items() if faults} == {}


@pytest.mark.timeout(600)
def test_a_studio_whose_kernel_is_gone_says_so_and_what_to_do(page, lab):
    open_studio(page, lab, "JupyterLab", "restart.ipynb")
    said = "getComputedStyle(document.querySelector('.pls-studio'), '::before').content"
    assert "Run its cell again" not in page.evaluate(said)
    page.evaluate("jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()")
    page.wait_for_function(f"{said}.includes('Run its cell again')", timeout=60_000)
    still = "[...document.querySelectorAll('.pls-studio > *')].map((e) => getComputedStyle(e))"
    assert page.evaluate(f"{still}.every((style) => style.pointerEvents === 'none')")


FIRST = "document.querySelector('.pls-tile')?.title"


@pytest.mark.timeout(600)
def test_pictures_are_found_by_words_and_a_saved_session_opens_in_its_place(page, lab):
    open_studio(page, lab, "JupyterLab", "found.ipynb")
    page.get_by_label("Find", exact=True).fill("giraffe")
    page.keyboard.press("Enter")
    wait_for_text(page, "60 pictures, page 1 of 2: giraffe")
    page.wait_for_function(f"{FIRST}.includes('giraffe')")
    found = page.locator(".pls-tile").evaluate_all(
        "(tiles) => tiles.slice(0, 8).map((t) => t.title)"
    )
    assert sum("\ngiraffe" in title for title in found) >= 6
    page.locator(".pls-grid").first.focus()
    page.keyboard.press("Home")
    page.keyboard.press("Space")
    page.get_by_role("button", name="More like this").click()
    wait_for_text(page, "60 pictures, page 1 of 2: " + found[0].split("\n")[0])

    page.get_by_role("tab", name="Export").click()
    page.get_by_label("Session", exact=True).fill("kept")
    page.get_by_role("button", name="Save", exact=True).click()
    wait_for_text(page, "The session is saved in", 120_000)
    page.get_by_role("button", name="Remove the class").first.click()
    wait_for_text(page, "4 classes")
    page.get_by_role("button", name="Open", exact=True).click()
    wait_for_text(page, "5 classes", 120_000)
    page.wait_for_selector(".pls-tile")
    assert page.locator(".pls-studio").count() == 1
    page.locator(".pls-grid").first.focus()
    page.keyboard.press("Home")
    page.keyboard.press("3")
    wait_for_text(page, "1 fixed by you")
    assert page.evaluate("window.kernelErrors") == []


# Whatever the kernel says comes this many milliseconds later, as from one that is at work.
LATE = """() => {
  const Real = window.WebSocket;
  window.late = 0;
  window.WebSocket = class extends Real {
    set onmessage(act) {
      const later = (event) => setTimeout(() => act(event), window.late);
      super.onmessage = (event) => (window.late ? later(event) : act(event));
    }
  };
}"""


@pytest.mark.timeout(600)
def test_clicks_are_about_what_the_page_shows_while_the_kernel_is_behind(page, lab):
    page.add_init_script(f"({LATE})()")
    open_studio(page, lab, "JupyterLab", "late.ipynb")
    page.evaluate("window.late = 2500")
    track = page.locator(".pl-track input")
    track.focus()
    for _ in range(5):
        page.keyboard.press("ArrowLeft")
    keep = page.get_by_role("button", name="Keep")
    assert keep.inner_text() == "Keep zero-shot"  # at once, as the map
    keep.click()
    field = page.get_by_placeholder("add a class")
    field.click()
    field.press_sequentially("red panda", delay=5)
    page.keyboard.press("Enter")
    tile = page.locator(".pls-tile").nth(2)
    name = tile.get_attribute("aria-label").split(":")[0]
    page.locator(".pls-tile").nth(1).click()
    tile.click()
    page.get_by_role("button", name="3 tiger").click()
    page.get_by_role("tab", name="Export").click()
    folder = page.get_by_label("Session", exact=True)
    folder.press("End")
    folder.press_sequentially("_of_today", delay=5)
    page.get_by_role("button", name="Save", exact=True).click()
    wait_for_text(page, "Labels in use: zero-shot (kept by you)", 120_000)
    wait_for_text(page, "The session is saved in", 120_000)
    page.evaluate("window.late = 0")
    saved = json.loads((lab[1] / "JupyterLab/saved_session_of_today/session.json").read_text())
    assert saved["names"][5:] == ["red panda"]
    assert saved["settings"]["pins"] == {name: "tiger"}
    assert saved["settings"]["kept"] == 0
    assert page.evaluate("window.kernelErrors") == []

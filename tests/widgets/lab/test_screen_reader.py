"""What a screen reader says of the studio, and what keys alone reach, in real JupyterLab."""

from __future__ import annotations

import re

import pytest
from test_lab import open_studio, wait_for_text

TABS = ("Gallery", "Audit", "Charts", "Runs", "None of these", "Names", "Export")
FIELD = r"\s*- '?(button|textbox|combobox|slider|spinbutton|checkbox|option|img)\b"
FOLDED = ("Order, colours, merging", "Prompt templates", "Advanced", "Filter")


@pytest.mark.timeout(600)
def test_everything_has_a_name_a_role_and_a_tooltip_and_opens_by_keys(page, lab):
    open_studio(page, lab, "JupyterLab", "reader.ipynb")
    for name in FOLDED:
        header = page.get_by_role("button", name=name, exact=True)
        assert header.get_attribute("aria-expanded") == "false"
        header.focus()
        page.keyboard.press("Enter")
        assert header.get_attribute("aria-expanded") == "true"
    page.get_by_label("Seed").wait_for()
    for name in ("Remove the class dog", "Take the last change of classes or labels back",
                 "More pictures", "Keys, and every term in plain words"):  # fmt: skip
        assert page.get_by_role("button", name=name, exact=True).count() == 1
    for tab in TABS:
        page.get_by_role("tab", name=tab, exact=True).click()
        page.wait_for_timeout(500)
        lines = page.locator(".pls-studio").aria_snapshot().splitlines()
        fields = [line for line in lines if re.match(FIELD, line)]
        assert len(fields) > 20
        assert [line for line in fields if not re.search(r'"[^"]*[^\W\d_][^"]*"', line)] == []
    for name in ("Method", "Preset", "Cluster size", "Show", "Sort", "Images"):
        title = page.get_by_label(name, exact=True).evaluate("(e) => e.closest('[title]')?.title")
        assert title, name  # seen over the choice itself, not over its label alone


@pytest.mark.timeout(600)
def test_labels_messages_and_progress_are_announced(page, lab):
    open_studio(page, lab, "JupyterLab", "announced.ipynb")
    lines = page.locator(".pls-live > .widget-html-content")
    page.wait_for_function(
        "[...document.querySelectorAll('.pls-live > .widget-html-content')]"
        ".every((line) => line.getAttribute('role') === 'status')"
    )
    assert lines.count() > 10  # they are there before anything is said in them
    page.locator(".pls-grid").first.focus()
    page.keyboard.press("Home")
    page.keyboard.press("3")
    said = page.locator(".pls-pictures > .pls-unseen").first
    assert re.fullmatch(r"picture_\d+\.jpg labelled tiger", said.inner_text())
    wait_for_text(page, "1 fixed by you")
    page.get_by_placeholder("add a class").fill("dog")
    page.keyboard.press("Enter")
    refused = page.get_by_role("alert")
    refused.wait_for()
    assert "dog" in refused.inner_text()
    assert page.evaluate("window.kernelErrors") == []


@pytest.mark.timeout(600)
def test_a_notebook_that_is_opened_again_shows_one_picture_and_no_error(page, lab, program):
    from server import PROGRAMS

    open_studio(page, lab, program, "again.ipynb")
    panel = "window.jupyterapp.shell.currentWidget"
    outputs = f"{panel}.context.model.cells.get(1).outputs.toJSON()"
    page.wait_for_function(f"{outputs}.some(o => o.data && 'image/png' in o.data)", timeout=120_000)
    page.evaluate("window.jupyterapp.commands.execute('docmanager:save')")
    page.wait_for_function(f"!{panel}.context.model.dirty")
    page.evaluate(f"{panel}.context.sessionContext.shutdown()")
    page.goto(f"{lab[0]}/{PROGRAMS[program]}/{program}/again.ipynb?token=t&reset")
    page.get_by_text("model not found").wait_for(state="attached", timeout=60_000)
    assert not page.get_by_text("model not found").is_visible()
    assert page.locator(".jp-RenderedImage img").count() == 1
    assert page.locator(".jp-RenderedImage img").is_visible()

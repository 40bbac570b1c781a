"""What VS Code, Colab and other hosts ask of a widget, as far as it can be checked without them."""

from __future__ import annotations

import io
import re
import sys
import types
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anywidget
import numpy as np
import pytest
from anywidget import _util
from PIL import Image

sys.path.insert(0, str(Path(__file__).parent))
from host import serious

from protolabel.browser.bundle import style
from protolabel.widgets import Studio
from protolabel.widgets.audit_view import AuditView
from protolabel.widgets.download import Download
from protolabel.widgets.grid import ThumbGrid
from protolabel.widgets.map_view import MapView
from protolabel.widgets.name_list import NameList
from protolabel.widgets.page_button import PageButton
from protolabel.widgets.run_table import RunTable

if TYPE_CHECKING:
    from collections.abc import Callable

    from protolabel.session import Session

MOST = 9_000_000  # bytes of a message to the kernel: longer ones are lost in some hosts


def all_widgets(base: type = anywidget.AnyWidget) -> list[type[anywidget.AnyWidget]]:
    found = [kind for kind in base.__subclasses__() if kind.__module__.startswith("protolabel.")]
    return found + [one for kind in found for one in all_widgets(kind)]


@pytest.mark.parametrize("kind", all_widgets(), ids=lambda kind: kind.__name__)
def test_a_widget_is_one_module_that_loads_and_evaluates_nothing(
    kind: type[anywidget.AnyWidget],
) -> None:
    script, css = str(kind._esm), str(kind._css)
    assert len(re.findall(r"^export default ", script, re.MULTILINE)) == 1
    assert re.search(r"\b(render|initialize)\b", script.rsplit("export default", 1)[1])
    banned = (
        r"\brequire\(", r"\bdefine\(", r"\bimport\(", r"\beval\(", r"\bnew Function\b",
        r"\bfetch\(", r"XMLHttpRequest", r"\bWebSocket\b", r"localStorage", r"sessionStorage",
        r"document\.cookie", r"importScripts", r"\bnew Worker\b",
    )  # fmt: skip
    assert [one for one in banned if re.search(one, script)] == []
    elsewhere = set(re.findall(r"https?://[^\s\"'`)]+", script + css))
    assert elsewhere <= {"http://www.w3.org/2000/svg"}  # a name, not an address
    assert "@import" not in css
    assert set(re.findall(r"url\(\W*(\w+:)", css)) <= {"data:"}


def test_colab_switches_its_widget_manager_on_before_the_studio_is_shown(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By Colab's own function, which adds the manager's address to what is displayed."""
    switched: list[bool] = []
    colab = types.ModuleType("google.colab.output")
    colab.enable_custom_widget_manager = lambda: switched.append(True)
    colab._widgets = types.SimpleNamespace(_installed_url="https://ssl.gstatic.com/manager")
    monkeypatch.setitem(sys.modules, "google.colab.output", colab)
    _util.enable_custom_widget_manager_once.cache_clear()
    studio = Studio(session)
    assert switched == [True]
    assert studio.map.widget._repr_mimebundle_()[1] == {
        "application/vnd.jupyter.widget-view+json": {
            "colab": {"custom_widget_manager": {"url": "https://ssl.gstatic.com/manager"}}
        }
    }
    _util.enable_custom_widget_manager_once.cache_clear()


def test_what_a_browser_sends_stays_small_with_a_million_images() -> None:
    view = MapView()
    view.set_points(np.zeros((1_000_000, 2)))
    view.select(range(0, 1_000_000, 2))
    upwards = [name for name in view.keys if view.trait_metadata(name, "echo_update") is not False]
    state = view.get_state(upwards)
    assert len(view.selection) == 125_000  # one bit an image
    assert sum(len(value) for value in state.values() if isinstance(value, bytes)) == 0
    assert len(view.selection) + len(str(state)) - len(view._esm) - len(view._css) < MOST / 50


# What tells a page's theme: (dark, class of the body, theme of the root as in Colab, the system's).
THEMES = [
    (False, "", None, "light"),
    (True, "", None, "dark"),
    (True, "vscode-dark", None, "light"),
    (False, "vscode-light", None, "dark"),
    (True, "vscode-high-contrast", None, "light"),
    (False, "vscode-high-contrast vscode-high-contrast-light", None, "dark"),
    (True, "", "dark", "light"),
    (False, "", "light", "dark"),
]
CLASSES = [
    {"slot": i, "name": name, "colour": f"var(--pls-class-{i})", "key": str(i + 1)}
    for i, name in enumerate(("dog", "cat", "owl"))
]


def a_map() -> MapView:
    view = MapView(relabels=True, height=260)
    view.set_points(np.random.default_rng(0).normal(size=(30, 2)))
    view.set_run([[k % 3 for k in range(30)]], np.full((1, 30), 0.8), ["dog", "cat", "owl"])
    view.select([1, 2])
    view.status = "Laying out the map …"
    return view


def some_pictures() -> ThumbGrid:
    grid = ThumbGrid(acts=True, opens=True, classes=CLASSES)
    grid.show(a_picture(), [
        {"id": i, "name": f"{i}.png", "text": "dog", "note": ("80%", "fixed", "set aside")[i],
         "colour": "var(--pls-class-0)", "pinned": i == 1, "unfit": i == 2}
        for i in range(3)
    ])  # fmt: skip
    grid.chosen = [0]
    return grid


def an_audit() -> AuditView:
    item = {
        "id": 0,
        "name": "0.png",
        "text": "dog",
        "colour": "var(--pls-class-0)",
        "answer": "dog",
    }
    return AuditView(items=[item], classes=CLASSES)


def names() -> NameList:
    made = NameList(counts=[3, 9], level=1)
    group = {"name": "dog", "words": ["dog", "hound"], "note": "40 images", "pictures": 4}
    made.show([{"id": 0} | group, {"id": 1} | group | {"name": ""}], a_picture(), "2 groups")
    return made


def runs() -> RunTable:
    rows = [{"number": k, "name": "first" * (k - 1), "cells": ["anchored", "0.1"]} for k in (2, 1)]
    return RunTable(head=["Run", "Name", "Method", "Temperature"], rows=rows, chosen=[1])


def a_download() -> Download:
    made = Download()
    made.name, made.size = "dataset.zip", 5000
    return made


def a_button() -> PageButton:
    return PageButton(description="Save", tooltip="Save the session")


def a_picture() -> bytes:
    with io.BytesIO() as file:
        Image.new("RGB", (64, 32), (120, 90, 60)).save(file, "JPEG")
        return file.getvalue()


@pytest.mark.parametrize(
    "make", [a_map, some_pictures, an_audit, names, runs, a_download, a_button]
)
def test_a_widget_is_legible_where_no_notebook_gives_colours(
    show: Any, make: Callable[[], anywidget.AnyWidget]
) -> None:
    """On the ground of VS Code, Colab or a bare page, with none of Jupyter's CSS variables."""
    widget = make()
    widget._css += style("panels")  # which every panel brings
    host = show(widget)
    shown = host.page.locator("#host > *").first
    for dark, name, theme, system in THEMES:
        host.page.emulate_media(color_scheme=system)
        host.page.evaluate(
            """([dark, name, theme]) => {
                document.body.className = name;
                if (theme) document.documentElement.setAttribute("theme", theme);
                else document.documentElement.removeAttribute("theme");
                document.body.style.background = dark ? "#1f1f1f" : "#ffffff";
            }""",
            [dark, name, theme],
        )
        host.settle()
        assert serious(host.page, "#host") == [], (dark, name, theme, system)
        ink = shown.evaluate("(node) => getComputedStyle(node).getPropertyValue('--pls-ink')")
        assert ink in (("", "#e7eaf0") if dark else ("", "#1d2430")), (dark, name, theme, system)
    host.page.emulate_media(color_scheme="light")

"""What VS Code, Colab and other hosts ask of a widget, as far as it can be checked without them."""

from __future__ import annotations

import re
import sys
import types
from typing import TYPE_CHECKING

import anywidget
import numpy as np
import pytest
from anywidget import _util

from protolabel.widgets import Studio
from protolabel.widgets.map_view import MapView

if TYPE_CHECKING:
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

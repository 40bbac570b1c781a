"""Every colour stands in one place and means the same everywhere."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

import protolabel
from protolabel import plots
from protolabel.browser.bundle import style
from protolabel.common import palette

PACKAGE = Path(protolabel.__file__).parent
COLOUR = re.compile(r"#[0-9a-fA-F]{6}\b|%23[0-9a-fA-F]{6}\b")


def _sources() -> list[Path]:
    rooms = [path for kind in ("py", "js", "css") for path in PACKAGE.rglob(f"*.{kind}")]
    drawn = PACKAGE / "samples"  # its pictures of animals have colours of their own
    return [path for path in rooms if drawn not in path.parents and path.name != "palette.py"]


def test_no_other_file_states_a_colour() -> None:
    stated = {
        f"{path.relative_to(PACKAGE)}: {colour}"
        for path in _sources()
        for colour in COLOUR.findall(path.read_text("utf-8"))
    }
    # A picture inside a style sheet cannot read a custom property.
    arrow = f"browser/panels.css: %23{palette.DROPDOWN_ARROW[1:]}"
    assert stated == {arrow}
    assert all(contrast(palette.DROPDOWN_ARROW, bg) >= 3 for bg in palette.THEME["bg"])


def test_a_class_has_one_colour_in_plots_panels_and_on_the_map() -> None:
    colours = palette.class_colours(40)
    drawn = np.rint(255 * plots.class_colours(40)).astype(int).tolist()
    assert [tuple(one) for one in drawn] == [palette.rgb(one) for one in colours]
    assert palette.class_variables(40) == [
        f"var(--pls-class-{k}, {colour})" for k, colour in enumerate(colours)
    ]
    sheet = style("map")
    for k, (light, dark) in enumerate(palette.CLASS_COLOURS):
        assert re.findall(rf"--pls-class-{k}: (#\w+);", sheet) == [light, dark, dark]


def test_style_sheets_use_no_colour_that_is_not_defined() -> None:
    sheet = style("map", "panels", "grid", "replay")
    defined = set(re.findall(r"(--pls-[\w-]+):", sheet))
    assert set(re.findall(r"var\((--pls-[\w-]+)", sheet)) <= defined
    used = "".join(path.read_text("utf-8") for path in _sources() if path.suffix == ".py")
    assert set(re.findall(r"var\((--pls-[a-z-]+)\)", used)) <= defined


def contrast(one: str, other: str) -> float:
    """WCAG 2.2, relative luminance with its own curve."""

    def luminance(colour: str) -> float:
        parts = np.array(palette.rgb(colour)) / 255
        linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
        return float(linear @ [0.2126, 0.7152, 0.0722])

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("dark", [False, True])
def test_texts_can_be_read_on_every_surface(dark: bool) -> None:
    colour = {name: both[dark] for name, both in palette.THEME.items()}
    for surface in ("bg", "page", "raised", "hover"):
        for text in ("ink", "faint"):
            assert contrast(colour[text], colour[surface]) >= 4.5, (text, surface)
    for text in ("accent", "good", "bad"):
        assert contrast(colour[text], colour["bg"]) >= 4.5, text
    assert contrast(colour["on-accent"], colour["accent"]) >= 4.5


@pytest.mark.parametrize("dark", [False, True])
def test_classes_differ_from_each_other_and_from_the_ground(dark: bool) -> None:
    colours = palette.class_colours(40, dark=dark)
    assert len(set(colours)) == 40
    ground = palette.THEME["bg"][dark]
    # Yellows and pale tints are weak on white; the legend names every class, too.
    assert min(contrast(colour, ground) for colour in colours) >= (4 if dark else 1.5)

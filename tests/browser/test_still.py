"""The picture in a saved notebook bears its own mark."""

from __future__ import annotations

import base64
import io
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from protolabel.browser.bundle import style
from protolabel.browser.still import CLEAN, STILL_MARK, still_png

sys.path.insert(0, str(Path(__file__).parents[1] / "widgets"))
from host import browser  # isort: skip


@pytest.mark.parametrize("size", [(640, 480), (7, 300)])
@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L"])
def test_the_mark_stands_in_the_address_of_every_still(size: tuple[int, int], mode: str) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (size[1], size[0], 3), dtype=np.uint8)
    made = still_png(Image.fromarray(noise).convert(mode))
    assert STILL_MARK in base64.b64encode(made).decode("ascii")[:120]
    with Image.open(io.BytesIO(made)) as opened:
        assert opened.size == size


def test_the_style_sheet_hides_what_bears_the_mark_and_no_other_picture() -> None:
    assert f'img[src*="{STILL_MARK}"]' in style("panels")
    with io.BytesIO() as file:
        Image.new("RGB", (30, 30), "red").save(file, "PNG")
        assert STILL_MARK not in base64.b64encode(file.getvalue()).decode("ascii")


def test_a_living_studio_hides_the_still_wherever_it_stands(tmp_path: Path) -> None:
    def output(inner: str) -> str:
        return f'<div class="jp-OutputArea-child">{inner}</div>'

    def picture(name: str, png: bytes) -> str:
        data = base64.b64encode(png).decode("ascii")
        return output(
            '<div class="jp-RenderedImage jp-OutputArea-output">'
            f'<img id="{name}" src="data:image/png;base64,{data}"></div>'
        )

    with io.BytesIO() as file:
        Image.new("RGB", (30, 30), "red").save(file, "PNG")
        other = picture("other", file.getvalue())
    still = picture("still", still_png(Image.new("RGB", (30, 30), "blue")))
    studio = output(
        '<div class="jp-OutputArea-output jupyter-widgets">'
        '<div class="pls-studio">studio</div></div>'
    )
    gone = output('<div id="gone" class="jp-OutputArea-output jupyter-widgets">not found</div>')
    clean = output(f'<div class="jp-RenderedHTMLCommon jp-OutputArea-output">{CLEAN}</div>')
    printed = output("<pre>UserWarning: a glyph is missing</pre>")
    with browser(tmp_path / "profile") as context:
        page = context.new_page()
        for outputs, shown in (
            ([studio, still], []),
            ([studio, printed, other, printed, still], ["other"]),
            ([still, other, studio], ["other"]),
            ([printed, still], ["still"]),  # no kernel runs: the picture takes its place
            ([studio, still, clean], []),
            ([gone, printed, still, clean], ["still"]),  # with no error above it
            ([printed, clean, gone], ["gone"]),  # another widget, below
        ):
            area = f'<div class="jp-OutputArea">{"".join(outputs)}</div>'
            page.set_content(f"<style>{style('panels')}</style>{area}")
            seen = "(all) => all.filter((e) => e.getClientRects().length).map((e) => e.id)"
            assert page.eval_on_selector_all("img, #gone", seen) == shown

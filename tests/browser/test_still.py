"""The picture in a saved notebook bears its own mark."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from PIL import Image

from protolabel.browser.bundle import style
from protolabel.browser.still import STILL_MARK, still_png


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

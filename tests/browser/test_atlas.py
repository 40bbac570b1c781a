from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from protolabel.browser.atlas import TILE, make_atlas

if TYPE_CHECKING:
    from pathlib import Path


def test_an_atlas_shows_every_image_and_forgives_a_damaged_one(tmp_path: Path) -> None:
    paths = [tmp_path / f"{i}.png" for i in range(5)]
    for i, path in enumerate(paths):
        Image.new("RGB", (30, 90), (200, 10, 10) if i == 4 else (10, 10, 200)).save(path)
    paths[1].write_bytes(b"no picture")
    (tmp_path / "atlas.jpg").write_bytes(make_atlas(paths))
    with Image.open(tmp_path / "atlas.jpg") as sheet:
        assert sheet.size == (3 * TILE, 2 * TILE)
        middle = np.array(sheet)[TILE // 2 :: TILE, TILE // 2 :: TILE].astype(int)
    assert middle[1, 1, 0] > 150  # the fifth: second row, second column
    assert middle[0, 0, 2] > 150
    assert np.ptp(middle[0, 1]) < 30  # grey

from __future__ import annotations

import pytest

import protolabel as pl
from protolabel.common.progress import silent


@pytest.fixture
def session(image_folder, encoder, tmp_path) -> pl.Session:
    """15 pictures of three colours, and their names."""
    return pl.Session(
        image_folder, ["red", "green", "blue"], encoder=encoder, store=tmp_path / "store",
        progress=silent,
    )  # fmt: skip

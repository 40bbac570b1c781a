"""Fixtures that every test may use: generated images, and a fast encoder with a text side."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from fakes import ColourEncoder, draw
from hypothesis import settings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

settings.register_profile("protolabel", deadline=None)  # a timing is never a test
settings.load_profile("protolabel")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "slow: takes seconds; leave out with -m 'not slow'")


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the cache of whoever runs the tests alone, and start each test without one."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setattr("protolabel.embedding.cache.user_cache_path", lambda name: folder / name)


@pytest.fixture
def encoder() -> ColourEncoder:
    """A fresh colour encoder; `encoder.seen` counts the images it has encoded."""
    return ColourEncoder()


@pytest.fixture
def make_images(tmp_path: Path) -> Callable[..., Path]:
    """A function: ``make_images({"red": 3, "blue": 2})`` writes red/0.png ... and returns root."""

    def make(counts: dict[str, int], folder: str | Path = "photos", suffix: str = ".png") -> Path:
        root = tmp_path / folder
        for colour, count in counts.items():
            (root / colour).mkdir(parents=True, exist_ok=True)
            for number in range(count):
                draw(colour, number).save(root / colour / f"{number:04d}{suffix}")
        return root

    return make


@pytest.fixture
def image_folder(make_images: Callable[..., Path]) -> Path:
    """15 pictures in the class folders red, green and blue."""
    return make_images({"red": 6, "green": 5, "blue": 4})

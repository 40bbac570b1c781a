"""A session to put panels on, and the rule that no handler may fail unseen."""

from __future__ import annotations

import logging
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from host import Host, browser

from protolabel.common.progress import silent
from protolabel.session.session import Session
from protolabel.widgets.follower import follower_of

if TYPE_CHECKING:
    from collections.abc import Iterator


LONG = 900  # seconds: the first labels of a process load libraries, on a busy machine for minutes


@pytest.fixture(autouse=True)
def broken(monkeypatch, caplog):
    """What handlers raised; a test that expects failures empties it."""
    base = pytest.importorskip("protolabel.widgets.panel")
    seen: list[BaseException] = []
    monkeypatch.setattr(base, "failures", seen)
    with caplog.at_level(logging.WARNING):
        yield seen
        lost = [one.getMessage() for one in caplog.records if "Exception in callback" in one.msg]
        assert not seen
        assert not lost


@pytest.fixture
def session(make_images, encoder, tmp_path) -> Iterator[Session]:
    """24 pictures of three colours; the first class folder is no truth."""
    root = make_images({"red": 9, "green": 8, "blue": 7})
    made = Session(
        root,
        ["red", "green", "blue"],
        encoder=encoder,
        store=tmp_path / "store",
        progress=silent,
    )
    yield made
    follower = follower_of(made)
    follower.wait(LONG)  # else its threads would work on into the next test
    follower.close()


@pytest.fixture
def settle():
    """A function: wait until a panel shows the session as it is."""

    def wait(panel) -> None:
        for _ in range(2):  # a job may follow from what was drawn
            assert panel.follower.wait(LONG)
        time.sleep(0.01)

    return wait


@pytest.fixture(scope="module")
def profile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the browser's profile."""
    return tmp_path_factory.mktemp("profile")


@pytest.fixture(scope="module")
def context(profile: Path) -> Iterator[Any]:
    """One Chromium for the pages of a file: Playwright allows no two at a time."""
    with browser(profile) as opened:
        yield opened


@pytest.fixture
def show(context: Any) -> Iterator[Any]:
    """A function: put a widget on a page, where no error and no request may happen."""
    hosts = []

    def start(view: Any, others: dict[str, Any] | None = None) -> Host:
        hosts.append(Host(context.new_page(), view, others))
        return hosts[-1]

    yield start
    for host in hosts:
        host.settle()
        assert host.errors == []
        assert host.requests == []
        host.page.close()

"""What follows a session: a failing job costs nothing else, and nothing outlives its session."""

from __future__ import annotations

import gc
import threading
import time
import weakref
from typing import TYPE_CHECKING, Any

import ipywidgets as ipw
import pytest
from fakes import ColourEncoder

from protolabel.common.progress import silent
from protolabel.session.session import Session
from protolabel.widgets.follower import follower_of
from protolabel.widgets.map_view import MapView
from protolabel.widgets.panels.export import ExportPanel
from protolabel.widgets.panels.gallery import GalleryPanel
from protolabel.widgets.panels.map import MapPanel
from protolabel.widgets.panels.none_of_these import NonePanel
from protolabel.widgets.panels.settings import SettingsPanel
from protolabel.widgets.studio import Studio

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def count_widgets() -> int:
    return len(ipw.widgets.widget._instances)


def count_threads() -> int:
    return sum(one.name.startswith("protolabel") for one in threading.enumerate())


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not true():
        gc.collect()
        assert time.monotonic() < end
        time.sleep(0.01)


class Faulty(ColourEncoder):
    """Fails in its own way at one word."""

    def encode_texts(self, texts: Any) -> Any:
        if any("boom" in text for text in texts):
            raise RuntimeError("my model's own error")
        return super().encode_texts(texts)


def test_an_unexpected_error_in_a_job_is_shown_and_later_jobs_run(
    image_folder: Path, tmp_path: Path, settle: Any, broken: list[BaseException]
) -> None:
    session = Session(image_folder, ["red", "green", "blue"], encoder=Faulty(),
                      store=tmp_path / "store", progress=silent)  # fmt: skip
    none, export, gallery = NonePanel(session), ExportPanel(session), GalleryPanel(session)
    settle(none)
    session.vocabulary = ["boom", "zebra"]
    settle(none)
    assert "RuntimeError: my model" in none.status.value
    assert {str(error) for error in broken} == {"my model's own error"}
    export.folder.value = str(tmp_path / "dataset")
    export.button_export.click()
    gallery.show.value = "class"
    settle(export)
    assert str(tmp_path / "dataset") in export.status.value
    assert not export.button_export.disabled
    assert gallery.grid.sheet
    session.vocabulary = ["zebra"]
    settle(none)
    assert "error" not in none.status.value
    broken.clear()
    follower_of(session).close()


@pytest.mark.parametrize("stopped", [False, True])
def test_a_session_that_nobody_holds_is_freed_with_widgets_and_threads(
    image_folder: Path, tmp_path: Path, stopped: bool
) -> None:
    gc.collect()
    widgets, threads = count_widgets(), count_threads()
    session = Session(image_folder, ["red", "green", "blue"], encoder=ColourEncoder(),
                      store=tmp_path / "store", progress=silent)  # fmt: skip
    studio, panel = Studio(session), SettingsPanel(session)
    assert panel.widget.comm is not None
    assert count_widgets() > widgets + 100
    if stopped:
        studio.follower.jobs.stop()
    else:
        assert studio.map.wait_for_umap(120)
    assert studio.follower.wait(120)
    gone = weakref.ref(session), weakref.ref(studio), weakref.ref(panel)
    del session, studio, panel
    until(lambda: all(one() is None for one in gone))
    assert count_widgets() == widgets
    until(lambda: count_threads() <= threads)


def test_a_closed_studio_leaves_no_widget_and_the_session_gets_another(session: Session) -> None:
    gc.collect()
    before = count_widgets()
    studio = Studio(session)
    assert studio.map.wait_for_umap(120)
    studio.close()
    studio.close()
    assert count_widgets() == before
    session.temperature = 0.2  # nothing follows any more
    assert len(session.labels) == 24
    assert studio.follower.closed
    again = Studio(session)
    assert again.follower.wait(120)
    assert again.follower.labels is session.labels


def test_rows_and_buttons_that_are_replaced_are_closed(session: Session, settle: Any) -> None:
    studio = Studio(session)
    settle(studio.gallery)
    session.add_class("violet")
    session.remove_class("violet")
    settle(studio.gallery)
    before = count_widgets()
    for _ in range(5):
        session.add_class("violet")
        session.remove_class("violet")
    settle(studio.gallery)
    assert count_widgets() == before


def test_an_idle_session_has_no_threads(session: Session) -> None:
    studio = Studio(session)
    assert studio.map.wait_for_umap(120)
    assert studio.follower.wait(120)
    until(lambda: count_threads() == 0)


def test_panels_of_one_session_share_a_follower(session: Session) -> None:
    assert SettingsPanel(session).follower is GalleryPanel(session).follower


@pytest.mark.parametrize(
    ("owner", "step"),
    [(MapPanel, "_take"), (MapView, "set_points"), (MapView, "set_run")],
)
def test_a_session_that_closes_while_its_map_is_laid_out_says_nothing(
    owner: type, step: str, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The `broken` fixture fails this test if a panel shows or logs an error."""
    begun, free, real = threading.Event(), threading.Event(), getattr(owner, step)

    def slow(*arguments: Any, **options: Any) -> Any:
        begun.set()
        assert free.wait(60)
        return real(*arguments, **options)

    monkeypatch.setattr(owner, step, slow)
    MapPanel(session, umap=False)
    assert begun.wait(60)
    session.close()
    free.set()
    until(lambda: not count_threads())

from __future__ import annotations

import base64
import threading
import time
from typing import TYPE_CHECKING

import numpy as np
import pytest

import protolabel as pl
from protolabel.clustering.projection import place_prototypes
from protolabel.common.progress import silent
from protolabel.errors import InputError
from protolabel.widgets.map_view import MapView
from protolabel.widgets.panels.map import MapPanel
from protolabel.widgets.studio import Studio

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def view() -> MapView:
    made = MapView()
    made.set_points(np.random.default_rng(0).normal(size=(10, 2)))
    return made


def table(n: int = 10, steps: int = 3, classes: int = 2) -> np.ndarray:
    return np.random.default_rng(1).integers(classes, size=(steps, n))


def test_a_selection_goes_both_ways(view: MapView) -> None:
    view.select([9, 0, 3])
    assert view.selected.tolist() == [0, 3, 9]
    view.selection = memoryview(bytes([0b10000001, 0b10]))  # as the browser sends it
    assert view.selected.tolist() == [0, 7, 9]
    with pytest.raises(InputError, match="0 to 9"):
        view.select([10])


def test_a_run_is_sent_as_bytes(view: MapView) -> None:
    labels = table()
    view.set_run(labels, np.full(labels.shape, 0.5), ["a", "b"])
    assert np.frombuffer(view.labels, np.uint8).reshape(3, 10).tolist() == labels.tolist()
    assert set(view.agreement) == {128}
    assert view.iteration == view.last == 2
    many = table(classes=300)
    view.set_run(many, np.ones(many.shape), [str(i) for i in range(300)])
    assert view.label_bytes == 2
    assert np.frombuffer(view.labels, "<u2").reshape(3, 10).tolist() == many.tolist()


def test_who_watches_the_last_iteration_goes_on_doing_so(view: MapView) -> None:
    for steps, chosen, expected in ((3, None, 2), (6, None, 5), (6, 1, 1), (2, None, 1)):
        if chosen is not None:
            view.iteration = chosen
        view.set_run(table(steps=steps), np.ones((steps, 10)), ["a", "b"])
        assert view.iteration == expected


def test_arrays_that_do_not_fit_are_refused(view: MapView) -> None:
    with pytest.raises(InputError, match=r"\(N, 2\)"):
        view.set_points(np.zeros((3, 3)))
    with pytest.raises(InputError, match="shape"):
        view.set_run(table(9), np.ones((3, 9)), ["a", "b"])
    with pytest.raises(InputError, match="shape"):
        view.set_run(table(), np.ones((2, 10)), ["a", "b"])
    with pytest.raises(InputError, match="shape"):
        view.set_agreement(np.ones((1, 9)))
    with pytest.raises(InputError, match="class indices"):
        view.set_run(table(), np.ones((3, 10)), ["a"])
    with pytest.raises(InputError, match="one value for each"):
        view.set_clusters(np.zeros(3), np.zeros(3), np.zeros((1, 2)))


def test_another_number_of_points_empties_the_map(view: MapView) -> None:
    view.set_run(table(), np.ones((3, 10)), ["a", "b"])
    view.select([1])
    view.set_points(np.zeros((4, 2)))
    assert (view.labels, view.selection, view.last) == (b"", b"", 0)


def test_a_question_for_a_picture_is_answered(view: MapView, monkeypatch) -> None:
    sent = []
    monkeypatch.setattr(view, "send", lambda *given: sent.append(given))
    view.thumbnail, view.caption = (lambda index: bytes([index])), (lambda index: f"{index}.png")
    for content in ({"thumb": 7}, {"thumb": 10}, {"thumb": "7"}, {"other": 1}, "text"):
        view._answer(view, content, [])
    assert sent == [({"thumb": 7, "caption": "7.png"}, [b"\x07"])]


@pytest.fixture
def session(make_images: Callable, encoder, tmp_path) -> pl.Session:
    root = make_images({"red": 12, "green": 12, "blue": 12})
    return pl.Session(root, ["red", "green", "blue"], encoder=encoder, progress=silent,
                      store=tmp_path / "store", iterations=2)  # fmt: skip


def test_a_panel_follows_its_session(session: pl.Session) -> None:
    panel = MapPanel(session, umap=False)
    assert panel.wait_for_umap(60)
    view = panel.widget
    labels = np.frombuffer(view.labels, np.uint8).reshape(3, 36)
    assert labels[-1].tolist() == session.labels.label.tolist()
    assert view.names == ["red", "green", "blue"]
    assert view.status == ""
    assert len(view.captions) == 36
    assert view.atlas.startswith(b"\xff\xd8")

    sent = []
    view.observe(lambda change: sent.append(change["name"]))
    session.iterations = 4
    session.temperature = 0.2
    assert panel.wait(60)
    assert view.last == 4
    assert {"xy", "micro", "meta", "centroids", "atlas"}.isdisjoint(sent)
    session.pin([0], "blue")
    assert panel.wait(60)
    assert np.frombuffer(view.labels, np.uint8).reshape(5, 36)[:, 0].tolist() == [2] * 5
    assert view.pinned[0] == 1
    session.kept = 1
    assert panel.wait(60)
    assert (view.kept, view.iteration) == (1, 1)
    panel.close()


def test_labels_wait_for_no_agreement_but_that_of_the_iteration_shown(session: pl.Session) -> None:
    panel = MapPanel(session, umap=False)
    assert panel.wait_for_umap(60)
    view, sent = panel.widget, []
    view.iteration = 1
    view.observe(lambda change: sent.append((view.agreement_from, change["new"])), "agreement")
    session.temperature = 0.2
    assert panel.wait(60)
    run = session.labels.run
    assert run is not None
    every = np.stack([np.rint(255 * state.agreement) for state in run.iterations]).astype(np.uint8)
    shown, last = next(rows for _, rows in sent if rows), sent[-1]
    assert shown == every[1].tobytes()
    assert last[1] == every.tobytes()
    assert (view.agreement_from, view.agreement) == (0, every.tobytes())
    panel.close()


def test_a_selection_is_corrected_as_a_whole_and_undone_as_a_whole(session: pl.Session) -> None:
    panel = MapPanel(session, umap=False)
    assert panel.wait_for_umap(60)
    view, images = panel.widget, [1, 4, 20, 35]
    view.select(images)
    bits = memoryview(view.selection)
    view._handle_custom_msg({"relabel": "blue"}, [bits])
    assert panel.wait(60)
    assert session.pins == {session.embeddings.images.names[i]: "blue" for i in images}
    assert session.labels.label[images].tolist() == [2] * 4
    view._handle_custom_msg({"undo": True}, [])
    assert session.pins == {}
    view._handle_custom_msg({"redo": True}, [])
    assert len(session.pins) == 4
    session.remove_class("red")
    view._handle_custom_msg({"relabel": "red"}, [bits])  # the page does not know yet
    assert set(session.pins.values()) == {"blue"}
    assert view.status == "red is no class any more: choose another label."
    panel.close()


def test_a_panel_marks_what_is_set_aside(session: pl.Session) -> None:
    session.classes = ["red", "green"]
    panel = MapPanel(session, umap=False)
    assert panel.wait_for_umap(60)
    session.none_of_these = 0.5
    assert panel.wait(60)
    bits = np.unpackbits(np.frombuffer(panel.widget.unfit, np.uint8), bitorder="little")[:36]
    assert bits.sum() == 12
    assert bits.tolist() == session.labels.unfit.tolist()
    session.none_of_these = None
    assert panel.wait(60)
    assert panel.widget.unfit == b""
    panel.close()


def test_a_panel_shows_umap_through_the_session(session: pl.Session) -> None:
    panel = MapPanel(session)
    assert panel.wait_for_umap(120)
    points = np.frombuffer(panel.widget.xy, np.float32).reshape(-1, 2)
    np.testing.assert_array_equal(points, session.map)  # not laid out a second time
    stars = np.frombuffer(panel.widget.prototypes, np.float32).reshape(3, 3, 2)
    expected = place_prototypes(session.refinement, session.embeddings.vectors, session.map)
    np.testing.assert_allclose(stars, expected, atol=1e-4)
    bundle, _ = panel._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in bundle
    picture = base64.b64decode(bundle["image/png"])
    assert picture.startswith(b"\x89PNG")
    assert len(picture) < 120_000
    panel.close()


@pytest.fixture
def slow(monkeypatch):
    """A layout that takes until it is let go; gives (it has begun, let it go, how often)."""
    from protolabel.session import session as module

    started, free, calls = threading.Event(), threading.Event(), []
    real = module.project

    def project(*arguments, **options):
        calls.append(options)
        started.set()
        assert free.wait(60)
        return real(*arguments, **options)

    monkeypatch.setattr(module, "project", project)
    yield started, free, calls
    free.set()


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_stop_frees_the_map_of_its_layout_and_go_on_lays_it_out(session, slow) -> None:
    from protolabel.widgets.panels.progress import ProgressPanel

    started, free, calls = slow
    panel, bar = MapPanel(session), ProgressPanel(session)
    view = panel.widget
    assert started.wait(60)
    until(lambda: "Laying out the map" in bar.phase.value)
    assert bar.stop.layout.display is None
    assert view.status == "Laying out the map …"
    first = view.xy
    bar.stop.click()
    until(lambda: not panel.jobs.background)
    assert not free.is_set()  # nobody waits for the layout, which cannot be interrupted
    assert view.status == "Stopped"
    assert (bar.stop.layout.display, bar.go_on.layout.display) == ("none", None)
    assert "stopped" in bar.phase.value

    session.temperature = 0.3  # labels go on following
    assert panel.wait(60)
    assert panel.follower.labels.run.parameters["temperature"] == 0.3
    assert np.frombuffer(view.labels, np.uint8)[-36:].tolist() == session.labels.label.tolist()
    free.set()
    until(lambda: "map" in session.computed)
    assert panel.wait(60)
    assert (view.xy, view.status) == (first, "Stopped")

    bar.go_on.click()
    assert panel.wait_for_umap(60)
    np.testing.assert_array_equal(np.frombuffer(view.xy, np.float32).reshape(-1, 2), session.map)
    assert (view.status, len(calls)) == ("", 1)  # what was found meanwhile is used
    assert bar.go_on.layout.display == "none"
    panel.close()


def test_who_goes_on_at_once_waits_for_the_layout_again(session, slow) -> None:
    started, free, calls = slow
    panels = MapPanel(session), MapPanel(session)
    jobs = panels[0].jobs
    assert started.wait(60)
    until(lambda: bool(jobs.background))
    jobs.stop()
    jobs.resume()
    until(lambda: bool(jobs.background))
    free.set()
    for panel in panels:
        assert panel.wait_for_umap(60)
        assert panel.widget.status == ""
        assert panel.widget.xy == session.map.tobytes()
        panel.close()
    assert (len(calls), jobs.background) == (1, "")


def test_a_failure_is_shown_on_the_map(session: pl.Session) -> None:
    panel = MapPanel(session, umap=False)
    assert panel.wait_for_umap(60)
    session.classes = {"violet": ["violet"]}
    assert panel.wait(60)
    session._stages.put(text=None)  # as if the encoder had failed
    session.pin(0, "violet")  # which prepares the loop again
    assert panel.wait(60)
    assert "ClassVectors" in panel.widget.status
    panel.close()


def test_a_failure_is_told_once_in_the_studio(session: pl.Session) -> None:
    studio = Studio(session)
    assert studio.map.wait(60)
    session.classes = {"violet": ["violet"]}
    assert studio.map.wait(60)
    session._stages.put(text=None)  # as if the encoder had failed
    session.pin(0, "violet")
    assert studio.map.wait(60)
    assert "ClassVectors" in studio.progress.status.value
    assert studio.progress.again.layout.display is None
    assert studio.map.widget.status == "The work did not finish"
    studio.close()

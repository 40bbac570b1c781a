"""Every control, both ways, in Python: real traitlets, no browser."""

from __future__ import annotations

import html
import json
import re
import threading
import zipfile

import numpy as np
import pytest

from protolabel.errors import Stopped
from protolabel.widgets import follower as following
from protolabel.widgets.charts import line_chart
from protolabel.widgets.follower import follower_of
from protolabel.widgets.panel import escape
from protolabel.widgets.panels.classes import ClassesPanel
from protolabel.widgets.panels.export import ExportPanel
from protolabel.widgets.panels.gallery import GalleryPanel
from protolabel.widgets.panels.map import MapPanel
from protolabel.widgets.panels.progress import ProgressPanel
from protolabel.widgets.panels.runs import RunsPanel
from protolabel.widgets.panels.settings import TOOLTIPS, SettingsPanel
from protolabel.widgets.panels.timeline import TimelinePanel
from protolabel.widgets.studio import Studio

EVIL = "<img src=x onerror=alert(1)>"

# --- settings -----------------------------------------------------------------------------------

SETTINGS = [
    ("temperature", 0.2),
    ("iterations", 3),
    ("method", "plain"),
    ("preset", "medium"),
    ("min_cluster_size", 4),
    ("seed", 7),
]


@pytest.mark.parametrize(("name", "value"), SETTINGS)
def test_a_control_sets_its_trait_and_follows_it(session, name, value, settle):
    panel = SettingsPanel(session)
    control = panel.controls[name]
    before = control.value
    control.value = value
    assert getattr(session, name) == value
    automatic = name in ("min_cluster_size", "preset")
    setattr(session, name, None if automatic else before)
    assert control.value == before
    settle(panel)
    assert panel.follower.problem == ""


def test_every_control_says_what_it_does(session):
    panel = SettingsPanel(session)
    assert {name: one.tooltip for name, one in panel.controls.items()} == TOOLTIPS
    tips = panel.widget.children[0].tips  # which the page shows
    for control in panel.controls.values():
        assert control.tooltip in [tips.get(mark) for mark in control._dom_classes]


def test_rare_settings_are_folded_away_and_a_kept_iteration_is_said(session):
    panel = SettingsPanel(session)
    assert panel.advanced.selected_index is None
    assert panel.advanced.titles == ("Advanced",)
    assert panel.preset in panel.advanced.children[0].children
    assert panel.kept.value == ""
    session.kept = 0
    assert "You keep the labels of zero-shot" in panel.kept.value
    session.kept = None
    assert panel.kept.value == ""


def test_a_slider_grows_with_what_a_cell_sets_and_sends_nothing_back(session):
    panel = SettingsPanel(session)
    session.temperature, session.iterations = 0.9, 14
    assert panel.temperature.value == pytest.approx(0.9)
    assert (session.temperature, session.iterations) == (0.9, 14)


def test_what_a_browser_rounds_is_no_wish_of_a_person(session):
    panel = SettingsPanel(session)
    session.temperature = 0.07
    panel.temperature.value = 10**-1.15  # the nearest step, which the slider reports by itself
    assert session.temperature == 0.07
    panel.temperature.value = 10**-1.14
    assert session.temperature == pytest.approx(10**-1.14)


def test_two_panels_on_one_session_agree(session):
    one, two = SettingsPanel(session), SettingsPanel(session)
    one.temperature.value = 0.07
    assert two.temperature.value == pytest.approx(0.07)


def test_a_slider_changes_the_labels(session, settle):
    panel = SettingsPanel(session)
    settle(panel)
    before = panel.follower.labels
    panel.temperature.value = 0.25
    settle(panel)
    assert panel.follower.labels is not before
    assert panel.follower.labels.run.parameters["temperature"] == 0.25


def test_a_bad_value_is_shown_in_the_panel(session):
    panel = SettingsPanel(session)
    panel.min_cluster_size.value = 1
    assert "Cluster size must be 2 or more" in panel.status.value
    assert session.min_cluster_size is None
    panel.min_cluster_size.value = 3
    assert panel.status.value == ""


def test_a_broken_handler_is_shown_and_raised_in_tests(session, broken):
    panel = SettingsPanel(session)

    def break_down(_):
        raise RuntimeError("<b>out of paper</b>")

    with pytest.raises(RuntimeError):
        panel.guard(break_down)(None)
    assert "out of paper" in panel.status.value
    assert "<b>out" not in panel.status.value
    assert isinstance(broken.pop(), RuntimeError)


# --- background work ------------------------------------------------------------------------------


@pytest.fixture
def slow(monkeypatch):
    """A clustering that takes until it is let go; gives (it has begun, let it go, how often)."""
    from protolabel.session import session as module

    started, free, calls = threading.Event(), threading.Event(), []
    real = module.cluster

    def cluster(*arguments, progress, **options):
        calls.append(options)
        started.set()
        assert free.wait(60)
        progress("clustering", 1, 2)
        return real(*arguments, progress=progress, **options)

    monkeypatch.setattr(module, "cluster", cluster)
    yield started, free, calls
    free.set()


def test_stop_acts_at_once_and_work_goes_on(session, settle, slow):
    started, free, _ = slow
    panel = SettingsPanel(session)
    assert started.wait(60)
    panel.temperature.value = 0.2  # returns at once, although a clustering is under way
    assert session.temperature == 0.2
    panel.follower.jobs.stop()
    settle(panel)  # nobody waits for the clustering, which cannot be interrupted
    assert not free.is_set()
    assert panel.follower.jobs.stopped
    assert not panel.follower.jobs.busy
    assert panel.follower.labels is None
    assert "embeddings" in session.computed
    free.set()
    panel.follower.jobs.resume()
    settle(panel)
    assert not panel.follower.jobs.stopped
    assert len(panel.follower.labels) == 24


def test_a_stopped_fit_ends_at_its_next_step(session, settle, slow):
    started, free, calls = slow
    work = follower_of(session)
    assert started.wait(60)
    work.jobs.stop()
    settle(SettingsPanel(session))
    free.set()
    for thread in threading.enumerate():
        if thread.name == "protolabel job":
            thread.join(60)
    assert "clusters" not in session.computed
    assert len(calls) == 1


def test_who_goes_on_before_the_fit_has_ended_uses_it(session, settle, slow):
    started, free, calls = slow
    panel = SettingsPanel(session)
    assert started.wait(60)
    panel.follower.jobs.stop()
    panel.follower.jobs.resume()
    free.set()
    settle(panel)
    assert len(panel.follower.labels) == 24
    assert len(calls) == 1


def test_a_fit_that_is_out_of_date_is_not_finished(session, settle, slow):
    started, free, calls = slow
    panel = SettingsPanel(session)
    assert started.wait(60)
    panel.min_cluster_size.value = 4
    free.set()
    settle(panel)
    assert [one["min_cluster_size"] for one in calls] == [None, 4]


def test_stop_does_not_hit_what_a_cell_asks_for(session):
    work = follower_of(session)
    work.wait(60)
    work.jobs.stop()
    session.temperature = 0.2
    assert len(session.labels) == 24  # the main thread is never stopped from a panel
    assert not isinstance(work.problem, Stopped)


def test_an_export_is_busy_while_labels_follow_stops_at_its_next_step_and_starts_again(
    session, settle, monkeypatch, tmp_path
):
    panel = ExportPanel(session)
    settle(panel)
    work, real = panel.follower, session.export
    started, free, followed = threading.Event(), threading.Event(), threading.Event()

    def export(folder, **options):
        started.set()
        assert free.wait(60)
        session._report("images", 1, 2)
        raise AssertionError("an export that was stopped goes on")

    monkeypatch.setattr(session, "export", export)
    panel.folder.value = str(tmp_path / "out")
    panel.button_export.click()
    assert started.wait(60)
    work.observe(lambda _: followed.set(), names="settled")
    session.temperature = 0.2
    assert followed.wait(60)
    assert work.labels.run.parameters["temperature"] == 0.2
    assert work.jobs.busy
    work.jobs.stop()
    free.set()
    settle(panel)
    assert "was stopped and nothing was written" in panel.status.value
    assert not work.jobs.busy
    session.temperature = 0.3  # only the export was stopped
    settle(panel)
    assert work.labels.run.parameters["temperature"] == 0.3
    monkeypatch.setattr(session, "export", real)
    panel.button_export.click()
    assert not work.jobs.stopped
    settle(panel)
    assert str(tmp_path / "out") in panel.status.value


def test_what_the_work_raises_is_told(make_images, encoder, tmp_path):
    from protolabel.session.session import Session

    session = Session(tmp_path, ["red", "blue"], encoder=encoder)
    work = follower_of(session)
    work.wait(60)
    assert "found none among 0 files" in work.problem


def test_skipped_files_are_named_with_their_reasons(make_images, encoder, tmp_path, settle):
    from protolabel.session.session import Session

    root = make_images({"red": 3, "blue": 3})
    (root / "<b>.png").write_bytes(b"no picture")
    session = Session(root, ["red", "blue"], encoder=encoder, store=tmp_path / "store")
    panel = ProgressPanel(session)
    settle(panel)
    (skipped,) = session.embeddings.images.skipped
    assert "<b>1</b> file skipped" in panel.summary.value
    assert f"&lt;b&gt;.png: {escape(skipped.reason)}" in panel.summary.value


def test_labels_that_wait_for_their_class_are_counted(session, settle):
    panel = ProgressPanel(session)
    session.pin([0, 1], "blue")
    session.remove_class("blue")
    settle(panel)
    assert "<b>0</b> fixed by you, <b>2</b> waiting" in panel.summary.value


# --- classes --------------------------------------------------------------------------------------


def test_a_class_is_added_renamed_and_removed(session, settle):
    panel = ClassesPanel(session)
    panel.new.value = "yellow"
    assert len(session.names) == 3  # Enter or the button adds it
    panel.add.click()
    assert session.names == ("red", "green", "blue", "yellow")
    assert panel.new.value == ""
    panel.rows[3].name.value = "violet"
    assert session.names[3] == "violet"
    panel.rows[0].synonyms.value = "yellow, violet "
    assert session.classes.synonyms[0] == ("red", "yellow", "violet")
    panel.rows[0].remove.click()
    assert session.names == ("green", "blue", "violet")
    assert [row.name.value for row in panel.rows] == ["green", "blue", "violet"]
    settle(panel)
    assert panel.follower.labels.names == session.names


def test_several_names_are_added_at_once_and_taken_back_at_once(session):
    panel = ClassesPanel(session)
    panel.new.value = " panda, fish,"
    assert len(session.names) == 3  # leaving the field adds nothing
    panel.add.click()
    assert session.names == ("red", "green", "blue", "panda", "fish")
    panel.undo.click()
    assert session.names == ("red", "green", "blue")
    panel.redo.click()
    assert session.names[3:] == ("panda", "fish")
    panel.new.value = "owl, red"  # all or none
    panel.add.click()
    assert "red" in panel.status.value
    assert len(session.names) == 5


def test_classes_are_sorted_coloured_and_merged(session):
    panel = ClassesPanel(session)
    session.pin(0, "red")
    panel.which.value = "blue"
    panel.up.click()
    assert session.names == ("red", "blue", "green")
    assert ">3<" in panel.rows[1].dot.value  # its key is still that of the third
    panel.colour.value = "#804020"
    light = session.marks.colour("blue")[0]
    assert light in panel.rows[1].dot.value
    panel.usual.click()
    assert "var(--pls-class-2" in panel.rows[1].dot.value
    panel.which.value, panel.into.value = "red", "green"
    panel.merge.click()
    assert session.names == ("blue", "green")
    assert session.classes.synonyms[1] == ("green", "red")
    assert set(session.pins.values()) == {"green"}
    panel.undo.click()
    assert session.names == ("red", "blue", "green")
    assert set(session.pins.values()) == {"red"}
    panel.which.value = panel.into.value
    panel.merge.click()
    assert "two classes" in panel.status.value


def test_of_a_thousand_classes_some_are_shown_and_all_are_found(session):
    session.classes = [f"class {i}" for i in range(1000)]
    panel = ClassesPanel(session)
    assert len(panel.rows) == 60
    assert "940 more classes" in panel.more.value
    panel.find.value = "CLASS 99"
    assert [row.known for row in panel.rows] == [
        "class 99",
        *(f"class {i}" for i in range(990, 1000)),
    ]
    panel.rows[0].remove.click()
    assert "class 99" not in session.names


def test_a_cell_changes_the_rows(session):
    panel = ClassesPanel(session)
    session.classes = {"red": ["rot"], "blue": []}
    assert [(row.name.value, row.synonyms.value) for row in panel.rows] == [
        ("red", "rot"),
        ("blue", ""),
    ]


@pytest.mark.parametrize("name", ["RED", "green", "  ", "a\tb"])
def test_a_bad_name_is_refused_in_place(session, name):
    panel = ClassesPanel(session)
    panel.rows[0].name.value = name
    if name != "RED":  # another spelling of the same class is a new name for it
        assert session.names == ("red", "green", "blue")
        assert panel.status.value
        assert panel.rows[0].name.value == "red"
    panel.new.value = name
    panel.add.click()
    assert len(session.names) == 3


def test_templates_are_edited(session):
    panel = ClassesPanel(session)
    panel.templates.value = "a {}\nthe {}"
    assert session.templates == ("a {}", "the {}")
    panel.templates.value = "no place"
    assert "exactly one" in panel.status.value
    assert session.templates == ("a {}", "the {}")
    session.templates = ["one {}"]
    assert panel.templates.value == "one {}"


def test_pins_and_undo_follow_a_renamed_class(session):
    session.pin([0, 1], "blue")
    session.pin(2, "green")
    session.rename_class("blue", "violet")
    assert sorted(session.pins.values()) == ["green", "violet", "violet"]
    while session.can_undo:
        session.undo()
    assert "blue" not in session.pins.values()


def test_a_renamed_class_keeps_its_synonyms_and_templates(session):
    session.classes = {"red": ["rot"], "green": [], "blue": []}
    session.templates = {"red": ["my {}"]}
    session.rename_class("red", "violet")
    assert session.names == ("violet", "green", "blue")
    assert session.classes.synonyms[0] == ("violet", "rot")
    assert session.templates == {"violet": ["my {}"]}


# --- timeline -------------------------------------------------------------------------------------


def test_the_timeline_looks_at_an_iteration_and_keeps_it(session, settle):
    panel = TimelinePanel(session)
    settle(panel)
    assert (panel.slider.max, panel.slider.value) == (5, 5)
    panel.slider.value = 2
    assert panel.follower.iteration == 2
    assert session.kept is None
    panel.keep.click()
    assert session.kept == 2
    settle(panel)
    assert panel.follower.labels.iteration == 2
    assert "iteration 2" in panel.kept.value
    panel.last.click()
    assert session.kept is None
    settle(panel)
    assert panel.slider.value == 5


def test_the_guard_speaks_in_words_and_marks(session, settle):
    panel = TimelinePanel(session)
    settle(panel)
    panel.slider.value = 0
    assert "zero-shot labels" in panel.findings.value
    assert "Note." in panel.findings.value
    session.classes = ["red", "green", "blue", EVIL]
    settle(panel)
    assert "<img" not in panel.findings.value + panel.charts.value
    assert "&lt;img" in panel.findings.value + panel.charts.value
    assert panel.charts.value.count("<svg") == 4


def test_pictures_to_pin_are_shown_where_the_guard_is_in_doubt(session, settle):
    panel, gallery = TimelinePanel(session), GalleryPanel(session)
    settle(panel)
    settle(gallery)
    sound = "Good." in panel.findings.value and "Note." not in panel.findings.value
    assert (panel.pin.layout.display == "none") is sound
    session.classes = ["red", "green", "blue", "unicorn"]  # no image has the last name
    settle(panel)
    settle(gallery)
    assert "unicorn" in panel.findings.value
    assert panel.pin.layout.display is None
    panel.pin.click()
    five = session.next_to_correct(5).tolist()
    assert list(panel.follower.selection) == five
    settle(gallery)
    assert gallery.show.value == "selection"
    assert {tile["id"] for tile in gallery.grid.tiles} == set(five)


def test_every_chart_says_what_to_read_from_it(session, settle):
    panel = TimelinePanel(session)
    settle(panel)
    assert (
        panel.charts.value.count("<svg") == panel.charts.value.count('<p class="pls-faint">') == 4
    )
    assert "It is no accuracy" in panel.charts.value


def test_a_chart_is_drawn_of_nothing_and_of_one_point():
    assert "<svg" in line_chart("x", [], mark=0)
    assert line_chart("x", [("a", [0.0], "#000000")], mark=0).count("<circle") == 1


def test_the_key_of_a_chart_holds_whole_names_from_the_highest_line_to_the_lowest():
    low = "Staffordshire bull terrier asleep on a sofa"
    lines = [(low, [3.0, 2.0], "#000000"), ("<dog>", [0.0, 7.0], "#ff0000")]
    key = line_chart("x", lines, mark=0, names=True).partition("</svg>")[2]
    assert f"{low} <b>2</b>" in key
    assert key.index("&lt;dog&gt; <b>7</b>") < key.index(low)


def test_untrusted_text_is_escaped():
    assert escape(EVIL + "\n'\"") == (
        "&lt;img src=x onerror=alert(1)&gt;\N{REPLACEMENT CHARACTER}&#x27;&quot;"
    )


# --- gallery --------------------------------------------------------------------------------------


def test_a_correction_is_a_pin_with_undo_and_redo(session, settle):
    panel = GalleryPanel(session)
    settle(panel)
    assert len(panel.grid.tiles) == 24
    assert not panel.grid.can_undo
    first = panel.grid.tiles[0]["id"]
    panel._on_message(None, {"relabel": 2, "ids": [first]}, [])
    assert panel.grid.can_undo
    name = session.embeddings.images.names[first]
    assert session.pins == {name: "blue"}
    settle(panel)
    assert panel.follower.labels.pinned[first]
    panel.show.value = "pinned"
    settle(panel)
    assert [(one["id"], one["pinned"]) for one in panel.grid.tiles] == [(first, True)]
    panel._on_message(None, {"undo": True}, [])
    assert session.pins == {}
    panel._on_message(None, {"redo": True}, [])
    assert session.pins == {name: "blue"}
    assert [(c.image, c.before, c.after) for c in session.corrections] == [
        (name, None, "blue"),
        (name, "blue", None),
        (name, None, "blue"),
    ]


def test_number_keys_relabel(session, settle):
    panel = GalleryPanel(session)
    settle(panel)
    panel._on_message(None, {"relabel": 1, "ids": [3, 4]}, [])
    assert list(session.pins.values()) == ["green", "green"]
    panel._on_message(None, {"unpin": True, "ids": [3]}, [])
    assert len(session.pins) == 1
    panel._on_message(None, {"undo": True}, [])
    assert len(session.pins) == 2
    panel.guard(panel._on_message)(None, {"relabel": 8, "ids": [3]}, [])
    assert "no class number 9" in panel.status.value
    panel.guard(panel._on_message)(None, {"relabel": 0, "ids": []}, [])
    assert "Choose one or more pictures" in panel.status.value


def test_the_gallery_shows_what_is_asked_for(session, settle):
    panel = GalleryPanel(session)
    settle(panel)
    labels = panel.follower.labels
    panel.show.value, panel.of_class.value = "class", 2
    settle(panel)
    ids = {one["id"] for one in panel.grid.tiles}
    assert ids == set(np.flatnonzero(labels.label == 2).tolist())
    panel.follower.selection = (5, 1)
    panel.show.value = "selection"
    settle(panel)
    assert [one["id"] for one in panel.grid.tiles] == [5, 1]
    panel.show.value = "since"
    settle(panel)
    changed = np.flatnonzero(labels.label != labels.at(0).label)
    assert [one["id"] for one in panel.grid.tiles] == changed.tolist()
    assert panel.grid.sheet[:2] == b"\xff\xd8" or not len(changed)


def test_what_is_chosen_at_once_is_labelled_at_once(session, settle):
    panel = GalleryPanel(session)
    settle(panel)
    panel.follower.selection = (3, 8, 11)
    panel.show.value = "selection"
    settle(panel)
    panel.relabel([tile["id"] for tile in panel.grid.tiles], 1)
    names = session.embeddings.images.names
    assert session.pins == dict.fromkeys((names[3], names[8], names[11]), "green")
    panel.follower.selection = ()
    settle(panel)
    assert panel.show.value == "doubt"
    panel.show.value = "selection"
    assert "lasso" in panel.count.value


def test_one_class_stays_the_same_class(session, settle):
    panel = GalleryPanel(session)
    settle(panel)
    panel.show.value, panel.of_class.value = "class", 2
    session.remove_class("red")
    assert panel.of_class.label == "blue"
    session.rename_class("blue", "violet")
    assert panel.of_class.label == "violet"
    session.remove_class("violet")
    assert panel.of_class.label == "green"
    settle(panel)


def test_what_is_selected_and_looked_at_is_the_same_in_all_panels(session, settle):
    one, two = MapPanel(session, umap=False), MapPanel(session, umap=False)
    gallery, timeline = GalleryPanel(session), TimelinePanel(session)
    settle(gallery)
    one.widget.select([2, 7])  # as the lasso does
    assert two.selected.tolist() == [2, 7]
    settle(gallery)
    assert (gallery.show.value, [tile["id"] for tile in gallery.grid.tiles]) == (
        "selection",
        [2, 7],
    )
    gallery.follower.selection = (3,)
    assert one.selected.tolist() == two.selected.tolist() == [3]
    one.widget.iteration = 1
    assert (two.widget.iteration, timeline.slider.value) == (1, 1)
    timeline.slider.value = 4
    assert (one.widget.iteration, two.widget.iteration) == (4, 4)


def test_pictures_stay_chosen_while_labels_settle(session, settle):
    panel = GalleryPanel(session)
    settle(panel)
    one, two, three = (tile["id"] for tile in panel.grid.tiles[:3])
    panel.grid.chosen = [one, two]
    session.temperature = 0.2
    settle(panel)
    assert panel.grid.chosen == [one, two]
    panel.grid.chosen = [one, two, three]  # the third came while the first two were relabelled
    panel.relabel([one, two], 1)
    settle(panel)
    assert panel.grid.chosen == [three]
    panel.show.value = "pinned"
    settle(panel)
    assert {tile["id"] for tile in panel.grid.tiles} == {one, two}
    assert panel.grid.chosen == []


def test_a_missing_picture_keeps_its_place(session, settle):
    _ = session.embeddings
    session.embeddings.images.path(0).unlink()
    panel = GalleryPanel(session)
    settle(panel)
    assert len(panel.grid.tiles) == 24
    assert panel.grid.sheet


# --- runs -----------------------------------------------------------------------------------------


def test_the_difference_of_two_runs_is_what_numpy_says(session, settle):
    panel = RunsPanel(session)
    settle(panel)
    session.pin([0, 5, 7], "blue")
    settle(panel)
    a, b = session.runs[0], session.runs[-1]
    differ = np.flatnonzero(a.label != b.label)
    assert (panel.left.value, panel.right.value) == (a.number, b.number)
    assert [one["id"] for one in panel.grid.tiles] == differ.tolist()
    assert f"<b>{len(differ)}</b>" in panel.result.value
    assert len(panel.table.rows) == 2
    assert b.pins == 3


def test_a_quick_hand_loses_only_what_a_slider_passed_through(session, settle, monkeypatch):
    monkeypatch.setattr(following, "_PASSING", 1e9)  # everything is done in no time
    settings, gallery, timeline, panel = (
        kind(session) for kind in (SettingsPanel, GalleryPanel, TimelinePanel, RunsPanel)
    )
    settle(panel)
    dragged = (0.09, 0.08, 0.07, 0.06)
    for temperature in dragged:
        settings.temperature.value = temperature
        settle(panel)
    timeline.slider.value = 0
    timeline.keep.click()
    settle(panel)
    gallery._on_message(None, {"relabel": 2, "ids": [0]}, [])
    settle(panel)
    for said in ("undo", "redo"):
        gallery._on_message(None, {said: True}, [])
        settle(panel)
    told = [(run.settings["temperature"], run.settings["kept"], run.pins) for run in session.runs]
    last = settings.temperature.value  # the step of the slider that is nearest to 0.06
    assert told[0] == (0.1, None, 0)
    assert told[1:] == [(last, None, 0), *((last, 0, pins) for pins in (0, 1, 0, 1))]
    assert "What differs" in panel.sides.value


def test_runs_with_other_names_are_compared_by_name(session):
    from protolabel.evaluation.scoring import compare

    _ = session.labels
    session.classes = ["blue", "green", "red"]
    _ = session.labels
    one, two = session.runs
    same = np.array(one.names)[one.label] == np.array(two.names)[two.label]
    assert compare(one, two).changed.tolist() == np.flatnonzero(~same).tolist()


def test_a_run_is_gone_back_to(session, settle):
    panel = RunsPanel(session)
    settle(panel)
    first = session.labels
    session.temperature, session.iterations = 0.25, 2
    settle(panel)
    panel.left.value = 1
    before = len(session.runs)
    session.pin(0, "blue")
    settle(panel)
    panel.again.click()
    settle(panel)
    assert (session.temperature, session.iterations) == (0.1, 5)
    assert len(session.runs) == before + 2  # the pin, and the settings at once
    assert "1 label now, 0 then" in panel.status.value
    session.unpin(0)
    settle(panel)
    assert np.array_equal(session.labels.label, first.label)


def test_accuracy_is_shown_where_truth_is_known(make_images, encoder, tmp_path, settle):
    import protolabel as pl

    images = pl.find_images(make_images({"red": 5, "blue": 4}), truth=True)
    session = pl.Session(images, ["red", "blue"], encoder=encoder, store=tmp_path / "s")
    panel = RunsPanel(session)
    settle(panel)
    assert session.runs[-1].accuracy == 1.0
    assert "100.0 %" in panel.table.rows[0]["cells"]


def test_truth_that_is_told_later_reaches_the_runs(session, settle):
    panel = RunsPanel(session)
    settle(panel)
    names = session.embeddings.images.names
    session.pin([0, 5], "blue")
    settle(panel)
    assert "unknown" in str(panel.table.rows)
    assert "became right" not in panel.result.value
    session.evaluate({names[0]: "blue", names[5]: "blue"})
    assert "unknown" not in str(panel.table.rows)
    first, last = session.runs[0], session.runs[-1]
    right = np.array(first.names)[first.label[[0, 5]]] == "blue"
    assert first.accuracy == pytest.approx(right.mean())
    assert last.accuracy == 1
    assert f"<b>{(~right).sum()}</b> became right, <b>0</b> wrong" in panel.result.value


# --- export ---------------------------------------------------------------------------------------


def test_export_writes_and_says_where(session, settle, tmp_path):
    panel = ExportPanel(session)
    session.pin(0, "blue")
    panel.folder.value = str(tmp_path / "out")
    panel.zip.value = True
    panel.button_export.click()
    settle(panel)
    assert str(tmp_path / "out") in panel.status.value
    archive = tmp_path / "out.zip"
    with zipfile.ZipFile(archive) as inside:
        assert "out/labels.csv" in inside.namelist()
    assert "pl.Session.load(" in panel.after.value
    assert "Read the report" in panel.after.value
    assert (panel.download.name, panel.download.size) == ("out.zip", archive.stat().st_size)
    metadata = json.loads((tmp_path / "out" / "metadata.json").read_text("utf-8"))
    (correction,) = metadata["parameters"]["corrections"]
    assert (correction["before"], correction["after"]) == (None, "blue")
    assert correction["when"].endswith("+00:00")
    assert not panel.button_export.disabled
    panel.folder.value = str(session.embeddings.images.root)
    panel.button_export.click()
    settle(panel)
    assert "pls-say bad" in panel.status.value


def test_export_needs_a_folder(session):
    panel = ExportPanel(session)
    panel.folder.value = "  "
    panel.button_export.click()
    assert "name of a folder" in panel.status.value


# --- the session ----------------------------------------------------------------------------------


def test_the_trail_survives_saving(session, tmp_path):
    from protolabel.session.session import Session

    session.pin(0, "blue")
    session.save(tmp_path / "saved")
    again = Session.load(tmp_path / "saved", encoder=session.encoder)
    assert again.corrections == session.corrections
    again.unpin(0)
    assert len(again.corrections) == 2


def test_undo_with_nothing_to_undo_says_so(session):
    with pytest.raises(ValueError, match="no correction to undo"):
        session.undo()
    with pytest.raises(ValueError, match="no correction to redo"):
        session.redo()


def test_messages_speak_to_somebody_who_sees_buttons(session, settle, tmp_path):
    studio = Studio(session)
    settle(studio.gallery)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("x")
    classes, export, sessions = studio.classes, studio.export, studio.sessions

    def said(panel, act, *given):
        act(*given)
        settle(panel)
        assert "pls-say bad" in panel.status.value, given
        return html.unescape(re.sub("<[^>]+>", "", panel.status.value))

    def write(field, value, button=None):
        field.value = value
        if button is not None:
            button.click()

    def ask(button):
        button.click()

    told = [said(studio.settings, write, studio.settings.min_cluster_size, 1)]
    told += [said(classes, write, classes.new, name, classes.add) for name in ("red", "a\tb")]
    told.append(said(classes, write, classes.rows[0].name, "green"))
    told += [said(classes, write, classes.templates, text) for text in ("no place", "", "{} {}")]
    classes.which.value = classes.into.value
    told.append(said(classes, ask, classes.merge))
    told += [
        said(export, write, export.folder, folder, export.button_export)
        for folder in ("", "/", "/proc/nothing", str(tmp_path / "full"), "a\0b")
    ]
    write(export.folder, str(tmp_path / "out"), export.button_export)
    settle(export)
    told.append(said(export, ask, export.button_export))
    told += [
        said(sessions, write, sessions.folder, folder, sessions.open)
        for folder in ("", "/nothing", str(tmp_path / "full"), "a\0b")
    ]
    told += [
        said(sessions, write, sessions.folder, folder, sessions.save)
        for folder in ("/proc/nothing", str(tmp_path / "full"))
    ]
    grid = studio.gallery.grid
    told += [
        said(studio.gallery, grid._handle_custom_msg, message, [])
        for message in ({"ids": [], "relabel": 0}, {"ids": [0], "relabel": 77}, {"everything": 99})
    ]
    told.append(said(studio.names, studio.names.list._handle_custom_msg, {"leave": 9}, []))
    told.append(said(studio.runs, studio.runs.table._handle_custom_msg, {"pick": 99}, []))
    python = r"\w=|\w\(|\bpass\b|Errno|Error:|\bNone\b|session\.|Session\.|\bpl\.|--\w|\w_\w"
    plain = [re.sub(r"'[^']*'|(annotated_dataset|saved_session)\.", "", text) for text in told]
    assert [text for text in plain if re.search(python, text)] == []
    studio.close()

"""The help, the first hint, progress in words, and what happens after an error."""

from __future__ import annotations

from protolabel.common.progress import silent
from protolabel.errors import EncoderError
from protolabel.samples import write_sample_pictures
from protolabel.session import Session
from protolabel.widgets.jobs import how_far
from protolabel.widgets.panels.help import HelpPanel
from protolabel.widgets.panels.progress import ProgressPanel


def test_the_hint_goes_once_a_person_has_found_out(session, settle):
    panel = HelpPanel(session)
    assert panel.line.layout.display is None
    assert "press the number of its class" in panel.hint.value
    session.pin(0, "red")
    assert panel.body.layout.display == "none"
    panel.toggle.click()
    assert panel.body.layout.display is None
    assert "Micro-cluster" in panel.sheet.value
    assert "Shift A" in panel.sheet.value
    panel.toggle.click()
    assert panel.body.layout.display == "none"
    settle(panel)


def test_got_it_puts_the_hint_away(session, settle):
    panel = HelpPanel(session)
    panel.got_it.click()
    assert panel.body.layout.display == "none"
    settle(panel)


def test_progress_counts_and_says_how_long_it_takes():
    assert how_far(0, 1, 9.0) == ""
    assert how_far(1200, 5000, 0.5) == "1,200 of 5,000"
    assert how_far(1200, 5000, 30.0) == "1,200 of 5,000, about 2 min left"
    assert how_far(4000, 5000, 30.0) == "4,000 of 5,000, about 10 s left"
    assert how_far(5000, 5000, 30.0) == "5,000 of 5,000"


def test_a_screen_reader_is_told_of_each_step_and_not_of_every_picture(session, settle):
    panel = ProgressPanel(session)
    settle(panel)
    heard, jobs = [], panel.jobs
    panel.told.observe(lambda change: heard.append(change["new"]), "value")
    assert "pls-live" in panel.told._dom_classes
    assert "role=" not in panel.phase.value  # what changes with every picture is silent
    jobs.busy = True
    for phase in ("reading <images>", "refining"):
        for done in range(1000):
            jobs.report(phase, done, 1000)
    jobs.busy = False
    steps = [f": {part} %" for part in (25, 50, 75)]
    assert heard == [
        "working",
        *(f"reading &lt;images&gt;{step}" for step in ["", *steps]),
        *(f"refining{step}" for step in ["", *steps]),
        "ready",
    ]


def test_it_is_said_that_the_sample_encoder_knows_no_photographs(tmp_path, session, settle):
    drawn = write_sample_pictures(tmp_path / "drawn", per_class=2).folder
    sample = Session(drawn, ["dog", "cat"], encoder="sample", store=tmp_path, progress=silent)
    for one, said in ((sample, True), (session, False)):
        panel = ProgressPanel(one)
        settle(panel)
        assert ("not photographs" in panel.summary.value) is said


def test_what_failed_is_tried_again(session, settle, monkeypatch):
    panel = ProgressPanel(session)
    settle(panel)
    assert panel.again.layout.display == "none"

    def away(*_, **__):
        raise EncoderError("The network is away.")

    with monkeypatch.context() as broken_for_now:
        broken_for_now.setattr("protolabel.refinement.loop.PreparedLoop.refine", away)
        session.temperature = 0.2
        settle(panel)
        assert "The network is away" in panel.status.value
        assert panel.again.layout.display is None
    panel.again.click()
    settle(panel)
    assert panel.status.value == ""
    assert panel.again.layout.display == "none"
    assert panel.follower.labels.run.parameters["temperature"] == 0.2

"""The history of runs: nothing twice, nothing lost, also with several threads."""

from __future__ import annotations

import threading

import pytest

import protolabel as pl
from protolabel.common.progress import silent


def test_the_same_run_is_recorded_once(session):
    _ = session.labels
    session.temperature = 0.2
    _ = session.labels
    session.temperature = 0.3
    session.temperature = 0.2  # there and back, with nothing computed in between
    _ = session.labels
    assert [run.settings["temperature"] for run in session.runs] == [0.1, 0.2]
    assert [run.number for run in session.runs] == [1, 2]
    session.temperature = 0.1  # earlier settings after others are a run again
    _ = session.labels
    assert len(session.runs) == 3


def test_a_run_that_a_new_setting_overtakes_is_not_recorded(session, monkeypatch):
    from protolabel.session import session as module

    _ = session.labels
    once = iter([True])

    def overtaken(refinement, kept):
        labels = pl.label(refinement, kept)
        if next(once, False):
            session.temperature = 0.3  # a slider moves while the labels are made
        return labels

    monkeypatch.setattr(module, "label", overtaken)
    session.temperature = 0.2
    assert session.labels.run.parameters["temperature"] == 0.3
    assert [run.settings["temperature"] for run in session.runs] == [0.1, 0.3]


def test_there_and_back_through_a_slider_leaves_one_run(session):
    for temperature in (0.1, 0.2, 0.3, 0.2):
        session.temperature = temperature
        _ = session.labels
    session.runs.forget_passed()
    assert [run.settings["temperature"] for run in session.runs] == [0.1, 0.2]


def test_no_run_is_lost_while_runs_are_judged(session):
    labels, truth = session.labels, tuple(["red"] * 15)
    history = pl.session.RunHistory()
    count = 90
    done = threading.Event()

    def judge() -> None:
        while not done.is_set():
            history.judge(truth)

    judges = [threading.Thread(target=judge) for _ in range(3)]
    for thread in judges:
        thread.start()
    for number in range(count):
        history.record(labels, {"temperature": number}, None)
    done.set()
    for thread in judges:
        thread.join()
    assert [run.number for run in history] == list(range(1, count + 1))


@pytest.mark.parametrize("what", ["embeddings", "array"])
def test_a_second_encoder_given_as_an_array_makes_no_duplicate(session, what):
    embeddings = session.embeddings
    visual = embeddings.vectors[:, ::-1].copy()
    if what == "embeddings":
        visual = pl.Embeddings(visual, embeddings.images, embeddings.encoder)
    made = pl.Session(embeddings, session.text, visual=visual, progress=silent)
    _ = made.labels
    made.temperature = 0.2
    made.temperature = 0.1
    _ = made.labels
    assert len(made.runs) == 1

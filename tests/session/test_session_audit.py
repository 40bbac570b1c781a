"""The audit of a session, and truth that follows its classes."""

from __future__ import annotations

import json

import numpy as np
import pytest


def test_an_audit_goes_into_the_dataset_while_the_labels_are_those_it_was_of(session, tmp_path):
    def exported(name: str) -> tuple[dict, str]:
        session.export(tmp_path / name, formats=["csv", "report"])
        about = json.loads((tmp_path / name / "metadata.json").read_text("utf-8"))
        return about, (tmp_path / name / "report.txt").read_text("utf-8")

    audit = session.audit(10)
    assert "audit" not in exported("nothing_checked")[0]
    for image in audit.images.tolist():
        audit.confirm(image)
    about, report = exported("checked")
    assert about["audit"]["images"] == 10
    assert about["audit"]["summary"] in report
    assert report.splitlines()[2].startswith("audited: 10 images, 1.00, ")
    assert not session.pins  # only when asked
    session.set_synonyms("red", ["blue"])
    session.classes = ["red", "green"]
    assert "audit" not in exported("other_labels")[0]


def test_the_same_seed_draws_the_same_images(session):
    np.testing.assert_array_equal(session.audit(8).images, session.audit(8).images)
    assert session.audit(8, seed=1).images.tolist() != session.audit(8, seed=2).images.tolist()


def test_answers_become_pins_when_asked(session):
    audit = session.audit(5)
    image = int(audit.images[0])
    audit.correct(image, "green")
    for number, name in audit.answers.items():
        session.pin(number, name)
    assert session.labels.pinned[image]


@pytest.mark.parametrize("new", ["crimson", "ros\u00e9", "rose\u0301"])
def test_the_truth_follows_a_renamed_class(session, new):
    truth = [name.split("/")[0] for name in session.embeddings.images.names]
    before = session.evaluate(truth)
    session.rename_class("green", new)
    after = session.evaluate()
    assert after.outside == before.outside == 0
    assert [run.accuracy is None for run in session.runs] == [False] * len(session.runs)
    assert session.runs[0].accuracy == before.accuracy

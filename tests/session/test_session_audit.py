"""The audit of a session, and truth that follows its classes."""

from __future__ import annotations

import json

import numpy as np
import pytest

from protolabel.errors import InputError
from protolabel.evaluation import Audit
from protolabel.session import Session


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


def test_all_answers_become_pins_in_one_step(session):
    with pytest.raises(InputError, match="audit with answers"):
        session.pin_audited()
    audit = session.audit(3)
    first, second, third = audit.images.tolist()
    audit.confirm(first)
    audit.correct(second, "a cloud")  # no class
    audit.correct(third, None)
    session.pin_audited()
    assert np.flatnonzero(session.labels.pinned).tolist() == [first]
    session.undo()
    assert not session.pins


def test_an_audit_is_saved_with_the_session_and_goes_on(session, tmp_path):
    audit = session.audit(6, seed=3)
    for image in audit.images[:4].tolist():
        audit.confirm(image)
    audit.correct(int(audit.images[4]), None)
    again = Session.load(session.save(tmp_path / "saved"), encoder=session.encoder).last_audit
    assert again.estimate() == audit.estimate()
    assert again.answers == audit.answers
    np.testing.assert_array_equal(again.remaining, audit.remaining)
    for one in (audit, again):
        one.extend(4)
    np.testing.assert_array_equal(again.images, audit.images)
    assert again.planned == 6


@pytest.mark.parametrize(
    "damage", [{"planned": 99}, {"answers": {"14": "red", "77": "red"}}, {"names": ["red"]}]
)
def test_the_state_of_an_audit_is_checked(session, damage):
    plain, arrays = session.audit(6).state()
    with pytest.raises(InputError):
        Audit.from_state({**plain, **damage}, arrays)


@pytest.mark.parametrize("new", ["crimson", "ros\u00e9", "rose\u0301"])
def test_the_truth_follows_a_renamed_class(session, new):
    truth = [name.split("/")[0] for name in session.embeddings.images.names]
    before = session.evaluate(truth)
    session.rename_class("green", new)
    after = session.evaluate()
    assert after.outside == before.outside == 0
    assert [run.accuracy is None for run in session.runs] == [False] * len(session.runs)
    assert session.runs[0].accuracy == before.accuracy

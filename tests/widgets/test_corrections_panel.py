"""Corrections of earlier sessions are offered, never applied unasked."""

from __future__ import annotations

from typing import Any

import pytest

from protolabel.common.progress import silent
from protolabel.errors import EncoderError
from protolabel.session import Session
from protolabel.widgets import ClassesPanel, CorrectionsPanel, Studio

COLOURS = ["red", "green", "blue"]


@pytest.fixture
def again(session: Session, encoder: Any, tmp_path: Any) -> Any:
    """A new session over the images of a session that was corrected."""
    session.pin([0, 1], "green")
    made = Session(
        tmp_path / "photos", COLOURS, encoder=encoder, store=tmp_path / "store", progress=silent
    )
    yield made
    made.close()


def test_saved_corrections_are_offered_and_taken_over(again: Session, settle: Any) -> None:
    panel = CorrectionsPanel(again)
    settle(panel)
    assert "2 corrections from" in panel.offer.value
    assert panel.body.layout.display is None
    assert not again.pins  # nothing is applied unasked
    panel.take_over.click()
    assert set(again.pins.values()) == {"green"}
    assert len(again.pins) == 2
    assert panel.line.layout.display == "none"
    assert again.saved_corrections is None


def test_starting_afresh_applies_nothing_and_keeps_what_is_saved(
    again: Session, settle: Any
) -> None:
    panel = CorrectionsPanel(again)
    settle(panel)
    panel.afresh.click()
    assert panel.body.layout.display == "none"
    assert not again.pins
    assert again.saved_corrections is not None


def test_nothing_is_offered_where_nothing_is_saved(session: Session, settle: Any) -> None:
    studio = Studio(session)
    settle(studio.corrections)
    assert studio.corrections.body.layout.display == "none"
    studio.close()


def test_a_name_that_the_encoder_refuses_is_marked_and_changes_nothing(
    session: Session, encoder: Any, settle: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    panel = ClassesPanel(session)
    settle(panel)
    known, read = list(session.names), encoder.encode_texts

    def refusing(texts: list[str]) -> Any:
        if any("xyzzy" in text for text in texts):
            raise EncoderError("Expected words of the vocabulary, got 'xyzzy': use other words.")
        return read(texts)

    monkeypatch.setattr(encoder, "encode_texts", refusing)
    panel.new.value = "xyzzy"
    panel.add.click()
    assert list(session.names) == known
    assert "xyzzy" in panel.status.value
    assert panel.new.value == "xyzzy"  # to be corrected
    assert "pls-refused" in panel.new._dom_classes
    panel.rows[0].name.value = "xyzzy"
    assert list(session.names) == known
    assert panel.rows[0].name.value == known[0]

"""A session is saved, and another folder opened, by buttons alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fakes import ColourEncoder

from protolabel.common.progress import silent
from protolabel.session import Session
from protolabel.widgets import SessionsPanel, Studio

if TYPE_CHECKING:
    from pathlib import Path


def test_a_saved_session_opens_in_the_place_of_the_one_that_is_shown(
    session: Session, tmp_path: Path, settle: Any
) -> None:
    session.pin(0, "blue")
    session.set_colour("red", "#123456")
    studio = Studio(session)
    session._studio = studio
    settle(studio.sessions)
    studio.sessions.folder.value = str(tmp_path / "kept")
    studio.sessions.save.click()
    settle(studio.sessions)
    assert "is saved in" in studio.sessions.status.value
    studio.classes.rows[0].remove.click()
    settle(studio.sessions)
    studio.sessions.open.click()
    assert studio.follower.wait(60)
    opened = session.opened
    assert opened is not None
    assert (opened.names, dict(opened.pins)) == (("red", "green", "blue"), dict(session.pins))
    assert opened.colours[0] != "#0072b2"
    assert studio.widget.children == (opened.widget.widget,)
    opened.add_class("violet")  # its encoder is that of the session before
    settle(opened.widget.sessions)
    assert opened.widget.follower.problem == ""
    assert len(opened.labels.names) == 4
    widgets = opened.widget.widget
    studio.close()  # as the cell does when it runs again
    assert opened.widget.widget is not widgets
    opened.close()


def test_a_dataset_opens_with_the_encoder_and_store_that_are_in_use(
    session: Session, tmp_path: Path, settle: Any
) -> None:
    session.pin(0, "blue")
    session.export(tmp_path / "out")
    panel = SessionsPanel(session)
    panel.folder.value = str(tmp_path / "out")
    seen = session.encoder.seen
    panel.open.click()
    settle(panel)
    assert "session.opened" in panel.status.value
    opened = session.opened
    assert opened is not None
    assert dict(opened.pins) == dict(session.pins)
    assert (opened.labels.label == session.labels.label).all()
    assert session.encoder.seen == seen  # nothing was embedded again


def test_what_cannot_be_opened_is_said_in_plain_words(
    session: Session, tmp_path: Path, settle: Any, image_folder: Path
) -> None:
    panel = SessionsPanel(session)

    def said(folder: str) -> str:
        panel.folder.value = folder
        panel.open.click()
        settle(panel)
        assert not panel.open.disabled
        return panel.status.value

    assert "name of a folder" in said("  ")
    assert "pls-say bad" in said(str(tmp_path / "nothing here"))
    assert "pls-say bad" in said(str(image_folder))

    class Other(ColourEncoder):
        name = "another"

    other = Session(image_folder, ["red", "green"], encoder=Other(), progress=silent,
                    store=tmp_path / "other")  # fmt: skip
    other.export(tmp_path / "theirs")
    assert "encoder, which is not loaded unasked" in said(str(tmp_path / "theirs"))
    assert "trust=" not in panel.status.value
    assert session.opened is None

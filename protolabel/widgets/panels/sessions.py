"""The panel that saves the session, and opens another saved session or a dataset."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ipywidgets as ipw

from protolabel.errors import EncoderError, InputError, Stopped
from protolabel.widgets.panel import Panel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from protolabel.session.session import Session

__all__ = ["SessionsPanel"]

_HINT = (
    "Save everything to continue another day, or open a saved session or a dataset that "
    "protolabel exported."
)
_OTHER_ENCODER = (
    "Its pictures were embedded with another encoder, which is not loaded unasked: start a session "
    "with that encoder first, then open the folder from there."
)


class SessionsPanel(Panel):
    """A folder to save the session to, or to open in its place.

    Attributes
    ----------
    show : callable or None
        ``show(session)`` shows a session that was opened; the studio sets it.
    """

    title = "Save and open"

    def build(self) -> Iterator[ipw.Widget]:
        """Yield the folder and the two buttons."""
        self.show: Callable[[Session], None] | None = None
        self.folder = ipw.Text(
            "saved_session", description="Session", layout={"width": "460px"},
            tooltip="A folder to save to, or a saved session or dataset to open",
            style={"description_width": "64px"},
        )  # fmt: skip
        folder = (self.folder, "value")
        self.save = self.button("Save", "Write settings, corrections, vectors and map", folder)
        self.open = self.button("Open", "Show this folder here, in place of this session", folder)
        self.save.on_click(self.guard(self._save))
        self.open.on_click(self.guard(self._open))
        yield ipw.HTML(f'<span class="pls-faint">{_HINT}</span>')
        yield self.row(self.folder, self.save, self.open)

    def _save(self, _: Any) -> None:
        self._start(self._write, "Saving …")

    def _open(self, _: Any) -> None:
        self._start(self._read, "Opening …")

    def _start(self, job: Callable[[str], None], text: str) -> None:
        folder = self.folder.value.strip()
        if not folder:
            raise InputError("Write the name of a folder first, such as saved_session.")
        if self.jobs.stopped:
            self.jobs.resume()
        self.save.disabled = self.open.disabled = True
        self.say(text)

        def run() -> None:
            try:
                with self.jobs.shown():
                    job(folder)
            except Stopped:
                self.say("Stopped: nothing was saved, and nothing opened.")
            finally:
                self.save.disabled = self.open.disabled = False

        self.submit(run)

    def _write(self, folder: str) -> None:
        path = self.session.save(folder)
        self.say(f"The session is saved in {path}; Open shows it again another day.", "good")

    def _read(self, folder: str) -> None:
        try:
            opened = self.session.reopen(folder)
        except EncoderError:
            self.say(_OTHER_ENCODER, "bad")
            return
        if self.show is not None:
            self.show(opened)
        else:
            self.say("It is open; in a cell, use session.opened.", "good")

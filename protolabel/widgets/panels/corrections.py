"""The panel that offers the corrections of earlier sessions over the same images."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from protolabel.common.wording import counted
from protolabel.widgets.panel import Panel, escape, live

if TYPE_CHECKING:
    from collections.abc import Iterator

    import ipywidgets as ipw

    from protolabel.session.journal import SavedCorrections

__all__ = ["CorrectionsPanel"]


class CorrectionsPanel(Panel):
    """A line that offers saved corrections; it is visible only while there are any."""

    def build(self) -> Iterator[ipw.Widget]:
        """Yield the line with its two buttons."""
        self._asked = False
        self.offer = live()
        self.take_over = self.button(
            "Take over", "Apply these corrections to this session", button_style="primary"
        )
        self.afresh = self.button("Start afresh", "Continue without them; they stay saved")
        self.take_over.on_click(self.guard(self._take_over))
        self.afresh.on_click(self.guard(self._start_afresh))
        self.line = self.row(self.offer, self.take_over, self.afresh)
        self.line.layout.display = "none"
        yield self.line

    def __init__(self, session: Any) -> None:
        super().__init__(session)
        self.body.layout.display = "none"
        self.follow_work(self._look, "embeddings")

    def _look(self) -> None:
        """Read the journal once, when the images are known; it may take a moment."""
        if self.follower.embeddings is not None and not self._asked:
            self._asked = True
            self.submit(lambda: self.draw(self._offer, self.session.saved_corrections))

    def _offer(self, saved: SavedCorrections | None) -> None:
        shown = None if saved is not None else "none"
        self.line.layout.display = self.body.layout.display = shown
        if saved is not None:
            self.offer.value = escape(_words(saved))

    def _take_over(self, _: Any) -> None:
        self.session.restore_corrections()
        self.line.layout.display = "none"
        self.say("The saved corrections are now part of this session.", "good")

    def _start_afresh(self, _: Any) -> None:
        self._offer(None)


def _words(saved: SavedCorrections) -> str:
    """Describe the corrections: "37 corrections and 2 changed settings from 25 November ..."."""
    parts = []
    if saved.images:
        parts.append(counted(saved.images, "correction"))
    if saved.settings:
        parts.append(counted(len(saved.settings), "changed setting"))
    when = datetime.fromisoformat(saved.when)
    text = f"{' and '.join(parts)} from {when.day} {when:%B %Y, %H:%M} UTC are saved."
    if saved.missing:
        text += f" Set {' and '.join(saved.missing)} again for the same labels: it is not kept."
    return text

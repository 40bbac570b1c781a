"""All panels in one widget, at the width of a notebook."""

from __future__ import annotations

import base64
import threading
from typing import TYPE_CHECKING, Any

import ipywidgets as ipw

from protolabel.widgets.panel import Look, Panel, escape, heading
from protolabel.widgets.panels.classes import ClassesPanel
from protolabel.widgets.panels.export import ExportPanel
from protolabel.widgets.panels.gallery import GalleryPanel
from protolabel.widgets.panels.map import MapPanel
from protolabel.widgets.panels.none_of_these import NonePanel
from protolabel.widgets.panels.runs import RunsPanel
from protolabel.widgets.panels.settings import ControlsPanel
from protolabel.widgets.panels.timeline import TimelinePanel

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from protolabel.images.image_set import Skipped
    from protolabel.session.session import Session

__all__ = ["ProgressPanel", "Studio"]

_FIRST = 3.0  # seconds that a cell waits for labels, so that its picture is saved with it
_LISTED = 20  # skipped files that are named
_REST = 1.5  # seconds after a change before the picture for saved notebooks is drawn again


class ProgressPanel(Panel):
    """What is being done, how far it is, and a button that stops it."""

    def build(self) -> Iterator[ipw.Widget]:
        """Give a summary, the bar and the buttons."""
        self.summary = ipw.HTML(layout={"flex": "1 1 300px"})
        self.phase = ipw.HTML()
        self.bar = ipw.FloatProgress(0.0, min=0.0, max=1.0, layout={"width": "140px"})
        self.stop = self.button("Stop", "Stop the work under way; nothing finished is lost")
        self.go_on = self.button("Go on", "Continue where it was stopped", button_style="primary")
        # Not through `guard`: a drawing may hold the turn, and Stop must not wait for it.
        self.stop.on_click(lambda _: self.attempt(self.work.stop))
        self.go_on.on_click(self.guard(lambda _: self.work.resume()))
        self.work.observe(self._tell, names=["busy", "phase", "share", "behind", "stopped"])
        self.follow_work(self._show, "embeddings", "settled", "problem")
        self._tell()
        line = self.row(self.summary, self.phase, self.bar, self.stop, self.go_on)
        line.layout.min_height = "32px"
        yield line

    def _tell(self, _: Any = None) -> None:
        # From the thread at work, which must never wait for a drawing.
        work = self.work
        hidden, shown = "none", None
        self.bar.value = work.share
        self.bar.layout.display = shown if work.busy else hidden
        self.stop.layout.display = shown if work.busy or work.behind else hidden
        self.go_on.layout.display = shown if work.stopped else hidden
        doing = (work.phase or "working") if work.busy else work.behind
        text = doing or ("stopped" if work.stopped else "")
        self.phase.value = f'<span class="pls-faint" role="status">{escape(text)}&nbsp;</span>'

    def _show(self) -> None:
        labels = self.work.settled
        if self.work.problem:
            self.say(self.work.problem, "bad")
        elif labels is not None:
            self.say("")
        facts, skipped = [], ""
        if self.work.embeddings is not None:
            images = self.work.embeddings.images
            facts, skipped = [_count(len(images), "image")], _skipped(images.skipped)
        if labels is not None:
            changed = int((labels.label != labels.at(0).label).sum())
            facts += [
                _count(len(labels.names), "class", "classes"),
                _count(changed, "label") + " changed by refinement",
                f"<b>{int(labels.pinned.sum()):,}</b> fixed by you" + self._waiting(),
            ]
        elif not facts and not self.work.problem:
            facts = ["Reading the images …"]
        chips = "".join(f'<span class="pls-chip">{fact}</span>' for fact in facts)
        brand = '<span class="pls-brand" role="heading" aria-level="2">protolabel</span>'
        self.summary.value = brand + chips + skipped

    def _waiting(self) -> str:
        waiting = sum(name not in self.session.names for name in self.session.pins.values())
        return f", <b>{waiting:,}</b> waiting for a class that was removed" if waiting else ""


def _count(number: int, one: str, many: str = "") -> str:
    return f"<b>{number:,}</b> {one if number == 1 else many or one + 's'}"


def _skipped(files: Sequence[Skipped]) -> str:
    """Say how many files are no part of this, to open for which and why."""
    if not files:
        return ""
    lines = [f"<li>{escape(one.name)}: {escape(one.reason)}</li>" for one in files[:_LISTED]]
    if len(files) > _LISTED:
        rest = f"{len(files) - _LISTED:,} more, all in session.embeddings.images.skipped"
        lines.append(f"<li>and {rest}</li>")
    head = f'<summary class="pls-chip">{_count(len(files), "file")} skipped</summary>'
    return f'<details class="pls-skipped">{head}<ul>{"".join(lines)}</ul></details>'


class Studio:
    """Classes, settings, map, timeline, gallery, runs and export of one session.

    Parameters
    ----------
    session
        What the studio shows and changes.

    Attributes
    ----------
    widget
        What is displayed.
    progress, classes, controls, map, timeline, gallery, runs, none, export
        The panels.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self.map = MapPanel(session)  # first: it is told of new labels before the charts are
        self.progress = ProgressPanel(session)
        self.classes = ClassesPanel(session)
        self.controls = ControlsPanel(session)
        self.timeline = TimelinePanel(session)
        self.gallery = GalleryPanel(session)
        self.runs = RunsPanel(session)
        self.none = NonePanel(session)
        self.export = ExportPanel(session)
        self.work = self.progress.work
        self._handle: Any = None
        self._painting = False
        self._repaint = threading.Event()
        self._bind()
        # The map has a player of its own: below it stands what the timeline says, and the charts
        # have a tab.
        under = ipw.VBox([self.timeline.verdict, self.timeline.status])
        charts = ipw.VBox([heading("Charts"), self.timeline.charts])
        for box, name in ((under, "pls-under"), (charts, "pls-curves")):
            for one in ("pls-panel", "pls-card", name):
                box.add_class(one)
        side = ipw.VBox(
            [self.classes.body, self.controls.body],
            layout={"flex": "1 1 290px", "min_width": "0", "grid_gap": "8px"},
        )
        self.controls.body.layout.flex = "1 1 auto"
        middle = ipw.VBox([self.map.widget, under], layout={"flex": "3 1 520px", "min_width": "0"})
        top = ipw.HBox([side, middle], layout={"flex_flow": "row wrap", "grid_gap": "8px"})
        self.tabs = ipw.Tab(
            [self.gallery.body, charts, self.runs.body, self.none.body, self.export.body],
            titles=["Gallery", "Charts", "Runs", "None of these", "Export"],
        )
        self.tabs.add_class("pls-panel")
        self.tabs.add_class("pls-tabs")
        self.widget = ipw.VBox(
            [Look(), self.progress.body, top, self.tabs],
            layout={"width": "100%", "grid_gap": "8px"},
        )
        self.widget.add_class("pls-studio")

    def _bind(self) -> None:
        self.map.widget.observe(lambda _: self._repaint.set(), names="xy")
        self.work.observe(lambda _: self._repaint.set(), names="labels")
        self.work.observe(self._show_selection, names="selection")
        self.none.look.on_click(self.gallery.guard(self._show_selection))  # the same once more

    def _show_selection(self, _: Any = None) -> None:
        if self.work.selection:
            self.gallery.draw(self.gallery.turn_to_selection)()
            self.tabs.selected_index = 0

    # --- in a notebook --------------------------------------------------------------------------

    def show(self) -> None:
        """Display the studio, and a picture of the map for places where no kernel runs.

        The picture is an output of its own, which the style sheet hides beside a living studio:
        to change the output of the studio would draw it anew under the hands of the user.
        The cell waits a moment for it: `jupyter nbconvert --execute` ends the kernel after the
        last cell.
        """
        from IPython.display import display

        display(self._bundle(), raw=True)
        self.map.wait_for_labels(_FIRST)
        self._repaint.clear()
        self._handle = display(self._still(), raw=True, display_id=True)
        if not self._painting:
            self._painting = True
            threading.Thread(target=self._paint, name="protolabel picture", daemon=True).start()

    def _ipython_display_(self, **_: Any) -> None:
        self.show()

    def _bundle(self) -> dict[str, Any]:
        made = self.widget._repr_mimebundle_()
        bundle: dict[str, Any] = dict(made[0] if isinstance(made, tuple) else made)
        bundle["text/plain"] = repr(self.session)
        return bundle

    def _still(self) -> dict[str, Any]:
        picture = self.map.png()
        bundle: dict[str, Any] = {"text/plain": ""}
        if picture:
            bundle["image/png"] = base64.b64encode(picture).decode("ascii")
        return bundle

    def _paint(self) -> None:
        """Keep the picture up to date, once things have come to rest."""
        while True:
            self._repaint.wait()
            self._repaint.clear()
            while self._repaint.wait(_REST):  # a hand is at work: a picture now would slow it
                self._repaint.clear()
            still = self._still()
            if self._handle is not None and "image/png" in still:
                self._handle.update(still, raw=True)

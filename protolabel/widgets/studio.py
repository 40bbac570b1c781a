"""All panels in one widget, at the width of a notebook."""

from __future__ import annotations

import base64
import threading
import weakref
from collections import deque
from typing import TYPE_CHECKING, Any

import ipywidgets as ipw

from protolabel.browser.still import CLEAN
from protolabel.widgets.cells import is_unattended, keep_for_cell
from protolabel.widgets.follower import follower_of
from protolabel.widgets.panel import Look, close_widgets, heading
from protolabel.widgets.panels.audit import AuditPanel
from protolabel.widgets.panels.classes import ClassesPanel
from protolabel.widgets.panels.corrections import CorrectionsPanel
from protolabel.widgets.panels.export import ExportPanel
from protolabel.widgets.panels.gallery import GalleryPanel
from protolabel.widgets.panels.help import HelpPanel
from protolabel.widgets.panels.map import MapPanel
from protolabel.widgets.panels.names import NamesPanel
from protolabel.widgets.panels.none_of_these import NonePanel
from protolabel.widgets.panels.progress import ProgressPanel
from protolabel.widgets.panels.runs import RunsPanel
from protolabel.widgets.panels.sessions import SessionsPanel
from protolabel.widgets.panels.settings import SettingsPanel
from protolabel.widgets.panels.timeline import TimelinePanel

if TYPE_CHECKING:
    from protolabel.session.session import Session

__all__ = ["Studio"]

_FIRST = 3.0  # seconds that a cell waits for labels, so that its picture is saved with it
_UNATTENDED = 600.0  # the same in a notebook that runs without a user, such as nbconvert
_CELLS = 8  # most cells that keep a picture of a studio
_REST = 1.5  # seconds after a change before the picture for saved notebooks is drawn again


class Studio:
    """All panels of one session: classes, settings, map, timeline, gallery, audit, runs, export.

    Parameters
    ----------
    session : Session
        The session that the studio shows and changes.

    Attributes
    ----------
    widget : ipywidgets.VBox
        The displayed widget.
    progress, help, corrections, classes, settings, map, timeline : Panel
        The panels above the tabs.
    gallery, audit, runs, none, names, export : Panel
        The panels in tabs.
    sessions : SessionsPanel
        The panel below the export, which saves this session and opens others.
    closed : bool
        Whether `close` was called.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self.follower = follower_of(session)
        # First, so that it hears of new labels before the charts.
        self.map = MapPanel(session, problems=False)
        self.progress = ProgressPanel(session)
        self.help = HelpPanel(session)
        self.corrections = CorrectionsPanel(session)
        self.classes = ClassesPanel(session)
        self.settings = SettingsPanel(session)
        self.timeline = TimelinePanel(session, player=False)  # the map has one
        self.timeline.keep.bring((self.map.widget, "iteration"))
        self.gallery = GalleryPanel(session)
        self.audit = AuditPanel(session)
        self.runs = RunsPanel(session)
        self.none = NonePanel(session)
        self.names = NamesPanel(session)
        self.export = ExportPanel(session)
        self.sessions = SessionsPanel(session)
        self.sessions.show = self.open
        self.widget = self._build()
        self.closed = False
        self._opened: Studio | None = None  # the studio that is shown in place of this one
        self._outer: Studio | None = None  # the studio in whose place this one is shown
        self._handles: deque[Any] = deque(maxlen=_CELLS)  # pictures in the cells that show it
        self._repainting: threading.Timer | None = None
        weakref.finalize(self, close_widgets, [self.widget]).atexit = False
        self.follower.views.append(self)
        self.map.follow_work(self._repaint_later, "labels")
        self.map.watch(self.map.widget, self.map.guard(self._repaint_later), "xy")
        self.gallery.follow_work(self._show_selection, "selection")
        self.none.look.on_click(self.gallery.guard(self._show_selection))  # even if unchanged

    def close(self) -> None:
        """Close the panels and remove the studio from the page; the session stays usable."""
        if self.closed:
            return
        self.closed = True
        self._handles.clear()
        self._close_panels()
        if self._opened is not None:
            self._opened.close()
        close_widgets([self.widget])

    def open(self, session: Session) -> None:
        """Show another session in the place of this one, in every cell that shows this studio."""
        other = session.widget
        self._opened = other
        self.widget.children = [other.widget]
        self.widget.remove_class("pls-studio")
        self._close_panels()
        other.take_place(self, self._handles)

    def take_place(self, outer: Studio, handles: deque[Any]) -> None:
        """Take over the pictures in the cells of another studio, whose widget shows this one."""
        self._outer, self._handles = outer, handles
        self._repaint_later()

    def _close_panels(self) -> None:
        if self._repainting is not None:
            self._repainting.cancel()
        for panel in (
            self.map, self.progress, self.help, self.corrections, self.classes, self.settings,
            self.timeline, self.gallery, self.audit, self.runs, self.none, self.names, self.export,
            self.sessions,
        ):  # fmt: skip
            panel.close()
        if self in self.follower.views:
            self.follower.views.remove(self)
            if not self.follower.views:
                self.session.close()  # nothing shows it any longer

    def _build(self) -> ipw.VBox:
        # The map has its own player. The findings of the timeline are below it, and the charts in
        # a tab.
        under = ipw.VBox([self.timeline.verdict, self.timeline.status])
        charts = ipw.VBox([heading("Charts"), self.timeline.charts])
        for box, name in ((under, "pls-under"), (charts, "pls-curves")):
            for style in ("pls-panel", "pls-card", name):
                box.add_class(style)
        side = ipw.VBox(
            [self.classes.body, self.settings.body],
            layout={"flex": "1 1 290px", "min_width": "0", "grid_gap": "8px"},
        )
        self.settings.body.layout.flex = "1 1 auto"
        middle = ipw.VBox([self.map.widget, under], layout={"flex": "3 1 520px", "min_width": "0"})
        top = ipw.HBox([side, middle], layout={"flex_flow": "row wrap", "grid_gap": "8px"})
        self.tabs = ipw.Tab(
            [
                self.gallery.body,
                self.audit.body,
                charts,
                self.runs.body,
                self.none.body,
                self.names.body,
                ipw.VBox([self.export.body, self.sessions.body]),
            ],
            titles=["Gallery", "Audit", "Charts", "Runs", "None of these", "Names", "Export"],
        )
        if not self.session.names:
            self.tabs.selected_index = self.tabs.children.index(self.names.body)
        self.tabs.add_class("pls-panel")
        self.tabs.add_class("pls-tabs")
        self.progress.body.layout.flex = "1 1 auto"
        head = ipw.HBox(
            [self.progress.body, self.help.toggle],
            layout={"align_items": "center", "grid_gap": "8px"},
        )
        head.add_class("pls-panel")
        panels = [head, self.help.body, self.corrections.body, top, self.tabs]
        widget = ipw.VBox(
            [Look(*panels), *panels],
            layout={"width": "100%", "grid_gap": "8px"},
        )
        widget.add_class("pls-studio")
        return widget

    def _show_selection(self, _: Any = None) -> None:
        if self.follower.selection:
            self.gallery.draw(self.gallery.turn_to_selection)
            self.tabs.selected_index = 0

    # --- in a notebook --------------------------------------------------------------------------

    def show(self) -> None:
        """Display the studio, and a picture of the map for places where no kernel runs.

        The picture is a separate output, which the style sheet hides beside a live studio;
        changing the output of the studio itself would draw it again while the user works. A third
        output hides what the notebook says of a studio without its kernel. The cell
        waits a moment for the labels, because `jupyter nbconvert --execute` ends the kernel after
        the last cell.
        """
        from IPython.display import display

        keep_for_cell(self)
        display(self._bundle(), raw=True)
        self.map.wait_for_labels(_UNATTENDED if is_unattended() else _FIRST)
        still = self._still()
        self._handles.append(display(still, raw=True, display_id=True))
        display({"text/html": CLEAN, "text/plain": ""}, raw=True)
        if "image/png" not in still:
            self._repaint_later()

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

    def _repaint_later(self, _: Any = None) -> None:
        """Draw the picture again after a pause in the changes, so that it slows nobody down."""
        if self._repainting is not None:
            self._repainting.cancel()
        if self._handles:
            self._repainting = threading.Timer(_REST, self._repaint)
            self._repainting.daemon = True
            self._repainting.start()

    def _repaint(self) -> None:
        still = self._still()
        if "image/png" in still:
            for handle in tuple(self._handles):
                handle.update(still, raw=True)

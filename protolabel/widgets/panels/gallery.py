"""Pictures to look at and to correct; a correction is a pin that steers the next run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ipywidgets as ipw
import numpy as np

from protolabel.common.wording import counted
from protolabel.errors import InputError
from protolabel.widgets.grid import ThumbGrid, Thumbnails, tiles_of
from protolabel.widgets.panel import Panel, close_widgets, colours_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from protolabel.refinement.labels import Labels

__all__ = ["GalleryPanel"]

PAGE = 36
_SHOWS = (
    ("Least certain", "doubt"),
    ("Changed in this iteration", "changed"),
    ("Changed since zero-shot", "since"),
    ("One class", "class"),
    ("Selection on the map", "selection"),
    ("Fixed by you", "pinned"),
)

_NONE = {
    "doubt": "Every picture is fixed by you.",
    "changed": "No label changed in this iteration.",
    "since": "No label differs from zero-shot.",
    "class": "No picture has this label.",
    "selection": "Nothing is selected: draw around images on the map with the lasso.",
    "pinned": "You have not corrected a label yet.",
}
_FIRST = '<span class="pls-faint">Click pictures, then the class they show:</span>'
_MORE = '<span class="pls-faint">Ctrl or Shift for several; arrows and number keys work too.</span>'


class GalleryPanel(Panel):
    """Thumbnails of what deserves a look, to relabel with buttons or number keys."""

    title = "Gallery"

    def build(self) -> Iterator[ipw.Widget]:
        """Yield the choice of pictures, the buttons that act on them, and the pictures."""
        self._thumbnails: Thumbnails | None = None
        self._shown: tuple[Any, ...] = ()
        self._page = 0
        self.show = ipw.Dropdown(
            options=_SHOWS, description="Show", tooltip="Which pictures to look at",
            style={"description_width": "44px"}, layout={"width": "260px"},
        )  # fmt: skip
        self.of_class = ipw.Dropdown(
            options=[(name, i) for i, name in enumerate(self.session.names)],
            description="Class", tooltip="Which class", style={"description_width": "44px"},
            layout={"width": "200px", "display": "none"},
        )  # fmt: skip
        self.back = self.button("◀", "Earlier pictures")
        self.forth = self.button("▶", "More pictures")
        self.count = ipw.HTML()
        self.grid = ThumbGrid()
        self.every = self.button("Choose all", "Choose every picture that is shown (A)")
        self.buttons = self.row()
        self.unpin = self.button(
            "Let the loop decide", "Take the fixed labels of the chosen pictures away (0)"
        )
        self.undo = self.button("Undo", "Take back the last correction (Z)", icon="undo")
        self.redo = self.button("Redo", "Make the correction again (Y)", icon="repeat")
        self.show.observe(self.guard(self._first_page), names="value")
        self.of_class.observe(self.guard(self._first_page), names="value")
        self.back.on_click(self.guard(self._turn, -1))
        self.forth.on_click(self.guard(self._turn, 1))
        self.every.on_click(self.guard(self._choose_all))
        self.unpin.on_click(self.guard(self._unpin_chosen))
        self.undo.on_click(self.guard(self._undo))
        self.redo.on_click(self.guard(self._redo))
        self.grid.on_msg(self.guard(self._heard))
        self.follow(self._show_classes, "classes")
        self.follow(self._show_history, "pins")
        self.follow_work(self._show_pictures, "settled", "iteration")
        self.follow_work(self.turn_to_selection, "selection")
        yield self.row(self.show, self.of_class, self.back, self.forth, self.count)
        yield self.row(ipw.HTML(_FIRST), self.buttons)
        yield self.row(self.every, self.unpin, self.undo, self.redo, ipw.HTML(_MORE))
        yield self.grid

    def relabel(self, images: list[int], index: int) -> None:
        """Fix the label of images; `index` counts the classes from 0."""
        if not images:
            raise InputError("Choose one or more pictures first: click them, or use the arrows.")
        if not 0 <= index < len(self.session.names):
            raise InputError(f"There is no class number {index + 1}.")
        self.session.pin(images, self.session.names[index])
        self._let_go(images)

    def turn_to_selection(self) -> None:
        """Show the images that are selected, or, where none are any more, the least certain."""
        if self.follower.selection:
            self.show.value = "selection"
        elif self.show.value == "selection":
            self.show.value = "doubt"
        self._page = 0
        self._show_pictures()

    # --- handlers -------------------------------------------------------------------------------

    def _choose_all(self, _: Any) -> None:
        self.grid.choose_all()

    def _relabel_chosen(self, index: int, _: Any) -> None:
        self.relabel(list(self.grid.chosen), index)

    def _unpin_chosen(self, _: Any) -> None:
        self._unpin(list(self.grid.chosen))

    def _undo(self, _: Any = None) -> None:
        self.session.undo()

    def _redo(self, _: Any = None) -> None:
        self.session.redo()

    def _heard(self, _: Any, message: Any, __: Any) -> None:
        images = [int(one) for one in message.get("ids", ())]
        if "relabel" in message:
            self.relabel(images, int(message["relabel"]))
        elif "unpin" in message:
            self._unpin(images)
        elif "undo" in message:
            self._undo()
        elif "redo" in message:
            self._redo()

    def _unpin(self, images: list[int]) -> None:
        if not images:
            raise InputError("Choose one or more pictures first: click them, or use the arrows.")
        self.session.unpin(images)
        self._let_go(images)

    def _let_go(self, images: list[int]) -> None:
        # Of these alone: a quick hand has chosen the next picture by now.
        self.grid.chosen = [one for one in self.grid.chosen if one not in images]

    def _first_page(self, _: Any = None) -> None:
        self._page = 0
        self.draw(self._show_pictures)

    def _turn(self, step: int, _: Any = None) -> None:
        self._page = max(0, self._page + step)
        self.draw(self._show_pictures)

    # --- drawing --------------------------------------------------------------------------------

    def _show_classes(self) -> None:
        names = self.session.names
        place, name = self.of_class.value or 0, self.of_class.label
        self.of_class.options = [(name, i) for i, name in enumerate(names)]
        # The same class, wherever it is now; a renamed one has kept its place.
        self.of_class.value = names.index(name) if name in names else min(place, len(names) - 1)
        old = self.buttons.children
        made = []
        for i, (name, colour) in enumerate(zip(names, colours_of(len(names)), strict=True)):
            key = f"{i + 1}  " if i < 9 else ""
            one = self.button(f"{key}{name}", f"The chosen pictures show: {name}")
            one.layout.border_left = f"4px solid {colour}"
            one.layout.max_width = "190px"
            one.on_click(self.guard(self._relabel_chosen, i))
            made.append(one)
        self.buttons.children = made
        close_widgets(old)

    def _show_history(self) -> None:
        self.undo.disabled = not self.session.can_undo
        self.redo.disabled = not self.session.can_redo

    def _show_pictures(self) -> None:
        labels: Labels | None = self.follower.settled
        self.of_class.layout.display = None if self.show.value == "class" else "none"
        if labels is None or labels.run is None:
            self.count.value = '<span class="pls-faint">The pictures appear here.</span>'
            return
        step = min(self.follower.iteration, len(labels.run.iterations) - 1)
        now = labels.at(step).set_aside(labels.unfit)
        found = self._find(now, step)
        pages = max(1, -(-len(found) // PAGE))
        self._page = min(self._page, pages - 1)
        part = found[self._page * PAGE : (self._page + 1) * PAGE]
        self.back.disabled, self.forth.disabled = self._page == 0, self._page + 1 >= pages
        for button in (self.back, self.forth):
            button.layout.display = None if pages > 1 else "none"
        of = f", page {self._page + 1} of {pages}" if pages > 1 else ""
        text = counted(len(found), "picture") + of if len(found) else _NONE[self.show.value]
        self.count.value = f'<span class="pls-faint" role="status">{text}</span>'
        images = self.session.embeddings.images  # there are labels, so they are at hand
        tiles = tiles_of(images, now, part.tolist(), colours_of(len(now.names)))
        self._shown = wanted = tuple(part.tolist())
        if self._thumbnails is None:
            self._thumbnails = Thumbnails(images)
        thumbnails = self._thumbnails

        def fetch() -> None:
            if self._shown != wanted or wanted != tuple(one["id"] for one in tiles):
                return  # somebody looks at other pictures by now
            sheet = thumbnails.sheet(wanted)
            with self.follower.drawing:
                if self._shown == wanted:
                    self.grid.show(sheet, tiles)

        self.submit(fetch)

    def _find(self, now: Labels, step: int) -> NDArray[np.int64]:
        show = self.show.value
        if show == "class":
            inside = np.flatnonzero(now.label == self.of_class.value)
            return inside[np.argsort(now.margin[inside], kind="stable")]
        if show == "changed":
            return np.flatnonzero(now.label != now.at(max(step - 1, 0)).label)
        if show == "since":
            return np.flatnonzero(now.label != now.at(0).label)
        if show == "selection":
            return np.array([i for i in self.follower.selection if i < len(now)], dtype=np.int64)
        if show == "pinned":
            return np.flatnonzero(now.pinned)
        return now.least_certain[~now.pinned[now.least_certain]]

"""The panel of pictures to look at and correct; a correction is a pin for the next run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ipywidgets as ipw
import numpy as np

from protolabel.common.wording import counted
from protolabel.errors import InputError
from protolabel.evaluation.order import next_to_correct
from protolabel.widgets.grid import ThumbGrid, Thumbnails, tiles_of
from protolabel.widgets.panel import Panel, close_widgets, colours_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from protolabel.refinement.labels import Labels

__all__ = ["GalleryPanel"]

PAGE = 36
SUGGESTED = 10 * PAGE  # pictures in the order that corrections pay; the rest by agreement
_SHOWS = (
    ("Worth correcting first", "doubt"),
    ("Changed in this iteration", "changed"),
    ("Changed since zero-shot", "since"),
    ("One class", "class"),
    ("Selection on the map", "selection"),
    ("Fixed by you", "pinned"),
    ("Every picture", "every"),
)

_NONE = {
    "doubt": "Every picture is fixed by you.",
    "changed": "No label changed in this iteration.",
    "since": "No label differs from zero-shot.",
    "class": "No picture has this label.",
    "selection": "Nothing is selected: draw around images on the map with the lasso.",
    "pinned": "You have not corrected a label yet.",
    "every": "There are no pictures.",
}
_SORTS = (
    ("Suggested order", ""),
    ("Lowest agreement first", "low"),
    ("Highest agreement first", "high"),
    ("File name", "name"),
)
_FIRST = '<span class="pls-faint">Click pictures, then the class they show:</span>'
_MORE = (
    '<span class="pls-faint">Ctrl or Shift for several. Keys: arrows, 1 to 9 label, Enter confirms.'
    "</span>"
)
_OUTDATED = "The order is from before your last corrections."


class GalleryPanel(Panel):
    """Thumbnails of pictures to check, to relabel with buttons or number keys."""

    title = "Gallery"

    def build(self) -> Iterator[ipw.Widget]:
        """Yield the choice of pictures, the buttons that act on them, and the pictures."""
        self._thumbnails: Thumbnails | None = None
        self._shown: tuple[int, ...] = ()  # the images of the page
        self._page = 0
        self._order: NDArray[np.int64] = np.zeros(0, np.int64)
        self._asked: tuple[Any, ...] = ()  # what the order answers
        self._tiles: list[dict[str, Any]] = []  # those that were asked for last
        self._labelling = False  # since then the user has labelled: the order stands still
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
        style = {"description_width": "44px"}
        self.sort_by = ipw.Dropdown(
            options=_SORTS, description="Sort", tooltip="In which order", style=style,
            layout={"width": "220px"},
        )  # fmt: skip
        self.part = ipw.Text(
            placeholder="part of a file name", continuous_update=False, description="Name",
            tooltip="Only pictures with this in their file name", style=style,
            layout={"width": "210px"},
        )  # fmt: skip
        self.open_only = ipw.Checkbox(
            description="Not yet fixed", indent=False,
            tooltip="Only pictures that you have not fixed", layout={"width": "auto"},
        )  # fmt: skip
        self.every = self.button("Choose all", "Choose every picture that is shown (A)")
        self.buttons = self.row()
        self.confirm = self.button(
            "Confirm", "The chosen pictures show what they are labelled as (Enter)"
        )
        self.sort = self.button("Sort again", "Bring the order up to date")
        self.outdated = self.row(ipw.HTML(f'<span role="status">{_OUTDATED}</span>'), self.sort)
        self.outdated.layout.visibility = "hidden"  # keeps its place: nothing jumps
        self.unpin = self.button(
            "Let the loop decide", "Take the fixed labels of the chosen pictures away (0)"
        )
        self.undo = self.button("Undo", "Take back the last correction (Z)", icon="undo")
        self.redo = self.button("Redo", "Make the correction again (Y)", icon="repeat")
        self.show.observe(self.guard(self._first_page), names="value")
        self.of_class.observe(self.guard(self._first_page), names="value")
        for choice in (self.sort_by, self.part, self.open_only):
            choice.observe(self.guard(self._first_page), names="value")
        self.back.on_click(self.guard(self._turn, -1))
        self.forth.on_click(self.guard(self._turn, 1))
        self.every.on_click(self.guard(self._choose_all))
        self.confirm.on_click(self.guard(self._confirm_chosen))
        self.sort.on_click(self.guard(self._first_page))
        self.unpin.on_click(self.guard(self._unpin_chosen))
        self.undo.on_click(self.guard(self._undo))
        self.redo.on_click(self.guard(self._redo))
        self.grid.on_msg(self.guard(self._heard))
        self.follow(self._show_classes, "classes")
        self.follow(self._show_pins, "pins")
        self.follow_work(self._show_pictures, "settled", "iteration")
        self.follow_work(self.turn_to_selection, "selection")
        yield self.row(self.show, self.of_class, self.back, self.forth, self.count, self.outdated)
        yield self.row(self.sort_by, self.part, self.open_only)
        yield self.row(ipw.HTML(_FIRST), self.buttons)
        yield self.row(self.every, self.confirm, self.unpin, self.undo, self.redo, ipw.HTML(_MORE))
        yield self.grid

    def relabel(self, images: list[int], index: int) -> None:
        """Fix the label of images; `index` counts the classes from 0.

        Raises
        ------
        InputError
            If there are no images, or there is no such class.
        """
        if not 0 <= index < len(self.session.names):
            raise InputError(f"There is no class number {index + 1}.")
        self._pin(images, [self.session.names[index]] * len(images))

    def turn_to_selection(self) -> None:
        """Show the selected images or, if there are none any more, what is worth correcting."""
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

    def _confirm_chosen(self, _: Any) -> None:
        shown = {tile["id"]: tile["text"] for tile in self.grid.tiles}
        chosen = list(self.grid.chosen)
        self._pin(chosen, [shown[image] for image in chosen])

    def _unpin_chosen(self, _: Any) -> None:
        self._unpin(list(self.grid.chosen))

    def _undo(self, _: Any = None) -> None:
        self.session.undo()

    def _redo(self, _: Any = None) -> None:
        self.session.redo()

    def _heard(self, _: Any, message: Any, __: Any) -> None:
        images = [int(image) for image in message.get("ids", ())]
        if "relabel" in message:
            self.relabel(images, int(message["relabel"]))
        elif "confirm" in message:
            self._pin(images, [str(name) for name in message["confirm"]])
        elif "unpin" in message:
            self._unpin(images)
        elif "undo" in message:
            self._undo()
        elif "redo" in message:
            self._redo()
        elif "turn" in message:
            self.grid.turn = int(message["turn"])
            self._turn(1)

    def _pin(self, images: list[int], names: list[str]) -> None:
        """Fix labels in one step, which one undo takes back."""
        _require(images)
        gone = set(names).difference(self.session.names)
        if gone:
            raise InputError(f"{min(gone)} is no class any more: choose another label.")
        self._labelling = True
        files = self.session.embeddings.images.names
        pins = {files[image]: name for image, name in zip(images, names, strict=True)}
        self.session.pins = {**self.session.pins, **pins}
        if len(images) > 1:
            what = f"as {names[0]}" if len(set(names)) == 1 else "as they were shown"
            self.say(f"{counted(len(images), 'picture')} fixed {what}; Undo takes it back.", "good")
        self._let_go(images)

    def _unpin(self, images: list[int]) -> None:
        _require(images)
        self._labelling = True
        self.session.unpin(images)
        self._let_go(images)

    def _let_go(self, images: list[int]) -> None:
        # Only of these: a quick hand has chosen the next picture by now.
        gone = set(images)
        self.grid.chosen = [image for image in self.grid.chosen if image not in gone]

    def _first_page(self, _: Any = None) -> None:
        self._page = 0
        self._asked = ()
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

    def _show_pins(self) -> None:
        """Show a correction on its picture at once; the labels that follow from it come later."""
        self.undo.disabled = not self.session.can_undo
        self.redo.disabled = not self.session.can_redo
        if self.follower.settled is None:
            return
        names, pins = self.session.names, self.session.pins
        files, colours = self.session.embeddings.images.names, colours_of(len(names))
        place = {name: i for i, name in enumerate(names)}
        tiles = [
            {**tile, "text": name, "colour": colours[place[name]], "note": "fixed", "pinned": True,
             "unfit": False}
            if (name := pins.get(files[tile["id"]])) in place else tile
            for tile in self.grid.tiles
        ]  # fmt: skip
        if tiles != self.grid.tiles:
            self.grid.tiles = tiles

    def _show_pictures(self) -> None:
        labels: Labels | None = self.follower.settled
        self.of_class.layout.display = None if self.show.value == "class" else "none"
        if labels is None or labels.run is None:
            self.count.value = '<span class="pls-faint">The pictures appear here.</span>'
            return
        step = min(self.follower.iteration, len(labels.run.iterations) - 1)
        now = labels.at(step).set_aside(labels.unfit)
        self._put_in_order(now, step)
        pages = max(1, -(-len(self._order) // PAGE))
        self._page = min(self._page, pages - 1)
        self.back.disabled, self.forth.disabled = self._page == 0, self._page + 1 >= pages
        for button in (self.back, self.forth):
            button.layout.display = None if pages > 1 else "none"
        of = f", page {self._page + 1} of {pages}" if pages > 1 else ""
        found = len(self._order)
        nothing = "No picture passes the filter." if self._filters else _NONE[self.show.value]
        text = counted(found, "picture") + of if found else nothing
        self.count.value = f'<span class="pls-faint" role="status">{text}</span>'
        self._fetch(now, more=self._page + 1 < pages)

    def _put_in_order(self, now: Labels, step: int) -> None:
        """Find what is asked for; while the user labels, the order stays as it was."""
        show = self.show.value
        what = {"class": self.of_class.label, "selection": self.follower.selection}.get(show)
        asked = (show, what, step, self.sort_by.value, self.part.value, self.open_only.value)
        if asked != self._asked:
            self._labelling = False
        found = self._sorted(self._filtered(self._find(now, step), now), now)
        if not self._labelling:
            self._asked, self._order = asked, found
        same = np.array_equal(found, self._order)
        self.outdated.layout.visibility = "hidden" if same else None

    def _fetch(self, now: Labels, *, more: bool) -> None:
        """Show this page when its thumbnails are there, then prepare the next."""
        images = self.session.embeddings.images  # there are labels, so they are at hand
        colours = colours_of(len(now.names))
        if self._thumbnails is None:
            self._thumbnails = Thumbnails(images)
        thumbnails = self._thumbnails
        start = self._page * PAGE
        page, following = (tuple(self._order[k : k + PAGE].tolist()) for k in (start, start + PAGE))
        self._shown = page
        tiles, upcoming = (tiles_of(images, now, part, colours) for part in (page, following))

        def fetch() -> None:
            # The same page may have been asked for again meanwhile, with other labels.
            if self._shown == page and self._tiles is tiles:
                sheet = thumbnails.sheet(page)
                self.draw(show, sheet)
            if self._shown == page and self._tiles is tiles and more:
                self.grid.prepare(thumbnails.sheet(following), upcoming)

        def show(sheet: bytes) -> None:
            if self._shown == page and self._tiles is tiles:
                self.grid.show(sheet, tiles, more=more)
                self._show_pins()  # those that were made meanwhile

        self._tiles = tiles
        self.submit(fetch)

    @property
    def _filters(self) -> bool:
        return bool(self.part.value.strip() or self.open_only.value)

    def _filtered(self, found: NDArray[np.int64], now: Labels) -> NDArray[np.int64]:
        if self.open_only.value:
            found = found[~now.pinned[found]]
        part = self.part.value.strip().casefold()
        if part:
            files = self.session.embeddings.images.names
            found = found[[part in files[image].casefold() for image in found]]
        return found

    def _sorted(self, found: NDArray[np.int64], now: Labels) -> NDArray[np.int64]:
        by = self.sort_by.value
        if by == "name":
            return np.sort(found)  # images are in the order of their names
        if by in ("low", "high"):
            sign = 1 if by == "low" else -1
            return found[np.argsort(sign * now.agreement[found], kind="stable")]
        return found

    def _find(self, now: Labels, step: int) -> NDArray[np.int64]:
        show = self.show.value
        if show == "class":
            inside = np.flatnonzero(now.label == self.of_class.value)
            return inside[np.argsort(now.agreement[inside], kind="stable")]
        if show == "changed":
            return np.flatnonzero(now.label != now.at(max(step - 1, 0)).label)
        if show == "since":
            return np.flatnonzero(now.label != now.at(0).label)
        if show == "selection":
            return np.array([i for i in self.follower.selection if i < len(now)], dtype=np.int64)
        if show in ("pinned", "every"):
            return np.flatnonzero(now.pinned) if show == "pinned" else np.arange(len(now))
        first = next_to_correct(now, self.session.graph, SUGGESTED)
        rest = np.argsort(now.agreement, kind="stable")
        rest = rest[~now.pinned[rest]]
        return np.concatenate([first, rest[~np.isin(rest, first)]])


def _require(images: list[int]) -> None:
    if not images:
        raise InputError("Choose one or more pictures first: click them, or use the arrows.")

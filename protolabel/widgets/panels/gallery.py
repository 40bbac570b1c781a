"""The panel of pictures to look at and correct; a correction is a pin for the next run."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any, NamedTuple

import ipywidgets as ipw
import numpy as np

from protolabel.common.wording import counted
from protolabel.errors import InputError, Stopped
from protolabel.widgets.grid import ThumbGrid, Thumbnails, tiles_of
from protolabel.widgets.large_picture import send_large
from protolabel.widgets.listing import listed
from protolabel.widgets.panel import Panel, classes_of, colours_of, escape, live
from protolabel.widgets.panels.gallery_choice import GalleryChoice

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from protolabel.refinement.labels import Labels
    from protolabel.session.session import Session
    from protolabel.widgets.listing import Question

__all__ = ["GalleryPanel"]

PAGE = 36
_NONE = {
    "doubt": "You have fixed every picture.",
    "changed": "No label changed in this iteration.",
    "since": "No label differs from zero-shot.",
    "class": "No picture has this label.",
    "selection": "Nothing is selected: draw around images on the map with the lasso.",
    "words": "Type what to look for, such as red sofa, and press Enter.",
    "alike": "Open a picture (space) and press More like this.",
    "pinned": "You have not corrected a label yet.",
    "every": "There are no pictures.",
}
_LISTS = 4  # that a page may still show
_OUTDATED = "The order is from before your last corrections."


class _List(NamedTuple):
    """A list of pictures as it was shown."""

    order: NDArray[np.int64]
    label: NDArray[np.int32]  # of every image
    names: tuple[str, ...]

    def shown(self, session: Session) -> tuple[list[int], list[str]]:
        """Return the images, and what each was shown as: its class, or what it is fixed as."""
        texts = [self.names[c] for c in self.label[self.order].tolist()]
        if len(session.pins):
            pins, files, known = session.pins, session.embeddings.images.names, set(session.names)
            fixed = (pins.get(files[image]) for image in self.order.tolist())
            texts = [
                text if pin not in known else str(pin)
                for text, pin in zip(texts, fixed, strict=True)
            ]
        return self.order.tolist(), texts


class GalleryPanel(Panel):
    """Thumbnails of pictures to check, to relabel with buttons or number keys."""

    title = "Gallery"

    def build(self) -> Iterator[ipw.Widget]:
        """Yield the choice of pictures, and the pictures with the buttons that act on them."""
        self._thumbnails: Thumbnails | None = None
        self._shown: tuple[int, ...] = ()  # the images of the page
        self._following: tuple[int, ...] = ()  # those of the next
        self._page = 0
        self._order: NDArray[np.int64] = np.zeros(0, np.int64)
        self._asked: Question | None = None  # what the order answers
        self._now: Labels | None = None  # the labels that are shown, those of
        self._now_of: tuple[Labels | None, int] = (None, 0)  # this run and iteration
        self._listed: Labels | None = None  # the labels that the order was made from
        # The lists that were shown last, by their numbers: the images, the labels, the class names.
        self._lists: OrderedDict[int, _List] = OrderedDict()
        self._number = 0  # of the newest list
        self._looked = -1  # the image of the large view
        self._tiles: list[dict[str, Any]] = []  # the tiles that were requested last
        self._labelling = False  # whether the user has labelled since; the order then stays
        self.choice = GalleryChoice(self.session.names)
        self.show, self.of_class = self.choice.show, self.choice.of_class
        self.words, self.sort_by = self.choice.words, self.choice.sort_by
        self.part, self.open_only = self.choice.part, self.choice.open_only
        self.grid = ThumbGrid(opens=True, acts=True)
        self.size = ipw.IntSlider(
            self.grid.size, min=48, max=320, step=8, description="Size", readout=False,
            tooltip="Size of the pictures", style={"description_width": "34px"},
            layout={"width": "180px"},
        )  # fmt: skip
        self.back = self.button("◀", "Earlier pictures")
        self.forth = self.button("▶", "More pictures")
        self.count = live()
        self.sort = self.button("Sort again", f"{_OUTDATED} Bring it up to date")
        outdated = ipw.HTML(f'<span role="status">{_OUTDATED}</span>')
        outdated.add_class("pls-outdated")
        self.outdated = self.row(outdated, self.sort)
        self.outdated.layout.visibility = "hidden"  # keeps its place: nothing jumps
        for choice in self.choice.settles:
            choice.observe(self.guard(self._first_page), names="value")
        self.words.observe(self.guard(self._find_words), names="value")
        self.size.observe(self.guard(self._set_size), names="value")
        self.back.on_click(self.guard(self._turn, -1))
        self.forth.on_click(self.guard(self._turn, 1))
        self.sort.on_click(self.guard(self._first_page))
        self.grid.on_msg(self.guard(self._on_message))
        self.follow(self._show_classes, "classes")
        self.follow(self._show_pins, "pins", "classes", "templates")
        self.watch(self.session.marks, self._recolour, "recoloured")
        self.follow_work(self._show_pictures, "settled")
        self.follow_work(self._show_iteration, "iteration")
        self.follow_work(self.turn_to_selection, "selection")
        yield self.row(self.show, self.of_class, self.back, self.forth, self.count, self.outdated)
        yield self.row(self.words, self.sort_by, self.size)
        yield self.choice.filters
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
        gone = set(images)  # only of these: a quick hand has chosen the next picture by now
        self.grid.chosen = [image for image in self.grid.chosen if image not in gone]

    def turn_to_selection(self) -> None:
        """Show the selected images, or without a selection those worth correcting."""
        if self.follower.selection:
            self.show.value = "selection"
        elif self.show.value == "selection":
            self.show.value = "doubt"
        self._page = 0
        self._show_pictures()

    # --- handlers -------------------------------------------------------------------------------

    def _meant(self, images: list[int], whole: int) -> tuple[list[int], list[str]]:
        """Return the images of a message, and the labels that were shown for them."""
        if whole:
            return self._list(whole).shown(self.session)
        tiles = {tile["id"]: tile["text"] for tile in self.grid.tiles}
        return images, [tiles.get(image, "") for image in images]

    def _list(self, number: int) -> _List:
        if number not in self._lists:
            raise InputError("The list has changed meanwhile: look at it again, then choose it.")
        return self._lists[number]

    def _set_size(self, change: Any) -> None:
        self.grid.size = change["new"]

    def _undo(self, _: Any = None) -> None:
        self.session.undo()

    def _redo(self, _: Any = None) -> None:
        self.session.redo()

    def _on_message(self, _: Any, message: Any, __: Any) -> None:
        given = [int(image) for image in message.get("ids", ())]
        images, shown = self._meant(given, int(message.get("whole", 0)))
        if "relabel" in message:
            self._pin(images, [self._named(int(message["relabel"]))] * len(images))
        elif "confirm" in message:
            seen = [str(name) for name in message["confirm"]]
            self._pin(images, shown if message.get("whole") else seen)
        elif "unpin" in message:
            self._unpin(images)
        elif "undo" in message:
            self._undo()
        elif "redo" in message:
            self._redo()
        elif "everything" in message:
            what = counted(len(self._list(int(message["everything"])).order), "picture")
            self.say(f"{what} chosen, on all pages: press a class or its number.")
        elif "look" in message:
            self._look(int(message["look"]))
        elif "alike" in message:
            self._find_alike(int(message["alike"]))
        elif "turn" in message:
            self.grid.turn = int(message["turn"])
            self._turn(1)

    def _named(self, slot: int) -> str:
        """Return the class that has a number key."""
        names = [name for name in self.session.names if self.session.marks.slot(name) == slot]
        if not names:
            raise InputError(f"There is no class number {slot + 1}.")
        return names[0]

    def _pin(self, images: list[int], names: list[str]) -> None:
        """Fix labels in one step for undo."""
        _require(images)
        gone = set(names).difference(self.session.names)
        if gone:
            raise InputError(f"{min(gone)} is no longer a class: choose another label.")
        self._labelling = True
        self.follower.seen.update(images)
        files = self.session.embeddings.images.names
        pins = {files[image]: name for image, name in zip(images, names, strict=True)}
        self.session.pins = {**self.session.pins, **pins}
        if len(images) > 1:
            what = f"as {names[0]}" if len(set(names)) == 1 else "as they were shown"
            self.say(f"{counted(len(images), 'picture')} fixed {what}; Undo takes it back.", "good")

    def _unpin(self, images: list[int]) -> None:
        _require(images)
        self._labelling = True
        self.session.unpin(images)

    def _first_page(self, _: Any = None) -> None:
        self._page = 0
        self._asked = None
        self.draw(self._show_pictures)

    def _turn(self, step: int, _: Any = None) -> None:
        if step > 0:
            self.follower.seen.update(self._shown)
        self._page = max(0, self._page + step)
        self.draw(self._show_pictures)

    # --- search and large pictures --------------------------------------------------------------

    def _find_words(self, _: Any) -> None:
        words = self.words.value.strip()
        if words:
            self._search("words", words, lambda: self.session.search(words))

    def _find_alike(self, image: int) -> None:
        name = self.session.embeddings.images.names[image]
        self._search("alike", name, lambda: self.session.similar(image))

    def _search(self, show: str, what: str, rank: Callable[[], NDArray[np.int64]]) -> None:
        """Rank the images in the background: the encoder may have to be loaded first."""
        self.say(f"Looking for {what} …")

        def search() -> None:
            try:
                ranking = self.jobs.run(rank)
            except Stopped:
                return
            self.draw(found, ranking)

        def found(ranking: NDArray[np.int64]) -> None:
            self.say("")
            self.choice.found(show, what, ranking)
            self._page, self._asked = 0, None
            self._show_pictures()

        self.submit(search)

    def _look(self, image: int) -> None:
        self._looked = image
        self.follower.seen.add(image)

        def look() -> None:
            if self._looked == image and self._now is not None and self._thumbnails is not None:
                send_large(self.grid, self.session, self._now, self._thumbnails, image)

        self.jobs.submit(look, self.show_failure, lane="large pictures")

    # --- drawing --------------------------------------------------------------------------------

    def _show_classes(self) -> None:
        self.choice.offer(self.session.names)
        self.grid.classes = classes_of(self.session)

    def _recolour(self, _: Any) -> None:
        self.draw(self._show_classes)
        self.draw(self._show_pictures)

    def _show_pins(self) -> None:
        """Show a correction on its picture at once; the labels of the next run come later."""
        self.grid.can_undo, self.grid.can_redo = self.session.can_undo, self.session.can_redo
        if self.follower.settled is None:
            return
        names, pins, marks = set(self.session.names), self.session.pins, self.session.marks
        files = self.session.embeddings.images.names
        tiles = [
            {**tile, "text": name, "colour": marks.variable(name), "note": "fixed", "pinned": True,
             "unfit": False}
            if (name := pins.get(files[tile["id"]])) in names else tile
            for tile in self.grid.tiles
        ]  # fmt: skip
        if tiles != self.grid.tiles:
            self.grid.tiles = tiles

    def _show_iteration(self) -> None:
        """Show another iteration in a moment: of a million images its order takes seconds."""
        step = self.follower.iteration

        def show() -> None:
            if self.follower.iteration == step:  # else it was only passed through
                self.draw(self._show_pictures)

        if self.follower.settled is not None:
            self.jobs.submit(show, self.show_failure, lane="thumbnails")

    def _show_pictures(self) -> None:
        labels: Labels | None = self.follower.settled
        if labels is None or labels.run is None:
            self.count.value = '<span class="pls-faint">The pictures appear here.</span>'
            return
        step = min(self.follower.iteration, len(labels.run.iterations) - 1)
        if self._now is None or self._now_of != (labels, step):  # else only another page
            self._now, self._now_of = labels.at(step).set_aside(labels.unfit), (labels, step)
        now = self._now
        question = self.choice.question(step, self.follower.selection)
        self._put_in_order(question, now)
        pages = max(1, -(-len(self._order) // PAGE))
        self._page = min(self._page, pages - 1)
        self.back.disabled, self.forth.disabled = self._page == 0, self._page + 1 >= pages
        for button in (self.back, self.forth):
            button.layout.display = None if pages > 1 else "none"
        of = f", page {self._page + 1} of {pages}" if pages > 1 else ""
        found = len(self._order)
        nothing = "No picture passes the filter." if question.filters else _NONE[question.show]
        what = f": {question.what}" if question.show in ("words", "alike") else ""
        text = counted(found, "picture") + of + what if found else nothing
        self.count.value = f'<span class="pls-faint">{escape(text)}</span>'
        self._remember(now)
        self._fetch(now, more=self._page + 1 < pages)

    def _remember(self, now: Labels) -> None:
        """Keep the list as it is: a page may still show an earlier list when it is acted on."""
        newest = self._lists.get(self._number)
        if newest is not None and newest.order is self._order and newest.label is now.label:
            return
        self._number += 1
        self._lists[self._number] = _List(self._order, now.label, now.names)
        while len(self._lists) > _LISTS:
            self._lists.popitem(last=False)

    def _put_in_order(self, question: Question, now: Labels) -> None:
        """Find what is asked for; while the user labels, the order stays as it was."""
        if question != self._asked:
            self._labelling = False
        elif self._labelling and question.show == "doubt":
            self.outdated.layout.visibility = None  # fixed pictures leave this list when sorted
            return
        elif self._listed is self.follower.settled:
            return  # only another page
        self._listed = self.follower.settled
        files, graph = self.session.embeddings.images.names, self.session.graph
        found = listed(question, now, files, self.follower.seen, graph)
        # A picture must not disappear while the user looks at it, either.
        if not self._labelling and not (question.unseen and question == self._asked):
            self._asked, self._order = question, found
        same = np.array_equal(found, self._order)
        self.outdated.layout.visibility = "hidden" if same else None

    def _fetch(self, now: Labels, *, more: bool) -> None:
        """Show this page when its thumbnails are there, then prepare the next."""
        images = self.session.embeddings.images  # computed already, because there are labels
        colours = colours_of(self.session, now.names)
        if self._thumbnails is None:
            self._thumbnails = Thumbnails(images)
        thumbnails = self._thumbnails
        start = self._page * PAGE
        page, following, later = (
            tuple(self._order[start + k * PAGE : start + (k + 1) * PAGE].tolist()) for k in range(3)
        )
        self._shown, self._following = page, following
        of = self._number, len(self._order)
        tiles, upcoming = (tiles_of(images, now, part, colours) for part in (page, following))

        def is_asked_for() -> bool:
            # The same page may have been asked for again meanwhile, with other labels.
            return self._shown == page and self._tiles is tiles

        def comes_next() -> bool:
            # Not for the newest labels only: a fast user must not wait until labels settle.
            return more and (self._shown, self._following) == (page, following)

        def fetch() -> None:
            if is_asked_for():
                self.draw(show, thumbnails.sheet(page))
            if comes_next():
                self.draw(prepare, thumbnails.sheet(following))
            if comes_next():
                thumbnails.make(later)

        def show(sheet: bytes) -> None:
            if is_asked_for():
                self.grid.show(sheet, tiles, more=more, of=of)
                self._show_pins()  # pins that were made meanwhile

        def prepare(sheet: bytes) -> None:
            if comes_next():
                self.grid.prepare(sheet, upcoming)

        self._tiles = tiles
        # In a lane of its own, because other panels may compute for long after a correction.
        self.jobs.submit(fetch, self.show_failure, lane="thumbnails")


def _require(images: list[int]) -> None:
    if not images:
        raise InputError("Choose one or more pictures first: click them, or use the arrows.")

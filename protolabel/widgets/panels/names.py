"""The panel of suggested names, for a session without classes or images that fit none."""

from __future__ import annotations

import io
from dataclasses import dataclass, field, replace
from itertools import count
from typing import TYPE_CHECKING, Any

import ipywidgets as ipw
import numpy as np
from PIL import Image

from protolabel.browser.atlas import square
from protolabel.common.palette import THEME
from protolabel.common.wording import counted
from protolabel.errors import ImageReadError, InputError
from protolabel.widgets.name_list import NameList
from protolabel.widgets.panel import Panel

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from protolabel.evaluation.missing import MissingName
    from protolabel.images.image_set import ImageSet
    from protolabel.naming.groups import Group, NameTree

__all__ = ["NamesPanel"]

_SHOWN = 30  # groups that are listed
_PICTURES, _SIDE = 4, 112  # tiles of a group, and pixels of a tile
_WORDS = 5  # words to click
_WHAT = (
    "Groups of similar pictures, with words that may name them. <i>Take</i> makes a class of a "
    "group; the labels follow."
)


@dataclass(frozen=True, eq=False)
class _Entry:
    """A group in the list, with the changes that the user made."""

    id: int
    images: NDArray[np.int64]
    examples: NDArray[np.int64]
    words: tuple[str, ...]
    name: str
    note: str
    synonyms: tuple[str, ...] = field(default=())


class NamesPanel(Panel):
    """Groups of similar pictures, with words that may name them.

    The groups cover the whole folder, at the level of the slider; or they are those that fit none
    of the classes.
    """

    title = "Names"

    def build(self) -> Iterator[ipw.Widget]:
        """Yield the button that looks for names, and the list."""
        self.tree: NameTree | None = None
        self.entries: list[_Entry] = []
        self._looking = False
        self._newest = 0  # number of the list that was requested last
        self._ids = count()  # numbers of the lists, so that clicks on an older list are ignored
        self._tiles: dict[int, Image.Image] = {}
        self.look = self.button("Suggest names", "Group the pictures, and look for their names")
        self.missing = self.button(
            "What fits no name?", "Groups of pictures that fit none of the classes"
        )
        self.list = NameList()
        self.look.on_click(self.guard(self._suggest))
        self.missing.on_click(self.guard(self._find_missing))
        self.list.on_msg(self.guard(self._on_message))
        self.list.observe(self.guard(self._turn), names="level")
        self.follow(self._offer, "classes")
        yield ipw.HTML(f'<span class="pls-faint">{_WHAT}</span>')
        yield self.row(self.look, self.missing)
        yield self.list
        if not self.session.names:
            self._suggest()

    def _offer(self) -> None:
        self.missing.disabled = not self.session.names

    # --- looking for groups ---------------------------------------------------------------------

    def _suggest(self, _: Any = None) -> None:
        """Look for groups of the whole folder at their best level."""
        if not self._looking:
            self._looking = True
            self.say("Looking for groups and their names …")
            self.submit(self._grow)

    def _grow(self) -> None:
        try:
            tree = self.jobs.run(lambda: self.session.name_tree)
            level = tree.counts.index(tree.best)
        finally:
            self._looking = False
        self.tree = tree
        self.draw(self._set_levels, tree, level)
        self._list_level(level)

    def _set_levels(self, tree: NameTree, level: int) -> None:
        self.say("")
        with self.list.hold_sync():
            self.list.counts, self.list.level = list(tree.counts), level

    def _turn(self, change: Any) -> None:
        """Show another level; only the last position of the slider matters."""
        level = min(max(int(change["new"]), 0), len(self.list.counts) - 1)
        self._newest += 1
        number = self._newest

        def turn() -> None:
            if number == self._newest:
                self._list_level(level)

        self.submit(turn)

    def _list_level(self, level: int) -> None:
        if self.tree is not None:
            found = self.tree.suggest(self.tree.counts[level])
            self._show([_of_group(next(self._ids), group) for group in found])

    def _find_missing(self, _: Any = None) -> None:
        self.say("Looking for pictures that fit no name …")

        def find() -> None:
            self.jobs.run(lambda: self.session.words)  # the words to suggest
            found = self.session.missing_names(_WORDS)
            self.tree = None
            self.draw(self._no_levels, len(found))
            self._show([_of_missing(next(self._ids), group) for group in found])

        self.submit(find)

    def _no_levels(self, found: int) -> None:
        self.list.counts = []
        self.say("" if found else "Every group of pictures fits one of the names.", "good")

    def _show(self, entries: list[_Entry]) -> None:
        """List new groups; called in the background, where pictures may be read."""
        self._read_tiles(self.session.embeddings.images, entries[:_SHOWN])
        self.draw(self._list, entries)

    def _list(self, entries: list[_Entry]) -> None:
        self.entries = entries
        shown = entries[:_SHOWN]
        more = len(entries) - len(shown)
        note = counted(len(entries), "group") + (f", the {_SHOWN} largest shown" if more else "")
        self.list.show([_described(entry) for entry in shown], self._sheet(shown), note)

    # --- messages from the list -----------------------------------------------------------------

    def _on_message(self, _: Any, message: Any, __: Any) -> None:
        if "take" in message:
            self._take(self._entry(message["take"]), str(message["name"]))
        elif "take_all" in message:
            for number in message["take_all"]:
                self._entry(number)  # or the page shows another list
            self._take_all()
        elif "rename" in message:
            self._rename(self._entry(message["rename"]), str(message["name"]).strip())
        elif "leave" in message:
            self._leave([self._entry(message["leave"])])
        elif "merge" in message:
            self._merge([self._entry(number) for number in message["merge"]])

    def _entry(self, number: Any) -> _Entry:
        found = [entry for entry in self.entries if entry.id == number]
        if not found:
            raise InputError("Expected a group of the list, got one that is gone: look again.")
        return found[0]

    def _take(self, entry: _Entry, name: str) -> None:
        if not name.strip():
            raise InputError("Expected a name, got none: click a word, or write one.")
        self.session.add_class(name, [word for word in entry.synonyms if word != name])
        self._leave([entry])

    def _take_all(self) -> None:
        named = [entry for entry in self.entries if entry.name]
        known = {name.casefold() for name in self.session.names}
        new = {entry.name: entry.synonyms for entry in named if entry.name.casefold() not in known}
        self.session.add_classes(new)
        self._leave(named)
        self.say(f"{counted(len(new), 'class', 'classes')} added.", "good")

    def _rename(self, entry: _Entry, name: str) -> None:
        place = self.entries.index(entry)
        self.entries[place] = replace(entry, name=name)
        self._list_again()

    def _leave(self, gone: Sequence[_Entry]) -> None:
        self.entries = [entry for entry in self.entries if entry not in gone]
        self._list_again()

    def _merge(self, chosen: list[_Entry]) -> None:
        """Merge groups: the largest gives the name, the names of the others become synonyms."""
        chosen.sort(key=lambda entry: -len(entry.images))
        names = [entry.name for entry in chosen if entry.name]
        words = dict.fromkeys([*names, *(word for entry in chosen for word in entry.words)])
        images = np.concatenate([entry.images for entry in chosen])
        merged = replace(
            chosen[0],
            images=images,
            examples=np.concatenate([entry.examples[:2] for entry in chosen])[:_PICTURES],
            words=tuple(words)[:_WORDS],
            name=names[0] if names else "",
            note=counted(len(images), "image"),
            synonyms=tuple(dict.fromkeys([*names, *(s for e in chosen for s in e.synonyms)])),
        )
        place = min(self.entries.index(entry) for entry in chosen)
        rest = [entry for entry in self.entries if entry not in chosen]
        self.entries = [*rest[:place], merged, *rest[place:]]
        self._list_again()

    def _list_again(self) -> None:
        entries = list(self.entries)

        def show() -> None:
            self._show(entries)

        self.submit(show)

    # --- pictures -------------------------------------------------------------------------------

    def _read_tiles(self, images: ImageSet, entries: Sequence[_Entry]) -> None:
        wanted = [int(image) for entry in entries for image in entry.examples[:_PICTURES]]
        kept = {image: tile for image, tile in self._tiles.items() if image in set(wanted)}
        for image in wanted:
            if image not in kept:
                try:
                    kept[image] = square(images.path(image), _SIDE)
                except (ImageReadError, OSError):
                    kept[image] = Image.new("RGB", (_SIDE, _SIDE), THEME["blank"][0])
        self._tiles = kept

    def _sheet(self, entries: Sequence[_Entry]) -> bytes:
        if not entries:
            return b""
        blank = THEME["blank"][0]
        sheet = Image.new("RGB", (_PICTURES * _SIDE, len(entries) * _SIDE), blank)
        for row, entry in enumerate(entries):
            for column, image in enumerate(entry.examples[:_PICTURES].tolist()):
                if image in self._tiles:
                    sheet.paste(self._tiles[image], (column * _SIDE, row * _SIDE))
        with io.BytesIO() as file:
            sheet.save(file, "JPEG", quality=85)
            return file.getvalue()


def _of_group(number: int, group: Group) -> _Entry:
    note = counted(len(group), "image")
    if group.words:
        fit = f"{100 * group.agreement:.0f} % for this name, the rest for other words"
        note += f"; {fit}" if group.name else "; no word fits well"
    words = tuple(word for word, _ in group.words)
    return _Entry(number, group.images, group.examples, words, group.name or "", note)


def _of_missing(number: int, group: MissingName) -> _Entry:
    words = tuple(word for word, _ in group.suggestions)
    note = f"{counted(len(group), 'image')} fit none of your names; for now {group.label}"
    return _Entry(number, group.images, group.images[:_PICTURES], words, "", note)


def _described(entry: _Entry) -> dict[str, Any]:
    return {
        "id": entry.id,
        "name": entry.name,
        "words": list(entry.words),
        "note": entry.note,
        "pictures": min(_PICTURES, len(entry.examples)),
    }

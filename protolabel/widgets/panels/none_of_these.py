"""The panel of images that fit none of the names, and of names that may be missing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ipywidgets as ipw
import numpy as np

from protolabel.common.wording import counted
from protolabel.errors import InputError
from protolabel.evaluation.fit import DEFAULT_STRICTNESS
from protolabel.widgets.grid import Thumbnails
from protolabel.widgets.panel import Panel, close_widgets, escape, live

if TYPE_CHECKING:
    from collections.abc import Iterator

    from protolabel.evaluation.fit import Fit
    from protolabel.evaluation.missing import MissingName

__all__ = ["NonePanel"]

_SHOWN = 6  # clusters that are listed
_PICTURES = 8  # of each


class NonePanel(Panel):
    """The strictness, the number of images set aside, and suggestions of missing names."""

    title = "None of these"

    def build(self) -> Iterator[ipw.Widget]:
        """Yield the switch, the slider with its count, and the list of groups."""
        self._fit: Fit | None = None
        self._waiting = False
        self.on = ipw.Checkbox(
            description="Set images aside that fit no name", indent=False,
            tooltip="They are kept out of the class folders and of the splits. Off, every image "
            "is labelled.", layout={"width": "auto"},
        )  # fmt: skip
        self.strictness = ipw.FloatSlider(
            DEFAULT_STRICTNESS, min=0.0, max=1.0, step=0.01, description="Strictness",
            tooltip="How well an image must fit its name: 0 sets none aside, 1 keeps only the "
            "best.", layout={"flex": "1 1 200px"}, style={"description_width": "70px"},
        )  # fmt: skip
        self.count = live()
        self.look = self.button(
            "Show them", "Look at these images in the gallery", (self.strictness, "value")
        )
        self.words = ipw.Text(
            placeholder="other things that may be in the pictures, with commas between them",
            description="Words", continuous_update=False,
            tooltip="A vocabulary: groups that fit no class are named by the nearest of these",
            layout={"width": "auto"}, style={"description_width": "70px"},
        )  # fmt: skip
        self.missing = ipw.HTML()
        self.groups = ipw.VBox()
        self._thumbnails: Thumbnails | None = None
        self.on.observe(self.guard(self._set), names="value")
        self.strictness.observe(self.guard(self._set), names="value")
        self.look.on_click(self.guard(self._select))
        self.words.observe(self.guard(self._set_words), names="value")
        self.follow(self._show, "none_of_these")
        self.follow(self._forget, "revision")
        self.follow_work(self._measure, "settled")
        self.follow(self._show_words, "vocabulary")
        self.follow(self._measure, "vocabulary")  # it need not change the labels
        yield self.on
        yield self.row(self.strictness, self.count, self.look)
        yield self.words
        yield self.missing
        yield self.groups

    def _set(self, _: Any) -> None:
        self._count()
        wanted = self.strictness.value if self.on.value else None
        if self.session.none_of_these != wanted:
            self.session.none_of_these = wanted

    def _set_words(self, _: Any) -> None:
        words = [word.strip() for word in self.words.value.split(",") if word.strip()]
        self.session.vocabulary = words or None

    def _look_at(self, images: tuple[int, ...], _: Any) -> None:
        self.follower.selection = ()  # so that the same selection is shown again
        self.follower.selection = images

    def _add(self, field: ipw.Text, _: Any) -> None:
        name = field.value.strip()
        if not name:
            raise InputError("Write a name for the group first.")
        self.session.add_class(name)
        self.say(f"{name} is a class now; Undo in the Classes panel takes it back.", "good")

    def _select(self, _: Any) -> None:
        if self._fit is not None:
            chosen = np.flatnonzero(self._fit.unfit(self.strictness.value))
            self.follower.selection = tuple(chosen.tolist())

    def _show(self) -> None:
        strictness = self.session.none_of_these
        self.on.value = strictness is not None
        if strictness is not None:
            self.strictness.value = strictness
        self._count()

    def _forget(self) -> None:
        # The slider of this panel does not change the measured fit.
        if "fit" not in self.session.computed:
            self._fit = None
            self._count()

    def _count(self) -> None:
        if self._fit is None:
            self.count.value = '<span class="pls-faint">…</span>'
            self.look.disabled = True
            return
        number = self._fit.count_at(self.strictness.value)
        verb = "are" if self.on.value else "would be"
        self.count.value = f"<span><b>{number:,}</b> of {len(self._fit):,} {verb} set aside</span>"
        self.look.disabled = number == 0

    def _measure(self) -> None:
        if self.follower.settled is not None and not self._waiting:
            self._waiting = True
            self.submit(self._compute)

    def _compute(self) -> None:
        self._waiting = False
        fit, found = self.session.fit, self.session.missing_names()
        if self._thumbnails is None:
            self._thumbnails = Thumbnails(self.session.embeddings.images)
        strips = [
            self._thumbnails.strip(group.images[:_PICTURES].tolist()) for group in found[:_SHOWN]
        ]
        self.draw(self._show_groups, fit, found, strips)

    def _show_words(self) -> None:
        words = self.session.vocabulary
        listed = [] if words is None else list(getattr(words, "names", words))
        self.words.value = ", ".join(listed)
        self.words.disabled = hasattr(words, "names")  # vectors, which no field can hold

    def _show_groups(self, fit: Fit, found: tuple[MissingName, ...], strips: list[bytes]) -> None:
        self._fit = fit
        self.say("")
        self._count()
        items = "".join(f"<li>{_line(group)}</li>" for group in found[:_SHOWN])
        smaller = len(found) - _SHOWN
        more = f" ({counted(smaller, 'smaller one')} not shown)" if smaller > 0 else ""
        self.missing.value = (
            f"Groups of similar images that fit no name{more}:<ol>{items}</ol>" if found else ""
        )
        old = self.groups.children
        self.groups.children = [
            self._row(number, group, strip)
            for number, (group, strip) in enumerate(zip(found, strips, strict=False), 1)
        ]
        close_widgets(old)

    def _row(self, number: int, group: MissingName, strip: bytes) -> ipw.Widget:
        """Return the pictures of a group, with a name field and buttons."""
        pictures = ipw.Image(value=strip, format="jpeg", layout={"height": "64px"})
        pictures.add_class("pls-strip")
        field = ipw.Text(
            group.suggestions[0][0] if group.suggestions else "",
            placeholder="name of these pictures", description=f"{number}.",
            tooltip=f"What group {number} shows", style={"description_width": "24px"},
            layout={"width": "220px"},
        )  # fmt: skip
        add = self.button(
            "Add as class", f"Make a class of what group {number} shows", (field, "value")
        )
        look = self.button("Show", f"Look at group {number} in the gallery")
        add.on_click(self.guard(self._add, field))
        look.on_click(self.guard(self._look_at, tuple(group.images.tolist())))
        return self.row(field, add, look, pictures)


def _line(group: MissingName) -> str:
    words = ", ".join(escape(word) for word, _ in group.suggestions)
    perhaps = f"; perhaps <b>{words}</b>" if words else ""
    return f"{len(group):,} images, for now {escape(group.label)}{perhaps}"

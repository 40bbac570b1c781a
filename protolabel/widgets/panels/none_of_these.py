"""The panel of images that fit none of the names, and of names that may be missing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ipywidgets as ipw
import numpy as np

from protolabel.evaluation.fit import DEFAULT_STRICTNESS
from protolabel.widgets.panel import Panel, escape

if TYPE_CHECKING:
    from collections.abc import Iterator

    from protolabel.evaluation.fit import Fit
    from protolabel.evaluation.missing import MissingName

__all__ = ["NonePanel"]

_SHOWN = 6  # clusters that are listed


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
            tooltip="How well an image has to fit its name: 0 asks nothing, 1 that it be one of "
            "the best.", layout={"flex": "1 1 200px"}, style={"description_width": "70px"},
        )  # fmt: skip
        self.count = ipw.HTML()
        self.look = self.button("Show them", "Look at these images in the gallery")
        self.missing = ipw.HTML()
        self.on.observe(self.guard(self._set), names="value")
        self.strictness.observe(self.guard(self._set), names="value")
        self.look.on_click(self.guard(self._select))
        self.follow(self._show, "none_of_these")
        self.follow(self._forget, "revision")
        self.follow_work(self._measure, "settled")
        self.follow(self._measure, "vocabulary")  # which may leave the labels as they are
        yield self.on
        yield self.row(self.strictness, self.count, self.look)
        yield self.missing

    def _set(self, _: Any) -> None:
        self._count()
        wanted = self.strictness.value if self.on.value else None
        if self.session.none_of_these != wanted:
            self.session.none_of_these = wanted

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
        # The slider of this panel leaves the measured fit as it is.
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
        self.count.value = (
            f'<span role="status"><b>{number:,}</b> of {len(self._fit):,} {verb} set aside</span>'
        )
        self.look.disabled = number == 0

    def _measure(self) -> None:
        if self.follower.settled is not None and not self._waiting:
            self._waiting = True
            self.submit(self._compute)

    def _compute(self) -> None:
        self._waiting = False
        fit, found = self.session.fit, self.session.missing_names()
        self.draw(self._show_groups, fit, found)

    def _show_groups(self, fit: Fit, found: tuple[MissingName, ...]) -> None:
        self._fit = fit
        self.say("")
        self._count()
        lines = [_line(group) for group in found[:_SHOWN]]
        if len(found) > _SHOWN:
            lines.append(f"and {len(found) - _SHOWN:,} smaller groups")
        items = "".join(f"<li>{line}</li>" for line in lines)
        self.missing.value = (
            f"Groups of like images that fit no name:<ul>{items}</ul>" if lines else ""
        )


def _line(group: MissingName) -> str:
    words = ", ".join(escape(word) for word, _ in group.suggestions)
    perhaps = f"; perhaps <b>{words}</b>" if words else ""
    return f"{len(group):,} images, for now {escape(group.label)}{perhaps}"

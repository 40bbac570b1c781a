"""The keys, the first step, and every term in plain words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ipywidgets as ipw

from protolabel.widgets.panel import Panel, escape

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["HelpPanel"]

_HINT = (
    "<b>First steps:</b> look at the pictures in the Gallery below. Click one that has the wrong "
    "label and press the number of its class; Enter confirms a right one. The labels of similar "
    "pictures follow. When you are satisfied, Audit says how good the labels are, and Export "
    "writes the dataset."
)
_KEYS = {
    "Pictures": {
        "← → ↑ ↓": "go to another picture; with Shift choose several",
        "1 to 9": "label the chosen pictures as this class, and go to the next",
        "C": "find a class by a few letters",
        "Enter": "the label is right",
        "0": "let the loop decide again",
        "Space": "large picture; arrows show the next, Escape closes",
        "A, Shift A": "choose the page; choose the whole list",
        "X": "add this picture to the chosen ones, or take it away",
        "Z, Y": "undo, redo",
    },
    "Map": {
        "L": "lasso: draw around pictures, then a number labels them",
        "+ −, wheel, 0": "zoom; show everything",
        "← →, Space": "go through the iterations; play them",
        "?": "all keys of the map",
    },
    "Audit": {
        "Enter": "the label is right",
        "1 to 9, C": "it shows another class",
        "0": "it shows none of the classes",
        "← →": "another picture",
    },
}
_TERMS = {
    "Agreement": "an estimate of how likely a label is right, from the name, the class and the "
    "neighbours of the picture. For a number that you can rely on, use the Audit.",
    "Zero-shot": "labels by the class names alone, before any refinement.",
    "Iteration": "a round in which every label is decided again, with the result of the last.",
    "Prototype": "the middle of a class: what its pictures have in common.",
    "Micro-cluster": "a small group of very similar pictures.",
    "Meta-cluster": "a group of similar micro-clusters.",
    "Fixed": "a label that you set. It stays, and changes the labels of similar pictures.",
    "Temperature": "how soft decisions are: low follows the nearest prototype, high gives "
    "neighbours more weight.",
    "Preset": "settings of clusters and map for small, medium or large folders; Automatic chooses "
    "by the number of pictures.",
    "Prompt template": "a sentence that each class name is put into before it is compared with "
    "the pictures, such as “a photo of a {}”.",
    "None of these": "pictures that fit no class; they can be kept out of the dataset.",
}


class HelpPanel(Panel):
    """A button that shows keys and terms, and a hint for the first minutes."""

    def build(self) -> Iterator[ipw.Widget]:
        """Yield the hint with its button, and the sheet, which is folded away."""
        self.toggle = self.button("?", "Keys, and every term in plain words")
        self.toggle.layout.flex = "0 0 auto"  # beside a long summary, too
        self.hint = ipw.HTML(f'<span role="note">{_HINT}</span>', layout={"flex": "1 1 300px"})
        self.got_it = self.button("Got it", "Put this hint away; ? brings it back")
        self.sheet = ipw.HTML(_sheet(), layout={"display": "none"})
        self.toggle.on_click(self.guard(self._toggle))
        self.got_it.on_click(self.guard(self._put_away))
        self.line = self.row(self.hint, self.got_it)
        yield self.line
        yield self.sheet
        self.follow(self._show_hint, "pins")

    def _toggle(self, _: Any) -> None:
        shown = self.sheet.layout.display is None
        self.sheet.layout.display = "none" if shown else None
        self.line.layout.display = "none" if shown else None
        self._frame()

    def _put_away(self, _: Any) -> None:
        self.line.layout.display = "none"
        self._frame()

    def _show_hint(self) -> None:
        if self.session.pins and self.sheet.layout.display == "none":
            self.line.layout.display = "none"  # the user no longer needs it
        self._frame()

    def _frame(self) -> None:
        """Show the frame of the panel only around something."""
        if hasattr(self, "body"):
            parts = (self.line, self.sheet)
            empty = all(part.layout.display == "none" for part in parts)
            self.body.layout.display = "none" if empty else None


def _sheet() -> str:
    keys = "".join(
        f"<div><p><b>{where}</b></p><dl>{_list(known)}</dl></div>" for where, known in _KEYS.items()
    )
    return (
        f'<div class="pls-help"><div class="pls-help-keys">{keys}</div>'
        f"<p><b>Words</b></p><dl>{_list(_TERMS)}</dl></div>"
    )


def _list(entries: dict[str, str]) -> str:
    return "".join(f"<dt>{escape(a)}</dt><dd>{escape(b)}</dd>" for a, b in entries.items())

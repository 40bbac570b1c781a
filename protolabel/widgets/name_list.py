"""The list of suggested names: groups with pictures and words, and the slider of the level."""

from __future__ import annotations

from typing import Any

import anywidget
import traitlets

from protolabel.browser.bundle import module, style

__all__ = ["NameList"]


class NameList(anywidget.AnyWidget):
    """Groups of pictures with words to click.

    It sends ``{"take": id, "name": text}``, ``{"take_all": [ids]}``, ``{"rename": id, "name":
    text}``, ``{"leave": id}`` and ``{"merge": [ids]}``.

    Attributes
    ----------
    groups : list of dict
        ``{"id", "name", "words", "note", "pictures"}`` for each group; `pictures` is their number.
    sheet : bytes
        One JPEG of square tiles, with a row of four for each group.
    note : str
        A line beside the slider.
    counts : list of int
        Numbers of groups that the slider offers, the coarsest first.
    level : int
        Position of the slider, an index into `counts`.
    """

    _esm = module("names")
    _css = style("names")

    groups = traitlets.List(traitlets.Dict()).tag(sync=True)
    sheet = traitlets.Bytes(b"").tag(sync=True, echo_update=False)
    note = traitlets.Unicode("").tag(sync=True)
    counts = traitlets.List(traitlets.Int()).tag(sync=True)
    level = traitlets.Int(0).tag(sync=True)

    def show(self, groups: list[dict[str, Any]], sheet: bytes, note: str) -> None:
        """Set groups, pictures and the line beside the slider together."""
        with self.hold_sync():
            self.note, self.sheet = note, sheet
            self.groups = groups

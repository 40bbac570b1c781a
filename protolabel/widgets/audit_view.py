"""The pictures of an audit as a widget, to be checked by keys."""

from __future__ import annotations

import anywidget
import traitlets

from protolabel.browser.bundle import module, style

__all__ = ["AuditView"]


class AuditView(anywidget.AnyWidget):
    """The pictures of a random sample, one at a time, each with the question if its label is right.

    It sends ``{"ask": id}`` for a picture, which `show_picture` answers, and ``{"answer": id,
    "name": class name}`` for each picture that was checked; the name is "" for none of the classes.

    Attributes
    ----------
    items : list of dict
        ``{"id", "name", "text", "colour", "answer"}`` for each picture in the order to check them;
        the answer is a class name, "" for none of the classes, or None for not yet checked.
    classes : list of dict
        ``{"slot", "name", "colour", "key"}`` for each class, as in `ThumbGrid`.
    """

    _esm = module("audit")
    _css = style("grid", "audit")

    items = traitlets.List(traitlets.Dict()).tag(sync=True)
    classes = traitlets.List(traitlets.Dict()).tag(sync=True)

    def show_picture(self, image: int, picture: bytes) -> None:
        """Send a picture as a JPEG; empty if the file cannot be read."""
        self.send({"picture": image}, [picture])

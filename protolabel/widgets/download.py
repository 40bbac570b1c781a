"""A button that downloads a file from the kernel, wherever the kernel runs."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import anywidget
import traitlets

from protolabel.browser.bundle import module, style

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Download"]

_PART = 4_000_000  # bytes of a message
_LARGEST = 1_000_000_000  # bytes: a browser holds the whole file before it saves it


class Download(anywidget.AnyWidget):
    """A button that downloads a file; it is visible while a file is offered.

    The browser asks with ``{"get": True}`` and receives ``{"part": index, "of": count}`` with a
    buffer for each part.

    Attributes
    ----------
    name : str
        Name of the file; without a name there is no button.
    size : int
        Size of the file in bytes.
    """

    _esm = module("download")
    _css = style()

    name = traitlets.Unicode("").tag(sync=True)
    size = traitlets.Int(0).tag(sync=True)

    def __init__(self) -> None:
        super().__init__()
        self._path: Path | None = None
        self.on_msg(self._answer)

    def offer(self, path: Path | None) -> None:
        """Offer a file, unless it is too large for a browser; None offers nothing."""
        self._path = path
        self.size = 0 if path is None else path.stat().st_size
        self.name = path.name if path is not None and self.size <= _LARGEST else ""

    def _answer(self, _: Any, content: Any, __: Any) -> None:
        if isinstance(content, dict) and content.get("get") and self._path is not None:
            threading.Thread(target=self._deliver, args=(self._path,), daemon=True).start()

    def _deliver(self, path: Path) -> None:
        try:
            count = max(1, -(-path.stat().st_size // _PART))
            with path.open("rb") as file:
                for part in range(count):
                    self.send({"part": part, "of": count}, [file.read(_PART)])
        except OSError as error:
            self.send({"failed": str(error)})

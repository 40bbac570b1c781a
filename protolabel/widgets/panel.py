"""What every panel has: a frame, a status line, and one guard around its handlers."""

from __future__ import annotations

import logging
import time
from functools import wraps
from typing import TYPE_CHECKING, Any

import anywidget
import ipywidgets as ipw

from protolabel.browser.bundle import module, style
from protolabel.common.palette import class_variables
from protolabel.common.wording import escape
from protolabel.errors import ProtolabelError
from protolabel.widgets.worker import work_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from protolabel.session.session import Session

__all__ = ["Look", "Panel", "colours_of", "escape", "failures", "heading"]

_log = logging.getLogger("protolabel")

failures: list[BaseException] | None = None
"""A list here makes every guard collect what it shows and raise it again: tests set it."""


class Look(anywidget.AnyWidget):
    """What panels bring to the page: their style sheet, and keys that the notebook leaves alone."""

    _esm = module("shortcuts")
    _css = style("panels")

    def __init__(self) -> None:
        super().__init__(layout={"display": "none"})


def heading(text: str) -> ipw.HTML:
    """Return the heading of a panel, by which screen readers find it.

    Boxes of ipywidgets take no ARIA role. An ``<h3>`` would be in the notebook's own contents.
    """
    head = ipw.HTML(f'<p class="pls-title" role="heading" aria-level="3">{escape(text)}</p>')
    head.add_class("pls-name")
    return head


def colours_of(count: int) -> list[str]:
    """Return the colours of ``count`` classes as CSS values that follow the theme."""
    return class_variables(count)


class Panel:
    """One part of the studio.

    Parameters
    ----------
    session
        What the panel shows and changes.

    Attributes
    ----------
    widget
        What is displayed.
    body
        The same without the look, for the studio.
    """

    title = ""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.work = work_of(session)
        self.status = ipw.HTML()
        self._drawing = False
        heads = [heading(self.title)] if self.title else []
        self.body = ipw.VBox([*heads, *self.build(), self.status])
        self.body.add_class("pls-panel")
        self.body.add_class("pls-card")
        self.widget = ipw.VBox([Look(), self.body])

    def build(self) -> Iterator[ipw.Widget]:
        """Give the widgets of the panel."""
        raise NotImplementedError

    def _repr_mimebundle_(self, **options: Any) -> Any:
        return self.widget._repr_mimebundle_(**options)

    def say(self, text: str, kind: str = "") -> None:
        """Show a line at the foot of the panel; an empty text takes it away."""
        mark = {"bad": "✕ ", "good": "✓ "}.get(kind, "")
        role = "alert" if kind == "bad" else "status"
        self.status.value = (
            f'<div class="pls-say {kind}" role="{role}">{mark}{escape(text)}</div>' if text else ""
        )

    def guard(self, handler: Callable[..., Any]) -> Callable[..., None]:
        """Wrap a handler: it takes its turn, and what goes wrong is shown in the panel.

        ipywidgets loses what a callback raises, so a panel would just do nothing.
        """

        @wraps(handler)
        def guarded(*arguments: Any) -> None:
            with self.work.ui:
                if self._drawing:  # the panel itself set the widget to what the session has
                    return
                self.attempt(handler, *arguments)

        return guarded

    def attempt(self, handler: Callable[..., Any], *arguments: Any) -> None:
        """Call something and show what goes wrong."""
        try:
            self.say("")
            self.work.touched = time.monotonic()
            handler(*arguments)
        except ProtolabelError as error:
            self.say(str(error), "bad")
        except Exception as error:
            self.say(f"This did not work: {type(error).__name__}: {error}", "bad")
            _log.exception("A handler of the panel %r failed", self.title)
            if failures is not None:
                failures.append(error)
                raise

    def draw(self, drawing: Callable[..., Any]) -> Callable[..., None]:
        """Wrap what brings the widgets up to date: its changes are no changes by a person."""

        @wraps(drawing)
        def drawn(*_: Any) -> None:
            with self.work.ui:
                before, self._drawing = self._drawing, True
                try:
                    drawing()
                except Exception as error:
                    self.say(f"This could not be drawn: {type(error).__name__}: {error}", "bad")
                    _log.exception("The panel %r could not be drawn", self.title)
                    if failures is not None:
                        failures.append(error)
                        raise
                finally:
                    self._drawing = before

        return drawn

    def follow(self, drawing: Callable[..., Any], *names: str) -> None:
        """Draw now, and whenever one of these traits of the session changes."""
        drawn = self.draw(drawing)
        self.session.observe(drawn, names=list(names))
        drawn()

    def follow_work(self, drawing: Callable[..., Any], *names: str) -> None:
        """Draw now, and whenever one of these traits of the worker changes."""
        drawn = self.draw(drawing)
        self.work.observe(drawn, names=list(names))
        drawn()

    @staticmethod
    def row(*widgets: ipw.Widget) -> ipw.HBox:
        """Return widgets side by side, in as many lines as they need."""
        made = ipw.HBox(widgets, layout={"overflow": "visible"})
        made.add_class("pls-row")
        return made

    @staticmethod
    def button(text: str, tooltip: str, **options: Any) -> ipw.Button:
        """Return a button that is as wide as its text."""
        return ipw.Button(description=text, tooltip=tooltip, layout={"width": "auto"}, **options)

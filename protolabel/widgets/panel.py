"""The base of every panel: a guard around its handlers, a frame, and a status line."""

from __future__ import annotations

import inspect
import logging
import re
import time
import weakref
import zlib
from typing import TYPE_CHECKING, Any

import anywidget
import ipywidgets as ipw
import traitlets

from protolabel.browser.bundle import module, style
from protolabel.common.wording import escape
from protolabel.errors import ProtolabelError
from protolabel.widgets.cells import keep_for_cell
from protolabel.widgets.follower import follower_of
from protolabel.widgets.page_button import PageButton

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from protolabel.session.session import Session

__all__ = [
    "Look",
    "Panel",
    "SessionView",
    "classes_of",
    "close_widgets",
    "colours_of",
    "escape",
    "failures",
    "heading",
    "in_panels",
    "live",
]

_log = logging.getLogger("protolabel")

_IN_PANELS = {
    "min_cluster_size must": "Cluster size must",
    "pass ['a photo of a {}']": "write for example 'a photo of a {}'",
    "Expected a folder that Session.save wrote": "Expected a saved session or a dataset",
    "replace it with overwrite=True (--overwrite on the command line, a box in the panel)":
        "tick Replace an earlier dataset",
}  # fmt: skip
"""Advice that speaks of Python -> the same for a person who sees fields and buttons."""

failures: list[BaseException] | None = None
"""Tests set this to a list; every guard then adds the error it shows, and raises it again."""


class Look(anywidget.AnyWidget):
    """The style sheet of the panels, and what they need of the page beside it.

    ipywidgets shows the tooltip of no widget with a description, so the page gets them here.

    Parameters
    ----------
    *bodies : ipywidgets.Widget
        The panels.

    Attributes
    ----------
    tips
        Class of a widget in the page -> its tooltip.
    """

    _esm = module("shortcuts")
    _css = style("panels")

    tips = traitlets.Dict().tag(sync=True)

    def __init__(self, *bodies: ipw.Widget) -> None:
        super().__init__(layout={"display": "none"})
        self.tips = dict(_tip(widget) for body in bodies for widget in _described(body))


def heading(text: str) -> ipw.HTML:
    """Return the heading of a panel, for screen readers as well.

    Boxes of ipywidgets accept no ARIA role, and an ``<h3>`` would appear in the notebook's table
    of contents.
    """
    head = ipw.HTML(f'<p class="pls-title" role="heading" aria-level="3">{escape(text)}</p>')
    head.add_class("pls-name")
    return head


def in_panels(error: ProtolabelError) -> str:
    """Return the message of an error in the words of the panels."""
    text = re.sub(r"\[Errno \d+\] ", "", str(error))
    for python, plain in _IN_PANELS.items():
        text = text.replace(python, plain)
    return text


def live(**options: Any) -> ipw.HTML:
    """Return a line whose changes a screen reader says; shortcuts.js marks it on the page."""
    line = ipw.HTML(**options)
    line.add_class("pls-live")
    return line


def colours_of(session: Session, names: Iterable[str] | None = None) -> list[str]:
    """Return the colours of classes as CSS values that follow the theme.

    Parameters
    ----------
    session : Session
        The session that has the colours of the classes.
    names : iterable of str, optional
        Class names, also of earlier labels; by default those of the session.
    """
    return [session.marks.variable(name) for name in (session.names if names is None else names)]


def classes_of(session: Session) -> list[dict[str, Any]]:
    """Describe the classes for a browser: their numbers, names, colours and keys."""
    marks = session.marks
    return [
        {"slot": marks.slot(name), "name": name, "colour": marks.variable(name),
         "key": marks.key(name)}
        for name in session.names
    ]  # fmt: skip


class SessionView:
    """A view of a session: its handlers are guarded, and it redraws when traits change.

    It lives exactly as long as its session: the session's follower holds it, while its widgets,
    which ipywidgets keeps until they are closed, have only weak references to it.

    Parameters
    ----------
    session : Session
        The session that it shows and changes.

    Attributes
    ----------
    session : Session
        The argument.
    follower : Follower
        Holds the newest labels of the session.
    jobs : Jobs
        Runs long computations.
    """

    title = ""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.follower = follower_of(session)
        self.jobs = self.follower.jobs
        self._drawing = False
        self._followed: list[tuple[Any, Callable[..., None], list[str]]] = []
        self._widgets: list[ipw.Widget] = []
        # Not at the end of the program, when no front end is left.
        weakref.finalize(self, close_widgets, self._widgets).atexit = False
        self.follower.views.append(self)

    def say(self, text: str, kind: str = "") -> None:
        """Show a line of text; an empty text hides it.

        Parameters
        ----------
        text : str
            The message, as plain text.
        kind : {"", "good", "bad"}
            Kind of message.
        """
        raise NotImplementedError

    def close(self) -> None:
        """Stop following the session and remove the widgets."""
        for source, drawn, names in self._followed:
            source.unobserve(drawn, names=names)
        self._followed.clear()
        if self in self.follower.views:
            self.follower.views.remove(self)
        close_widgets(self._widgets)

    # --- handlers -----------------------------------------------------------------------------

    def guard(
        self, handler: Callable[..., Any], *first: Any, at_once: bool = False
    ) -> Callable[..., None]:
        """Wrap a handler of a widget: it waits its turn, and its errors are shown.

        ipywidgets swallows exceptions in callbacks, so the panel would silently do nothing.

        Parameters
        ----------
        handler : callable
            A method of this object; it is held weakly.
        *first
            Arguments before those of the widget.
        at_once : bool
            Whether to run without waiting for a drawing.
        """
        view, method = weakref.ref(self), _weakly(handler)

        def guarded(*arguments: Any) -> None:
            this, call = view(), method()
            if this is not None and call is not None:
                (this.attempt if at_once else this.take_turn)(call, *first, *arguments)

        return guarded

    def take_turn(self, handler: Callable[..., Any], *arguments: Any) -> None:
        """Call a handler between drawings, unless the panel itself changed the widget."""
        with self.follower.drawing:
            if not self._drawing:
                self.attempt(handler, *arguments)

    def attempt(self, handler: Callable[..., Any], *arguments: Any) -> None:
        """Call a handler and show its errors."""
        try:
            self.say("")
            self.follower.touched = time.monotonic()
            handler(*arguments)
        except Exception as error:
            self.show_failure(error)
            if failures is not None and not isinstance(error, ProtolabelError):
                raise

    def show_failure(self, error: Exception, what: str = "This did not work") -> None:
        """Show why something failed; unexpected errors are also logged."""
        if isinstance(error, ProtolabelError):
            self.say(in_panels(error), "bad")
            return
        self.say(f"{what}: {type(error).__name__}: {error}", "bad")
        _log.error("The panel %r failed", self.title, exc_info=error)
        if failures is not None:
            failures.append(error)

    def submit(self, job: Callable[[], None]) -> None:
        """Run a function in the background, after earlier ones; its failure is shown here."""
        self.jobs.submit(job, self.show_failure)

    # --- drawings -----------------------------------------------------------------------------

    def draw(self, drawing: Callable[..., Any], *arguments: Any) -> None:
        """Update widgets; changes made here are not the user's."""
        with self.follower.drawing:
            before, self._drawing = self._drawing, True
            try:
                drawing(*arguments)
            except Exception as error:
                self.show_failure(error, "This could not be drawn")
                if failures is not None:
                    raise
            finally:
                self._drawing = before

    def follow(self, drawing: Callable[[], None], *names: str) -> None:
        """Draw now, and whenever one of these traits of the session changes."""
        self._follow(self.session, drawing, names)

    def follow_work(self, drawing: Callable[[], None], *names: str) -> None:
        """Draw now, and whenever one of these traits of the follower changes."""
        self._follow(self.follower, drawing, names)

    def _follow(self, source: Any, drawing: Callable[[], None], names: Iterable[str]) -> None:
        def drawn(_: Any = None) -> None:
            self.draw(drawing)

        self.watch(source, drawn, *names)
        drawn()

    def watch(self, source: Any, handler: Callable[[Any], None], *names: str) -> None:
        """Call a function whenever one of these traits changes, in the thread that changes it."""
        source.observe(handler, names=list(names))
        self._followed.append((source, handler, list(names)))


class Panel(SessionView):
    """A part of the studio, in a frame, with a status line.

    Parameters
    ----------
    session : Session
        The session that the panel shows and changes.

    Attributes
    ----------
    body : ipywidgets.VBox
        The panel without the style sheet, for the studio.
    status : ipywidgets.HTML
        The line at the foot of the panel.
    """

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.status = live()
        heads = [heading(self.title)] if self.title else []
        self.body = ipw.VBox([*heads, *self.build(), self.status])
        self.body.add_class("pls-panel")
        self.body.add_class("pls-card")
        self._widgets.append(self.body)
        self._widget: ipw.VBox | None = None

    def build(self) -> Iterator[ipw.Widget]:
        """Yield the panel's widgets, top to bottom."""
        raise NotImplementedError

    @property
    def widget(self) -> ipw.VBox:
        """The displayed widget: the body with the style sheet."""
        if self._widget is None:
            self._widget = ipw.VBox([Look(self.body), self.body])
            self._widgets.append(self._widget)
        return self._widget

    def _repr_mimebundle_(self, **options: Any) -> Any:
        keep_for_cell(self)
        return self.widget._repr_mimebundle_(**options)

    def say(self, text: str, kind: str = "") -> None:
        """Show a line at the foot of the panel; an empty text hides it."""
        mark = {"bad": "✕ ", "good": "✓ "}.get(kind, "")
        role = ' role="alert"' if kind == "bad" else ""
        self.status.value = (
            f'<div class="pls-say {kind}"{role}>{mark}{escape(text)}</div>' if text else ""
        )

    @staticmethod
    def row(*widgets: ipw.Widget) -> ipw.HBox:
        """Return widgets side by side, wrapped to as many lines as necessary."""
        made = ipw.HBox(widgets, layout={"overflow": "visible"})
        made.add_class("pls-row")
        return made

    @staticmethod
    def button(
        text: str, tooltip: str, *brings: tuple[ipw.Widget, str], **options: Any
    ) -> ipw.Button | PageButton:
        """Return a button as wide as its text; its click brings values of other widgets."""
        options |= {"description": text, "tooltip": tooltip, "layout": {"width": "auto"}}
        return PageButton(*brings, **options) if brings else ipw.Button(**options)


def close_widgets(widgets: Iterable[ipw.Widget]) -> None:
    """Close widgets with their children, layouts and styles."""
    waiting = list(widgets)
    while waiting:
        widget = waiting.pop()
        if widget.comm is None:
            continue  # closed before
        for name in widget.keys:
            value = getattr(widget, name)
            held = value if isinstance(value, list | tuple) else [value]
            waiting += [child for child in held if isinstance(child, ipw.Widget)]
        widget.close()


def _described(widget: ipw.Widget) -> Iterator[ipw.DOMWidget]:
    """Yield the widgets within one that have a description and a tooltip."""
    for child in getattr(widget, "children", ()):
        yield from _described(child)
    if isinstance(widget, ipw.Button | PageButton):
        return
    if all(widget.has_trait(name) and getattr(widget, name) for name in ("description", "tooltip")):
        yield widget


def _tip(widget: ipw.DOMWidget) -> tuple[str, str]:
    """Mark a widget for the page; return the mark with its tooltip."""
    mark = f"pls-tip-{zlib.crc32(widget.tooltip.encode()):08x}"
    widget.add_class(mark)
    return mark, widget.tooltip


def _weakly(handler: Callable[..., Any]) -> Callable[[], Callable[..., Any] | None]:
    return weakref.WeakMethod(handler) if inspect.ismethod(handler) else lambda: handler

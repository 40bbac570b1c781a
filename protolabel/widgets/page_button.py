"""Buttons whose click brings what the page shows in other widgets at that moment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anywidget
import ipywidgets as ipw
import traitlets

from protolabel.browser.bundle import module, style
from protolabel.common.palette import class_colours

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["PageButton", "PageColour"]


class PageButton(anywidget.AnyWidget):
    """A button that acts on other widgets as the page shows them.

    A page holds changes of a field back while the kernel is busy, but sends a click at once: it
    would act on half of a name, or on the iteration before. So the click brings those values.

    Parameters
    ----------
    *brings : (widget, trait name)
        The values that come with a click. A dropdown has its choice in ``index``.
    **traits
        Initial values of the traits below.

    Attributes
    ----------
    description, tooltip, icon, button_style, disabled : str, bool
        As those of an `ipywidgets.Button`; without a description the button is hidden.
    texts : list of str
        Descriptions for the values 0, 1, ... of the first of `brings`, as the page shows it.
    """

    _esm = module("page_button")
    _css = style()

    description = traitlets.Unicode("").tag(sync=True)
    tooltip = traitlets.Unicode("").tag(sync=True)
    icon = traitlets.Unicode("").tag(sync=True)
    button_style = traitlets.Unicode("").tag(sync=True)
    disabled = traitlets.Bool(default_value=False).tag(sync=True)
    texts = traitlets.List(traitlets.Unicode()).tag(sync=True)
    brings = traitlets.List(traitlets.List(traitlets.Unicode())).tag(sync=True)

    def __init__(self, *brings: tuple[ipw.Widget, str], **traits: Any) -> None:
        super().__init__(**traits)
        self._handlers = ipw.CallbackDispatcher()
        self.bring(*brings)
        self.on_msg(self._hear)

    def bring(self, *brings: tuple[ipw.Widget, str]) -> None:
        """Set the widgets whose values come with a click."""
        self._brought = brings
        self.brings = [[f"IPY_MODEL_{widget.model_id}", name] for widget, name in brings]

    def on_click(self, handler: Callable[..., None], remove: bool = False) -> None:
        """Call a function with this button at every click, or no longer."""
        self._handlers.register_callback(handler, remove=remove)

    def click(self) -> None:
        """Do what a click does, with the values that the kernel knows."""
        self._handlers(self)

    def _hear(self, _: Any, message: Any, __: Any) -> None:
        for (widget, name), value in zip(self._brought, message["brought"], strict=False):
            widget.set_state({name: value})
        self._act(message)

    def _act(self, _: Any) -> None:
        self.click()


class PageColour(PageButton):
    """A field for a colour, whose choice brings values of other widgets.

    Attributes
    ----------
    value : str
        The colour as ``#rrggbb``.
    """

    value = traitlets.Unicode(class_colours(1)[0]).tag(sync=True)

    def _act(self, message: Any) -> None:
        self.value = str(message["value"])

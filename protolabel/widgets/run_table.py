"""The table of runs as a widget: click to compare, write to name."""

from __future__ import annotations

import anywidget
import traitlets

from protolabel.browser.bundle import module, style

__all__ = ["RunTable"]


class RunTable(anywidget.AnyWidget):
    """A row for each run. It sends ``{"pick": number}`` and ``{"name": text, "number": number}``.

    Attributes
    ----------
    head : list of str
        Titles of the columns; the first two are those of the number and the name.
    rows : list of dict
        ``{"number", "name", "cells"}`` for each run.
    chosen : list of int
        Numbers of the runs that are compared.
    """

    _esm = module("run_table")
    _css = style()

    head = traitlets.List(traitlets.Unicode()).tag(sync=True)
    rows = traitlets.List(traitlets.Dict()).tag(sync=True)
    chosen = traitlets.List(traitlets.Int()).tag(sync=True)

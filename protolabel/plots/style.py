"""Style of the plots: colours, names, frames."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from protolabel.common import palette
from protolabel.common.checks import as_count, checked
from protolabel.common.palette import OKABE_ITO, THEME
from protolabel.common.wording import visible

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator
    from numpy.typing import NDArray

MARKERS = "os^DvPXph<>8"
INK, FAINT, GRID, FIELD = (THEME[name][0] for name in ("ink", "faint", "line", "field"))

LineStyle = Literal["-", "none"]

_FONTS = ("Noto Sans CJK JP", "Noto Sans CJK SC", "Noto Sans Arabic", "Noto Sans Devanagari",
          "PingFang SC", "Microsoft YaHei", "Segoe UI Emoji", "Noto Emoji")  # fmt: skip


@checked
def class_colours(count: int) -> NDArray[np.float64]:
    """Return the colours of classes, the same as in the panels and on the map.

    Parameters
    ----------
    count : int
        Number of classes, C.

    Returns
    -------
    ndarray of float64, shape (C, 3)
        RGB from 0 to 1: Okabe and Ito's eight, then darker and lighter ones, then other hues.
    """
    return painted(as_count(count, "a number of classes", 0), None)


def painted(count: int, colours: Iterable[str] | None) -> NDArray[np.float64]:
    """Return the given colours of C classes, else those of the palette, (C, 3) from 0 to 1."""
    chosen = palette.chosen_colours(count, colours)
    return (
        np.array([palette.rgb(colour) for colour in chosen], dtype=np.float64).reshape(-1, 3) / 255
    )


def legend(figure: Figure, entries: list[tuple[str, Any, str, LineStyle]]) -> None:
    """Draw entries of (text, colour, marker, line style) at the right edge."""
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], color=colour, marker=marker, linestyle=style, markersize=7,
               markeredgecolor=INK if marker == "*" else colour)
        for _, colour, marker, style in entries
    ]  # fmt: skip
    # The texts come afterwards: matplotlib leaves out labels that begin with an underscore.
    drawn = figure.legend(handles, ["x"] * len(handles), loc="outside right upper",
                          frameon=False, fontsize=9 if len(handles) <= 24 else 7.5,
                          labelspacing=0.35)  # fmt: skip
    for text, (name, *_) in zip(drawn.get_texts(), entries, strict=True):
        text.set(parse_math=False, text=name, color=INK, **fonts())


def name_ticks(axes: Axes, side: str, names: Sequence[str]) -> None:
    """Write class names along an axis literally, not as formulae."""
    texts = [short(name) for name in names]
    size = float(np.clip(330 / max(len(names), 1), 6.5, 9.5))
    if side == "y":
        axes.set_yticks(np.arange(len(names)), texts, parse_math=False, fontsize=size, **fonts())
        return
    style: dict[str, Any] = fonts()
    if sum(map(len, texts)) > 40 or len(texts) > 10:
        style |= {"rotation": 45, "ha": "right", "rotation_mode": "anchor"}
    axes.set_xticks(np.arange(len(names)), texts, parse_math=False, fontsize=size, **style)


def tidy(axes: Axes, title: str, x: str, y: str) -> None:
    """Set title and labels of axes, and make their lines unobtrusive."""
    axes.set_title(title, loc="left", color=INK, fontsize=11)
    axes.set_xlabel(x, color=INK, fontsize=9)
    axes.set_ylabel(y, color=INK, fontsize=9)
    axes.tick_params(labelsize=None, labelcolor=INK, color=FAINT)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(FAINT)
    axes.set_axisbelow(True)


def new_figure(width: float, height: float) -> Figure:
    """Return a white figure of a size in inches that is not attached to a window."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def fonts() -> dict[str, Any]:
    """Return the installed font families that cover names in any script."""
    from matplotlib.font_manager import fontManager

    known = {font.name for font in fontManager.ttflist}
    return {"family": ["DejaVu Sans", *(name for name in _FONTS if name in known)]}


def marker_of(index: int) -> str:
    """Return the marker of a class; it changes every eight classes."""
    return MARKERS[index // len(OKABE_ITO) % len(MARKERS)]


def short(name: str, longest: int = 28) -> str:
    """Shorten a name that is too long for a plot."""
    shown = "".join(c if visible(c) else "\N{REPLACEMENT CHARACTER}" for c in name)
    return shown if len(shown) <= longest else f"{shown[: longest - 1]}…"


def whole_numbers() -> MaxNLocator:
    """Return ticks at whole numbers only."""
    from matplotlib.ticker import MaxNLocator

    return MaxNLocator("auto", integer=True)

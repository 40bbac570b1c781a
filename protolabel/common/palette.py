"""All colours of protolabel, for light and dark backgrounds.

Plots, panels, charts, the map, the replay page and the tables of results take their colours from
here, so a class has the same colour everywhere. Style sheets and ES modules read the CSS custom
properties that `css_variables` writes: ``--pls-ink``, ``--pls-class-0`` and so on.
"""

from __future__ import annotations

import colorsys
import math
import re
from typing import TYPE_CHECKING

from protolabel.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "AGREEMENT_RAMP",
    "CHANGES",
    "CLASS_COLOURS",
    "OKABE_ITO",
    "RIGHT",
    "THEME",
    "WRONG",
    "as_colour",
    "chosen_colours",
    "class_colour",
    "class_colours",
    "class_variable",
    "class_variables",
    "css_variables",
    "legible",
    "rgb",
    "variable",
]

OKABE_ITO = (
    "#0072b2", "#e69f00", "#009e73", "#d55e00", "#cc79a7", "#56b4e9", "#d6c51e", "#4d4d4d",
)  # fmt: skip
"""Okabe and Ito's eight colours, with a darker yellow, and grey in place of black."""

THEME: dict[str, tuple[str, str]] = {
    "bg": ("#ffffff", "#15181e"),
    "page": ("#f3f5f8", "#0e1015"),
    "raised": ("#f4f6f9", "#222730"),
    "hover": ("#e9edf2", "#2c323c"),
    "ink": ("#1d2430", "#e7eaf0"),
    "faint": ("#5d6675", "#a2acba"),
    "line": ("#e1e5eb", "#2e343e"),
    "field": ("#c9d0da", "#434b58"),
    "accent": ("#0b6bcb", "#6cb2f7"),
    "on-accent": ("#ffffff", "#10151c"),
    "good": ("#00795a", "#4cc79a"),
    "bad": ("#b54708", "#f5a45d"),
    "blank": ("#9aa0a8", "#9aa0a8"),
}
"""Surfaces, text and signs: name -> (light, dark). ``blank`` stands for a missing picture."""

CHANGES: dict[str, tuple[str, str]] = {
    "unchanged": ("#b8bec8", "#4e535a"),
    "changed-earlier": ("#56b4e9", "#56b4e9"),
    "changed": ("#d55e00", "#d55e00"),
    "moved": ("#cc79a7", "#cc79a7"),
}
"""How the iterations changed labels and prototypes: name -> (light, dark)."""

DROPDOWN_ARROW = "#7b8594"
"""One grey for both themes: the arrow is a picture in a style sheet, which reads no variable."""

RIGHT, WRONG = OKABE_ITO[0], OKABE_ITO[3]
"""Cells of a confusion matrix, on and off the diagonal."""

_SHADES = ((0, 0.42), (255, 0.40), (0, 0.66), (255, 0.58))  # towards black or white, by how much


def rgb(colour: str) -> tuple[int, int, int]:
    """Return the three numbers, 0 to 255, of a colour ``#rrggbb``."""
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def legible(colour: str, *, dark: bool) -> str:
    """Return the same hue, light enough for a dark background or dark enough for a light one.

    Parameters
    ----------
    colour : str
        ``#rrggbb``.
    dark : bool
        Whether the background is dark.

    Returns
    -------
    str
        ``#rrggbb``, mixed with white or black in steps of a tenth.
    """
    shown: tuple[float, ...] = rgb(colour)
    for _ in range(12):
        light = _luminance(shown)
        if light >= 0.2 if dark else light <= 0.62:
            break
        shown = _mixed(shown, 255 if dark else 0, 0.1)
    return _hex(shown)


def class_colour(number: int, own: str | None = None) -> tuple[str, str]:
    """Return the colour of a class on a light and on a dark background.

    Parameters
    ----------
    number : int
        Number of the class, 0 or more. Numbers below 1,000 have different colours, though those
        of many classes are hard to tell apart.
    own : str, optional
        ``#rrggbb`` that a person chose instead; it is made legible on both backgrounds.

    Returns
    -------
    light, dark : str
        ``#rrggbb`` for each background.
    """
    if own is None and number < len(CLASS_COLOURS):
        return CLASS_COLOURS[number]
    # Beyond the colours of the style sheet, the same colour serves on both backgrounds.
    colour = _further(number - len(CLASS_COLOURS)) if own is None else own
    colour = legible(legible(colour, dark=False), dark=True)
    return colour, colour


def class_colours(count: int, *, dark: bool = False) -> list[str]:
    """Return the colours of ``count`` classes.

    Parameters
    ----------
    count : int
        Number of classes.
    dark : bool
        Whether the background is dark.

    Returns
    -------
    list of str
        ``#rrggbb``: Okabe and Ito's eight, then darker and lighter ones, then other hues.
    """
    return [class_colour(k)[dark] for k in range(count)]


def as_colour(value: object) -> str:
    """Return a colour that a person chose, as ``#rrggbb`` in lower case.

    Raises
    ------
    InputError
        If it is not of the form ``#rrggbb``.
    """
    if not isinstance(value, str) or not re.fullmatch("#[0-9a-fA-F]{6}", value):
        raise InputError(f"Expected a colour as #rrggbb, got {value!r}: write six digits.")
    return value.lower()


def chosen_colours(count: int, given: Iterable[str] | None = None) -> list[str]:
    """Return the colours that classes are drawn in.

    Parameters
    ----------
    count : int
        Number of classes, C.
    given : iterable of str, optional
        C colours as ``#rrggbb``, such as `Session.colours`; by default `class_colours`.

    Returns
    -------
    list of str

    Raises
    ------
    InputError
        If there are not C colours, or a colour is not of the form ``#rrggbb``.
    """
    if given is None:
        return class_colours(count)
    colours = [as_colour(colour) for colour in given]
    if len(colours) != count:
        raise InputError(
            f"Expected {count} colours, got {len(colours)}: pass one for each class, such as "
            "session.colours."
        )
    return colours


def class_variable(number: int, own: str | None = None) -> str:
    """Return `class_colour` as a CSS value that follows the theme of the page."""
    light = class_colour(number, own)[0]
    if own is None and number < len(CLASS_COLOURS):
        return f"var(--pls-class-{number}, {light})"
    return light


def class_variables(count: int) -> list[str]:
    """Return the colours of ``count`` classes as CSS values that follow the theme of the page."""
    return [class_variable(k) for k in range(count)]


def variable(name: str) -> str:
    """Return a colour of `THEME` or `CHANGES` as a CSS value that follows the theme."""
    return f"var(--pls-{name}, {(THEME | CHANGES)[name][0]})"


def css_variables(*, dark: bool) -> str:
    """Return every colour as the declaration of a CSS custom property.

    Parameters
    ----------
    dark : bool
        Whether the background is dark.

    Returns
    -------
    str
        Declarations such as ``--pls-ink: #1d2430;``, to stand between braces.
    """
    colours = THEME | CHANGES
    colours |= {f"ramp-{k}": both for k, both in enumerate(AGREEMENT_RAMP)}
    colours |= {f"class-{k}": both for k, both in enumerate(CLASS_COLOURS)}
    return " ".join(f"--pls-{name}: {both[dark]};" for name, both in colours.items())


def _luminance(colour: tuple[float, ...]) -> float:
    linear = (math.pow(value / 255, 2.2) for value in colour)
    return sum(w * value for w, value in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def _mixed(colour: tuple[float, ...], target: int, amount: float) -> tuple[float, ...]:
    return tuple(value + (target - value) * amount for value in colour)


def _hex(colour: tuple[float, ...]) -> str:
    return "#" + "".join(f"{round(value):02x}" for value in colour)


def _further(k: int) -> str:
    """Return a colour of another hue than its neighbours: hues turn by the golden ratio."""
    lightness, saturation = (0.42, 0.55, 0.66)[k % 3], (0.75, 0.5)[k // 3 % 2]
    parts = colorsys.hls_to_rgb((0.07 + k * 0.6180339887) % 1.0, lightness, saturation)
    return _hex(tuple(255 * part for part in parts))


def _both(colour: str) -> tuple[str, str]:
    return legible(colour, dark=False), legible(colour, dark=True)


CLASS_COLOURS = tuple(
    _both(colour)
    for colour in (
        *OKABE_ITO,
        *(_hex(_mixed(rgb(base), target, amount))
          for target, amount in _SHADES for base in OKABE_ITO),
    )
)  # fmt: skip
"""(light, dark) of 40 classes."""

AGREEMENT_RAMP = tuple(_both(colour) for colour in ("#d55e00", "#edb04f", "#8dbbd3", "#0072b2"))
"""(light, dark) from low to high agreement, evenly spaced."""

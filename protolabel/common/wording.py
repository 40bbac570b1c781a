"""Format text of unknown origin for a line of a report, a terminal or a page."""

from __future__ import annotations

import difflib
import html
import numbers
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "columns",
    "counted",
    "did_you_mean",
    "escape",
    "padded",
    "printable",
    "shown",
    "truncated",
    "unicode_text",
    "visible",
]

_JOINERS = "\u200c\u200d"  # emoji and some scripts need them


def counted(count: int, one: str, others: str | None = None) -> str:
    """Return a number with its noun."""
    return f"{count:,} {one if count == 1 else others or one + 's'}"


def did_you_mean(word: str, words: Iterable[str], most: int = 4) -> str:
    """Return a sentence that suggests words of similar spelling, or "" if there are none."""
    lower = {name.lower(): name for name in words}
    near = difflib.get_close_matches(word.lower(), lower, n=most, cutoff=0.5)
    return f" Did you mean {', '.join(repr(lower[name]) for name in near)}?" if near else ""


def visible(character: str) -> bool:
    """Return whether a character neither breaks a line nor controls what displays it.

    Spaces of any width are visible: screenshots of macOS have a narrow one in their names.
    """
    return (
        character.isprintable()
        or character in _JOINERS
        or unicodedata.category(character) == "Zs"  # but neither line nor paragraph separators
    )


def printable(text: str) -> str:
    """Escape characters of a name that would break lines or control a terminal."""
    return "".join(c if visible(c) else ascii(c)[1:-1] for c in text)


def unicode_text(text: str) -> str:
    """Return a text as it is for other programs; bytes of a file name that are no text, escaped."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def shown(value: object) -> str:
    """Return a setting in a short form: 0.1 for 0.09999999976974147 from a slider."""
    whole = isinstance(value, numbers.Integral)
    return f"{value:.4g}" if isinstance(value, numbers.Real) and not whole else str(value)


def columns(text: str) -> int:
    """Return the columns of a text in a terminal: wide characters take two, combining ones none."""
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1
        for c in text
    )


def truncated(name: str, width: int) -> str:
    """Return a printable form of a name, at most `width` columns wide."""
    shown = printable(name)
    if columns(shown) <= width:
        return shown
    while columns(shown) > width - 3:
        shown = shown[:-1]
    return f"{shown}..."


def padded(text: str, width: int) -> str:
    """Fill a text up to `width` columns."""
    return text + " " * (width - columns(text))


def escape(text: object) -> str:
    """Make text of unknown origin safe between tags and in attributes of HTML."""
    return html.escape("".join(c if visible(c) else "\ufffd" for c in str(text)), quote=True)

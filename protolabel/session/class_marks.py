"""The marks of a class, which it keeps for the life of a session: number, key and colour."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import traitlets

from protolabel.common.palette import as_colour, class_colour, class_variable
from protolabel.common.vectors import is_whole_number
from protolabel.embedding.prompts import name_key
from protolabel.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["ClassMarks"]

_KEYS = 9  # number keys
_MOST = 10**6  # largest number of a class in a file


class ClassMarks(traitlets.HasTraits):
    """Numbers and colours that classes keep when others are added, removed or moved.

    A class that was removed gets its number back when it returns. The numbers begin again at 0
    only if all classes are replaced.

    Parameters
    ----------
    names : iterable of str
        The class names to begin with; they are numbered 0 to C - 1.

    Attributes
    ----------
    recoloured : int
        Increases whenever a person chooses a colour.
    """

    recoloured = traitlets.Int(0)

    def __init__(self, names: Iterable[str]) -> None:
        super().__init__()
        self._now: dict[str, int] = {}
        self._gone: dict[str, int] = {}
        self._next = 0
        self._own: dict[int, str] = {}
        self.follow(names)

    def follow(self, names: Iterable[str]) -> None:
        """Switch to other classes, and number the new ones."""
        keys = [name_key(name) for name in names]
        if not any(key in self._now for key in keys):
            self._now, self._gone, self._own, self._next = {}, {}, {}, 0
        now = {key: self._now[key] for key in keys if key in self._now}
        self._gone |= {key: slot for key, slot in self._now.items() if key not in now}
        for key in keys:
            if key not in now:
                back = self._gone.get(key)
                if back is None or back in now.values():
                    back, self._next = self._next, self._next + 1
                now[key] = back
        self._now = now

    def rename(self, before: str, after: str) -> None:
        """Keep the number of a class that has a new name."""
        old, new = name_key(before), name_key(after)
        if old != new:
            self._now[new] = self._gone[old] = self._now.pop(old)

    def slot(self, name: str) -> int:
        """Return the number of a class that is, or was, in the session, 0 or more."""
        key = name_key(name)
        return self._now.get(key, self._gone.get(key, 0))

    def key(self, name: str) -> str:
        """Return the number key of a class, "1" to "9", or "" for none."""
        slot = self.slot(name)
        return str(slot + 1) if slot < _KEYS else ""

    def colour(self, name: str) -> tuple[str, str]:
        """Return the colour of a class on a light and a dark background, as ``#rrggbb``."""
        slot = self.slot(name)
        return class_colour(slot, self._own.get(slot))

    def variable(self, name: str) -> str:
        """Return the colour of a class as a CSS value that follows the theme of the page."""
        slot = self.slot(name)
        return class_variable(slot, self._own.get(slot))

    def is_chosen(self, name: str) -> bool:
        """Whether a person chose the colour of a class."""
        return self.slot(name) in self._own

    def choose_colour(self, name: str, colour: str | None) -> None:
        """Set the colour of a class, ``#rrggbb``; None takes that of the palette.

        Raises
        ------
        InputError
            If `colour` is not of the form ``#rrggbb``.
        """
        if colour is None:
            self._own.pop(self.slot(name), None)
        else:
            self._own[self.slot(name)] = as_colour(colour)
        self.recoloured += 1

    def state(self) -> list[list[Any]]:
        """Return the number of each class and its chosen colour, or None, for `restore`."""
        return [[slot, self._own.get(slot)] for slot in self._now.values()]

    def restore(self, state: Any) -> None:
        """Restore what `state` returned for the same classes; the state is untrusted.

        Raises
        ------
        InputError
            If `state` is malformed.
        """
        fits = isinstance(state, list) and len(state) == len(self._now)
        if not fits or not all(isinstance(mark, list) and len(mark) == 2 for mark in state):
            raise InputError("Expected a number and a colour for each class, got something else.")
        slots = [slot for slot, _ in state]
        whole = all(is_whole_number(slot, 0) and slot < _MOST for slot in slots)
        if not whole or len(set(slots)) < len(slots):
            raise InputError(f"Expected numbers that differ for the classes, got {slots}.")
        self._now = dict(zip(self._now, slots, strict=True))
        self._own = {slot: as_colour(own) for slot, own in state if own is not None}
        self._next = max(slots, default=-1) + 1

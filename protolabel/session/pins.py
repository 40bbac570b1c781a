"""Labels that a person fixed: undo, redo, and a trail of who became what when."""

from __future__ import annotations

import threading
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from protolabel.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = ["Correction", "PinHistory"]

Pins = dict[str, str]


@dataclass(frozen=True)
class Correction:
    """One image that a person gave a label, or took one from.

    Attributes
    ----------
    when
        UTC time in ISO 8601, to the second.
    image
        Name of the image.
    before, after
        Class name that was fixed before and after; None is "the loop decides".
    """

    when: str
    image: str
    before: str | None
    after: str | None


class PinHistory:
    """Every state that the pins were in, and every change between them.

    Parameters
    ----------
    pins
        The state to begin with.
    trail
        Corrections of an earlier session, as `records` gave them.
    """

    def __init__(self, pins: Mapping[str, str], trail: Iterable[Mapping[str, Any]] = ()) -> None:
        self._states: list[Pins] = [dict(pins)]
        self._place = 0
        self._trail = [Correction(**one) for one in trail]
        self._lock = threading.Lock()  # a cell and a panel may correct at the same time

    @property
    def trail(self) -> tuple[Correction, ...]:
        """All corrections in the order in which they were made; an undo is one as well."""
        return tuple(self._trail)

    @property
    def can_undo(self) -> bool:
        """Whether there is a change to take back."""
        return self._place > 0

    @property
    def can_redo(self) -> bool:
        """Whether a change was taken back."""
        return self._place + 1 < len(self._states)

    def record(self, pins: Mapping[str, str]) -> None:
        """Remember a new state of the pins; what could be redone is gone."""
        new = dict(pins)
        with self._lock:
            if new == self._states[self._place]:
                return
            self._note(self._states[self._place], new)
            self._states[self._place + 1 :] = [new]
            self._place += 1

    def undo(self) -> Pins:
        """Return the state before the last change.

        Raises
        ------
        InputError
            If there is no change to take back.
        """
        if not self.can_undo:
            raise InputError("There is no correction to undo.")
        return self._move(-1)

    def redo(self) -> Pins:
        """Return the state that was last taken back.

        Raises
        ------
        InputError
            If nothing was taken back.
        """
        if not self.can_redo:
            raise InputError("There is no correction to redo.")
        return self._move(1)

    def rename(self, old: str, new: str) -> None:
        """Let every state speak of a class by its new name, so that undo still holds."""
        with self._lock:
            self._states = [
                {image: new if name == old else name for image, name in state.items()}
                for state in self._states
            ]

    def records(self) -> list[dict[str, Any]]:
        """Return the trail as plain values, for JSON."""
        return [asdict(one) for one in self._trail]

    def _move(self, step: int) -> Pins:
        before = self._states[self._place]
        self._place += step
        after = self._states[self._place]
        self._note(before, after)
        return dict(after)

    def _note(self, before: Pins, after: Pins) -> None:
        now = datetime.now(UTC).isoformat(timespec="seconds")
        touched: Sequence[str] = [
            image for image in {**before, **after} if before.get(image) != after.get(image)
        ]
        self._trail += [Correction(now, one, before.get(one), after.get(one)) for one in touched]

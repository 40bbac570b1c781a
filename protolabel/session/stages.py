"""Values that follow from one another: computed when asked for, dropped when a setting changes."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["Stages"]

T = TypeVar("T")


class _OutdatedError(Exception):
    """The stage that is being computed has to be computed anew anyway."""


class Stages:
    """Computed values by name, asked for from several threads.

    One lock is held for moments only; a stage is computed behind a gate of its own, so that a
    slider never waits for a clustering.

    Parameters
    ----------
    follows
        The stages that are computed from each stage.
    """

    def __init__(self, follows: Mapping[str, tuple[str, ...]]) -> None:
        self._follows = follows
        self._lock = threading.RLock()
        self._gates = {stage: threading.RLock() for stage in follows}
        self._ages = dict.fromkeys(follows, 0)
        self._values: dict[str, Any] = {}
        self._here = threading.local()  # what each thread is computing, the innermost last

    @property
    def names(self) -> tuple[str, ...]:
        """The stages that are at hand, in the order in which they were computed."""
        with self._lock:
            return tuple(self._values)

    def get(self, name: str, compute: Callable[[], T]) -> T:
        """Return a stage, computed if it is not at hand."""
        while True:
            with self._gates[name]:
                with self._lock:
                    if name in self._values:
                        return cast("T", self._values[name])
                    age = self._ages[name]
                under_way = self._here.__dict__.setdefault("under_way", [])
                under_way.append((name, age))
                try:
                    value = compute()
                except _OutdatedError:
                    continue
                finally:
                    under_way.pop()
                with self._lock:
                    if self._ages[name] == age:
                        self._values[name] = value
                        return value
            # A setting changed meanwhile: once more, with what it is now.

    def check(self) -> None:
        """End the innermost stage that this thread computes, if it is out of date already."""
        for name, age in self._here.__dict__.get("under_way", ())[-1:]:
            with self._lock:
                if self._ages[name] != age:
                    raise _OutdatedError

    def peek(self, name: str) -> Any:
        """Return a stage if it is at hand, else None."""
        with self._lock:
            return self._values.get(name)

    def put(self, **values: Any) -> None:
        """Keep stages that came from elsewhere."""
        with self._lock:
            self._values.update(values)

    def invalidate(self, name: str) -> None:
        """Drop a stage and all that is computed from it."""
        with self._lock:
            waiting = [name]
            while waiting:
                current = waiting.pop()
                self._values.pop(current, None)
                self._ages[current] += 1
                waiting.extend(self._follows[current])

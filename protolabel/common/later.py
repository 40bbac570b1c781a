"""Values that are computed when they are first asked for."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Later"]

T = TypeVar("T")


class Later(Generic[T]):
    """A value that is computed at the first call, and kept; thread-safe.

    What the computation holds is released afterwards. A copy or a pickle holds the value itself.

    Parameters
    ----------
    compute : callable
        Returns the value.
    """

    def __init__(self, compute: Callable[[], T]) -> None:
        self._compute: Callable[[], T] | None = compute
        self._lock = threading.Lock()
        self._value: T

    def __call__(self) -> T:
        """Return the value; compute it if necessary."""
        with self._lock:
            if self._compute is not None:
                self._value = self._compute()
                self._compute = None
            return self._value

    def __reduce__(self) -> tuple[Callable[[T], Later[T]], tuple[T]]:
        return _known, (self(),)


def _known(value: T) -> Later[T]:
    return Later(lambda: value)

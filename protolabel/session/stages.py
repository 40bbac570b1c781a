"""Stages: values computed when needed and dropped when a setting they depend on changes.

Each stage declares beside its code which stages and settings it needs::

    @stage("clusters", "text", settings=("method", "temperature"))
    def refinement(self) -> Refinement: ...

Which stages a setting invalidates, and which stages depend on which, follows from these.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar, cast, overload

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Stage", "Stages", "stage"]

T = TypeVar("T")


class Stage(property, Generic[T]):
    """A property whose value the `Stages` of its owner keep, in the owner's ``_stages``.

    Parameters
    ----------
    compute : callable
        Takes the owner and returns the value, or None for a stage that does not apply.
    needs : tuple of str
        The stages that `compute` reads.
    settings : tuple of str
        The settings that `compute` reads directly.
    name : str
        By default that of the function, without a leading underscore.
    """

    def __init__(
        self,
        compute: Callable[[Any], T],
        needs: tuple[str, ...] = (),
        settings: tuple[str, ...] = (),
        name: str = "",
    ) -> None:
        super().__init__(compute)
        self.compute = compute
        self.needs, self.settings = needs, settings
        self.name = name or compute.__name__.removeprefix("_")

    @overload
    def __get__(self, owner: None, kind: type, /) -> Self: ...
    @overload
    def __get__(self, owner: object, kind: type | None = None, /) -> T: ...
    def __get__(self, owner: Any, kind: type | None = None, /) -> Any:
        """Return the value; compute it if necessary."""
        if owner is None:
            return self
        return owner._stages.get(self.name, lambda: self.compute(owner))  # noqa: SLF001 -- the part of the owner that is ours


def stage(
    *needs: str, settings: tuple[str, ...] = (), name: str = ""
) -> Callable[[Callable[[Any], T]], Stage[T]]:
    """Declare the method below as a stage.

    Parameters
    ----------
    *needs : str
        Names of the stages that it reads.
    settings : tuple of str
        Names of the settings that it reads directly.
    name : str, optional
        By default that of the method, without a leading underscore.
    """
    return lambda compute: Stage(compute, needs, settings, name)


class _OutdatedError(Exception):
    """Raised if a setting changed while the stage was computed; it is computed again."""


class Stages:
    """Computed values by name; thread-safe.

    One lock guards the tables briefly; each stage has its own lock while it computes, so a slider
    never blocks on a clustering.

    Parameters
    ----------
    owner : type
        The class that declares the stages.

    Attributes
    ----------
    feeds : dict of str to tuple of str
        Setting -> the stages that read it.
    follows : dict of str to tuple of str
        Stage -> the stages that need it.
    """

    def __init__(self, owner: type) -> None:
        members = {
            name: member for kind in owner.__mro__[::-1] for name, member in vars(kind).items()
        }
        declared = [member for member in members.values() if isinstance(member, Stage)]
        self.follows: dict[str, tuple[str, ...]] = {
            needed.name: tuple(other.name for other in declared if needed.name in other.needs)
            for needed in declared
        }
        self.feeds: dict[str, tuple[str, ...]] = {
            setting: tuple(other.name for other in declared if setting in other.settings)
            for member in declared
            for setting in member.settings
        }
        self._lock = threading.RLock()
        self._gates = {name: threading.RLock() for name in self.follows}
        self._ages = dict.fromkeys(self.follows, 0)
        self._values: dict[str, Any] = {}
        self._here = threading.local()  # the stages each thread is computing, the innermost last

    @property
    def names(self) -> tuple[str, ...]:
        """The stages already computed, in the order of computation, without those that are None."""
        with self._lock:
            return tuple(name for name, value in self._values.items() if value is not None)

    def settings_of(self, name: str) -> tuple[str, ...]:
        """Return the settings that a stage depends on, directly or through other stages."""
        return tuple(setting for setting, fed in self.feeds.items() if name in self._closure(fed))

    def get(self, name: str, compute: Callable[[], T]) -> T:
        """Return a stage; compute it if necessary.

        Parameters
        ----------
        name : str
            One of the declared stages.
        compute : callable
            Called again if a setting that the stage depends on changes meanwhile.
        """
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
            # A setting changed meanwhile: compute again with its new value.

    def check(self) -> None:
        """Abandon the innermost stage that this thread computes if it is already out of date."""
        for name, age in self._here.__dict__.get("under_way", ())[-1:]:
            with self._lock:
                if self._ages[name] != age:
                    raise _OutdatedError

    def peek(self, name: str) -> Any:
        """Return a stage if it has been computed, else None."""
        with self._lock:
            return self._values.get(name)

    def put(self, **values: Any) -> None:
        """Store stages that were loaded rather than computed."""
        with self._lock:
            self._values.update(values)

    def changed(self, setting: str) -> None:
        """Drop every stage that depends on a setting."""
        with self._lock:
            for name in self._closure(self.feeds[setting]):
                self._values.pop(name, None)
                self._ages[name] += 1

    def _closure(self, names: tuple[str, ...]) -> set[str]:
        found: set[str] = set()
        waiting = list(names)
        while waiting:
            name = waiting.pop()
            if name not in found:
                found.add(name)
                waiting.extend(self.follows[name])
        return found

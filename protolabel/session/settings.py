"""The trait type of a session's settings, and the check of each setting."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import traitlets

from protolabel.clustering.presets import PRESETS
from protolabel.common.checks import as_seed
from protolabel.common.vectors import is_whole_number
from protolabel.common.wording import did_you_mean
from protolabel.embedding.prompts import ClassPrompts, ClassVectors
from protolabel.embedding.visual import check_visual
from protolabel.errors import InputError
from protolabel.evaluation.fit import check_strictness
from protolabel.refinement.loop import METHODS, UNITS, check_parameters
from protolabel.session.class_edits import parse_classes
from protolabel.session.pins import Pins

__all__ = ["CHECKS", "SettingError", "refusing", "setting"]


class SettingError(InputError, traitlets.TraitError):
    """An invalid value of a setting.

    It is also a `traitlets.TraitError`, the only error on which traitlets reverts a change made
    inside ``hold_trait_notifications``.
    """


class _Setting(traitlets.TraitType[Any, Any]):
    """A trait that stores what ``CHECKS[name]`` returns for a value."""

    def __init__(self, default: Any = traitlets.Undefined) -> None:
        super().__init__(default_value=default)

    def validate(self, obj: Any, value: Any) -> Any:  # noqa: ARG002 -- the signature of traitlets
        """Return the value in the form that is stored, or raise `SettingError`."""
        with refusing():
            return CHECKS[str(self.name)](value)


def setting(default: Any = traitlets.Undefined) -> Any:
    """Return a trait that ``CHECKS[name]`` checks; without a default it must be set."""
    return _Setting(default)


@contextmanager
def refusing() -> Iterator[None]:
    """Turn an `InputError` into a `SettingError`, so that traitlets reverts the change."""
    try:
        yield
    except SettingError:
        raise
    except InputError as error:
        raise SettingError(str(error)) from error


def _choice(name: str, options: Iterable[str]) -> Callable[[Any], str]:
    listed = tuple(options)

    def check(value: Any) -> str:
        if not isinstance(value, str) or value not in listed:
            near = did_you_mean(value, listed, 1) if isinstance(value, str) else ""
            raise InputError(
                f"Expected {name} to be one of {', '.join(listed)}, got {value!r}.{near}"
            )
        return str(value)

    return check


def _whole(name: str, least: int, below: int | None = None) -> Callable[[Any], int]:
    def check(value: Any) -> int:
        wrong = not is_whole_number(value, least) or isinstance(value, bool)
        if wrong or (below is not None and value >= below):
            limits = f"{least} or more" if below is None else f"{least} to {below - 1}"
            raise InputError(
                f"Expected a whole number within bounds, got {value!r}: {name} must be {limits}."
            )
        return int(value)

    return check


def _or_none(check: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: None if value is None else check(value)


def _temperature(value: Any) -> float:
    check_parameters(method="anchored", units="images", temperature=value, iterations=0)
    return float(value)


def _iterations(value: Any) -> int:
    check_parameters(method="anchored", units="images", temperature=0.1, iterations=value)
    return int(value)


def _is_listed(value: Any) -> bool:
    """Return whether a value is an ordered collection; an array of 0 dimensions is not."""
    listed = isinstance(value, Iterable) and not isinstance(value, str | set | frozenset)
    return listed and getattr(value, "ndim", 1) > 0


def _templates(value: Any) -> Any:
    # A copy, because a list could change later and a generator can be read only once.
    fixed = _is_listed(value) and not isinstance(value, Mapping)
    return tuple(value) if fixed else value


def _visual(value: Any) -> Any:
    check_visual(value)
    return value


def _vocabulary(words: Any) -> Any:
    if isinstance(words, ClassVectors):
        return words
    if _is_listed(words):
        # Word lists often repeat words, which does no harm.
        first: dict[str, Any] = {}
        for word in words:
            first.setdefault(str(word).strip().casefold(), word)
        words = list(first.values())
        if not words:
            raise InputError(
                "Expected a vocabulary of at least one word, got none: list words such as "
                "['zebra', 'owl'], or set it to None."
            )
    return ClassPrompts.parse(words).names


CHECKS: dict[str, Callable[[Any], Any]] = {
    "classes": parse_classes,
    "templates": _templates,
    "method": _choice("method", METHODS),
    "temperature": _temperature,
    "iterations": _iterations,
    "units": _choice("units", UNITS),
    "preset": _or_none(_choice("preset", PRESETS)),
    "min_cluster_size": _or_none(_whole("min_cluster_size", 2)),
    "seed": as_seed,
    "visual": _or_none(_visual),
    "pins": Pins,
    "kept": _or_none(_whole("kept", 0)),
    "none_of_these": _or_none(check_strictness),
    "vocabulary": _or_none(_vocabulary),
}
"""Setting -> the function that returns a value in the form that is stored, or raises."""

"""Pins (labels fixed by a person): read-only, with undo, redo and a record of every change.

Undo covers edits of the classes as well, since pins refer to them.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias

import numpy as np

from protolabel.errors import InputError
from protolabel.images.lookup import find_classes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from protolabel.images.lookup import ImageLookup

__all__ = [
    "Correction",
    "HistoryState",
    "ImageChoice",
    "PinHistory",
    "Pins",
    "chosen_images",
    "named_pins",
    "pin_indices",
    "renamed",
]

ImageChoice: TypeAlias = "int | str | os.PathLike[str] | Iterable[int | str | os.PathLike[str]]"
"""One image or several, each by index, name or path."""


class Pins(dict[str, str]):
    """Image name -> class name, read-only, because a change in place would not change labels.

    Parameters
    ----------
    pins : mapping of str to str

    Raises
    ------
    InputError
        If it is not a mapping of image names to class names.
    """

    def __init__(self, pins: Mapping[str, str]) -> None:
        if not isinstance(pins, Mapping):
            raise InputError(
                f"Expected pins as a mapping of image names to class names, got {pins!r}: write "
                "{'holiday/0412.jpg': 'cat'}."
            )
        for pair in pins.items():
            if not all(isinstance(name, str) for name in pair):
                raise InputError(
                    f"Expected pins as image name -> class name, got {pair[0]!r}: {pair[1]!r}. "
                    "Use session.pin(index, name) to pin an image by its index."
                )
        super().__init__(pins)

    def __reduce__(self) -> tuple[type[Pins], tuple[dict[str, str]]]:
        return Pins, (dict(self),)  # copying would otherwise set the items, which is refused

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise InputError(
            "Expected pins to be changed by the session, got a change in place: use "
            "session.pin(image, name) and session.unpin(image), or set session.pins to a mapping."
        )

    __setitem__ = __delitem__ = __ior__ = _refuse
    update = pop = popitem = clear = setdefault = _refuse


def chosen_images(images: ImageLookup, chosen: ImageChoice) -> list[str]:
    """Return the names of the images that a person chose.

    Parameters
    ----------
    images : ImageLookup
        The N images that there are.
    chosen : int, str, path, or iterable of them
        Indices, 0 to N - 1, or anything that `ImageLookup` finds: name, path, file name.

    Raises
    ------
    InputError
        If there is no such image.
    """
    if isinstance(chosen, str | os.PathLike):
        listed: list[Any] = [chosen]
    else:
        try:
            listed = list(chosen)  # type: ignore[arg-type]
        except TypeError:
            listed = [chosen]
    indices = np.asarray([item for item in listed if not isinstance(item, str | os.PathLike)])
    whole = not len(indices) or (indices.ndim == 1 and np.issubdtype(indices.dtype, np.integer))
    if not whole or ((indices < 0) | (indices >= len(images))).any():
        raise InputError(
            f"Expected image indices from 0 to {len(images) - 1}, got {chosen!r}: choose among "
            "these."
        )
    found = images.find(item for item in listed if isinstance(item, str | os.PathLike))
    if found.left:
        raise InputError(images.what_is_wrong(found.left[0]))
    names = images.names
    return [
        names[found.images[os.fsdecode(item)] if isinstance(item, str | os.PathLike) else item]
        for item in listed
    ]


def named_pins(pins: Mapping[str, str], images: ImageLookup) -> Pins:
    """Return pins keyed by the names of the images, whatever path or spelling they used.

    A pin of an image that is missing keeps its key.
    """
    found, names = images.find(pins).images, images.names
    return Pins(
        {names[found[word]] if word in found else word: name for word, name in pins.items()}
    )


def pin_indices(
    pins: Mapping[str, str], images: ImageLookup, classes: Sequence[str]
) -> dict[int, int]:
    """Return pins as image index -> class index.

    A pin is inactive while its image or its class is missing, and active again once both exist.
    """
    if not pins:
        return {}
    place = images.find(pins).images
    number = find_classes(pins.values(), classes)
    return {
        place[image]: number[name]
        for image, name in pins.items()
        if image in place and number[name] >= 0
    }


@dataclass(frozen=True)
class Correction:
    """A change of one pin.

    Attributes
    ----------
    when : str
        UTC time in ISO 8601, to the second.
    image : str
        Name of the image.
    before, after : str or None
        Pinned class name before and after; None if the loop decides.
    """

    when: str
    image: str
    before: str | None
    after: str | None


@dataclass(frozen=True, eq=False)
class HistoryState:
    """A state of pins and classes, for undo and redo.

    Attributes
    ----------
    pins : Pins
        Image name -> class name.
    classes, templates : object
        Those of the session.
    renamed : tuple of str or None
        Old and new name, if this state came from renaming a class.
    """

    pins: Pins
    classes: Any
    templates: Any
    renamed: tuple[str, str] | None


class PinHistory:
    """All states of pins and classes, and the changes of pins between them; thread-safe.

    Parameters
    ----------
    pins : mapping of str to str
        The pins of the first state.
    trail : iterable of mapping
        Corrections of an earlier session, as `records` returned them.
    classes, templates : object
        Those of the first state.
    """

    def __init__(
        self,
        pins: Mapping[str, str],
        trail: Iterable[Mapping[str, Any]] = (),
        classes: Any = None,
        templates: Any = None,
    ) -> None:
        self._states = [HistoryState(Pins(pins), classes, templates, None)]
        self._place = 0
        self._trail = [Correction(**fields) for fields in trail]
        self._lock = threading.Lock()  # a cell and a panel may correct at the same time

    @property
    def trail(self) -> tuple[Correction, ...]:
        """All corrections in the order in which they were made; an undo is a correction too."""
        return tuple(self._trail)

    @property
    def can_undo(self) -> bool:
        """Whether there is a change to undo."""
        return self._place > 0

    @property
    def can_redo(self) -> bool:
        """Whether there is a change to redo."""
        return self._place + 1 < len(self._states)

    def record(
        self,
        pins: Mapping[str, str],
        classes: Any = None,
        templates: Any = None,
        names: tuple[str, str] | None = None,
    ) -> None:
        """Add a new state, and drop the states that could be redone.

        Parameters
        ----------
        pins : mapping of str to str
            The pins of the new state.
        classes, templates : object
            Those of the new state; they are compared by identity.
        names : tuple of str, optional
            Old and new name of a class that was renamed. Pins that only take over the new name
            are no corrections.
        """
        with self._lock:
            now = self._states[self._place]
            if now.classes is classes and now.templates is templates and now.pins == pins:
                return
            new = HistoryState(Pins(pins), classes, templates, names)
            self._note(now.pins, new.pins, names)
            self._states[self._place + 1 :] = [new]
            self._place += 1

    def undo(self) -> tuple[HistoryState, tuple[str, str] | None]:
        """Return the state before the last change, and the old and new name of a renamed class.

        Raises
        ------
        InputError
            If there is no change to undo.
        """
        return self._move(-1, "There is no correction to undo.")

    def redo(self) -> tuple[HistoryState, tuple[str, str] | None]:
        """Return the state that `undo` left last, likewise.

        Raises
        ------
        InputError
            If nothing was undone.
        """
        return self._move(1, "There is no correction to redo.")

    def records(self) -> list[dict[str, Any]]:
        """Return the changes as plain values, for JSON."""
        return [asdict(correction) for correction in self._trail]

    def _move(self, step: int, nothing: str) -> tuple[HistoryState, tuple[str, str] | None]:
        with self._lock:
            place = self._place + step
            if not 0 <= place < len(self._states):
                raise InputError(nothing)
            after, names = self._states[place], self._states[max(place, self._place)].renamed
            if names is not None and step < 0:
                names = names[1], names[0]
            self._note(self._states[self._place].pins, after.pins, names)
            self._place = place
            return after, names

    def _note(self, before: Pins, after: Pins, names: tuple[str, str] | None) -> None:
        if names is not None:
            before = renamed(before, *names)
        now = datetime.now(UTC).isoformat(timespec="seconds")
        touched = [name for name in {**before, **after} if before.get(name) != after.get(name)]
        self._trail += [
            Correction(now, name, before.get(name), after.get(name)) for name in touched
        ]


def renamed(pins: Mapping[str, str], old: str, new: str) -> Pins:
    """Return pins with a class renamed."""
    return Pins({image: new if name == old else name for image, name in pins.items()})

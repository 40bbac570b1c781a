"""The pins of a session: labels that a person fixed, with undo, redo and a trail."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np
import traitlets

from protolabel.common.wording import did_you_mean
from protolabel.errors import InputError
from protolabel.session.class_edits import ClassEdits

if TYPE_CHECKING:
    from collections.abc import Iterable

    from protolabel.embedding.embed import Embeddings
    from protolabel.session.pins import Correction, PinHistory

__all__ = ["PinEdits"]

_COMPARED = 100_000  # names that an unknown one is compared with: 2 seconds


class PinEdits(ClassEdits):
    """The part of a `Session` that knows what a person fixed."""

    pins = traitlets.Dict()
    _history: PinHistory

    @property
    def embeddings(self) -> Embeddings:
        """The images that can be pinned; the session has them."""
        raise NotImplementedError

    def pin(self, images: int | str | Iterable[int | str], name: str) -> None:
        """Fix the label of images; the next run of the loop is steered by it.

        Parameters
        ----------
        images
            One image, or several: by index, or by name as in ``session.embeddings.images.names``
            and the column source of labels.csv.
        name
            One of the class names.

        Raises
        ------
        InputError
            If there is no such image, or no such class.

        Examples
        --------
        >>> session.pin("holiday/0412.jpg", "cat")
        """
        if name not in self.names:
            raise InputError(f"{name!r} is no class; the classes are {', '.join(self.names)}.")
        files = self._files(images)
        self.pins = {**self.pins, **dict.fromkeys(files, name)}

    def unpin(self, images: int | str | Iterable[int | str]) -> None:
        """Let the loop decide about images again; they are given as for `pin`."""
        gone = set(self._files(images))
        self.pins = {file: name for file, name in self.pins.items() if file not in gone}

    def rename_class(self, old: str, new: str) -> None:
        """Give a class another name, and so another prompt; its pins and synonyms go with it."""
        super().rename_class(old, new)
        new = new.strip()
        self._history.rename(old, new)
        self.pins = {file: new if name == old else name for file, name in self.pins.items()}

    def undo(self) -> None:
        """Take back the last change of the pins."""
        self.pins = self._history.undo()

    def redo(self) -> None:
        """Make the change again that `undo` took back."""
        self.pins = self._history.redo()

    @property
    def can_undo(self) -> bool:
        """Whether there is a correction to take back."""
        return self._history.can_undo

    @property
    def can_redo(self) -> bool:
        """Whether a correction was taken back."""
        return self._history.can_redo

    @property
    def corrections(self) -> tuple[Correction, ...]:
        """Every correction so far: when, which image, from what, to what."""
        return self._history.trail

    def _files(self, images: int | str | Iterable[int | str]) -> list[str]:
        names = self.embeddings.images.names
        try:
            given = [images] if isinstance(images, str) else list(cast("Iterable[int]", images))
        except TypeError:
            given = [cast("int", images)]
        unknown = {one for one in given if isinstance(one, str)}.difference(names)
        if unknown:
            wrong = min(unknown)
            raise InputError(
                f"No image is called {wrong!r}; the images are called like {names[0]!r}."
                f"{did_you_mean(wrong, names[:_COMPARED])}"
            )
        indices = np.asarray([one for one in given if not isinstance(one, str)])
        whole = not len(indices) or np.issubdtype(indices.dtype, np.integer)
        if not whole or ((indices < 0) | (indices >= len(names))).any():
            raise InputError(
                f"Image indices are whole numbers from 0 to {len(names) - 1}; got {images!r}."
            )
        return [one if isinstance(one, str) else names[one] for one in given]

    def _pin_indices(self) -> dict[int, int]:
        # A pin waits while its image or its class is away, and holds again when it is back.
        if not self.pins:
            return {}
        place = {name: i for i, name in enumerate(self.embeddings.images.names)}
        index = {name: i for i, name in enumerate(self.names)}
        return {
            place[file]: index[name]
            for file, name in self.pins.items()
            if file in place and name in index
        }

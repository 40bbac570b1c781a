"""Look up images and classes by any of their names.

Pins, truth, answers of an audit and the command line all look images up here, so a name that
works in one place works everywhere.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Self
from urllib.parse import unquote

from protolabel.common.checks import checked, with_home
from protolabel.common.wording import counted, did_you_mean
from protolabel.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import PurePath

    from protolabel.images.image_set import ImageSet

__all__ = [
    "CLASS_COLUMNS",
    "IMAGE_COLUMNS",
    "Found",
    "ImageLookup",
    "column",
    "find_classes",
]

IMAGE_COLUMNS = (
    "path", "file", "file_name", "filename", "filepath", "file_path", "image", "image_path", "img",
    "img_path", "image_name", "url", "image_url", "uri", "src", "source",
)  # fmt: skip
"""Usual names of a column of images, in lower case; the first one that a table has is used."""

CLASS_COLUMNS = (
    "truth", "ground_truth", "label", "class", "class_name", "category", "target", "labels",
    "choice", "label_id", "class_id",
)  # fmt: skip
"""Usual names of a column of classes, likewise."""

_EXAMPLES = 3
_COMPARED = 100_000  # names that an unknown name is compared with: 2 seconds
_UPLOADED = re.compile(r"[0-9a-f]{8}-(?=.)")  # Label Studio puts this before a file name
_NUMBER = re.compile(r"(\d+)(\.0+)?")  # a table with gaps turns 3 into 3.0
_APART = re.compile(r"[\s_-]+")
_SEVERAL = -1


@dataclass(frozen=True)
class Found:
    """The images that were found for some words.

    Attributes
    ----------
    images : dict of str to int
        Word -> index of the image, for every word that names exactly one image.
    unknown : tuple of str
        Words that name no image.
    several : tuple of str
        Words that fit more than one image, or an image that another word fits as well.
    """

    images: dict[str, int] = field(default_factory=dict)
    unknown: tuple[str, ...] = ()
    several: tuple[str, ...] = ()

    @property
    def left(self) -> tuple[str, ...]:
        """All words that name no image, or several."""
        return (*self.unknown, *self.several)

    def complaint(self) -> str:
        """Say what matches no image, with examples; "" if everything does."""
        total = len(self.images) + len(self.left)
        parts = []
        for words, what in (
            (self.unknown, "match no image"),
            (self.several, "match several images (add their folder)"),
        ):
            if words:
                shown = ", ".join(map(repr, words[:_EXAMPLES]))
                parts.append(
                    f"{len(words):,} of {counted(total, 'image name')} {what}, such as {shown}"
                )
        return "; ".join(parts)


class ImageLookup:
    """Finds images by any of their names.

    These are the name in the `ImageSet`; the path of the file, relative or absolute, on this
    machine or another; the file name alone, if only one image has it; and the path in an export.
    Slashes, the Unicode form and letter case do not matter, unless two images differ in nothing
    else.

    Parameters
    ----------
    names : sequence of str
        (N,) names of the images, as in `ImageSet.names`.
    root : path, optional
        The folder of the images.
    exported : callable, optional
        Returns (N,) paths, or file names, of the images in an export, None for an image that it
        left out. It is called only for words that are not names.
    """

    def __init__(
        self,
        names: Sequence[str],
        root: PurePath | None = None,
        exported: Callable[[], Sequence[str | None]] | None = None,
    ) -> None:
        self._by_name = _Paths(names, root)
        self._given = exported

    @classmethod
    def of(
        cls, images: ImageSet, exported: Callable[[], Sequence[str | None]] | None = None
    ) -> Self:
        """Return the lookup of an `ImageSet`."""
        return cls(images.names, images.root, exported)

    def __len__(self) -> int:
        return len(self._by_name.paths)

    @property
    def names(self) -> Sequence[str]:
        """(N,) names of the images."""
        return [path or "" for path in self._by_name.paths]

    @cached_property
    def _exported(self) -> _Paths | None:
        return None if self._given is None else _Paths(self._given(), None)

    def find(self, words: Iterable[str | os.PathLike[str]]) -> Found:
        """Find the image that each word names.

        Parameters
        ----------
        words : iterable of str or path
            Names, paths or file names.

        Returns
        -------
        Found
        """
        asked = list(dict.fromkeys(os.fsdecode(word) for word in words))
        found = self._by_name.find(asked)
        if not found.left or self._exported is None:
            return found
        exported = self._exported
        other = exported.find(asked)
        # All words are taken as paths in the export if that explains more of them.
        if len(other.images) > len(found.images) + len(found.several):
            found, other = other, found
        taken = set(found.images.values())
        more = {
            word: other.images[word]
            for word in found.left
            if word in other.images
            and other.images[word] not in taken
            # A file name that two images share is ambiguous; a path in the export is not.
            and (word in found.unknown or ("/" in word and exported.has(word)))
        }
        images = found.images | more
        return Found(
            {word: images[word] for word in asked if word in images},
            tuple(word for word in found.unknown if word not in more),
            tuple(word for word in found.several if word not in more),
        )

    def what_is_wrong(self, word: str) -> str:
        """Return a sentence about a word that names no image, or several."""
        end = _key(word)
        if "/" not in end and word in self.find([word]).several:
            alike = [name for name in self.names if _key(name).rpartition("/")[2] == end]
            shown = ", ".join(map(repr, alike[:_EXAMPLES]))
            return (
                f"Expected the name of one image, got {word!r}, the file name of "
                f"{len(alike):,} images ({shown}): add the folder."
            )
        return (
            f"Expected the name of an image, such as {self.names[0]!r}, got "
            f"{word!r}.{did_you_mean(word, self.names[:_COMPARED])}"
        )


class _Paths:
    """Paths of N images, which are found by the whole path or by its end."""

    def __init__(self, paths: Sequence[str | None], root: PurePath | None) -> None:
        self.paths = paths
        self._roots: list[str] = []
        if root is not None:
            given = os.fspath(root)
            self._roots = [_key(place).rstrip("/") + "/" for place in {given, _real(given)}]
        self._ends: dict[int, dict[str, int]] = {}

    @cached_property
    def _keys(self) -> list[str | None]:
        return [None if path is None else _key(path) for path in self.paths]

    @cached_property
    def _raw(self) -> dict[str, int]:
        return {path: index for index, path in enumerate(self.paths) if path is not None}

    @cached_property
    def _whole(self) -> dict[str, int]:
        return _unique(self._keys)

    @cached_property
    def _folded(self) -> dict[str, int]:
        return _unique([None if key is None else _fold(key) for key in self._keys])

    @cached_property
    def _depth(self) -> int:
        return max((key.count("/") + 1 for key in self._keys if key is not None), default=0)

    def find(self, words: Sequence[str]) -> Found:
        images = {word: self._raw[word] for word in words if word in self._raw}
        rest = []
        for word in words:
            if word not in images:
                index = self._find_whole(word)
                if index is None:
                    rest.append(word)
                else:
                    images[word] = index
        taken = set(images.values())
        unknown, several = [], []
        by_end: dict[int, list[str]] = {}
        for word in rest:
            index = self._find_by_end(word)
            if index is None:
                unknown.append(word)
            elif index == _SEVERAL or index in taken:
                several.append(word)
            else:
                by_end.setdefault(index, []).append(word)
        for index, group in by_end.items():
            if len(group) == 1:
                images[group[0]] = index
            else:  # paths with the same end name different images, but only one image is here
                several.extend(group)
        ordered = {word: images[word] for word in words if word in images}
        return Found(ordered, tuple(unknown), tuple(several))

    def has(self, word: str) -> bool:
        """Return whether a word is a whole path."""
        return word in self._raw or self._find_whole(word) is not None

    def _find_whole(self, word: str) -> int | None:
        for key in _spellings(word):
            for path in (key, *self._below_root(key)):
                index = self._whole.get(path, self._folded.get(_fold(path), _SEVERAL))
                if index != _SEVERAL:
                    return index
        return None

    def _below_root(self, key: str) -> Iterable[str]:
        if not self._roots:
            return
        full = _key(os.path.abspath(with_home(key)))  # noqa: PTH100 -- links stay as they are
        for root in self._roots:
            if full.startswith(root):
                yield full[len(root) :]

    def _find_by_end(self, word: str) -> int | None:
        """Return the image with the longest common end, `_SEVERAL`, or None."""
        for key in _spellings(word):
            parts = _fold(key).split("/")
            candidates = ["/".join(parts[-depth:]) for depth in
                          range(min(len(parts), self._depth), 0, -1)]  # fmt: skip
            plain = _UPLOADED.sub("", parts[-1], count=1)
            if plain != parts[-1]:
                candidates.append(plain)
            for end in candidates:
                index = self._of_depth(end.count("/") + 1).get(end)
                if index is not None:
                    return index
        return None

    def _of_depth(self, depth: int) -> dict[str, int]:
        """Return the last `depth` parts of a path -> its index, for every path that has them."""
        if depth not in self._ends:
            self._ends[depth] = _unique(
                None if key is None or key.count("/") + 1 < depth
                else _fold("/".join(key.split("/")[-depth:]))
                for key in self._keys
            )  # fmt: skip
        return self._ends[depth]


@checked
def find_classes(
    words: Iterable[str], names: Sequence[str], *, numbers: bool = False
) -> dict[str, int]:
    """Find the class that each word names.

    Letter case, the Unicode form, spaces, underscores and hyphens do not matter, unless two
    classes differ in nothing else: ``hot_dog`` is ``Hot dog``.

    Parameters
    ----------
    words : iterable of str
        Names in any spelling.
    names : sequence of str
        The C class names.
    numbers : bool, default False
        Whether words may be class numbers. They are if none of them is a name and all are whole
        numbers from 0 to C - 1.

    Returns
    -------
    dict of str to int
        Word -> index of the class, -1 if it names none.

    Raises
    ------
    InputError
        If `words` is not a list of str.
    """
    listed = isinstance(words, Iterable) and not isinstance(words, str)
    words = tuple(words) if listed else ()
    if not listed or not all(isinstance(word, str) for word in words):
        raise InputError("Expected the words as a list of texts, got something else.")
    keys = [_class_key(name) for name in names]
    exact = {key: index for index, key in enumerate(keys)}
    loose = _unique(_APART.sub("", key) or None for key in keys)
    found = {}
    for word in words:
        key = _class_key(word)
        found[word] = exact.get(key, loose.get(_APART.sub("", key), -1))
    if numbers and found and max(found.values()) < 0:
        digits = {word: _NUMBER.fullmatch(word.strip()) for word in found}
        if all(match and int(match[1]) < len(names) for match in digits.values()):
            return {word: int(match[1]) for word, match in digits.items() if match}
    return {word: max(index, -1) for word, index in found.items()}


def column(names: Iterable[str], wanted: Sequence[str]) -> str | None:
    """Return the first wanted column that a table has, in the spelling of the table, or None.

    Parameters
    ----------
    names : iterable of str
        Columns of the table; letter case and surrounding spaces do not matter.
    wanted : sequence of str
        Names to look for, such as `IMAGE_COLUMNS`.
    """
    written = {str(name).strip().casefold(): name for name in names}
    return next((written[name] for name in wanted if name in written), None)


def _unique(keys: Iterable[str | None]) -> dict[str, int]:
    """Return key -> place, `_SEVERAL` where two places have one key."""
    found: dict[str, int] = {}
    for place, key in enumerate(keys):
        if key is not None:
            found[key] = _SEVERAL if key in found else place
    return found


def _spellings(word: str) -> Iterable[str]:
    """Yield the possible readings of a path: as written, and decoded from a URL."""
    yield _key(word)
    if "?d=" in word:  # how Label Studio writes local files
        yield _key(unquote(word.partition("?d=")[2]))
    elif "://" in word or "%" in word or word.startswith("/data/"):
        yield _key(unquote(word.partition("?")[0]))


def _key(path: str) -> str:
    text = path if path.isascii() else unicodedata.normalize("NFC", path)
    return text.replace("\\", "/").removeprefix("./")


def _fold(key: str) -> str:
    return key.lower() if key.isascii() else unicodedata.normalize("NFKC", key).casefold()


def _class_key(name: str) -> str:
    # Folder names from a Mac are decomposed, class names never are.
    return unicodedata.normalize("NFC", name).strip().casefold()


def _real(path: str) -> str:
    try:
        return os.path.realpath(path)
    except (OSError, ValueError):  # ValueError: text from a file that no file name can be
        return path

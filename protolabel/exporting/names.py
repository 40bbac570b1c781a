"""Names that every file system takes, from names that nobody checked."""

from __future__ import annotations

import re
import unicodedata
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from PIL import Image

from protolabel.images.pixels import IMAGE_SUFFIXES

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from protolabel.images.image_set import ImageSet

__all__ = ["NONE", "class_folders", "image_files", "none_folder", "safe_name", "unique_names"]

NONE = "none_of_these"

LONGEST = 120
"""UTF-8 bytes of a name: 255 is the limit of most disks, and a number may be added."""

_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9 _()+.-]{0,99}(?<![. ])", re.ASCII)
_FORBIDDEN = re.compile(r'[<>:"/\\|?*]')
_RESERVED = re.compile(
    r"(con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])( *\.|$)", re.IGNORECASE
)
_JOINERS = "\u200c\u200d"  # they hold emoji and some scripts together
_SUFFIX_OF = {
    "JPEG": ".jpg", "MPO": ".jpg", "PNG": ".png", "WEBP": ".webp",
    "GIF": ".gif", "BMP": ".bmp", "DIB": ".bmp", "TIFF": ".tif",
}  # fmt: skip


def safe_name(name: str, fallback: str = "unnamed", *, longest: int = LONGEST) -> str:
    """Turn any text into one file or folder name that is safe on Linux, macOS and Windows.

    Unicode stays (in form NFC); separators, control and direction characters and characters
    that Windows forbids become ``_``; leading dots and trailing dots and spaces go; names that
    Windows keeps for devices get a ``_`` in front.

    Parameters
    ----------
    name : str
        May be empty, hostile or undecodable.
    fallback : str
        The answer where nothing is left.
    longest : int
        Most UTF-8 bytes.

    Returns
    -------
    str
        Valid UTF-8, never ``""``, ``"."`` or ``".."``.
    """
    if _PLAIN.fullmatch(name) and not _RESERVED.match(name) and len(name) <= longest:
        return name
    kept = "".join(
        character if character in _JOINERS or unicodedata.category(character)[0] != "C" else "_"
        for character in unicodedata.normalize("NFC", name)
    )
    kept = _FORBIDDEN.sub("_", kept)
    kept = " ".join(kept.split()).lstrip(". ").rstrip(". ")
    kept = kept.encode()[:longest].decode(errors="ignore").rstrip(". ")
    if not kept.strip("_ ."):
        kept = fallback
    if _RESERVED.match(kept) or kept.startswith(("-", "~")):
        kept = f"_{kept}"
    return kept


def unique_names(names: Iterable[str], taken: Iterable[str] = ()) -> list[str]:
    """Make names differ on a case-insensitive disk by numbering those that clash.

    The first keeps its name, the others become ``stem_2.ext``, ``stem_3.ext`` and so on.

    Parameters
    ----------
    names : iterable of str
        Safe names.
    taken : iterable of str
        Names that none may have.
    """
    wanted = list(names)
    used = {_key(name) for name in taken}
    result: list[str | None] = []
    for name in wanted:  # whoever comes first keeps its name, even if another is numbered to it
        key = _key(name)
        result.append(None if key in used else name)
        used.add(key)
    number: dict[str, int] = {}
    for place, name in enumerate(wanted):
        if result[place] is not None:
            continue
        stem, dot, suffix = name.rpartition(".")
        stem, suffix = (stem, dot + suffix) if dot else (name, "")
        key = _key(name)
        while True:
            number[key] = number.get(key, 1) + 1
            candidate = f"{stem}_{number[key]}{suffix}"
            if _key(candidate) not in used:
                break
        used.add(_key(candidate))
        result[place] = candidate
    return [name for name in result if name is not None]


def class_folders(names: Sequence[str], taken: Iterable[str] = ()) -> tuple[str, ...]:
    """Return one folder name for each class, all different, none of them in `taken`."""
    return tuple(unique_names((safe_name(name, "class") for name in names), taken))


def none_folder(taken: Iterable[str]) -> str:
    """Return the folder name of the images that fit no class, none of those in `taken`."""
    return unique_names([NONE], taken)[0]


def image_files(images: ImageSet) -> list[str]:
    """Return one file name for each image, unique in the whole dataset.

    They depend on the names of the images alone and not on their labels, so that two exports of
    one folder can be compared file by file. A file without the extension of an image gets that
    of its content.
    """
    return unique_names(_file_name(images, i) for i in range(len(images)))


def _file_name(images: ImageSet, index: int) -> str:
    base = images.names[index].rpartition("/")[2]
    known = base[base.rfind(".") :].lower() in IMAGE_SUFFIXES
    if known and _PLAIN.fullmatch(base) and not _RESERVED.match(base):
        return base
    parsed = PurePosixPath(base)
    stem, suffix = parsed.stem, parsed.suffix
    if suffix.lower() not in IMAGE_SUFFIXES:
        stem, suffix = base, _suffix_by_content(images, index)
    return safe_name(stem, "image", longest=LONGEST - len(suffix)) + suffix


def _suffix_by_content(images: ImageSet, index: int) -> str:
    try:
        with Image.open(images.path(index)) as image:
            return _SUFFIX_OF.get(image.format or "", "")
    except (OSError, ValueError, Image.DecompressionBombError):
        return ""


def _key(name: str) -> str:
    return unicodedata.normalize("NFKC", name).casefold()

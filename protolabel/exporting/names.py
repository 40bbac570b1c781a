"""Turn unchecked names into file names that are valid on every file system."""

from __future__ import annotations

import re
import unicodedata
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from protolabel.errors import ImageReadError
from protolabel.images.files import ImageFile, open_file
from protolabel.images.formats import IMAGE_SUFFIXES, SUFFIX_OF, format_of
from protolabel.images.image_set import Nowhere

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from protolabel.images.image_set import ImageSet

__all__ = [
    "KEPT_SUFFIXES",
    "NONE_FOLDER",
    "class_folders",
    "image_files",
    "image_format",
    "keeps_its_bytes",
    "safe_name",
    "unique_names",
]

NONE_FOLDER = "splits/none_of_these"
"""Folder of the images that fit none of the names, outside class folders and splits."""

LONGEST = 120
"""UTF-8 bytes of a name: 255 is the limit of most disks, and a number may be added."""

_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9 _()+.-]{0,99}(?<![. ])", re.ASCII)
_FORBIDDEN = re.compile(r'[<>:"/\\|?*]')
_RESERVED = re.compile(
    r"(con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])( *\.|$)", re.IGNORECASE
)
_JOINERS = "\u200c\u200d"  # emoji and some scripts need them
_READ_BY_ALL = frozenset((".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp"))
"""Extensions that torchvision, datasets and ultralytics all recognise as images."""

KEPT_SUFFIXES = {kind: suffix for kind, suffix in SUFFIX_OF.items() if suffix in _READ_BY_ALL}
"""Pillow's name of a format -> its extension, for files that are copied unchanged."""

# Words that the imagefolder of the package datasets takes for a split. It looks for them in the
# names of all folders of a path, in lower case, alone or beside one of " -._" or a digit.
_SPLIT_WORDS = re.compile(
    r"(?<![^-._ 0-9])(train|training|validation|valid|dev|val|test|testing|eval|evaluation)"
    r"(?![^-._ 0-9])"
)


def safe_name(name: str, fallback: str = "unnamed", *, longest: int = LONGEST) -> str:
    """Turn any text into one file or folder name that is safe on Linux, macOS and Windows.

    Unicode is kept (in form NFC). Separators, control and direction characters, and characters
    that Windows forbids, become ``_``. Leading dots and trailing dots and spaces are removed.
    Device names of Windows, and names that a shell or a spreadsheet would run, get a leading
    ``_``.

    Parameters
    ----------
    name : str
        May be empty, hostile or undecodable.
    fallback : str
        The result if nothing is left.
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
    if _RESERVED.match(kept) or kept.startswith(("-", "~", "=", "+", "@")):
        kept = f"_{kept}"
    return kept


def unique_names(names: Iterable[str], taken: Iterable[str] = ()) -> list[str]:
    """Make names distinct on a case-insensitive disk by numbering those that clash.

    The first keeps its name, the others become ``stem_2.ext``, ``stem_3.ext`` and so on.

    Parameters
    ----------
    names : iterable of str
        Safe names.
    taken : iterable of str
        Names that must not be used.
    """
    wanted = list(names)
    used = {_key(name) for name in taken}
    result: list[str | None] = []
    for name in wanted:  # the first name stays, even if a numbered name would equal it
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
    """Return one folder name for each class, all different, none of them in `taken`.

    A word that a reader would take for the name of a split gets a capital letter: ``Test tube``.
    """
    safe = (safe_name(name, "class") for name in names)
    readable = (_SPLIT_WORDS.sub(lambda word: word[0].capitalize(), name) for name in safe)
    return tuple(unique_names(readable, taken))


def image_files(images: ImageSet) -> list[str]:
    """Return a file name for each image, unique in the whole dataset even without extension.

    (Readers such as datumaro and FiftyOne identify an image by its name without extension.) The
    names depend on the images alone and not on their labels, so that two exports of a folder can
    be compared file by file. A missing extension, or one that some readers ignore, is replaced by
    that of the content: ``.jpg`` for ``.jfif``, ``.png`` for a GIF, whose first frame is exported.
    Vectors without images keep their numbered names, because there is nothing to open.
    """
    if isinstance(images.source, Nowhere):
        return list(images.names)
    names = [_file_name(images, i).rpartition(".") for i in range(len(images))]
    stems = unique_names(stem if dot else suffix for stem, dot, suffix in names)
    return [
        f"{stem}{dot}{suffix}" if dot else stem
        for stem, (_, dot, suffix) in zip(stems, names, strict=True)
    ]


def keeps_its_bytes(path: ImageFile) -> bool:
    """Return whether an image is exported unchanged; others, which readers ignore, become PNG.

    Parameters
    ----------
    path : path
        The image, as `ImageSet.path`.

    Raises
    ------
    ImageReadError
        If its content is not that of an image: a list of paths from a stranger may name any file,
        and people publish exports.
    """
    name = str(path)
    suffix = name[name.rfind(".") :].lower()
    with open_file(path) as file:
        content = format_of(file.read(64))
    if content is None:
        raise ImageReadError("it is not an image")
    return suffix in _READ_BY_ALL or content in KEPT_SUFFIXES


def _file_name(images: ImageSet, index: int) -> str:
    base = images.names[index].rpartition("/")[2]
    known = base[base.rfind(".") :].lower() in _READ_BY_ALL
    if known and _PLAIN.fullmatch(base) and not _RESERVED.match(base):
        return base
    parsed = PurePosixPath(base)
    stem, suffix = parsed.stem, parsed.suffix
    if suffix.lower() not in _READ_BY_ALL:
        if suffix.lower() not in IMAGE_SUFFIXES:
            stem, suffix = base, ""
        content = image_format(images.path(index))
        if content is not None:
            suffix = KEPT_SUFFIXES.get(content, ".png")
    return safe_name(stem, "image", longest=LONGEST - len(suffix)) + suffix


def image_format(path: ImageFile) -> str | None:
    """Return Pillow's name of the format of an image file, or None for other files."""
    try:
        with open_file(path) as file:
            return format_of(file.read(64))
    except (OSError, ImageReadError):
        return None


def _key(name: str) -> str:
    return unicodedata.normalize("NFKC", name).casefold()

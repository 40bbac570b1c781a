"""Images behind URLs that fsspec opens: s3, gs, http, hf, memory, file and others."""

from __future__ import annotations

import io
import zlib
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from protolabel.errors import InputError
from protolabel.images.formats import UNREAD, wanted
from protolabel.images.image_set import ImageSet, Skipped, Stamp
from protolabel.images.sources.paths import kept

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["find_at_url", "find_at_urls", "is_url"]


def is_url(value: Any) -> bool:
    """Return whether a value is a URL such as ``s3://bucket/photos``."""
    return isinstance(value, str) and "://" in value[:32] and "\n" not in value


class _Files:
    """The `Source` of files of one or more file systems of fsspec."""

    def __init__(self, places: Sequence[tuple[Any, str]]) -> None:
        self._places = places

    def open(self, index: int) -> IO[bytes]:
        system, path = self._places[index]
        try:
            return io.BytesIO(system.cat_file(path))
        except Exception as error:  # each file system has errors of its own
            raise OSError(0, f"{type(error).__name__}: {error}") from error

    def stamp(self, index: int) -> Stamp:
        system, path = self._places[index]
        try:
            about = system.info(path)
        except Exception as error:  # as above
            raise OSError(0, str(error)) from error
        mark = next(
            (about[key] for key in ("ETag", "etag", "mtime", "LastModified", "created")
             if about.get(key)), "",
        )  # fmt: skip
        return (int(about.get("size") or 0), zlib.crc32(str(mark).encode()))


def find_at_url(url: str) -> ImageSet:
    """Find the images below a URL, or those that match a URL with ``*``.

    Their format is taken from the extension, because reading headers would download every file.

    Parameters
    ----------
    url : str

    Returns
    -------
    ImageSet
        Its root is the URL; its names are relative to that.

    Raises
    ------
    InputError
        If no image is found, or the library for the protocol is missing.
    """
    system, path = _system(url)
    try:
        found = sorted(system.glob(path) if "*" in path else system.find(path))
    except Exception as error:
        raise InputError(
            f"Expected images at {url!r}, but it cannot be listed ({type(error).__name__}: "
            f"{error}): check the URL and your access.{_other_way(url)}"
        ) from error
    base = path.partition("*")[0].rpartition("/")[0] if "*" in path else path.rstrip("/")
    if found == [path]:
        base = path.rpartition("/")[0]
    names = [name.removeprefix(base).lstrip("/") for name in found]
    return _listed(url, names, [(system, place) for place in found], {})


def _other_way(url: str) -> str:
    parts = url.split("/")
    if not url.startswith("hf://datasets/") or len(parts) < 5:
        return ""
    return (
        f" For a dataset of the hub, you can also call load_dataset({'/'.join(parts[3:5])!r}) and "
        "pass one split."
    )


def find_at_urls(urls: Sequence[str], columns: Mapping[str, Sequence[Any]]) -> ImageSet:
    """Build a set from a list of URLs of images, in the order given.

    Parameters
    ----------
    urls : sequence of str
        URLs of different images.
    columns : mapping of str to sequence
        One value for each URL.

    Returns
    -------
    ImageSet

    Raises
    ------
    InputError
        If a URL occurs twice, or the library for a protocol is missing.
    """
    names = [url.partition("?")[0].partition("://")[2] for url in urls]
    if len(set(names)) < len(names):
        names = [f"{row:06d}/{name}" for row, name in enumerate(names)]
    places = [_system(url) for url in urls]
    return _listed("urls", names, places, columns, trusted=True)


def _listed(
    root: str,
    names: Sequence[str],
    places: Sequence[tuple[Any, str]],
    columns: Mapping[str, Sequence[Any]],
    *,
    trusted: bool = False,
) -> ImageSet:
    images = ImageSet(
        Path(root),
        tuple(names),
        source=_Files(places),
        columns={name: tuple(values) for name, values in columns.items()},
    )
    suffixes = {name: "." + name.rpartition(".")[2].lower() for name in names}
    good = {
        name for name, suffix in suffixes.items()
        if trusted or (wanted(suffix) and suffix not in UNREAD)
    }  # fmt: skip
    skipped = [
        Skipped(name, UNREAD[suffix])
        for name, suffix in suffixes.items()
        if suffix in UNREAD and not trusted
    ]
    return kept(images, good, skipped)


def _system(url: str) -> tuple[Any, str]:
    try:
        import fsspec
    except ImportError as error:
        raise InputError(
            "Expected fsspec for URLs, which is not installed: pip install 'protolabel[remote]'."
        ) from error
    try:
        system, path = fsspec.core.url_to_fs(url)
    except ImportError as error:
        raise InputError(
            f"Expected the library that opens {url.partition('://')[0]}:// URLs, which is missing "
            f"({error}): install it, for example pip install 'protolabel[remote]'."
        ) from error
    except Exception as error:  # an unknown protocol, a bad URL
        raise InputError(
            f"Expected a URL that fsspec can open, got {url!r} ({error}): check the part before "
            "'://'."
        ) from error
    return system, str(path)

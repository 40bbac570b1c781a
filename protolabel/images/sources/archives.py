"""Read zip and tar archives; no member becomes a file, so no path can leave a folder."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import os
import shutil
import tarfile
import tempfile
import threading
import zipfile
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING, Any

from protolabel.common.files import DAMAGED
from protolabel.errors import ImageReadError, InputError
from protolabel.images.formats import UNREAD, wanted
from protolabel.images.image_set import ImageSet, Skipped, Stamp
from protolabel.images.pixels import check_image
from protolabel.images.sources.paths import kept

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["find_in_archive", "find_in_shards", "is_archive"]

_BLOCK = 2**20  # bytes unpacked at a time
_LARGEST = 2**30  # bytes of a member: a larger one is a bomb, or not a photograph
_PACKED = (".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
_UNREAD = (".tar.zst", ".7z", ".rar")


def is_archive(path: Path) -> bool:
    """Return whether a path has the extension of an archive, supported or not."""
    return path.suffix.lower() in {".zip", ".tar"} or path.name.lower().endswith(_PACKED + _UNREAD)


class _Zip:
    """Members of a zip archive."""

    def __init__(self, path: Path) -> None:
        try:
            self._file = zipfile.ZipFile(path)
        except DAMAGED as error:
            raise InputError(
                f"Expected a zip archive, but {str(path)!r} cannot be read as one ({error}): "
                "pack it again."
            ) from error
        self.members: list[tuple[str, Any]] = [
            (entry.filename, entry)
            for entry in self._file.infolist()
            if entry.filename and not entry.filename.endswith("/")  # is_dir fails without a name
        ]

    def why_not(self, member: zipfile.ZipInfo) -> str:
        if member.flag_bits & 1:
            return "it is encrypted: unpack the archive with its password"
        return _too_large(member.file_size)

    def stamp(self, member: zipfile.ZipInfo) -> Stamp:
        return (member.file_size, member.CRC)

    def read(self, member: zipfile.ZipInfo) -> bytes:
        try:
            with self._file.open(member) as file:
                return file.read(_LARGEST)
        except DAMAGED as error:
            raise ImageReadError(f"damaged in the archive: {error}") from error


class _Tar:
    """Members of a tar archive, by their places in the file.

    In a compressed archive no member can be reached without reading all before it, so its content
    is unpacked once, as a whole, into a temporary file that nobody else sees.
    """

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        try:
            self._file = _unpacked(path) if path.name.lower().endswith(_PACKED) else path.open("rb")
            with tarfile.open(fileobj=self._file, mode="r:") as archive:
                self.members: list[tuple[str, Any]] = [
                    (entry.name, entry) for entry in archive if not entry.isdir()
                ]
        except (*DAMAGED, tarfile.TarError) as error:
            raise InputError(
                f"Expected a tar archive, but {str(path)!r} cannot be read as one ({error}): pack "
                "it again."
            ) from error

    def why_not(self, member: tarfile.TarInfo) -> str:
        if not member.isreg():
            return "a link or special entry, not a file"
        return _too_large(member.size)

    def stamp(self, member: tarfile.TarInfo) -> Stamp:
        return (member.size, int(member.mtime) ^ (member.chksum << 32))

    def read(self, member: tarfile.TarInfo) -> bytes:
        with self._lock:
            self._file.seek(member.offset_data)
            return self._file.read(member.size)


class _Members:
    """The `Source` of the images in one or more archives."""

    def __init__(self, places: Sequence[tuple[_Zip | _Tar, Any]]) -> None:
        self._places = places

    def open(self, index: int) -> IO[bytes]:
        archive, member = self._places[index]
        return io.BytesIO(archive.read(member))

    def stamp(self, index: int) -> Stamp:
        archive, member = self._places[index]
        return archive.stamp(member)


def find_in_archive(path: Path) -> ImageSet:
    """Find the images in a zip or tar archive.

    Parameters
    ----------
    path : Path
        Absolute.

    Returns
    -------
    ImageSet
        Its root is the archive; sorted by name.

    Raises
    ------
    InputError
        If it cannot be read, or contains no image.
    """
    return _find(path, [("", _opened(path))])


def find_in_shards(root: Path, shards: Sequence[Path]) -> ImageSet:
    """Find the images in WebDataset shards: tar archives with one stem for each sample.

    Parameters
    ----------
    root : Path
        Their folder.
    shards : sequence of Path
        Tar archives.

    Returns
    -------
    ImageSet
        Names are ``shard/member``. The members ``.cls`` and ``.txt`` of a sample, and the fields
        of its ``.json``, become columns.
    """
    return _find(root, [(f"{shard.stem}/", _opened(shard)) for shard in shards])


def _unpacked(path: Path) -> IO[bytes]:
    """Return the tar archive inside a compressed file, in a temporary file without a name."""
    ending = path.suffix.lower()[-2:]
    openers: dict[str, Any] = {"gz": gzip.open, "z2": bz2.open, "xz": lzma.open}
    file = tempfile.TemporaryFile()  # noqa: SIM115 -- it lives as long as its members are read
    left = shutil.disk_usage(tempfile.gettempdir()).free // 2
    with openers[ending](path, "rb") as packed:
        while block := packed.read(_BLOCK):
            left -= len(block)
            if left < 0:
                raise InputError(
                    f"Expected an archive that fits on the disk, got {str(path)!r}, which is "
                    "larger than half of what is free: unpack it where there is room."
                )
            file.write(block)
    file.seek(0)
    return file


def _opened(path: Path) -> _Zip | _Tar:
    if path.name.lower().endswith(_UNREAD):
        raise InputError(
            f"Expected a zip or tar archive, got {path.name!r}, which Python cannot read: unpack "
            "it, or pack it as zip."
        )
    return _Zip(path) if path.suffix.lower() == ".zip" else _Tar(path)


def _find(root: Path, archives: Sequence[tuple[str, _Zip | _Tar]]) -> ImageSet:
    found: dict[str, tuple[_Zip | _Tar, Any]] = {}
    skipped: list[Skipped] = []
    beside: dict[str, dict[str, Any]] = {}
    for prefix, archive in archives:
        for raw, member in archive.members:
            name = prefix + raw
            suffix = PurePosixPath(raw).suffix.lower()
            looks = wanted(suffix)
            reason = _odd_name(raw) or archive.why_not(member)
            if suffix in {".cls", ".txt", ".json"} and not reason:
                fields = beside.setdefault(name[: -len(suffix)], {})
                fields.update(_fields(suffix, archive.read(member)))
            elif reason or suffix in UNREAD or name in found:
                if looks:
                    twice = "another member has the same name" if name in found else ""
                    skipped.append(Skipped(name, reason or UNREAD.get(suffix) or twice))
            elif looks or not suffix:
                found[name] = (archive, member)
    names = sorted(found)
    columns = sorted({key for name in names for key in beside.get(_stem(name), {})})
    images = ImageSet(
        root,
        tuple(names),
        source=_Members([found[name] for name in names]),
        columns={
            key: tuple(beside.get(_stem(name), {}).get(key) for name in names) for key in columns
        },
    )
    good = set()
    for name, why in _inspect(images):
        if why is None:
            good.add(name)
        elif why:
            skipped.append(Skipped(name, why))
    return kept(images, good, skipped)


def _inspect(images: ImageSet) -> Iterator[tuple[str, str | None]]:
    for index, name in enumerate(images.names):
        try:
            if check_image(images.path(index), name):
                yield name, None
            else:
                suffix = PurePosixPath(name).suffix.lower()
                yield name, "not an image by its content" if wanted(suffix) else ""
        except ImageReadError as error:
            yield name, str(error)


def _fields(suffix: str, content: bytes) -> dict[str, Any]:
    text = content[:65536].decode("utf-8", "replace").strip()
    if suffix != ".json":
        return {suffix[1:]: text}
    try:
        fields = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return fields if isinstance(fields, dict) else {}


def _stem(name: str) -> str:
    return name[: -len(PurePosixPath(name).suffix)] if PurePosixPath(name).suffix else name


def _odd_name(name: str) -> str:
    parts = name.split("/")
    if name.startswith("/") or ".." in parts or "\\" in name or os.path.isabs(name):  # noqa: PTH117
        return "its name leads out of the archive"
    return "its name has a line break" if "\n" in name or "\r" in name else ""


def _too_large(size: int) -> str:
    return f"it is larger than {_LARGEST:,} bytes" if size > _LARGEST else ""

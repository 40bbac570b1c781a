"""Image formats: names and extensions of those that are read, and why others are not."""

from __future__ import annotations

__all__ = ["IMAGE_SUFFIXES", "READ", "SUFFIX_OF", "UNREAD", "format_of", "wanted"]

READ = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "DIB", "TIFF", "AVIF")
"""Pillow's names of the formats read; HEIF is added if pillow-heif is installed."""

IMAGE_SUFFIXES = frozenset({
    ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".gif", ".bmp", ".dib", ".tif", ".tiff",
    ".avif", ".heic", ".heif",
})  # fmt: skip
"""File extensions of these formats, lower case."""

SUFFIX_OF = {
    "JPEG": ".jpg", "MPO": ".jpg", "PNG": ".png", "WEBP": ".webp", "GIF": ".gif", "BMP": ".bmp",
    "DIB": ".bmp", "TIFF": ".tif", "AVIF": ".avif", "HEIF": ".heic",
}  # fmt: skip
"""The usual extension of each format, by Pillow's name of it."""

RAW = "a camera raw file, whose pixels are not developed here: export it as JPEG or TIFF"
_RAW_SUFFIXES = (
    ".3fr", ".arw", ".cr2", ".cr3", ".crw", ".dcr", ".dng", ".erf", ".iiq", ".kdc", ".mef",
    ".mos", ".mrw", ".nef", ".nrw", ".orf", ".pef", ".raf", ".raw", ".rw2", ".rwl", ".sr2",
    ".srf", ".srw", ".x3f",
)  # fmt: skip
_OTHERS = (
    ".ai", ".cur", ".dcm", ".dds", ".emf", ".eps", ".exr", ".fits", ".hdr", ".icns", ".ico", ".jp2",
    ".jpx", ".jxl", ".pbm", ".pcx", ".pdf", ".pgm", ".pnm", ".ppm", ".psb", ".psd", ".qoi", ".svg",
    ".svgz", ".tga", ".wmf", ".xcf",
)  # fmt: skip
UNREAD = dict.fromkeys(_RAW_SUFFIXES, RAW) | {
    suffix: f"the format {suffix[1:].upper()} is not read: convert it to JPEG, PNG or TIFF"
    for suffix in _OTHERS
}
"""Extensions of images that are not read, with the reason."""

_STARTS = {
    b"\xff\xd8\xff": "JPEG",
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"GIF87a": "GIF",
    b"GIF89a": "GIF",
    b"II*\x00": "TIFF",
    b"MM\x00*": "TIFF",
    b"II+\x00": "TIFF",
    b"MM\x00+": "TIFF",
    b"BM": "BMP",
}
_HEIF_BRANDS = frozenset(
    (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1", b"heif")
)


def format_of(start: bytes) -> str | None:
    """Return Pillow's name of the format that the first bytes of a file indicate.

    Parameters
    ----------
    start : bytes
        The first 32 bytes or more.

    Returns
    -------
    str or None
        None for other files. "BMP" follows from two letters alone.
    """
    if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        return "WEBP"
    if start[4:8] == b"ftyp":
        # An AVIF file may list a brand that it shares with HEIC before its own.
        brands = {start[8:12], *(start[at : at + 4] for at in range(16, len(start), 4))}
        if brands & {b"avif", b"avis"}:
            return "AVIF"
        return "HEIF" if start[8:12] in _HEIF_BRANDS else None
    return next((name for mark, name in _STARTS.items() if start.startswith(mark)), None)


def wanted(suffix: str) -> bool:
    """Return whether a lower-case extension is that of an image format, read or not."""
    return suffix in IMAGE_SUFFIXES or suffix in UNREAD

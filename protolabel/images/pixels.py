"""Read one image: its format, and its pixels as RGB, with bounded memory."""

from __future__ import annotations

import functools
import io
import sys
import threading
import warnings
from contextlib import contextmanager, suppress
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from PIL import Image, TiffImagePlugin, UnidentifiedImageError, features

from protolabel.common.checks import checked
from protolabel.errors import ImageReadError, InputError
from protolabel.images.files import ImageFile, open_file, os_reason
from protolabel.images.formats import RAW, READ, UNREAD, format_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import IO

__all__ = ["BUDGET", "check_image", "prepare_reading", "read_image", "thumbnail"]

T = TypeVar("T")

BUDGET = 2**30
"""Bytes of pixels that all threads together hold while they decode.

A picture that needs more is decoded alone. Its memory is bounded by Pillow's limit against
decompression bombs, 179 megapixels by default: 0.7 GB for a reduced picture, 1.4 GB at full size.
"""

_STRIP = 2**22  # pixels that are converted at a time
_LADDER = (255, 1023, 4095, 16383, 65535)  # largest values of 8, 10, 12, 14 and 16 bits
_OTHER_ORDER = {
    f"{mode};16{order}": f"{mode};16{other}"
    for mode in ("RGB", "RGBA", "RGBX")
    for order, other in (("B", "L"), ("L", "B"), ("N", "B" if sys.byteorder == "little" else "L"))
}
"""Pillow's names of 16-bit colour in a file -> the same with the bytes in the other order."""
_ORIENTATION = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SIDECHUNKS = (b"tEXt", b"zTXt", b"iTXt", b"iCCP")
_SUBFILE, _WIDTH, _HEIGHT, _BITS, _BANDS = 254, 256, 257, 258, 277  # tags of TIFF
_MAX_SAMPLE, _SUB_IFDS, _DNG = 281, 330, 50706


def read_image(file: ImageFile, *, short_side: int | None = None) -> Image.Image:
    """Read an image as RGB, upright.

    Parameters
    ----------
    file : path or binary file
        A JPEG, PNG, WebP, GIF, BMP, TIFF or AVIF image, or HEIC where pillow-heif is installed
        (``pip install protolabel[heic]``).
    short_side : int, optional
        Smallest length of the shorter side in pixels, 1 or more. A larger image is reduced by a
        whole factor while it is decoded, but not below this. By default the image keeps its size.

    Returns
    -------
    PIL.Image.Image
        Mode RGB; EXIF orientation applied; transparent parts on white; the first frame of an
        animation. Values of more than 8 bits are scaled, never clipped. 16-bit files are
        scaled from the largest value that they declare, or else from the smallest of 255, 1023,
        4095, 16383 and 65535 that holds all their values (8, 10, 12, 14 and 16 bits); 32-bit
        and floating-point values from the range that they use (0 to 1, 0 to 255, 0 to 65535, or
        else from their smallest to their largest value).

    Raises
    ------
    ImageReadError
        If the file is missing, not a regular file, damaged, cut short, or larger than Pillow's
        limit against decompression bombs (``PIL.Image.MAX_IMAGE_PIXELS``, twice over). The
        message is the reason, without the path.

    Notes
    -----
    Threads that read at the same time share `BUDGET` bytes of pixels and wait for one another.
    """
    return _with_image(file, lambda image: _to_rgb(image, short_side))


@checked
def thumbnail(file: ImageFile, size: int = 96) -> Image.Image:
    """Read an image as RGB and shrink it into a square of `size` pixels.

    Parameters
    ----------
    file : path or binary file
        As for `read_image`.
    size : int, default 96
        Longest side in pixels; a smaller image keeps its size.

    Returns
    -------
    PIL.Image.Image
        Mode RGB, with the proportions of the image.

    Raises
    ------
    ImageReadError
        As for `read_image`.
    InputError
        If `size` is less than 1.
    """
    if size < 1:
        raise InputError(f"Expected a thumbnail size of at least 1 pixel, got {size}.")
    small = read_image(file, short_side=2 * size)
    small.thumbnail((size, size), Image.Resampling.LANCZOS)
    return small


def check_image(file: ImageFile, name: str | None = None) -> bool:
    """Return whether a file is a readable image, judging by its first bytes and its header.

    Parameters
    ----------
    file : path or binary file
        Any file.
    name : str, optional
        Its name, where `file` has none.

    Returns
    -------
    bool
        False for a file of another kind.

    Raises
    ------
    ImageReadError
        If it begins like an image, but its header is damaged or its format is not supported; or
        if it cannot be opened.
    """
    suffix = PurePath(name or str(file)).suffix.lower()
    with open_file(file) as opened:
        try:
            start = opened.read(64)
            opened.seek(0)
        except OSError as error:
            raise ImageReadError(os_reason(error)) from error
        kind = format_of(start)
        if kind is None:
            return False
        if UNREAD.get(suffix) == RAW and kind == "TIFF":
            raise ImageReadError(RAW)
        try:
            return _with_image(opened, lambda _: True)
        except ImageReadError:
            # Text files may start with the same two letters.
            if kind != "BMP" or suffix in {".bmp", ".dib"}:
                raise
            return False


@functools.cache
def prepare_reading() -> bool:
    """Load Pillow's plugins and pillow-heif once, and return whether HEIC can be read.

    Without the lock, threads could import the plugins at the same time and see only some of them.
    """
    Image.init()
    try:
        import pillow_heif
    except ImportError:
        return False
    pillow_heif.register_heif_opener(thumbnails=False)
    return True


def _with_image(file: ImageFile, use: Callable[[Image.Image], T]) -> T:
    """Open an image, pass it to `use`, and turn every failure into `ImageReadError`."""
    readers = (*READ, "HEIF") if prepare_reading() else READ
    with open_file(file) as opened, _QUIET:
        try:
            start = opened.read(64)
            opened.seek(0)
            try:
                return _used(opened, readers, use)
            except ValueError:
                if format_of(start) != "PNG":
                    raise
                # Pillow limits the size of text and profiles; the pixels can still be read.
                return _used(_without_text(opened), readers, use)
        except Image.DecompressionBombError as error:
            limit = 2 * (Image.MAX_IMAGE_PIXELS or 0)
            raise ImageReadError(
                f"it has more than {limit:,} pixels, the limit against decompression bombs: "
                "shrink it, or raise PIL.Image.MAX_IMAGE_PIXELS"
            ) from error
        except UnidentifiedImageError as error:
            raise ImageReadError(_unidentified(opened, format_of(start), readers)) from error
        except MemoryError as error:
            raise ImageReadError("too large for the memory that is left") from error
        except ImageReadError:
            raise
        except OSError as error:
            raise ImageReadError(os_reason(error)) from error
        except Exception as error:  # damaged bytes can raise anything in a decoder
            raise ImageReadError(f"damaged: {error or type(error).__name__}") from error


def _used(file: IO[bytes], readers: tuple[str, ...], use: Callable[[Image.Image], T]) -> T:
    with Image.open(file, formats=readers) as image:
        if isinstance(image, TiffImagePlugin.TiffImageFile) and _is_raw(image):
            raise ImageReadError(RAW)
        return use(image)


def _is_raw(image: TiffImagePlugin.TiffImageFile) -> bool:
    """Return whether the first picture of a TIFF is the preview of a camera raw file."""
    tags = image.tag_v2
    preview = bool(int(tags.get(_SUBFILE, 0)) & 1) and _SUB_IFDS in tags
    return preview or _DNG in tags


def _unidentified(file: IO[bytes], kind: str | None, readers: tuple[str, ...]) -> str:
    if kind == "HEIF" and kind not in readers:
        return (
            "HEIC is read with pillow-heif alone: pip install 'protolabel[heic]', or convert it "
            "to JPEG"
        )
    if kind == "HEIF":
        return "damaged, or a kind of HEIC that pillow-heif does not read: convert it to JPEG"
    if kind == "AVIF" and not features.check("avif"):
        return "this Pillow reads no AVIF: pip install -U pillow, or convert it to JPEG"
    if kind == "TIFF":
        with suppress(Exception):  # damaged bytes can raise anything
            file.seek(0)
            tags = TiffImagePlugin.ImageFileDirectory_v2(file.read(8))
            file.seek(tags.next)
            tags.load(file)
            bands, bits = int(tags.get(_BANDS, 1)), tags.get(_BITS, (1,))
            if tags.get(_WIDTH) and tags.get(_HEIGHT):
                return (
                    f"a TIFF of {bands} bands and {max(bits)} bits, which is not read: convert it "
                    "to grey or RGB"
                )
    return "damaged: its header cannot be read"


def _without_text(file: IO[bytes]) -> IO[bytes]:
    """Copy a PNG without its texts and colour profile."""
    file.seek(0)
    kept = io.BytesIO()
    kept.write(file.read(8))
    while head := file.read(8):
        length = int.from_bytes(head[:4], "big")
        if head[4:] in _SIDECHUNKS:
            file.seek(length + 4, io.SEEK_CUR)
        else:
            kept.write(head)
            kept.write(file.read(length + 4))
    kept.seek(0)
    return kept


def _to_rgb(image: Image.Image, short_side: int | None) -> Image.Image:
    if short_side is not None:
        # A JPEG can be decoded at an eighth of its size: 10 times faster for a photograph.
        image.draft(None, (short_side, short_side))  # None keeps the mode
    factor = 1 if short_side is None else max(1, min(image.size) // short_side)
    deep = _is_deep(image)
    with _decoding(image.width * image.height * ((8 if factor == 1 else 4) + 12 * deep)):
        file = getattr(image, "fp", None)  # image.load() forgets it
        image.load()
        scaled = _scaled(image, file) if deep and file is not None else image
        picture = _upright(_strips(scaled, factor), image)
        image.close()  # frees its pixels before the next thread may decode
        return picture


def _is_deep(image: Image.Image) -> bool:
    """Return whether the file has more than 8 bits a colour, of which Pillow keeps 8."""
    modes = [_raw_mode(tile) for tile in getattr(image, "tile", ())]
    return bool(modes) and all(mode in _OTHER_ORDER for mode in modes)


def _raw_mode(tile: Any) -> str:
    arguments = tile[3]
    return str(arguments if isinstance(arguments, str) else (arguments or ("",))[0])


def _scaled(image: Image.Image, file: IO[bytes]) -> Image.Image:
    """Return an image of 16 bits a colour, scaled by its largest value.

    Pillow keeps the high bytes only. The low bytes come from reading the file again with the other
    byte order.
    """
    bands: Any = image.getextrema()
    if max(high for _, high in bands[:3]) >= 64:  # values of more than 14 bits
        return image
    file.seek(0)
    low: Any
    with Image.open(file, formats=(str(image.format),)) as low:
        low.tile = [
            (*tile[:3], other if isinstance(tile[3], str) else (other, *tile[3][1:]))
            for tile in low.tile
            for other in (_OTHER_ORDER[_raw_mode(tile)],)
        ]
        low.load()
        values = np.asarray(image).astype(np.uint16) * 256 + np.asarray(low)
    declared = getattr(image, "tag_v2", {}).get(_MAX_SAMPLE)
    top = int(values[..., :3].max())
    largest = max(float(np.max(declared)), top) if declared else _step(top)
    count = 4 if values.shape[2] == 4 and bands[3][1] < 64 else 3  # alpha often has all 16 bits
    pixels = np.array(image)
    for band in range(count):
        pixels[..., band] = np.rint(values[..., band] * (255.0 / largest)).clip(0, 255)
    return Image.fromarray(pixels)


def _step(top: float) -> float:
    return float(next(step for step in _LADDER if top <= step))


def _strips(image: Image.Image, factor: int) -> Image.Image:
    """Convert to RGB and reduce by `factor`, strip by strip, to avoid copies of a giant image."""
    scale = _grey_range(image) if image.mode.startswith("I") or image.mode == "F" else None
    width, height = image.size
    rows = max(1, _STRIP // width // factor) * factor
    if rows >= height:
        return _reduced(_flat(image, scale), factor)
    whole = Image.new("RGB", (-(-width // factor), -(-height // factor)))
    for top in range(0, height, rows):
        strip = image.crop((0, top, width, min(top + rows, height)))
        whole.paste(_reduced(_flat(strip, scale), factor), (0, top // factor))
    return whole


def _reduced(image: Image.Image, factor: int) -> Image.Image:
    return image if factor == 1 else image.reduce(factor)


def _flat(image: Image.Image, scale: tuple[float, float] | None) -> Image.Image:
    """Return RGB pixels, transparent ones on white."""
    if scale is not None:
        low, high = scale
        values = _finite(image)
        grey = np.rint((values - low) * (255.0 / max(high - low, 1e-12))).clip(0, 255)
        return Image.fromarray(grey.astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:
        if image.mode == "La":
            image = image.convert("LA")
        opaque = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(opaque, image.convert("RGBA")).convert("RGB")
    return image.copy() if image.mode == "RGB" else image.convert("RGB")


def _finite(image: Image.Image) -> np.ndarray[Any, np.dtype[np.float64]]:
    values = np.asarray(image).astype(np.float64)
    return np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)


def _grey_range(image: Image.Image) -> tuple[float, float]:
    """Return the values of black and white in an image of more than 8 bits."""
    width, height = image.size
    rows = max(1, _STRIP // width)
    lows, highs = [], []
    for top in range(0, height, rows):
        values = _finite(image.crop((0, top, width, min(top + rows, height))))
        lows.append(float(values.min()))
        highs.append(float(values.max()))
    low, high = min(lows), max(highs)
    # Mode I is also how some versions of Pillow hold a 16-bit PNG.
    if image.mode.startswith("I;16") or image.format == "PNG":
        declared = getattr(image, "tag_v2", {}).get(_MAX_SAMPLE)
        if declared:
            return 0.0, max(float(np.max(declared)), high)
        return 0.0, _step(high)
    if low >= 0:
        low = 0.0
        steps = (1.0, 255.0, 65535.0) if image.mode == "F" else (255.0, 65535.0)
        high = next((step for step in steps if high <= step), high)
    return low, high


def _upright(picture: Image.Image, image: Image.Image) -> Image.Image:
    try:
        turn = _TURNS.get(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # noqa: BLE001 -- broken metadata must not cost a good picture
        return picture
    return picture if turn is None else picture.transpose(turn)


class _Budget:
    """Bytes shared by the decoding threads; an image that exceeds them is decoded alone."""

    def __init__(self) -> None:
        self._freed = threading.Condition()
        self._used = 0

    def take(self, count: int) -> None:
        with self._freed:
            self._freed.wait_for(lambda: self._used == 0 or self._used + count <= BUDGET)
            self._used += count

    def give(self, count: int) -> None:
        with self._freed:
            self._used -= count
            self._freed.notify_all()


_BUDGET = _Budget()


@contextmanager
def _decoding(count: int) -> Iterator[None]:
    _BUDGET.take(count)
    try:
        yield
    finally:
        _BUDGET.give(count)


class _Quiet:
    """Silence Pillow's warnings while any thread reads an image.

    `warnings.catch_warnings` swaps a global list, so threads that each entered it would restore
    one another's filters. Here the first thread enters it, and the last one leaves it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._filters = warnings.catch_warnings()

    def __enter__(self) -> None:
        with self._lock:
            if self._inside == 0:
                self._filters = warnings.catch_warnings()
                self._filters.__enter__()
                warnings.filterwarnings("ignore", module=r"PIL\.")
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                self._filters.__exit__(None, None, None)


_QUIET = _Quiet()

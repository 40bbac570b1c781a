"""Open one image file: what it is, and its pixels as RGB."""

from __future__ import annotations

import os
import threading
import warnings
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from protolabel.errors import ImageReadError, InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["IMAGE_SUFFIXES", "check_image", "read_image", "thumbnail"]

PathLike = str | os.PathLike[str]

_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "DIB", "TIFF")

IMAGE_SUFFIXES = frozenset(
    (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".gif", ".bmp", ".dib", ".tif", ".tiff")
)
"""File name extensions, in lower case, of the images that are read."""


def read_image(path: PathLike) -> Image.Image:
    """Read an image as RGB, upright.

    Parameters
    ----------
    path : path
        A JPEG, PNG, WebP, GIF, BMP or TIFF file.

    Returns
    -------
    PIL.Image.Image
        Mode RGB; EXIF orientation applied; transparent parts on white; the first frame of an
        animation. 16-bit values are scaled to 8 bits, never clipped; 32-bit and floating-point
        values are scaled from the range they use (0 to 1, 0 to 255, 0 to 65535, or else from
        their smallest to their largest value).

    Raises
    ------
    ImageReadError
        If the file is missing, damaged, cut short, or larger than Pillow's limit against
        decompression bombs (``PIL.Image.MAX_IMAGE_PIXELS``, twice over). The message is the
        reason, without the path.
    """
    with _reading(path) as image:
        return _to_rgb(image)


def thumbnail(path: PathLike, size: int = 96) -> Image.Image:
    """Read an image as RGB and shrink it into a square of `size` pixels.

    Parameters
    ----------
    path : path
        As for `read_image`.
    size : int, default 96
        Longest side in pixels; a smaller image keeps its size.

    Returns
    -------
    PIL.Image.Image
        Mode RGB, the proportions of the image.

    Raises
    ------
    ImageReadError
        As for `read_image`.
    InputError
        If `size` is less than 1.
    """
    if size < 1:
        raise InputError(f"Expected a thumbnail size of at least 1 pixel, got {size}.")
    with _reading(path) as image:
        # A JPEG is decoded at an eighth of its size and more: 10 times faster for a photograph.
        image.draft(None, (2 * size, 2 * size))  # None keeps the mode
        small = _to_rgb(image)
        small.thumbnail((size, size), Image.Resampling.LANCZOS)
        return small


def check_image(path: PathLike) -> bool:
    """Tell whether a file is an image that can be read, from its first bytes and its header.

    Parameters
    ----------
    path : path
        Any file.

    Returns
    -------
    bool
        False for a file of another kind.

    Raises
    ------
    ImageReadError
        If it starts like an image but its header is damaged, or if it cannot be opened.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            start = file.read(16)
    except OSError as error:
        raise ImageReadError(_os_reason(error)) from error
    strong = _starts_like_image(start)
    if not (strong or start[:2] == b"BM"):
        return False
    try:
        with _reading(path):
            return True
    except ImageReadError:
        # Two letters also start many a text file.
        if strong or path.suffix.lower() in {".bmp", ".dib"}:
            raise
        return False


def _starts_like_image(start: bytes) -> bool:
    return start.startswith(
        (
            b"\xff\xd8\xff",
            b"\x89PNG\r\n\x1a\n",
            b"GIF87a",
            b"GIF89a",
            b"II*\x00",
            b"MM\x00*",
            b"II+\x00",
            b"MM\x00+",
        )
    ) or (start[:4] == b"RIFF" and start[8:12] == b"WEBP")


@contextmanager
def _reading(path: PathLike) -> Iterator[Image.Image]:
    """Open an image without warnings, and turn whatever goes wrong into `ImageReadError`."""
    with _QUIET:
        try:
            with Image.open(path, formats=_FORMATS) as image:
                yield image
        except Image.DecompressionBombError as error:
            limit = 2 * (Image.MAX_IMAGE_PIXELS or 0)
            raise ImageReadError(
                f"it has more than {limit:,} pixels, the limit against decompression bombs: "
                "shrink it, or raise PIL.Image.MAX_IMAGE_PIXELS"
            ) from error
        except UnidentifiedImageError as error:
            raise ImageReadError("damaged: its header cannot be read") from error
        except MemoryError as error:
            raise ImageReadError("too large for the memory that is left") from error
        except OSError as error:
            raise ImageReadError(_os_reason(error)) from error
        except Exception as error:  # decoders raise whatever damaged bytes make them raise
            raise ImageReadError(f"damaged: {error or type(error).__name__}") from error


def _os_reason(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "the file does not exist"
    if error.strerror is not None:
        return f"the file cannot be opened: {error.strerror}"
    # Pillow's own OSErrors carry no number: the pixels ended too early or make no sense.
    return f"damaged or cut short: {error}"


def _to_rgb(image: Image.Image) -> Image.Image:
    image.load()
    upright = _upright(image)
    mode = upright.mode
    if mode.startswith("I") or mode == "F":
        return _scaled(upright)
    if upright.has_transparency_data:
        if mode == "La":
            upright = upright.convert("LA")
        opaque = Image.new("RGBA", upright.size, "white")
        return Image.alpha_composite(opaque, upright.convert("RGBA")).convert("RGB")
    return upright if mode == "RGB" and upright is not image else upright.convert("RGB")


def _upright(image: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # noqa: BLE001 -- broken metadata must not cost a good picture
        return image


def _scaled(image: Image.Image) -> Image.Image:
    """Bring a 16-bit, 32-bit or floating-point grey image to 8 bits, as RGB."""
    values: npt.NDArray[Any] = np.asarray(image).astype(np.float64)
    values = np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)
    low, high = float(values.min()), float(values.max())
    # Mode I is also how some versions of Pillow hold a 16-bit PNG.
    if image.mode.startswith("I;16") or image.format == "PNG":
        low, high = 0.0, 65535.0
    elif low >= 0:
        low = 0.0
        steps = (1.0, 255.0, 65535.0) if image.mode == "F" else (255.0, 65535.0)
        high = next((step for step in steps if high <= step), high)
    grey = np.rint((values - low) * (255.0 / max(high - low, 1e-12))).astype(np.uint8)
    return Image.fromarray(grey).convert("RGB")


class _Quiet:
    """Hush Pillow's warnings while any thread reads an image.

    `warnings.catch_warnings` swaps a global list, so threads that each entered it would put
    back one another's filters. The first that comes in enters it, the last that goes leaves.
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

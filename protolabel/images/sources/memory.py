"""Images in memory: PIL images, arrays and encoded bytes."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from protolabel.errors import InputError
from protolabel.images.image_set import ImageSet, Stamp, content_stamp, numbered_names

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["find_in_memory", "is_picture"]


def is_picture(value: Any) -> bool:
    """Return whether a value is an image: PIL, an array (H, W) or (H, W, 1 to 4), bytes."""
    if isinstance(value, Image.Image | bytes):
        return True
    shape = getattr(value, "shape", None)
    return shape is not None and (len(shape) == 2 or (len(shape) == 3 and 1 <= shape[2] <= 4))


class _Pictures:
    """The `Source` of images in memory, encoded as PNG when opened."""

    def __init__(self, pictures: Sequence[Any] | np.ndarray[Any, Any]) -> None:
        self._pictures = pictures

    def open(self, index: int) -> IO[bytes]:
        return io.BytesIO(_encoded(self._pictures[index]))

    def stamp(self, index: int) -> Stamp:
        picture = self._pictures[index]
        return content_stamp(
            picture if isinstance(picture, bytes) else np.ascontiguousarray(picture).data
        )


def find_in_memory(
    pictures: Sequence[Any] | np.ndarray[Any, Any],
    names: Sequence[str] | None = None,
    columns: Mapping[str, Sequence[Any]] | None = None,
    root: str = "images_in_memory",
) -> ImageSet:
    """Build a set from images in memory.

    Parameters
    ----------
    pictures : sequence
        PIL images, arrays (H, W) or (H, W, 3 or 4) of uint8 or uint16, or bytes of image files;
        or one array (N, H, W, 3). They are not copied.
    names : sequence of str, optional
        By default ``000000.png`` and so on.
    columns : mapping of str to sequence, optional
        One value for each image.
    root : str
        Name of the source in messages.

    Returns
    -------
    ImageSet

    Raises
    ------
    InputError
        If there is no image, or an image has another shape or type.
    """
    if not len(pictures):
        raise InputError("Expected at least one image, got an empty list.")
    for index, picture in enumerate(pictures):
        _check(picture, index)
    return ImageSet(
        Path(os.path.abspath(root)),  # noqa: PTH100 -- no such file: it is a name
        tuple(names or numbered_names(len(pictures), ".png")),
        source=_Pictures(pictures),
        columns={name: tuple(values) for name, values in (columns or {}).items()},
    )


def _check(picture: Any, index: int) -> None:
    if not is_picture(picture):
        raise InputError(
            "Expected PIL images, arrays (H, W, 3) or bytes of image files, got "
            f"{type(picture).__name__} with shape {getattr(picture, 'shape', None)} at place "
            f"{index}: put the channels last."
        )
    kind = np.asarray(picture[:1]).dtype if hasattr(picture, "shape") else None
    if kind is not None and kind not in (np.uint8, np.uint16, np.bool_):
        raise InputError(
            f"Expected arrays of uint8 (0 to 255), got {kind} at place {index}: scale them, for "
            "example (x * 255).round().astype('uint8')."
        )


def _encoded(picture: Any) -> bytes:
    if isinstance(picture, bytes):
        return picture
    if not isinstance(picture, Image.Image):
        array = np.asarray(picture)
        picture = Image.fromarray(array[..., 0] if array.shape[2:] == (1,) else array)
    file = io.BytesIO()
    try:
        picture.save(file, format="PNG", compress_level=1)
    except (OSError, ValueError):  # CMYK, float and others that PNG cannot hold
        file = io.BytesIO()
        picture.save(file, format="TIFF")
    return file.getvalue()

"""An encoder made from a plain function."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from protolabel.encoders.base import EncoderInfo, checked_rows
from protolabel.errors import EncoderError, InputError, ProtolabelError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from protolabel.common.vectors import Float32Array

__all__ = ["CallableEncoder", "ImageFn", "TextFn"]

ImageFn = Callable[[list[Image.Image]], npt.ArrayLike]
TextFn = Callable[[list[str]], npt.ArrayLike]


class CallableEncoder:
    """A plain function as an image encoder, with or without a text side.

    Parameters
    ----------
    encode_images : callable
        From a list of n RGB `PIL.Image.Image` to an array of shape (n, d), any numeric type.
    encode_texts : callable, optional
        From a list of n strings to an array of shape (n, d) in the same space.
    name : str, optional
        Identifies the function and its weights wherever vectors are stored, so it must differ
        between functions. By default the function's qualified name.
    logit_scale : float, default 100.0
        Factor from cosine similarity to logit, positive.

    Raises
    ------
    InputError
        If `name` is not a string, or `logit_scale` not a positive number.
    EncoderError
        If the function fails on a small blank image, which is tried once here to learn d, or
        returns anything but an (n, d) array of finite, non-zero rows.
    """

    def __init__(
        self,
        encode_images: ImageFn,
        encode_texts: TextFn | None = None,
        *,
        name: str | None = None,
        logit_scale: float = 100.0,
    ) -> None:
        if name is not None and not isinstance(name, str):
            raise InputError(f"Expected the name of the encoder as a string, got {name!r}.")
        self.name = name or f"callable:{getattr(encode_images, '__qualname__', 'encoder')}"
        self.logit_scale = _positive(logit_scale)
        self._images, self._texts = encode_images, encode_texts
        trial = Image.new("RGB", (64, 64), (120, 130, 140))
        self.dim = self._rows(encode_images, [trial], None).shape[1]

    @property
    def info(self) -> EncoderInfo:
        """Record with name, dim and scale; a function cannot be loaded from disk."""
        return EncoderInfo(self.name, self.dim, self.logit_scale, "callable")

    def encode_images(self, images: Sequence[Image.Image]) -> Float32Array:
        """Return float32 unit rows (n, d).

        Parameters
        ----------
        images : sequence of PIL.Image.Image
            In mode RGB.

        Returns
        -------
        array of shape (n, d)

        Raises
        ------
        EncoderError
            If the function fails, returns another shape, or a row that is zero or not finite.
        """
        if not images:
            return np.empty((0, self.dim), np.float32)
        return self._rows(self._images, list(images), self.dim)

    def encode_texts(self, texts: Sequence[str]) -> Float32Array:
        """Return float32 unit rows (n, d).

        Parameters
        ----------
        texts : sequence of str

        Returns
        -------
        array of shape (n, d)

        Raises
        ------
        EncoderError
            If there is no text side; else as for `encode_images`.
        """
        if self._texts is None:
            raise EncoderError(
                f"Expected an encoder with a text side to encode class names, got {self.name!r} "
                "without one: pass load_encoder(function, encode_texts=...), or your own "
                "ClassVectors(names, vectors)."
            )
        if not texts:
            return np.empty((0, self.dim), np.float32)
        return self._rows(self._texts, list(texts), self.dim)

    def _rows(
        self, function: Callable[[Any], Any], items: list[Any], dim: int | None
    ) -> Float32Array:
        try:
            rows = function(items)
        except ProtolabelError:
            raise  # Stopped, among others
        except Exception as error:  # user code can raise anything
            raise EncoderError(
                f"Expected an array of shape ({len(items)}, d) from the encoder {self.name!r}, "
                f"but it raised {type(error).__name__}: {error}. Try the function on a short "
                "list of its inputs."
            ) from error
        return checked_rows(rows, len(items), dim, self.name)


def _positive(logit_scale: Any) -> float:
    if not isinstance(logit_scale, Real) or not 0 < float(logit_scale) < np.inf:
        raise InputError(
            f"Expected a positive logit_scale, got {logit_scale!r}: pass a number such as 100."
        )
    return float(logit_scale)

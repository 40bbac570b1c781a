"""The encoder protocol, the record stored beside an encoder's vectors, and checks of both."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Protocol, cast, runtime_checkable

import numpy as np
import numpy.typing as npt

from protolabel.common.checks import checked_apart_from
from protolabel.errors import EncoderError, InputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from protolabel.common.vectors import Float32Array

__all__ = ["Encoder", "EncoderInfo", "check_encoder", "checked_rows", "encoder_info", "unit_rows"]

UNLOADABLE = frozenset({"callable", "unknown", "custom"})
"""Values of `EncoderInfo.model` for encoders that cannot be loaded by name."""


@runtime_checkable
class Encoder(Protocol):
    """An image encoder, with a text encoder in the same space if it has one.

    Four further members are optional:

    - ``preprocess(image) -> Any`` runs in the decoding threads; `encode_images` then receives a
      list of its results.
    - ``collate(list) -> Any`` makes a batch of that list, in one thread ahead of the model;
      `encode_images` then receives the batch, whose ``len`` is the number of images.
    - ``pixels(image) -> Any`` runs in place of ``preprocess``, if ``collate`` does the rest.
    - ``image_size`` is the side of the model's input in pixels. Larger images are then decoded at
      a reduced size, but not below twice this.
    """

    @property
    def name(self) -> str:
        """Model and weights; vectors of encoders with equal names may be mixed."""

    @property
    def dim(self) -> int:
        """Length d of a vector."""

    @property
    def logit_scale(self) -> float:
        """Factor from cosine similarity to logit: 100 for OpenAI's CLIP."""

    def encode_images(self, images: Sequence[Any]) -> Float32Array:
        """Encode RGB images, or the results of `preprocess`.

        Parameters
        ----------
        images : sequence of n PIL images or tensors

        Returns
        -------
        (n, d) float32
            Unit rows.
        """

    def encode_texts(self, texts: Sequence[str]) -> Float32Array:
        """Encode texts.

        Parameters
        ----------
        texts : sequence of n str

        Returns
        -------
        (n, d) float32
            Unit rows.

        Raises
        ------
        EncoderError
            If the encoder has no text side.
        """


@dataclass(frozen=True)
class EncoderInfo:
    """Record of the encoder that made some vectors, stored beside them; compared by value.

    `load_encoder` loads the same encoder from it.

    Parameters
    ----------
    name : str
        The encoder's name; "unknown" for vectors that came without one.
    dim : int
        Length of a vector.
    logit_scale : float
        Factor from cosine similarity to logit.
    model : str
        The first argument of `load_encoder`: a model name or "sample"; or "callable", "custom" or
        "unknown" for an encoder that cannot be loaded by name.
    pretrained : str, optional
        Tag or absolute path of the weights.
    """

    name: str
    dim: int
    logit_scale: float
    model: str
    pretrained: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the fields, for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> EncoderInfo:
        """Rebuild the record from `to_dict`.

        Parameters
        ----------
        fields : mapping
            The five fields. Others are ignored, so that a later version can add fields.

        Returns
        -------
        EncoderInfo

        Raises
        ------
        InputError
            If a field is missing or has the wrong type.
        """
        try:
            pretrained = fields["pretrained"]
            return cls(
                name=str(fields["name"]),
                dim=int(fields["dim"]),
                logit_scale=float(fields["logit_scale"]),
                model=str(fields["model"]),
                pretrained=None if pretrained is None else str(pretrained),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(
                "Expected an encoder's name, dim, logit_scale, model and pretrained, "
                f"got {fields!r}: write them with EncoderInfo.to_dict."
            ) from error

    @classmethod
    def unknown(cls, dim: int) -> EncoderInfo:
        """Return the record for vectors of an unknown encoder.

        Parameters
        ----------
        dim : int
            Length of a vector.

        Returns
        -------
        EncoderInfo
        """
        return cls("unknown", dim, 100.0, "unknown")


def check_encoder(encoder: object) -> None:
    """Raise `InputError` if a value is not an encoder.

    Parameters
    ----------
    encoder : object
        Any value; the class of an encoder is none.

    Raises
    ------
    InputError
        If it is not an encoder.
    """
    if not isinstance(encoder, Encoder) or isinstance(encoder, type):
        raise InputError(f"Expected an encoder, got {encoder!r}: pass what load_encoder returns.")


def encoder_info(encoder: Encoder) -> EncoderInfo:
    """Return the record of an encoder, by which vectors are later matched with their encoder.

    Parameters
    ----------
    encoder : Encoder

    Returns
    -------
    EncoderInfo
        The encoder's own ``info``, or a record without a name to load it by.

    Raises
    ------
    InputError
        If `encoder` is not an encoder.
    """
    info = getattr(encoder, "info", None)
    if isinstance(info, EncoderInfo):
        return info
    check_encoder(encoder)
    return EncoderInfo(encoder.name, int(encoder.dim), float(encoder.logit_scale), "custom")


@checked_apart_from("rows")
def checked_rows(rows: npt.ArrayLike, count: int, dim: int | None, name: str) -> Float32Array:
    """Check the output of an encoder and scale its rows to length 1.

    Parameters
    ----------
    rows : array-like
        Output of the encoder, expected as (count, dim); a tensor on any device is copied.
    count : int
        Number of rows expected.
    dim : int or None
        Length of a row; None allows any.
    name : str
        The encoder's name, for messages.

    Returns
    -------
    array of shape (count, d)
        Float32 unit rows.

    Raises
    ------
    EncoderError
        If the shape differs, or a row is zero or not finite.
    """
    try:
        # A torch tensor on a GPU, or with gradients, has to be detached and copied first.
        detach = getattr(rows, "detach", None)
        array = np.asarray(rows if detach is None else detach().cpu().numpy(), dtype=np.float32)
    except (TypeError, ValueError) as error:
        raise EncoderError(
            f"Expected an array of numbers from the encoder {name!r}, got {type(rows).__name__}."
        ) from error
    if array.ndim != 2 or len(array) != count or array.shape[1] != (dim or array.shape[1]):
        wanted = f"({count}, {dim or 'd'})"
        raise EncoderError(
            f"Expected vectors of shape {wanted} from the encoder {name!r}, one row for each "
            f"input, got shape {array.shape}."
        )
    lengths = np.linalg.norm(array, axis=1, keepdims=True)
    if array.shape[1] == 0 or not (np.isfinite(lengths).all() and (lengths > 0).all()):
        raise EncoderError(
            f"Expected finite, non-zero vectors from the encoder {name!r}, got a row that is "
            "not. With a large model in half precision, try precision='fp32'."
        )
    return cast("Float32Array", array / lengths)


unit_rows = checked_rows
"""`checked_rows` under its name of the first release."""

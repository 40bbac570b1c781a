"""What turns images and texts into vectors: the protocol, and what `load_encoder` builds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast, runtime_checkable

import numpy as np
import numpy.typing as npt
from PIL import Image

from protolabel.errors import EncoderError, InputError

if TYPE_CHECKING:
    import os

__all__ = [
    "DEFAULT_MODEL",
    "CallableEncoder",
    "Encoder",
    "EncoderInfo",
    "encoder_info",
    "load_encoder",
    "unit_rows",
]

FloatArray = npt.NDArray[np.float32]
ImageFn = Callable[[list[Image.Image]], npt.ArrayLike]
TextFn = Callable[[list[str]], npt.ArrayLike]

DEFAULT_MODEL = "ViT-B-32"
_CALLABLE, _UNKNOWN, _CUSTOM = "callable", "unknown", "custom"


@runtime_checkable
class Encoder(Protocol):
    """An image encoder, with the text encoder that shares its space where there is one.

    An encoder may also have ``preprocess(image) -> Any``: it is then called in the threads that
    decode, and `encode_images` gets what it returned.
    """

    @property
    def name(self) -> str:
        """Model and weights: vectors of two encoders of one name may be mixed."""

    @property
    def dim(self) -> int:
        """Length d of a vector."""

    @property
    def logit_scale(self) -> float:
        """Factor from cosine similarity to logit: 100 for OpenAI's CLIP."""

    def encode_images(self, images: Sequence[Any]) -> FloatArray:
        """Return float32 unit rows (n, d) for RGB images, or for what `preprocess` returned."""

    def encode_texts(self, texts: Sequence[str]) -> FloatArray:
        """Return float32 unit rows (n, d), or raise `EncoderError` without a text side."""


@dataclass(frozen=True)
class EncoderInfo:
    """Which encoder made some vectors, small enough to lie beside them. Equal by value.

    Parameters
    ----------
    name : str
        The encoder's name; "unknown" for vectors that came without one.
    dim : int
        Length of a vector.
    logit_scale : float
        Factor from cosine similarity to logit.
    model : str
        What `load_encoder` was asked for: an open_clip name, "sample"; or "callable", "custom"
        or "unknown", which nothing on disk can bring back.
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
        """Rebuild what `to_dict` returned.

        Parameters
        ----------
        fields : mapping
            The five fields; others are ignored, so that a later version may add some.

        Returns
        -------
        EncoderInfo

        Raises
        ------
        InputError
            If a field is missing or of the wrong kind.
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
        """Return the info of vectors that came without one."""
        return cls(_UNKNOWN, dim, 100.0, _UNKNOWN)

    def load(self, *, device: str = "auto", precision: str = "auto") -> Encoder:
        """Bring the encoder back, with the text tower that matches the vectors.

        Parameters
        ----------
        device, precision : str, default "auto"
            As for `load_encoder`.

        Returns
        -------
        Encoder
            One of the same name.

        Raises
        ------
        EncoderError
            If the encoder is not one that can be loaded by name, or its local checkpoint was
            moved or has changed since.
        """
        if self.model in {_CALLABLE, _UNKNOWN, _CUSTOM}:
            raise EncoderError(
                f"Expected vectors of an encoder that can be loaded by name, got those of "
                f"{self.name!r}: pass the encoder that made them, as load_encoder returns it."
            )
        weights = Path(self.pretrained or "")
        if weights.is_absolute() and not weights.is_file():
            raise EncoderError(
                f"The vectors were made with {self.name!r}, whose checkpoint {self.pretrained!r} "
                "is no longer there. Put it back, or pass load_encoder("
                f"{self.model!r}, 'its new path')."
            )
        encoder = load_encoder(self.model, self.pretrained, device=device, precision=precision)
        if encoder.name != self.name:
            raise EncoderError(
                f"Expected the encoder {self.name!r} that made the vectors, but "
                f"{self.pretrained or self.model!r} now gives {encoder.name!r}: its content has "
                "changed. Bring the old file back, or embed the images again."
            )
        return encoder


class CallableEncoder:
    """A plain function as an image encoder, with or without a text side.

    Parameters
    ----------
    encode_images : callable
        From a list of n RGB `PIL.Image.Image` to an array of shape (n, d), any numeric type.
    encode_texts : callable, optional
        From a list of n strings to an array of shape (n, d) in the same space.
    name : str, optional
        Stands for the function and its weights wherever vectors are stored; give each its own.
        By default the function's qualified name.
    logit_scale : float, default 100.0
        Factor from cosine similarity to logit.

    Raises
    ------
    EncoderError
        If the function fails on a small blank image, or returns something that is no (n, d)
        array of finite, non-zero rows: it is tried once here, to learn d.
    """

    def __init__(
        self,
        encode_images: ImageFn,
        encode_texts: TextFn | None = None,
        *,
        name: str | None = None,
        logit_scale: float = 100.0,
    ) -> None:
        if not (np.isfinite(logit_scale) and logit_scale > 0):
            raise InputError(f"Expected a positive logit_scale, got {logit_scale!r}.")
        self.name = name or f"callable:{getattr(encode_images, '__qualname__', 'encoder')}"
        self.logit_scale = float(logit_scale)
        self._images, self._texts = encode_images, encode_texts
        trial = Image.new("RGB", (64, 64), (120, 130, 140))
        self.dim = unit_rows(encode_images([trial]), 1, None, self.name).shape[1]

    @property
    def info(self) -> EncoderInfo:
        """Name, dim and scale; a function cannot be brought back from disk."""
        return EncoderInfo(self.name, self.dim, self.logit_scale, _CALLABLE)

    def encode_images(self, images: Sequence[Image.Image]) -> FloatArray:
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
            If the function returned another shape, or a row that is zero or not finite.
        """
        if not images:
            return np.empty((0, self.dim), np.float32)
        return unit_rows(self._images(list(images)), len(images), self.dim, self.name)

    def encode_texts(self, texts: Sequence[str]) -> FloatArray:
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
            Without a text side; else as for `encode_images`.
        """
        if self._texts is None:
            raise EncoderError(
                f"The encoder {self.name!r} has no text side, so class names cannot be encoded: "
                "pass load_encoder(function, encode_texts=...), or ClassVectors(names, vectors) "
                "of your own."
            )
        if not texts:
            return np.empty((0, self.dim), np.float32)
        return unit_rows(self._texts(list(texts)), len(texts), self.dim, self.name)


def load_encoder(
    model: str | ImageFn | Encoder = DEFAULT_MODEL,
    pretrained: str | os.PathLike[str] | None = None,
    *,
    encode_texts: TextFn | None = None,
    name: str | None = None,
    logit_scale: float | None = None,
    device: str = "auto",
    precision: str = "auto",
) -> Encoder:
    """Load an encoder by name, from a local file, or from a function.

    Parameters
    ----------
    model : str, callable or Encoder
        An open_clip model name such as "ViT-B-32" (``open_clip.list_models()`` lists them),
        also with open_clip's prefixes ``hf-hub:`` and ``local-dir:``; "sample" for the small
        encoder that comes with protolabel and needs no network; or a function from a list of
        RGB images to an array (n, d). An `Encoder` is returned as it is. A timm name such as
        "vit_small_patch14_dinov2" sees images only; a name that both know is open_clip's.
    pretrained : str or path, optional
        A tag of open_clip or timm, or a local checkpoint (.pt, .pth, .bin or .safetensors). By
        default "laion2b_s34b_b79k" for ViT-B-32, or the only tag of a model that has one.
    encode_texts, name, logit_scale : optional
        Only with a function: see `CallableEncoder`.
    device : str, default "auto"
        "auto" takes CUDA, then Apple's MPS, then the CPU; or a torch device such as "cuda:1".
    precision : {"auto", "fp32", "fp16", "bf16"}, default "auto"
        "auto" is fp16 on CUDA and fp32 elsewhere. Vectors are float32 in every case.

    Returns
    -------
    Encoder

    Raises
    ------
    InputError
        For an unknown model, tag, device or precision, or a checkpoint that does not exist.
    EncoderError
        If the weights cannot be downloaded, cannot be read safely, or belong to another model.

    Notes
    -----
    OpenAI's models were trained with QuickGELU. Their tag ``openai`` brings that along under
    either model name. A local file says nothing about it: for weights from OpenAI (and others
    trained that way) name the model "ViT-B-32-quickgelu".

    Files are read with safetensors, or torch with ``weights_only=True``: a checkpoint cannot
    run code.
    """
    if isinstance(model, str):
        if encode_texts is not None or name is not None or logit_scale is not None:
            raise InputError(
                "Expected encode_texts, name and logit_scale only together with a function as "
                f"the encoder, got them with the model {model!r}: leave them out."
            )
        # torch and open_clip take seconds to import: only when a model is asked for.
        from protolabel.encoders.openclip import load_open_clip
        from protolabel.encoders.timm_encoder import is_timm_model, load_timm

        load = load_timm if is_timm_model(model) else load_open_clip
        return load(model, pretrained, device=device, precision=precision)
    if isinstance(model, Encoder):
        return model
    if not callable(model):
        raise InputError(
            "Expected the name of a model, an encoder, or a function from a list of images to "
            f"an array, got {model!r}."
        )
    if pretrained is not None:
        raise InputError("Expected no pretrained weights with a function, got some: leave it out.")
    scale = 100.0 if logit_scale is None else logit_scale
    return CallableEncoder(model, encode_texts, name=name, logit_scale=scale)


def encoder_info(encoder: Encoder) -> EncoderInfo:
    """Describe an encoder, so that its vectors can be matched with it later.

    Parameters
    ----------
    encoder : Encoder

    Returns
    -------
    EncoderInfo
        The encoder's own ``info`` where it has one; else one that cannot be loaded by name.
    """
    info = getattr(encoder, "info", None)
    if isinstance(info, EncoderInfo):
        return info
    return EncoderInfo(encoder.name, int(encoder.dim), float(encoder.logit_scale), _CUSTOM)


def unit_rows(rows: npt.ArrayLike, count: int, dim: int | None, name: str) -> FloatArray:
    """Check what an encoder returned, and bring its rows to length 1.

    Parameters
    ----------
    rows : array-like
        What should have shape (count, dim).
    count : int
        Number of rows expected.
    dim : int or None
        Length of a row; None takes any.
    name : str
        The encoder's name, for messages.

    Returns
    -------
    array of shape (count, d)
        Float32 unit rows.

    Raises
    ------
    EncoderError
        For another shape, or a row that is zero or not finite.
    """
    try:
        # A torch tensor on a GPU, or one that has gradients, has to come down first.
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
    return cast("FloatArray", array / lengths)

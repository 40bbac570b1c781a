"""`load_encoder`: load an encoder by name, from a local file, a function or a record."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from protolabel.common.plugins import plugins
from protolabel.encoders.base import UNLOADABLE, Encoder, EncoderInfo
from protolabel.encoders.function import CallableEncoder, ImageFn, TextFn
from protolabel.errors import EncoderError, InputError

if TYPE_CHECKING:
    import os

__all__ = ["DEFAULT_MODEL", "load_encoder"]

DEFAULT_MODEL = "ViT-B-32"
"""The open_clip model that is loaded unless another is named."""


def load_encoder(
    model: str | ImageFn | Encoder | EncoderInfo = DEFAULT_MODEL,
    pretrained: str | os.PathLike[str] | None = None,
    *,
    encode_texts: TextFn | None = None,
    name: str | None = None,
    logit_scale: float | None = None,
    device: str = "auto",
    precision: str = "auto",
) -> Encoder:
    """Load an encoder by name, from a local file, a function, or the record stored with vectors.

    Parameters
    ----------
    model : str, callable, Encoder or EncoderInfo
        An open_clip model name such as "ViT-B-32" (``open_clip.list_models()`` lists them),
        also with open_clip's prefixes ``hf-hub:`` and ``local-dir:``; "sample" for the small
        encoder that comes with protolabel and needs no network; or a function from a list of
        RGB images to an array (n, d); or a name that a plugin registered. A timm name such as
        "vit_small_patch14_dinov2" loads an encoder without a text side; if open_clip has the same
        name, open_clip's model is loaded. An `EncoderInfo`, as stored with vectors, loads the
        encoder that made them. An `Encoder` is returned unchanged.
    pretrained : str or path, optional
        A tag of open_clip or timm, or a local checkpoint (.pt, .pth, .bin or .safetensors). By
        default "laion2b_s34b_b79k" for ViT-B-32, or the only tag of a model that has one.
    encode_texts : callable, optional
        Only with a function: from a list of n str to an array (n, d), see `CallableEncoder`.
    name : str, optional
        Only with a function: its name wherever vectors are stored.
    logit_scale : float, optional
        Only with a function: factor from cosine similarity to logit, above 0; by default 100.
    device : str, default "auto"
        "auto" takes CUDA, then Apple's MPS, then the CPU; or a torch device such as "cuda:1".
    precision : {"auto", "fp32", "fp16", "bf16"}, default "auto"
        "auto" is fp16 on CUDA and fp32 elsewhere. Vectors are always float32.

    Returns
    -------
    Encoder

    Raises
    ------
    InputError
        If the model, tag, device or precision is unknown, the checkpoint does not exist, or a
        class was passed in place of an encoder.
    EncoderError
        If the weights cannot be downloaded, cannot be read safely, or belong to another model;
        if a function fails on a blank image; or if a recorded encoder has no name to load it
        by, or its local checkpoint was moved or has changed since.

    Notes
    -----
    OpenAI's models were trained with QuickGELU, which their tag ``openai`` selects under either
    model name. A local file does not record it: for weights from OpenAI, and others trained that
    way, name the model "ViT-B-32-quickgelu", or "ViT-B-32.openai" with its tag.

    A local file does not record either how images are resized and normalised. protolabel uses the
    preprocessing of the model's published weights. If these differ (ViT-L-14, ViT-H-14), append
    the tag with the right preprocessing to the model's name, as in "ViT-L-14.openai".

    Files are read with safetensors, or by torch with ``weights_only=True``, so a checkpoint
    cannot run code.

    Examples
    --------
    >>> encoder = pl.load_encoder("ViT-L-14", "weights.safetensors")
    >>> encoder.encode_texts(["a photo of a dog"]).shape
    (1, 768)
    """
    if not (encode_texts is None and name is None and logit_scale is None) and (
        isinstance(model, str | EncoderInfo | Encoder)
    ):
        raise InputError(
            "Expected encode_texts, name and logit_scale only together with a function as "
            f"the encoder, got them with {model!r}: leave them out."
        )
    if isinstance(model, type):
        raise InputError(
            f"Expected an encoder or a function, got the class {model.__name__}: build one with "
            f"{model.__name__}(...) and pass that."
        )
    if isinstance(model, str):
        if model in plugins("encoders"):
            return _of_plugin(model, pretrained, device)
        # torch and open_clip take seconds to import: only when a model is asked for.
        from protolabel.encoders.openclip import load_open_clip
        from protolabel.encoders.timm_encoder import is_timm_model, load_timm

        load = load_timm if is_timm_model(model) else load_open_clip
        return load(model, pretrained, device=device, precision=precision)
    if isinstance(model, EncoderInfo):
        if pretrained is not None:
            raise InputError(
                f"Expected no pretrained weights with the record of {model.name!r}, which names "
                f"its own, got {pretrained!r}: leave it out."
            )
        return _recorded(model, device, precision)
    if isinstance(model, Encoder):
        return model
    if not callable(model):
        raise InputError(
            "Expected the name of a model, an encoder, or a function from a list of images to "
            f"an array, got {model!r}."
        )
    if pretrained is not None:
        raise InputError(
            f"Expected no pretrained weights with a function, got {pretrained!r}: leave it out."
        )
    scale = 100.0 if logit_scale is None else logit_scale
    return CallableEncoder(model, encode_texts, name=name, logit_scale=scale)


def _of_plugin(model: str, pretrained: str | os.PathLike[str] | None, device: str) -> Encoder:
    """Load the encoder that a plugin registered under a name."""
    encoder = plugins("encoders")[model](pretrained=pretrained, device=device)
    if not isinstance(encoder, Encoder):
        raise EncoderError(
            f"Expected the plugin {model!r} to return an encoder, got {type(encoder).__name__}: "
            "update the package that registers it."
        )
    return encoder


def _recorded(info: EncoderInfo, device: str, precision: str) -> Encoder:
    """Load the encoder that made some vectors; raise if its weights have changed since."""
    if info.model in UNLOADABLE:
        raise EncoderError(
            f"Expected vectors of an encoder that can be loaded by name, got those of "
            f"{info.name!r}: pass the encoder that made them, as load_encoder returns it."
        )
    weights = Path(info.pretrained or "")
    if weights.is_absolute() and not weights.is_file():
        raise EncoderError(
            f"Expected the checkpoint {info.pretrained!r} of {info.name!r}, which made the "
            "vectors, but it is no longer there: put it back, or pass "
            f"load_encoder({info.model!r}, 'its new path')."
        )
    encoder = load_encoder(info.model, info.pretrained, device=device, precision=precision)
    if encoder.name != info.name:
        raise EncoderError(
            f"Expected the encoder {info.name!r} that made the vectors, but "
            f"{info.pretrained or info.model!r} now gives {encoder.name!r}: its content has "
            "changed. Bring the old file back, or embed the images again."
        )
    return encoder

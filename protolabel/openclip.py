"""The encoder over open_clip: any of its models, and the bundled sample model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from protolabel.checkpoints import find_checkpoint, quiet_logs
from protolabel.encoders import EncoderInfo, unit_rows
from protolabel.errors import EncoderError, InputError

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Sequence


__all__ = ["OpenClipEncoder", "choose_device", "choose_precision", "cut_ends", "load_open_clip"]

FloatArray = npt.NDArray[np.float32]

_PRECISIONS = ("auto", "fp32", "fp16", "bf16")
_TEXT_BATCH = 256
_LONGEST = 20  # long side over short side, from which an image is cut before it is resized


class OpenClipEncoder:
    """An open_clip model with its preprocessing and its tokenizer.

    `load_encoder` builds it. Given parts of your own, it takes any object with open_clip's
    ``encode_image``, ``encode_text`` and ``logit_scale``.

    Parameters
    ----------
    model : torch.nn.Module
        On `device` and in `precision` already.
    preprocess : callable
        From an RGB `PIL.Image.Image` to a float32 tensor (3, height, width).
    tokenizer : callable
        From a list of n strings to an integer tensor (n, length).
    name : str
        Model and weights.
    source : tuple of (str, str or None)
        The arguments that `load_encoder` needs to come back here.
    device : str, default "cpu"
        Where the model is.
    precision : {"fp32", "fp16", "bf16"}, default "fp32"
        Type of the pixels the model wants.
    """

    def __init__(
        self,
        model: Any,
        preprocess: Callable[[Image.Image], Any],
        tokenizer: Callable[[list[str]], Any],
        *,
        name: str,
        source: tuple[str, str | None],
        device: str = "cpu",
        precision: str = "fp32",
    ) -> None:
        import torch

        self.name = name
        self.device, self.precision = device, precision
        self._model = model.eval()
        self._preprocess, self._tokenizer = preprocess, tokenizer
        self._dtype = {"fp16": torch.float16, "bf16": torch.bfloat16}.get(precision, torch.float32)
        self._source = source
        self.logit_scale = float(self._model.logit_scale.detach().float().exp())
        # Models keep the size of their output in different places: ask with a blank image.
        blank = self.preprocess(Image.new("RGB", (64, 64), (120, 130, 140)))
        self.dim = self._image_rows([blank]).shape[1]

    @property
    def info(self) -> EncoderInfo:
        """What brings this encoder back later."""
        return EncoderInfo(self.name, self.dim, self.logit_scale, *self._source)

    def preprocess(self, image: Image.Image) -> Any:
        """Resize, crop and normalise one image, as the model was trained.

        Parameters
        ----------
        image : PIL.Image.Image
            In mode RGB.

        Returns
        -------
        torch.Tensor of shape (3, height, width)
            Float32, on the CPU. Safe to call in several threads.
        """
        return self._preprocess(cut_ends(image))

    def encode_images(self, images: Sequence[Any]) -> FloatArray:
        """Encode one batch of images.

        Parameters
        ----------
        images : sequence of PIL.Image.Image or torch.Tensor
            RGB images, or what `preprocess` made of them. All of them go through the model at
            once: cut batches that fit the memory.

        Returns
        -------
        array of shape (n, d)
            Float32 unit rows.

        Raises
        ------
        EncoderError
            If a row is not finite (overflow in half precision).
        """
        if not images:
            return np.empty((0, self.dim), np.float32)
        pixels = [
            self.preprocess(image) if isinstance(image, Image.Image) else image for image in images
        ]
        return unit_rows(self._image_rows(pixels), len(images), self.dim, self.name)

    def encode_texts(self, texts: Sequence[str]) -> FloatArray:
        """Encode texts, in batches of 256.

        Parameters
        ----------
        texts : sequence of str
            Texts longer than the model's context are cut by its tokenizer.

        Returns
        -------
        array of shape (n, d)
            Float32 unit rows.

        Raises
        ------
        VocabularyError
            From the sample encoder, for a word it was not taught.
        EncoderError
            If a row is not finite (overflow in half precision).
        """
        rows = [np.empty((0, self.dim), np.float32)]
        for start in range(0, len(texts), _TEXT_BATCH):
            batch = [str(text) for text in texts[start : start + _TEXT_BATCH]]
            rows.append(unit_rows(self._text_rows(batch), len(batch), self.dim, self.name))
        return np.concatenate(rows)

    def _image_rows(self, pixels: Sequence[Any]) -> FloatArray:
        import torch

        with torch.inference_mode():
            batch = torch.stack(list(pixels)).to(self.device, self._dtype)
            rows = self._model.encode_image(batch).float().cpu().numpy()
        return np.asarray(rows, np.float32)

    def _text_rows(self, texts: list[str]) -> FloatArray:
        import torch

        with torch.inference_mode():
            tokens = self._tokenizer(texts).to(self.device)
            rows = self._model.encode_text(tokens).float().cpu().numpy()
        return np.asarray(rows, np.float32)


def load_open_clip(
    model: str,
    pretrained: str | os.PathLike[str] | None = None,
    *,
    device: str = "auto",
    precision: str = "auto",
) -> OpenClipEncoder:
    """Load an open_clip model by name; parameters and errors are those of `load_encoder`.

    Parameters
    ----------
    model : str
        An open_clip name, or "sample".
    pretrained : str or path, optional
        Tag or local checkpoint.
    device, precision : str, default "auto"

    Returns
    -------
    OpenClipEncoder

    Raises
    ------
    InputError, EncoderError
    """
    device = choose_device(device)
    precision = choose_precision(precision, device)
    if model == "sample":
        return _load_sample(pretrained, device)
    try:
        import open_clip
    except ImportError as error:
        raise EncoderError(
            f"open_clip cannot be imported ({error}): install it with pip install open_clip_torch."
        ) from error
    with quiet_logs():
        found = find_checkpoint(model, pretrained)
        # An explicit path, so that open_clip neither downloads nor guesses.
        try:
            network, preprocess = open_clip.create_model_from_pretrained(
                found.model, found.path, precision=precision, device=device, **found.options
            )
        except Exception as error:  # what a misfit raises differs by model
            raise EncoderError(
                f"Expected weights of the model {found.model!r}, but those of "
                f"{found.pretrained or found.model!r} do not fit it ({type(error).__name__}). "
                "Name the model that the checkpoint was trained as: open_clip.list_models() "
                "lists all."
            ) from error
        try:
            tokenizer = open_clip.get_tokenizer(found.model)
        except Exception as error:  # another library, and the hub behind it
            raise EncoderError(
                f"The tokenizer of {found.model!r} could not be loaded "
                f"({type(error).__name__}: {error}). It comes from the Hugging Face hub and may "
                "need: pip install transformers. Or choose a model with CLIP's own tokenizer, "
                "such as ViT-B-32."
            ) from error
    # A prefixed name may have become absolute, so that it holds from any working directory.
    return OpenClipEncoder(
        network,
        preprocess,
        tokenizer,
        name=found.name,
        source=(found.model, found.pretrained),
        device=device,
        precision=precision,
    )


def _load_sample(pretrained: object, device: str) -> OpenClipEncoder:
    if pretrained is not None:
        raise InputError(
            f"Expected no pretrained weights with 'sample', which brings its own, "
            f"got {pretrained!r}: leave it out."
        )
    from protolabel.samples.encoder import load_sample_model

    with quiet_logs():
        parts = load_sample_model(device)
    return OpenClipEncoder(
        parts.model,
        parts.preprocess,
        parts.tokenizer,
        name=parts.name,
        source=("sample", None),
        device=device,
    )


def cut_ends(image: Image.Image) -> Image.Image:
    """Cut the ends off a very long image: they are cropped later, after a costly enlargement.

    A strip of 1 x 5000 pixels would be resized to 224 x 1,120,000 first.
    """
    width, height = image.size
    longest = _LONGEST * min(width, height)
    if max(width, height) <= longest:
        return image
    left, top = max(0, width - longest) // 2, max(0, height - longest) // 2
    return image.crop((left, top, width - left, height - top))


def choose_device(wanted: str) -> str:
    """Return a torch device that is on this machine; "auto" takes the fastest kind."""
    import torch

    if wanted == "auto":
        if torch.cuda.is_available():
            return "cuda"
        return "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        device = torch.device(wanted)
        # The only test that holds for every kind of device.
        torch.empty(0, device=device)
    except Exception as error:  # each backend has its own way to be absent
        raise InputError(
            f"Expected a device that is on this machine ('auto', 'cpu', 'cuda', 'cuda:1', "
            f"'mps'), got {wanted!r}: use device='auto'."
        ) from error
    return str(device)


def choose_precision(wanted: str, device: str) -> str:
    """Return "fp32", "fp16" or "bf16"; "auto" is fp16 on CUDA and fp32 elsewhere."""
    if wanted not in _PRECISIONS:
        raise InputError(f"Expected precision one of {', '.join(_PRECISIONS)}, got {wanted!r}.")
    if wanted != "auto":
        return wanted
    return "fp16" if device.startswith("cuda") else "fp32"

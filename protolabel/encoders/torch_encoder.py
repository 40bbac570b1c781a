"""The base class of encoders that use torch: device, precision, and batches to unit rows."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from protolabel.encoders.base import EncoderInfo, checked_rows
from protolabel.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["TorchEncoder", "choose_device", "choose_precision", "cut_ends"]

FloatArray = npt.NDArray[np.float32]

_PRECISIONS = ("auto", "fp32", "fp16", "bf16")
_LONGEST = 20  # ratio of the sides above which an image is cropped before it is resized


class TorchEncoder(ABC):
    """A torch model with its preprocessing. Subclasses add the features and `encode_texts`.

    Parameters
    ----------
    model : torch.nn.Module
        On `device` and in `precision` already.
    preprocess : callable
        From an RGB `PIL.Image.Image` to a float32 tensor (3, height, width).
    name : str
        Model and weights.
    source : tuple of (str, str or None)
        The arguments of `load_encoder` that load this encoder again.
    logit_scale : float, default 100
        Factor from cosine similarity to logit; stored with the vectors of every encoder.
    device : str, default "cpu"
        Torch device of the model.
    precision : {"fp32", "fp16", "bf16"}, default "fp32"
        Floating type of the model's input.

    Attributes
    ----------
    image_size : int
        Longer side of the model's input in pixels: `embed_images` decodes larger images reduced,
        to no less than twice this size.
    """

    def __init__(
        self,
        model: Any,
        preprocess: Callable[[Image.Image], Any],
        *,
        name: str,
        source: tuple[str, str | None],
        logit_scale: float = 100.0,
        device: str = "cpu",
        precision: str = "fp32",
    ) -> None:
        import torch

        self.name, self.logit_scale = name, logit_scale
        self.device, self.precision = device, precision
        self._model, self._preprocess, self._source = model.eval(), preprocess, source
        self._dtype = {"fp16": torch.float16, "bf16": torch.bfloat16}.get(precision, torch.float32)
        # Models store the size of their output in different places: measure it with a blank image.
        blank = self.preprocess(Image.new("RGB", (64, 64), (120, 130, 140)))
        self.image_size = int(max(blank.shape[-2:]))
        self.dim = int(self._image_rows([blank]).shape[1])

    @property
    def info(self) -> EncoderInfo:
        """Record from which `load_encoder` loads this encoder again."""
        return EncoderInfo(self.name, self.dim, self.logit_scale, *self._source)

    def preprocess(self, image: Image.Image) -> Any:
        """Resize, crop and normalise one image, as the model was trained.

        Parameters
        ----------
        image : PIL.Image.Image
            Mode RGB.

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
            RGB images, or tensors from `preprocess`. They go through the model as one batch.

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
        return checked_rows(self._image_rows(pixels), len(images), self.dim, self.name)

    def _image_rows(self, pixels: Sequence[Any]) -> FloatArray:
        import torch

        with torch.inference_mode():
            batch = torch.stack(list(pixels)).to(self.device, self._dtype)
            return np.asarray(self._features(batch).float().cpu().numpy(), np.float32)

    @abstractmethod
    def _features(self, batch: Any) -> Any:
        """Return features (n, d) for a tensor of pixels (n, 3, height, width)."""


def cut_ends(image: Image.Image) -> Image.Image:
    """Crop the ends of a very long image before it is resized; the centre crop drops them anyway.

    Otherwise a strip of 1 x 5000 pixels would be resized to 224 x 1,120,000 first.
    """
    width, height = image.size
    longest = _LONGEST * min(width, height)
    if max(width, height) <= longest:
        return image
    left, top = max(0, width - longest) // 2, max(0, height - longest) // 2
    return image.crop((left, top, width - left, height - top))


def choose_device(wanted: str) -> str:
    """Return a torch device of this machine; "auto" selects the fastest kind."""
    import torch

    if wanted == "auto":
        if torch.cuda.is_available():
            return "cuda"
        return "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        device = torch.device(wanted)
        # The only test that holds for every kind of device.
        torch.empty(0, device=device)
    except Exception as error:  # each backend raises its own exception
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

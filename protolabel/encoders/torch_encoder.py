"""The base class of encoders that use torch: device, precision, and batches to unit rows."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from protolabel.encoders.base import EncoderInfo, checked_rows
from protolabel.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from protolabel.common.vectors import Float32Array

__all__ = ["TorchEncoder", "choose_device", "choose_precision", "cut_ends"]

_PRECISIONS = ("auto", "fp32", "fp16", "bf16")
_LONGEST = 20  # ratio of the sides above which an image is cropped before it is resized


class TorchEncoder(ABC):
    """A torch model with its preprocessing. Subclasses add the features and `encode_texts`.

    Parameters
    ----------
    model : torch.nn.Module
        Already on `device` and in `precision`.
    preprocess : callable
        From an RGB `PIL.Image.Image` to a float32 tensor (3, height, width). If it is torchvision's
        `Compose` and ends with `ToTensor` and `Normalize`, batches are normalised as a whole.
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
        self._model, self._source = model.eval(), source
        self._crop, self._normalize = _split(preprocess)
        self._dtype = {"fp16": torch.float16, "bf16": torch.bfloat16}.get(precision, torch.float32)
        # Models store the size of their output in different places: measure it with a blank image.
        blank = self.preprocess(Image.new("RGB", (64, 64), (120, 130, 140)))
        self.image_size = int(max(blank.shape[-2:]))
        self.dim = int(self._image_rows(self.collate([blank])).shape[1])

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
        return self._normalised(self.pixels(image))

    def pixels(self, image: Image.Image) -> Any:
        """Resize and crop one image, and leave it to `collate` to normalise the whole batch.

        Parameters
        ----------
        image : PIL.Image.Image
            Mode RGB.

        Returns
        -------
        torch.Tensor of shape (3, height, width)
            On the CPU: uint8, or float32 and normalised if the model's preprocessing cannot be
            split. Safe to call in several threads.
        """
        import torch

        cropped = self._crop(cut_ends(image))
        if self._normalize is None:
            return cropped
        return torch.from_numpy(np.array(cropped)).permute(2, 0, 1)

    def collate(self, images: Sequence[Any]) -> Any:
        """Make one batch on the device, before the model is free to encode it.

        Parameters
        ----------
        images : sequence of PIL.Image.Image or torch.Tensor
            One or more RGB images, or tensors from `preprocess` or `pixels`.

        Returns
        -------
        torch.Tensor of shape (n, 3, height, width)
            On `device`, in `precision`.
        """
        import torch

        pixels = [
            self.pixels(image) if isinstance(image, Image.Image) else image for image in images
        ]
        on_cuda = str(self.device).startswith("cuda")
        # A GPU copies pinned memory by itself, and converts to half precision faster.
        shape = (len(pixels), *pixels[0].shape)
        batch = torch.empty(shape, dtype=pixels[0].dtype, pin_memory=on_cuda)
        torch.stack(pixels, out=batch)
        return self._normalised(batch.to(self.device, non_blocking=on_cuda)).to(self._dtype)

    def encode_images(self, images: Any) -> Float32Array:
        """Encode one batch of images.

        Parameters
        ----------
        images : sequence of PIL.Image.Image or torch.Tensor, or torch.Tensor
            RGB images, or tensors from `preprocess`, or a batch from `collate`; in any case they
            are encoded as one batch.

        Returns
        -------
        array of shape (n, d)
            Float32 unit rows.

        Raises
        ------
        EncoderError
            If a row is not finite (overflow in half precision).
        """
        import torch

        if not len(images):
            return np.empty((0, self.dim), np.float32)
        batch = images if isinstance(images, torch.Tensor) else self.collate(images)
        return checked_rows(self._image_rows(batch), len(images), self.dim, self.name)

    def _normalised(self, pixels: Any) -> Any:
        """Return normalised pixels; only bytes still need it."""
        if self._normalize is None or pixels.is_floating_point():
            return pixels
        return self._normalize(pixels.float().div_(255))

    def _image_rows(self, batch: Any) -> Float32Array:
        import torch

        with torch.inference_mode():
            return np.asarray(self._features(batch).float().cpu().numpy(), np.float32)

    @abstractmethod
    def _features(self, batch: Any) -> Any:
        """Return features (n, d) for a tensor of pixels (n, 3, height, width)."""


def _split(preprocess: Callable[..., Any]) -> tuple[Callable[..., Any], Callable[..., Any] | None]:
    """Split preprocessing into a step for each image and the normalisation of a batch, if any.

    In between, pixels are bytes: with 16 decoding threads this is faster by half than a float
    tensor for each image.
    """
    from torchvision.transforms import Compose, Normalize, ToTensor

    steps = preprocess.transforms if isinstance(preprocess, Compose) else []
    if len(steps) < 2 or not (isinstance(steps[-2], ToTensor) and isinstance(steps[-1], Normalize)):
        return preprocess, None
    return Compose(steps[:-2]), steps[-1]


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
    """Return a torch device of this machine; "auto" selects the fastest kind.

    Raises
    ------
    InputError
        If this machine has no such device.
    """
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
    """Return "fp32", "fp16" or "bf16"; "auto" is fp16 on CUDA and fp32 elsewhere.

    Raises
    ------
    InputError
        If `wanted` is none of these.
    """
    if wanted not in _PRECISIONS:
        raise InputError(f"Expected precision one of {', '.join(_PRECISIONS)}, got {wanted!r}.")
    if wanted != "auto":
        return wanted
    return "fp16" if device.startswith("cuda") else "fp32"

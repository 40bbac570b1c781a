"""Encoders from open_clip: any of its models, and the bundled sample model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from protolabel.encoders.base import checked_rows
from protolabel.encoders.checkpoints import find_checkpoint, quiet_logs
from protolabel.encoders.torch_encoder import TorchEncoder, choose_device, choose_precision
from protolabel.errors import EncoderError, InputError

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Sequence

    from PIL import Image

    from protolabel.common.vectors import Float32Array

__all__ = ["OpenClipEncoder", "load_open_clip"]

_TEXT_BATCH = 256


class OpenClipEncoder(TorchEncoder):
    """An open_clip model with its preprocessing and its tokenizer.

    `load_encoder` builds it. It also takes parts of your own: any model with open_clip's
    ``encode_image``, ``encode_text`` and ``logit_scale``.

    Parameters
    ----------
    model : torch.nn.Module
        Already on `device` and in `precision`.
    preprocess : callable
        From an RGB `PIL.Image.Image` to a float32 tensor (3, height, width).
    tokenizer : callable
        From a list of n strings to an integer tensor (n, length).
    name : str
        Model and weights.
    source : tuple of (str, str or None)
        The arguments of `load_encoder` that load this encoder again.
    device : str, default "cpu"
        Torch device of the model.
    precision : {"fp32", "fp16", "bf16"}, default "fp32"
        Floating type of the model's input.
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
        self._tokenizer = tokenizer
        super().__init__(
            model,
            preprocess,
            name=name,
            source=source,
            logit_scale=float(model.logit_scale.detach().float().exp()),
            device=device,
            precision=precision,
        )

    def encode_texts(self, texts: Sequence[str]) -> Float32Array:
        """Encode texts, in batches of 256.

        Parameters
        ----------
        texts : sequence of str
            The tokenizer cuts texts that are longer than the model's context.

        Returns
        -------
        array of shape (n, d)
            Float32 unit rows.

        Raises
        ------
        VocabularyError
            If a word is not in the sample encoder's vocabulary.
        EncoderError
            If a row is not finite (overflow in half precision).
        """
        rows = [np.empty((0, self.dim), np.float32)]
        for start in range(0, len(texts), _TEXT_BATCH):
            batch = [str(text) for text in texts[start : start + _TEXT_BATCH]]
            rows.append(checked_rows(self._text_rows(batch), len(batch), self.dim, self.name))
        return np.concatenate(rows)

    def _features(self, batch: Any) -> Any:
        return self._model.encode_image(batch)

    def _text_rows(self, texts: list[str]) -> Float32Array:
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
            f"Expected open_clip, which cannot be imported ({error}): pip install open_clip_torch."
        ) from error
    with quiet_logs():
        found = find_checkpoint(model, pretrained)
        # An explicit path, so that open_clip neither downloads nor guesses.
        try:
            network, preprocess = open_clip.create_model_from_pretrained(
                found.model, found.path, precision=precision, device=device, **found.options
            )
        except Exception as error:  # each model raises its own exception
            raise EncoderError(
                f"Expected weights of the model {found.model!r}, but those of "
                f"{found.pretrained or found.model!r} do not fit it ({type(error).__name__}). "
                "Name the model that the checkpoint was trained as: open_clip.list_models() "
                "lists all."
            ) from error
        try:
            tokenizer = open_clip.get_tokenizer(found.model)
        except Exception as error:  # transformers or the hub can fail
            raise EncoderError(
                f"Expected the tokenizer of {found.model!r}, but it could not be loaded "
                f"({type(error).__name__}: {error}). It comes from the Hugging Face hub and may "
                "need transformers: pip install transformers. Or choose a model with CLIP's own "
                "tokenizer, such as ViT-B-32."
            ) from error
    # A path with a prefix is absolute by now, so the record works from any working directory.
    return OpenClipEncoder(
        network,
        preprocess,
        tokenizer,
        name=found.name,
        source=found.source,
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

"""Encoders from timm, such as DINOv2; they have no text side."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from protolabel.common.checks import with_home
from protolabel.encoders.checkpoints import Checkpoint, hub_file, local_checkpoint
from protolabel.encoders.torch_encoder import TorchEncoder, choose_device, choose_precision
from protolabel.errors import EncoderError, InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["TimmEncoder", "is_timm_model", "load_timm"]

# Pixels, as in the published k-NN results; DINOv2 files say 518, which takes 7 times as long.
_SIDE = 224
_HEADS = ("fc.", "head.", "head_dist.", "classifier.", "mask_token")  # not needed for features


class TimmEncoder(TorchEncoder):
    """A timm model without its classifier: pooled features, no text side.

    `load_encoder` builds it; the parameters are those of `TorchEncoder`.
    """

    def encode_texts(self, texts: Sequence[str]) -> NoReturn:  # noqa: ARG002 -- the protocol's
        """Raise `EncoderError`: there is no text side."""
        raise EncoderError(
            f"Expected an encoder with a text side to encode class names, got {self.name!r}, "
            "which encodes only images: use it as a second encoder, Session(..., "
            f"encoder='ViT-B-32', visual={self._source[0]!r}), on the command line --visual "
            f"{self._source[0]}."
        )

    def _features(self, batch: Any) -> Any:
        return self._model(batch)


def is_timm_model(model: str) -> bool:
    """Return whether timm knows a model, with or without a tag, and open_clip does not."""
    try:
        import open_clip
        import timm
    except ImportError:
        return False  # the loader of open_clip says that it is missing
    return model not in open_clip.list_models() and bool(timm.is_model(model.partition(".")[0]))


def load_timm(
    model: str,
    pretrained: str | os.PathLike[str] | None = None,
    *,
    device: str = "auto",
    precision: str = "auto",
) -> TimmEncoder:
    """Load a timm model by name; parameters and errors are those of `load_encoder`.

    Parameters
    ----------
    model : str
        A timm name, with or without a tag: "vit_small_patch14_dinov2.lvd142m".
    pretrained : str or path, optional
        Tag or local checkpoint; by default timm's first tag of the model. A local checkpoint may
        hold a classifier, which is left out.
    device, precision : str, default "auto"

    Returns
    -------
    TimmEncoder

    Raises
    ------
    InputError, EncoderError
    """
    import timm
    from timm.data.config import resolve_data_config
    from timm.data.transforms_factory import create_transform

    device = choose_device(device)
    precision = choose_precision(precision, device)
    found = _find(model, pretrained)
    network: Any = timm.create_model(found.model, pretrained=False, num_classes=0)
    _fill(network, found)
    side = _SIDE if _is_large_vit(network) else None
    overlay = {"input_size": (3, side, side)} if side else {}
    if side:
        network.set_input_size(img_size=(side, side))
    config = resolve_data_config(overlay, model=network)
    types = {"fp16": "half", "bf16": "bfloat16"}
    network = getattr(network.to(device), types.get(precision, "float"))()
    return TimmEncoder(
        network,
        create_transform(**config, is_training=False),
        name=found.name,
        source=(found.model, found.pretrained),
        device=device,
        precision=precision,
    )


def _find(model: str, pretrained: str | os.PathLike[str] | None) -> Checkpoint:
    import timm

    architecture, _, tag = model.partition(".")
    wanted = os.fspath(pretrained) if pretrained is not None else tag
    if pretrained is not None:
        path = Path(with_home(wanted))
        if path.is_file():
            return local_checkpoint(model, path)
    tags = [name.partition(".")[2] for name in timm.list_pretrained(f"{architecture}.*")]
    if not wanted and tags:
        wanted = _config(architecture).tag
    if wanted not in tags:
        came = f"got {wanted!r}, which is neither" if wanted else "got none"
        raise InputError(
            f"Expected a tag of {architecture!r} or the path of a checkpoint that exists, {came}: "
            f"its tags are {', '.join(tags) or 'none, so pass a file'}."
        )
    name = f"{architecture}.{wanted}"
    config = _config(name)
    if not config.hf_hub_id:
        raise EncoderError(
            f"Expected weights of {name} on the hub, but timm lists none: pass a local file."
        )
    path = hub_file(config.hf_hub_id, config.hf_hub_filename, name)
    return Checkpoint(name, str(local_checkpoint(name, path).path), name, None)


def _config(name: str) -> Any:
    import timm

    return timm.models.get_pretrained_cfg(name)


def _fill(network: Any, found: Checkpoint) -> None:
    """Load the weights and check that all fit: timm leaves the others at random values."""
    import timm

    try:
        state = timm.models.load_state_dict(str(found.path), device="cpu", weights_only=True)
        # timm's own filter: it renames layers and resamples the position embedding.
        convert = getattr(sys.modules[type(network).__module__], "checkpoint_filter_fn", None)
        if convert is not None:
            state = convert(state, network)
        report = network.load_state_dict(state, strict=False)
    except Exception as error:  # each model raises its own exception
        raise _misfit(found, type(error).__name__) from error
    unexpected = [key for key in report.unexpected_keys if not key.startswith(_HEADS)]
    if report.missing_keys or unexpected:
        count = f"{len(report.missing_keys)} layers missing, {len(unexpected)} too many"
        raise _misfit(found, count)


def _misfit(found: Checkpoint, why: str) -> EncoderError:
    return EncoderError(
        f"Expected weights of the timm model {found.model!r}, but those of "
        f"{found.pretrained or found.model!r} do not fit it ({why}). Name the model that the "
        "checkpoint was trained as: timm.list_models() lists all."
    )


def _is_large_vit(network: Any) -> bool:
    from timm.models.vision_transformer import VisionTransformer

    side = network.pretrained_cfg["input_size"][-1]
    return isinstance(network, VisionTransformer) and side > _SIDE

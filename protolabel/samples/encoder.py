"""Load the bundled encoder, a small open_clip model."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from protolabel.common.checks import checked
from protolabel.errors import EncoderError
from protolabel.samples.tokenizer import SampleTokenizer

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch

__all__ = [
    "DRAWINGS_ONLY",
    "MODEL_FOLDER",
    "MODEL_NAME",
    "SampleModel",
    "load_sample_model",
    "sample_tokenizer",
]

MODEL_NAME = "protolabel-sample-v1"
"""The name under which vectors of the sample encoder are recorded."""
DRAWINGS_ONLY = (
    "The sample encoder knows drawings of animals only: on photographs neither its labels nor "
    "their agreement mean anything. Use another encoder there."
)
"""What a report says of labels that this encoder made."""
MODEL_FOLDER = Path(__file__).parent / "sample_encoder"
"""The folder with the files that open_clip's ``local-dir:`` expects, and ``vocabulary.txt``."""


@dataclass(frozen=True, eq=False)
class SampleModel:
    """The sample encoder's parts.

    Attributes
    ----------
    model : open_clip.CLIP
        In evaluation mode, float32.
    preprocess : callable
        PIL.Image -> float tensor (3, 64, 64), open_clip's own transform.
    tokenizer : SampleTokenizer
        Texts -> LongTensor (n, 16); raises `VocabularyError` for words outside its vocabulary.
    name : str
        Name of the encoder, stored beside vectors.
    """

    model: Any
    preprocess: Callable[[Any], torch.Tensor]
    tokenizer: SampleTokenizer
    name: str = MODEL_NAME


def sample_tokenizer(folder: Path = MODEL_FOLDER, context_length: int = 16) -> SampleTokenizer:
    """Return the tokenizer of the sample encoder, which needs neither weights nor torch."""
    return SampleTokenizer.from_file(folder / "vocabulary.txt", context_length)


@checked
def load_sample_model(device: str = "cpu", *, folder: str | Path = MODEL_FOLDER) -> SampleModel:
    """Load the sample encoder, without a download.

    Parameters
    ----------
    device : str
        A torch device.
    folder : str or Path
        Folder with the files of a training run; by default the bundled encoder.

    Returns
    -------
    SampleModel

    Raises
    ------
    EncoderError
        If the files are missing, or this open_clip cannot read them.
    """
    import open_clip

    folder = Path(folder)
    try:
        # `local-dir:` reads config and weights from a folder without changing open_clip's list of
        # models. The float16 weights on disk are copied into a float32 model.
        model, preprocess = open_clip.create_model_from_pretrained(
            f"local-dir:{folder}", device=device, precision="fp32"
        )
        tokenizer = sample_tokenizer(folder, int(model.context_length))
    except (OSError, RuntimeError, ValueError) as error:
        raise EncoderError(
            f"Expected the sample encoder in {str(folder)!r}, but it could not be loaded "
            f"({error}): install protolabel again."
        ) from error
    model.eval()
    return SampleModel(model, preprocess, tokenizer)

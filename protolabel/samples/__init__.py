"""Sample pictures of animals, and a small encoder that was taught to read them.

For the demo, for teaching and for tests: nothing is downloaded. The encoder knows drawings, not
photographs; ``MODEL_CARD.md`` beside this file says what it can do and how it was trained.

    draw_animal("tiger", style="night", seed=3)          a picture
    write_sample_pictures("pictures/")                   a folder of them, and the truth
    load_sample_model()                                  model, preprocess, tokenizer, name
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from protolabel.samples.animals import ANIMALS
    from protolabel.samples.drawing import (
        DEMO_CLASSES,
        SamplePictures,
        draw_animal,
        write_sample_pictures,
    )
    from protolabel.samples.encoder import MODEL_NAME, SampleModel, load_sample_model
    from protolabel.samples.styles import DEMO_STYLES, STYLES, TRAINING_STYLES, Style
    from protolabel.samples.tokenizer import SampleTokenizer

__all__ = [
    "ANIMALS",
    "DEMO_CLASSES",
    "DEMO_STYLES",
    "MODEL_NAME",
    "STYLES",
    "TRAINING_STYLES",
    "SampleModel",
    "SamplePictures",
    "SampleTokenizer",
    "Style",
    "draw_animal",
    "load_sample_model",
    "write_sample_pictures",
]

_HOME = {
    "ANIMALS": "animals",
    "DEMO_CLASSES": "drawing",
    "DEMO_STYLES": "styles",
    "MODEL_NAME": "encoder",
    "STYLES": "styles",
    "SampleModel": "encoder",
    "SamplePictures": "drawing",
    "SampleTokenizer": "tokenizer",
    "Style": "styles",
    "TRAINING_STYLES": "styles",
    "draw_animal": "drawing",
    "load_sample_model": "encoder",
    "write_sample_pictures": "drawing",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)

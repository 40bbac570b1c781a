from .drawing.animals import ANIMALS
from .drawing.styles import DEMO_STYLES, STYLES, TRAINING_STYLES, Style
from .encoder import MODEL_NAME, SampleModel, load_sample_model
from .pictures import DEMO_CLASSES, SamplePictures, draw_animal, write_sample_pictures
from .tokenizer import SampleTokenizer

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

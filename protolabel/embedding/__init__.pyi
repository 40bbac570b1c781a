from .embed import Embeddings, embed_images, load_embeddings
from .prompts import DEFAULT_TEMPLATES, ClassPrompts, ClassVectors, TextEncoder, embed_classes

__all__ = [
    "DEFAULT_TEMPLATES",
    "ClassPrompts",
    "ClassVectors",
    "Embeddings",
    "TextEncoder",
    "embed_classes",
    "embed_images",
    "load_embeddings",
]

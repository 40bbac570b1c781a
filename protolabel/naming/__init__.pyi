from .groups import Group, NameTree, Suggestions, group_images
from .vocabulary import Vocabulary, everyday_words, own_words, sample_words
from .word_vectors import embed_words

__all__ = [
    "Group",
    "NameTree",
    "Suggestions",
    "Vocabulary",
    "embed_words",
    "everyday_words",
    "group_images",
    "own_words",
    "sample_words",
]

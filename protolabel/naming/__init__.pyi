from .groups import Group, NameTree, Suggestions, group_images
from .sheet import group_pictures, write_sheet
from .vocabulary import (
    NounTree,
    Vocabulary,
    everyday_words,
    noun_tree,
    own_words,
    sample_words,
)
from .word_vectors import embed_words

__all__ = [
    "Group",
    "NameTree",
    "NounTree",
    "Suggestions",
    "Vocabulary",
    "embed_words",
    "everyday_words",
    "group_images",
    "group_pictures",
    "noun_tree",
    "own_words",
    "sample_words",
    "write_sheet",
]

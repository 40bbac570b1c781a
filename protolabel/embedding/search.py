"""Find images by words or by another image, with one matrix product over the vectors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from protolabel.common.vectors import unit_blocks, unit_rows
from protolabel.embedding.prompts import DEFAULT_TEMPLATES, embed_classes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from protolabel.common.vectors import FloatArray
    from protolabel.encoders.base import Encoder

__all__ = ["most_similar", "words_vector"]


def words_vector(words: str, encoder: Encoder) -> NDArray[np.float32]:
    """Return the text vector of some words, such as "red sofa", in the default templates.

    Parameters
    ----------
    words : str
        A description of the images.
    encoder : Encoder
        The encoder of the images.

    Returns
    -------
    ndarray
        (d,) float32 of length 1.

    Raises
    ------
    InputError
        If the encoder cannot read the words.
    """
    vector: NDArray[np.float32] = embed_classes([words], encoder, DEFAULT_TEMPLATES).vectors[0]
    return vector


def most_similar(vectors: FloatArray, query: FloatArray) -> NDArray[np.int64]:
    """Rank all images by their similarity to a vector.

    Parameters
    ----------
    vectors : (N, d) floating
        Image vectors of any length; may be a memory map.
    query : (d,) floating
        A text vector, or the vector of an image.

    Returns
    -------
    ndarray
        (N,) int64 row numbers by decreasing cosine; equal cosines keep the order of the rows.
    """
    wanted = unit_rows(np.asarray(query, dtype=np.float32)[None])[0]
    cosines = np.empty(len(vectors), dtype=np.float32)
    for rows, x in unit_blocks(vectors):
        cosines[rows] = x @ wanted
    return np.argsort(-cosines, kind="stable").astype(np.int64)

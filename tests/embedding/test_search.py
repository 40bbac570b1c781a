"""A search ranks images by their cosine with the words, or with another image."""

from __future__ import annotations

import numpy as np

from protolabel.embedding.search import most_similar


def test_images_are_ranked_by_cosine_whatever_their_length():
    vectors = np.array([[1, 0], [0, 5], [3, 3], [-1, 0]], dtype=np.float32)
    assert most_similar(vectors, np.array([2.0, 0.1])).tolist() == [0, 2, 1, 3]

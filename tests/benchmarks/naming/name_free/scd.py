"""Semantic category discovery (Han, Huang, Li, Vaze, Li and Jia, 2023; ECCV 2024), from the paper.

Clusters vote for words of a large vocabulary, distinct by linear assignment; images are classified
by these words, and the new groups vote again, until nothing changes.
"""

from __future__ import annotations

import numpy as np

from name_free.voting import k_means, voted

__all__ = ["scd"]


def scd(
    images: np.ndarray, words: np.ndarray, count: int, rounds: int = 10
) -> tuple[np.ndarray, np.ndarray]:
    """Return a word for each of `count` groups, and the group of each image."""
    labels = k_means(images, count)
    chosen = voted(labels, images, words)
    for _ in range(rounds):
        labels = (images @ words[chosen].T).argmax(axis=1)
        empty = np.flatnonzero(np.bincount(labels, minlength=count) == 0)
        again = voted(np.concatenate([labels, empty]),
                      np.concatenate([images, words[chosen[empty]]]), words)  # fmt: skip
        if set(again) == set(chosen):
            break
        chosen = again
    return chosen, (images @ words[chosen].T).argmax(axis=1)

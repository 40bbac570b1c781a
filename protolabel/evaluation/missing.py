"""Suggest missing names: find groups of images that fit none of the given names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from protolabel.clustering.clusters import cluster_sums
from protolabel.common.checks import checked
from protolabel.common.vectors import FloatArray, as_vectors, unit_rows
from protolabel.errors import InputError
from protolabel.evaluation.fit import DEFAULT_STRICTNESS, check_strictness

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from protolabel.embedding.prompts import ClassVectors
    from protolabel.evaluation.fit import Fit
    from protolabel.refinement.labels import Labels

__all__ = ["MissingName", "missing_names"]

_CONTRAST = 0.5  # weight of a word's excess over the whole folder, relative to its cosine


@dataclass(frozen=True, eq=False)
class MissingName:
    """A micro-cluster that fits none of the names.

    Attributes
    ----------
    cluster : int
        Index of the micro-cluster.
    images : ndarray
        (n,) int64 its images, the most typical first.
    label : str
        The most frequent label of its images.
    fit : float
        Mean fit of its images, 0..1.
    suggestions : tuple of (str, float)
        Words that may name it, the best first, each with its score: the mean cosine with the
        images plus half of its excess over the mean of the folder. Scores rank the words of one
        cluster and have no other meaning.
    """

    cluster: int
    images: NDArray[np.int64]
    label: str
    fit: float
    suggestions: tuple[tuple[str, float], ...]

    def __len__(self) -> int:
        return len(self.images)


@checked
def missing_names(
    labels: Labels,
    vectors: FloatArray,
    fit: Fit,
    vocabulary: ClassVectors | None = None,
    *,
    strictness: float = DEFAULT_STRICTNESS,
    most: int = 5,
) -> tuple[MissingName, ...]:
    """Find micro-clusters that fit none of the names, and suggest names for them.

    Parameters
    ----------
    labels : Labels
        From `label`, of a run with clusters.
    vectors : ndarray of floating
        (N, d) floating image embeddings of the run; may be a memory map.
    fit : Fit
        From `measure_fit`.
    vocabulary : ClassVectors or None
        Text vectors of words that could be names, from `embed_classes` with the encoder of the
        images; without it, clusters have no suggestions.
    strictness : float
        0..1: clusters are returned if the mean fit of their images is below this.
    most : int
        Number of suggestions for each cluster, 0 or more.

    Returns
    -------
    tuple of MissingName
        The largest cluster first.

    Raises
    ------
    InputError
        If the labels are not of a run with clusters, or the arguments do not fit together.

    Notes
    -----
    The names themselves are left out, and so are words that describe the images of a name equally
    well, because those are synonyms of it.
    """
    run = labels.run
    if run is None or run.clusters is None:
        raise InputError(
            "Expected labels of a run with clusters, got others: pass clusters=cluster(vectors) "
            "to refine."
        )
    vectors = as_vectors(vectors, dim=run.classes.vectors.shape[1])
    n, micro, count = len(vectors), run.clusters.micro, run.clusters.n_micro
    if not len(labels) == len(fit) == n:
        raise InputError(
            f"Expected labels, fit and vectors of the same images, got {len(labels)}, {len(fit)} "
            f"and {n}: pass those of one run."
        )
    if vocabulary is not None and vocabulary.vectors.shape[1] != vectors.shape[1]:
        raise InputError(
            f"Expected a vocabulary with {vectors.shape[1]} columns, got "
            f"{vocabulary.vectors.shape[1]}: embed it with the encoder of the images."
        )
    limit = check_strictness(strictness)
    inside = micro >= 0
    size = np.bincount(micro[inside], minlength=count)
    mean_fit = np.bincount(micro[inside], fit.score[inside], minlength=count) / np.maximum(size, 1)
    found = np.flatnonzero((size > 0) & (mean_fit < limit))
    found = found[np.argsort(-size[found], kind="stable")]
    centres = _means(vectors, micro, count)
    words: list[tuple[tuple[str, float], ...]] = [()] * len(found)
    if vocabulary is not None and len(found):
        fits = fit.score >= limit
        words = _suggestions(
            labels, vectors, fits, centres[found], vocabulary=vocabulary, most=most
        )
    result = []
    for cluster, suggested in zip(found.tolist(), words, strict=True):
        members = np.flatnonzero(micro == cluster)
        typical = np.argsort(-(unit_rows(vectors[members]) @ centres[cluster]), kind="stable")
        common = np.bincount(labels.label[members], minlength=len(labels.names)).argmax()
        result.append(
            MissingName(
                cluster=cluster,
                images=members[typical],
                label=labels.names[common],
                fit=float(mean_fit[cluster]),
                suggestions=suggested,
            )
        )
    return tuple(result)


def _suggestions(
    labels: Labels,
    vectors: FloatArray,
    fits: NDArray[np.bool_],
    centres: NDArray[np.float32],
    *,
    vocabulary: ClassVectors,
    most: int,
) -> list[tuple[tuple[str, float], ...]]:
    n, n_classes = len(labels), len(labels.names)
    cosine = centres @ vocabulary.vectors.T
    whole = _means(vectors, np.zeros(n, np.int32), 1) @ vocabulary.vectors.T
    score = cosine + _CONTRAST * (cosine - whole)
    good = np.where(fits, labels.label, -1).astype(np.int32)
    there = np.flatnonzero(np.bincount(good[fits], minlength=n_classes))
    if len(there):
        named = _means(vectors, good, n_classes)[there] @ vocabulary.vectors.T
        score = np.where(cosine > named.max(axis=0), score, -np.inf)
    given = _given(labels)
    score[:, [word.casefold() in given for word in vocabulary.names]] = -np.inf
    result = []
    for row in score:
        best = np.argsort(-row, kind="stable")[:most]
        result.append(
            tuple((vocabulary.names[i], float(row[i])) for i in best if np.isfinite(row[i]))
        )
    return result


def _given(labels: Labels) -> set[str]:
    prompts = None if labels.run is None else labels.run.classes.prompts
    words = {word for group in prompts.synonyms for word in group} if prompts is not None else set()
    return {word.casefold() for word in (*labels.names, *words)}


def _means(vectors: FloatArray, group: NDArray[np.int32], count: int) -> NDArray[np.float32]:
    """Return the mean unit vector of each group, (count, d) float32; -1 is left out."""
    size = np.bincount(group[group >= 0], minlength=count)
    total = cluster_sums(vectors, group, count)
    return np.asarray(total / np.maximum(size, 1)[:, None], dtype=np.float32)

"""A small labelled folder: images on disk, vectors in blobs, a run of the loop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from protolabel.clustering.clusters import Clusters
from protolabel.common.progress import silent
from protolabel.common.vectors import unit_rows
from protolabel.embedding.embed import Embeddings
from protolabel.embedding.prompts import ClassPrompts, ClassVectors
from protolabel.encoders.base import EncoderInfo
from protolabel.images import ImageSet, Skipped
from protolabel.refinement.labels import Labels, label
from protolabel.refinement.loop import refine

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

DIM = 16


@dataclass
class Labelled:
    root: Path
    embedded: Embeddings
    labels: Labels

    @property
    def images(self) -> ImageSet:
        return self.embedded.images


def blobs(truth: np.ndarray, n_classes: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors around one axis a class, and the axes."""
    rng = np.random.default_rng(seed)
    axes = np.eye(max(DIM, n_classes), dtype=np.float32)[:n_classes]
    noise = rng.normal(0, 0.08, (len(truth), axes.shape[1]))
    return unit_rows(axes[truth] + noise.astype(np.float32)), axes


def make_labels(
    vectors: np.ndarray,
    axes: np.ndarray,
    names: Sequence[str],
    truth: np.ndarray,
    **options: object,
) -> Labels:
    prompts = ClassPrompts(tuple(names), tuple((n,) for n in names), (("a {}",),) * len(names))
    classes = ClassVectors(tuple(names), axes, 50.0, prompts)
    used = np.unique(truth)
    micro = np.searchsorted(used, truth).astype(np.int32)
    meta = np.zeros(len(used), np.int32)
    clusters = Clusters(micro, micro, axes[used], meta, unit_rows(axes[used].mean(0))[None])
    return label(refine(vectors, classes, clusters, progress=silent, **options))  # type: ignore[arg-type]


@pytest.fixture
def labelled(tmp_path: Path) -> Callable[..., Labelled]:
    """A function: ``labelled(["dog", "cat"], [8, 6])`` writes images and labels them."""

    def make(
        names: Sequence[str] = ("dog", "cat", "owl"),
        counts: Sequence[int] = (8, 6, 4),
        files: Sequence[str] | None = None,
        **options: object,
    ) -> Labelled:
        root = tmp_path / "photos"
        truth = np.repeat(np.arange(len(names)), counts)
        files = files or [f"{'ab'[i % 2]}/img{i:03d}.png" for i in range(len(truth))]
        rng = np.random.default_rng(1)
        for name in files:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            pixels = rng.integers(0, 255, (8, 8, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(root / name, format="PNG")
        vectors, axes = blobs(truth, len(names))
        images = ImageSet(root, tuple(files), (Skipped("bad.jpg", "the file is empty"),))
        info = EncoderInfo("fake", vectors.shape[1], 50.0, "custom")
        found = make_labels(vectors, axes, names, truth, **options)
        assert found.label.tolist() == truth.tolist()
        return Labelled(root, Embeddings(vectors, images, info), found)

    return make

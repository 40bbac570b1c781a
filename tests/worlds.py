"""Simulated CLIP vectors: two cones with a modality gap, classes with sub-modes, imperfect text."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

import protolabel as pl
from protolabel.common.progress import silent


@dataclass(frozen=True, eq=False)
class World:
    """Unit image vectors (N, d), the text of C classes, and what each image really is."""

    vectors: np.ndarray
    classes: pl.ClassVectors
    truth: np.ndarray


def make_world(
    sizes: tuple[int, ...] = (60, 50, 40, 40, 30, 20),
    *,
    absent: int = 0,
    modes: int = 3,
    dim: int = 64,
    seed: int = 0,
) -> World:
    """Return images of ``len(sizes)`` classes, in random order, and `absent` more class names.

    Images share one direction (their mean cosine is about 0.6) and texts another (an image and a
    text have 0.2 to 0.3, whatever the class). A class shows in both as a small common direction,
    its sub-modes only in the images, and each text is a little off.
    """
    rng = np.random.default_rng(seed)
    count = len(sizes) + absent
    axes = np.linalg.qr(rng.normal(size=(dim, dim)))[0]
    image_cone, text_cone, axes = axes[0], axes[1], axes[2:]
    own = axes[:count]
    rest = axes[count:]

    truth = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
    mode = _unit(rng.normal(size=(count, modes, len(rest))) @ rest)
    chosen = mode[truth, rng.integers(modes, size=len(truth))]
    doubt = rng.normal(scale=0.11, size=(len(truth), count)) @ own
    noise = rng.normal(scale=0.4 / np.sqrt(dim), size=(len(truth), dim))
    vectors = _unit(0.78 * image_cone + 0.3 * own[truth] + 0.25 * chosen + doubt + noise)

    off = _unit(rng.normal(size=(count, dim)))
    text = _unit(0.25 * image_cone + 0.9 * text_cone + 0.2 * own + 0.06 * off)
    names = [f"class {number}" for number in range(count)]
    return World(vectors.astype(np.float32), pl.ClassVectors(names, text), truth)


def visual_view(truth: np.ndarray, kind: str, seed: int = 0, dim: int = 96) -> np.ndarray:
    """Return the same images as a second encoder sees them, (N, dim), learnt apart from the first.

    ``"sharp"``: classes lie well apart. ``"plain"``: 6 of 10 neighbours share the class.
    ``"pairs"``: sharp, but every two classes look the same. ``"style"``: groups that have nothing
    to do with the classes. ``"noise"``: nothing.
    """
    rng = np.random.default_rng([seed, 7])
    n, count = len(truth), int(truth.max()) + 2
    directions = lambda rows: _unit(rng.normal(size=(rows, dim)))  # noqa: E731
    own = truth // 2 if kind == "pairs" else truth
    classes, modes, styles = directions(count), directions(4 * count), directions(12)
    mode, style = modes[4 * own + rng.integers(4, size=n)], styles[rng.integers(12, size=n)]
    step = {
        "sharp": 0.5 * classes[own] + 0.4 * mode + 0.25 * style,
        "pairs": 0.5 * classes[own] + 0.4 * mode + 0.25 * style,
        "plain": 0.3 * classes[own] + 0.35 * mode + 0.3 * style,
        "style": 0.6 * style,
        "noise": 0.0,
    }[kind]
    noise = rng.normal(scale=0.85 / np.sqrt(dim), size=(n, dim))
    return _unit(0.35 * directions(1) + step + noise).astype(np.float32)


@cache
def clustered_world() -> tuple[World, pl.KnnGraph, pl.Clusters]:
    """Return one world with its graph and its clusters, computed once for all tests."""
    world = make_world()
    graph = pl.knn_graph(world.vectors, 10)
    return world, graph, pl.cluster(world.vectors, graph, progress=silent)


def _unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)

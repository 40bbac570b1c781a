"""Simulated CLIP vectors with a real modality gap: what a folder can be like, with known truth.

Calibrated on OpenAI CLIP ViT-B/32 vectors of photographs: mean cosine of an image and a text 0.20
to 0.21 (sd 0.03), of the right text about 0.06 more; mean cosine of two images 0.48 to 0.76; of
two texts 0.80 to 0.90; variance within a class falls along its axes like a power law (effective
rank about 50), nearest neighbour at a cosine of about 0.87. `python tests/benchmarks/quality
--describe` prints these figures of every world.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from tasks import Task, unit

__all__ = ["WORLDS", "World", "make"]

DIM = 512


@dataclass(frozen=True)
class World:
    """What a simulated folder is like.

    Attributes
    ----------
    classes, per_class
        Number of classes, and of images of each.
    separation
        Length of the step from the mean of all images to the mean of a class.
    alignment
        Cosine between that step and the same step from text to text: how well names describe.
    groups
        Classes come in so many families of similar ones; 0: no families.
    modes
        Sub-modes of each class.
    mixture
        How far images show a second class too, on average; 0.25: one in ten shows more of it.
    style
        Length of the steps between 3 styles (photograph, drawing, ...) that all classes share.
    bursts
        Share of the images that are near-duplicates of another.
    junk
        Images of no class for every image of a class.
    wrong_names
        Number of classes whose name says nothing about their images.
    """

    classes: int = 10
    per_class: int = 60
    separation: float = 0.37
    alignment: float = 0.55
    groups: int = 0
    modes: int = 4
    mixture: float = 0.2
    style: float = 0.15
    bursts: float = 0.0
    junk: float = 0.0
    wrong_names: int = 0


WORLDS = {
    "easy": World(),
    "medium": World(classes=20, per_class=40, alignment=0.53, mixture=0.25, groups=7),
    "hard": World(classes=40, per_class=25, alignment=0.53, mixture=0.3, groups=10),
    "styles": World(classes=12, per_class=50, separation=0.33, alignment=0.5, style=0.45),
    "bursts": World(classes=12, per_class=50, alignment=0.45, bursts=0.5),
    "junk": World(classes=10, per_class=50, alignment=0.5, junk=0.3),
    "wrong name": World(classes=10, per_class=50, wrong_names=1),
}


def make(world: World, seed: int, distractors: int = 40) -> tuple[Task, np.ndarray]:
    """Draw a folder; return the task and the text of `distractors` further names, (D, d).

    An image is the sum of the mean image, its class, its sub-mode, its style and noise, and some
    images show their class more clearly than others. A text is the sum of the mean text, a step
    that is aligned with the step of its class among the images, and a bias of its own.
    """
    rng = np.random.default_rng(seed)
    count = world.classes
    n_junk = round(world.junk * count * world.per_class)
    axes = np.linalg.qr(rng.normal(size=(DIM, DIM)))[0].astype(np.float32)
    image_mean = axes[0]  # axes[1] is the mean of the texts
    # The directions that differ between images: as a power law, as CLIP's do.
    free = axes[2:]
    spectrum = (np.arange(len(free)) + 3.0) ** -1.15
    spectrum /= spectrum.sum()

    def directions(number: int) -> np.ndarray:
        """Unit directions in the space of what varies, most of it in the strong axes."""
        return unit((rng.normal(size=(number, len(free))) * spectrum**0.25) @ free)

    # Junk and distractor names are classes of their own; distractors may be siblings of a class.
    total = count + distractors + (6 if n_junk else 0)
    own = directions(total)
    if world.groups:
        family = directions(world.groups)[rng.integers(world.groups, size=total)]
        own = unit(own + 0.9 * family)

    truth = np.repeat(np.arange(count), world.per_class)
    kind = np.concatenate([truth, count + distractors + rng.integers(6, size=n_junk)])
    truth = np.concatenate([truth, np.full(n_junk, -1)])
    n = len(kind)
    modes = directions(total * world.modes).reshape(total, world.modes, DIM)
    styles = directions(3)
    clarity = rng.lognormal(sigma=0.25, size=(n, 1)).clip(0.4, 1.8)
    noise = (rng.normal(size=(n, len(free))) * np.sqrt(spectrum)) @ free
    second = _second_class(rng, own, kind)
    share = rng.beta(1.0, 1.0 / world.mixture - 1.0, size=(n, 1))
    shown = (1.0 - share) * own[kind] + share * own[second]
    x = 0.8 * image_mean + world.separation * clarity * shown
    x = x + 0.22 * modes[kind, rng.integers(world.modes, size=n)]
    x = x + world.style * styles[rng.integers(3, size=n)] + 0.42 * noise
    if world.bursts:
        copies = rng.random(n) < world.bursts
        source = _burst_sources(rng, kind, copies)
        jitter = (rng.normal(size=(n, len(free))) * np.sqrt(spectrum)) @ free
        x[copies] = x[source[copies]] + 0.12 * jitter[copies]

    order = rng.permutation(n)
    text = _texts(rng, own, axes[:2], directions(total), world)
    prompts = unit(text[:count, None] + 0.3 * unit(rng.normal(size=(count, 7, DIM))))
    task = Task(unit(x[order]), truth[order], text[:count], prompts)
    return task, text[count : count + distractors]


def _second_class(rng: np.random.Generator, own: np.ndarray, kind: np.ndarray) -> np.ndarray:
    """Return for every image a class that it shows besides, rather a similar one than another."""
    chance = np.exp((own @ own.T) / 0.2)
    np.fill_diagonal(chance, 0.0)
    edges = np.cumsum(chance / chance.sum(axis=1, keepdims=True), axis=1)
    drawn = (rng.random((len(kind), 1)) > edges[kind]).sum(axis=1)
    return np.minimum(drawn, len(own) - 1)


def _texts(
    rng: np.random.Generator,
    own: np.ndarray,
    cones: np.ndarray,
    aside: np.ndarray,
    world: World,
) -> np.ndarray:
    """Unit text vectors (total, d): a cone of their own, with steps aligned to the images'."""
    total = len(own)
    alignment = rng.normal(world.alignment, 0.07, size=(total, 1)).clip(0.15, 0.8)
    alignment[: world.wrong_names] = 0.0
    step = unit(alignment * own + np.sqrt(1.0 - alignment**2) * aside)
    bias = rng.normal(0.0, 0.008, size=(total, 1))
    return unit((0.25 + bias) * cones[0] + 0.89 * cones[1] + 0.37 * step)


def _burst_sources(rng: np.random.Generator, kind: np.ndarray, copies: np.ndarray) -> np.ndarray:
    """Return for every image the original that it is a near-duplicate of, of the same class."""
    source = np.arange(len(kind))
    for value in np.unique(kind):
        originals = np.flatnonzero((kind == value) & ~copies)
        inside = np.flatnonzero((kind == value) & copies)
        if len(originals):
            # Few originals have many copies, as when somebody keeps the shutter pressed.
            few = originals[: max(1, len(originals) // 4)]
            source[inside] = rng.choice(few, size=len(inside))
    return source

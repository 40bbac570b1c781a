"""Folders that are hard in a way of their own: copies, few images, hubs, soft scales, many names.

Each is a change of a task, of a file or of a simulated world, and None where it cannot be made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from settings import SETTINGS, further_names
from simulated import WORLDS, make
from tasks import Task, load, unit

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["SPECIAL", "special_tasks"]

Change = Callable[[Task, np.random.Generator, np.ndarray], Task | None]
NAMES = 1000
COPY = 0.12  # part of another image in a copy: a cosine of about 0.98 to its original
HUB = 0.03  # of the mean image in a hub: its cosines rise by most of what tells names apart
LOW = 0.47  # coordinate that images and texts have with opposite signs


def _duplicates(task: Task, rng: np.random.Generator, further: np.ndarray) -> Task:
    """Half of the images are near-copies of a quarter of the others of their class."""
    vectors = task.vectors.copy()
    for name in np.unique(task.truth):
        rows = rng.permutation(np.flatnonzero(task.truth == name))
        half, some = rows[: len(rows) // 2], rows[len(rows) // 2 :]
        few = some[: max(1, len(some) // 4)]
        other = task.vectors[rng.integers(len(vectors), size=len(half))]
        vectors[half] = unit((1 - COPY) * vectors[rng.choice(few, len(half))] + COPY * other)
    return replace(task, vectors=vectors)


def _sizes(count: int) -> Change:
    """So many images in a long tail of at most ten classes."""

    def change(task: Task, rng: np.random.Generator, further: np.ndarray) -> Task:
        classes = rng.permutation(np.unique(task.truth[task.truth >= 0]))[:10]
        shape = 8.0 ** -np.linspace(0, 1, len(classes))
        sizes = np.maximum(1, np.floor(shape * (count - len(classes)) / shape.sum()) + 1)
        sizes[0] += count - sizes.sum()
        rows = [
            rng.permutation(np.flatnonzero(task.truth == c))[: int(size)]
            for c, size in zip(classes, sizes, strict=True)
        ]
        return task.take(np.sort(np.concatenate(rows)))

    return change


def _only(task: Task, classes: np.ndarray) -> Task:
    """These classes alone, names and images."""
    number = np.full(len(task.text) + 1, -1)
    number[classes] = np.arange(len(classes))
    less = task.take(np.flatnonzero(np.isin(task.truth, classes)))
    prompts = None if task.prompts is None else task.prompts[classes]
    return replace(less, text=task.text[classes], truth=number[less.truth], prompts=prompts)


def _tail_of_twenty(task: Task, rng: np.random.Generator, further: np.ndarray) -> Task | None:
    """A long tail 20:1 of exactly twenty classes."""
    classes = np.unique(task.truth[task.truth >= 0])
    if len(classes) < 20:
        return None
    some = _only(task, rng.permutation(classes)[:20])
    return some.take(SETTINGS["long tail 20:1"](some.truth, rng))


def _two_classes(task: Task, rng: np.random.Generator, further: np.ndarray) -> Task:
    """Two names, and the images of both."""
    classes = np.unique(task.truth[task.truth >= 0])
    return _only(task, rng.choice(classes, 2, replace=False))


def _hub(task: Task, rng: np.random.Generator, further: np.ndarray) -> Task:
    """Half of the names absent, and one text vector near every image."""
    less = task.take(SETTINGS["half absent"](task.truth, rng))
    text = less.text.copy()
    hub = rng.integers(len(text))
    text[hub] = unit(text[hub] + HUB * unit(less.vectors.mean(axis=0)))
    return replace(less, text=text, prompts=None)


def _scale(scale: float) -> Change:
    return lambda task, rng, further: replace(task, logit_scale=scale)


def _many_names(task: Task, rng: np.random.Generator, further: np.ndarray) -> Task | None:
    """A thousand names, most of which have no image."""
    missing = NAMES - len(task.text)
    if len(further) < missing:
        return None
    return task.with_names(further[rng.permutation(len(further))[:missing]])


def _low_cosines(task: Task, rng: np.random.Generator, further: np.ndarray) -> Task:
    """The cosines of SigLIP: about 0 for an image and a name in place of CLIP's 0.2.

    Images and texts get one more coordinate, of opposite signs: a constant is subtracted from all
    cosines between them, as by SigLIP's bias. With the scale that makes up for the new length,
    zero-shot says what it said before.
    """

    def longer(rows: np.ndarray, value: float) -> np.ndarray:
        more = np.full((*rows.shape[:-1], 1), value, np.float32)
        return unit(np.concatenate([rows, more], axis=-1))

    prompts = None if task.prompts is None else longer(task.prompts, -LOW)
    scale = task.logit_scale * (1 + LOW**2)
    return Task(longer(task.vectors, LOW), task.truth, longer(task.text, -LOW), prompts, scale)


SPECIAL: dict[str, Change] = {
    "near-duplicates": _duplicates,
    "20 images in a tail": _sizes(20),
    "long tail of 20 classes": _tail_of_twenty,
    "hub name, half absent": _hub,
    "logit scale 10": _scale(10.0),
    "logit scale 25": _scale(25.0),
    "logit scale 50": _scale(50.0),
    "2 classes": _two_classes,
    "1,000 names": _many_names,
    "1,000 classes x 4": lambda task, rng, further: task if len(task.text) == NAMES else None,
    "low cosines (SigLIP)": _low_cosines,
}
DRAWN_ONCE = ("logit scale", "low cosines", "1,000 classes")


def special_tasks(
    source: Path | str, setting: str, draws: int, bank: Path | None
) -> Iterator[Task]:
    """Yield one task per draw; none where the source does not allow the setting."""
    for seed in range(
        1 if setting.startswith(DRAWN_ONCE) and not isinstance(source, str) else draws
    ):
        if isinstance(source, str):
            world = WORLDS[source]
            if setting == "1,000 classes x 4":
                if seed:
                    return
                world = replace(world, classes=NAMES, per_class=4)
            names = NAMES - world.classes if setting == "1,000 names" else 40
            task, further = make(world, seed, max(40, names))
        else:
            task = load(source)
            further = further_names(task, bank)
        changed = SPECIAL[setting](task, np.random.default_rng([seed, 7]), further)
        if changed is None:
            return
        yield changed

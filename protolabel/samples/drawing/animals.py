"""Whole animals: a body in one of several poses, a head, a coat.

`build` returns the layers of one animal from back to front, inside about ``[-1, 1] x [-1, 1]``,
together with a palette (role -> RGB). Every measure is drawn at random, within limits that keep
the animal recognisable.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from protolabel.samples.drawing import birds_and_fish, faces, long_faces
from protolabel.samples.drawing.coats import COATS, COMMON, Palette
from protolabel.samples.drawing.poses import Quadruped, long_neck, portrait, sitting, standing
from protolabel.samples.drawing.shapes import (
    Layer,
    Rng,
    ellipse,
    place,
    smooth,
    tube,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["ANIMALS", "build"]


def _dog(rng: Rng) -> list[Layer]:
    pose = rng.random()
    if pose < 0.36:
        return sitting(rng, faces.dog_face, marks="none", tail=rng.random() < 0.6)
    if pose < 0.66:
        return portrait(rng, faces.dog_face)
    q = Quadruped(
        length=rng.uniform(0.4, 0.56),
        girth=rng.uniform(0.18, 0.25),
        leg=rng.uniform(0.3, 0.5),
        head=0.32,
        head_at=(0.62, -0.42),
        neck=0.15,
        marks="saddle",
        tail="long",
    )
    return standing(rng, q, long_faces.dog_profile if rng.random() < 0.7 else faces.dog_face)


def _cat(rng: Rng) -> list[Layer]:
    pose = rng.random()
    tabby = "stripes" if rng.random() < 0.25 else "none"
    if pose < 0.42:
        return sitting(rng, faces.cat_face, marks=tabby, tail=True, size=0.44)
    if pose < 0.68:
        return portrait(rng, faces.cat_face)
    q = Quadruped(
        length=rng.uniform(0.4, 0.52),
        girth=rng.uniform(0.17, 0.22),
        leg=rng.uniform(0.3, 0.42),
        leg_width=0.075,
        head=0.33,
        head_at=(0.58, -0.34),
        neck=0.13,
        marks=tabby,
    )
    return standing(rng, q, faces.cat_face)


def _tiger(rng: Rng) -> list[Layer]:
    pose = rng.random()
    if pose < 0.22:
        return sitting(rng, faces.tiger_face, marks="stripes", tail=True)
    if pose < 0.5:
        return portrait(rng, faces.tiger_face, striped=True)
    q = Quadruped(
        length=rng.uniform(0.5, 0.58),
        girth=rng.uniform(0.24, 0.28),
        leg=rng.uniform(0.26, 0.38),
        leg_width=0.105,
        head=0.34,
        head_at=(0.62, -0.2),
        neck=0.2,
        marks="stripes",
    )
    return standing(rng, q, faces.tiger_face)


def _lion(rng: Rng) -> list[Layer]:
    pose = rng.random()
    if pose < 0.22:
        return sitting(rng, faces.lion_face, marks="tuft", tail=True, size=0.4)
    if pose < 0.5:
        return portrait(rng, faces.lion_face, scale=0.58, y=0.0)
    q = Quadruped(
        length=rng.uniform(0.48, 0.56),
        girth=rng.uniform(0.22, 0.26),
        leg=rng.uniform(0.28, 0.4),
        leg_width=0.1,
        head=0.32,
        head_at=(0.52, -0.26),
        neck=0.2,
        tail="tuft",
    )
    return standing(rng, q, faces.lion_face)


def _giraffe(rng: Rng) -> list[Layer]:
    pose = rng.random()
    if pose < 0.22:
        return long_neck(rng, long_faces.giraffe_face, scale=0.42, marks="patches", front=True)
    if pose < 0.42:
        return long_neck(rng, long_faces.giraffe_profile, scale=0.38, marks="patches", front=False)
    q = Quadruped(
        back=0.12,
        length=0.32,
        girth=0.19,
        leg=rng.uniform(0.56, 0.66),
        leg_width=0.055,
        head=0.19,
        head_at=(rng.uniform(0.52, 0.7), rng.uniform(-0.86, -0.72)),
        neck=0.095,
        tail="tuft",
        marks="patches",
        paw="dark2",
    )
    return standing(rng, q, long_faces.giraffe_profile)


def _elephant(rng: Rng) -> list[Layer]:
    if rng.random() < 0.4:
        return portrait(rng, long_faces.elephant_face, scale=0.6, y=-0.08)
    q = Quadruped(
        back=-0.05,
        length=0.4,
        girth=rng.uniform(0.32, 0.38),
        leg=rng.uniform(0.24, 0.34),
        leg_width=0.14,
        head=0.38,
        head_at=(0.48, -0.26),
        neck=0.26,
        tail="short",
        paw="none",
    )
    return standing(rng, q, long_faces.elephant_profile)


def _zebra(rng: Rng) -> list[Layer]:
    pose = rng.random()
    if pose < 0.2:
        return portrait(rng, long_faces.zebra_face, scale=0.66, striped=True)
    if pose < 0.4:
        return long_neck(rng, long_faces.zebra_profile, scale=0.42, marks="stripes", front=False)
    q = Quadruped(
        back=0.05,
        length=rng.uniform(0.4, 0.5),
        girth=rng.uniform(0.2, 0.24),
        leg=rng.uniform(0.46, 0.56),
        leg_width=0.065,
        head=0.27,
        head_at=(0.64, -0.52),
        neck=0.15,
        tail="brush",
        marks="stripes",
        paw="dark2",
    )
    return standing(rng, q, long_faces.zebra_profile)


def _rabbit(rng: Rng) -> list[Layer]:
    pose = rng.random()
    if pose < 0.4:
        return place(
            sitting(rng, faces.rabbit_face, marks="none", tail=False, size=0.4), scale=0.85, y=0.2
        )
    if pose < 0.65:
        return portrait(rng, faces.rabbit_face, scale=0.52, y=0.35)
    hump = smooth(
        [
            (-0.75, 0.5),
            (-0.72, 0.1),
            (-0.3, -0.2),
            (0.25, 0.05),
            (0.5, 0.45),
            (0.4, 0.72),
            (-0.55, 0.74),
        ],
        "coat",
    )
    haunch = ellipse(-0.36, 0.45, 0.3, 0.3, "coat")
    foot = ellipse(-0.18, 0.74, 0.3, 0.09, "coat")
    paw = tube([(0.36, 0.45), (0.45, 0.74)], [0.1, 0.08], "coat")
    puff = ellipse(-0.78, 0.42, 0.16, 0.16, "light")
    return [
        Layer((puff,)),
        Layer((hump, paw)),
        Layer((haunch, foot)),
        *place(faces.rabbit_face(rng), scale=0.36, x=0.42, y=0.02, angle=rng.uniform(-0.15, 0.15)),
    ]


def _panda(rng: Rng) -> list[Layer]:
    pose = rng.random()
    if pose < 0.45:
        return sitting(rng, faces.panda_face, marks="none", tail=False, limbs="dark2", size=0.48)
    if pose < 0.72:
        return portrait(rng, faces.panda_face, shoulders="dark2")
    q = Quadruped(
        length=0.46,
        girth=0.3,
        leg=0.24,
        leg_width=0.13,
        head=0.36,
        head_at=(0.6, -0.22),
        neck=0.2,
        tail="none",
        marks="band",
    )
    return standing(rng, q, faces.panda_face)


_BUILDERS: Mapping[str, Callable[[Rng], list[Layer]]] = {
    "dog": _dog,
    "cat": _cat,
    "tiger": _tiger,
    "lion": _lion,
    "giraffe": _giraffe,
    "elephant": _elephant,
    "zebra": _zebra,
    "rabbit": _rabbit,
    "panda": _panda,
    "penguin": birds_and_fish.penguin,
    "owl": birds_and_fish.owl,
    "fish": birds_and_fish.fish,
}


ANIMALS: tuple[str, ...] = tuple(_BUILDERS)
"""The animals that can be drawn; also the classes the sample encoder knows."""


def build(name: str, rng: Rng) -> tuple[list[Layer], Palette]:
    """Return one animal's layers, back to front, and its colours by role.

    Parameters
    ----------
    name : str
        One of `ANIMALS`.
    rng : numpy.random.Generator
        Decides pose, proportions and colours.
    """
    layers = _BUILDERS[name](rng)
    coats = COATS[name]
    palette = COMMON | coats[int(rng.integers(len(coats)))]
    coat = palette["coat"]
    palette.setdefault("shade", (int(coat[0] * 0.78), int(coat[1] * 0.76), int(coat[2] * 0.78)))
    palette.setdefault("coat2", palette["shade"])
    return layers, palette

"""Whole animals: bodies in several poses with the heads of `faces`, and their natural colours.

`build` returns the layers of one animal from back to front, inside about ``[-1, 1] x [-1, 1]``,
together with a palette (role -> RGB). Every measure is drawn at random within what still looks
like the animal.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from protolabel.samples import birds_and_fish, faces
from protolabel.samples.shapes import (
    Layer,
    Rng,
    Shape,
    ellipse,
    mirror,
    place,
    smooth,
    tube,
)

__all__ = ["ANIMALS", "RGB", "build"]

RGB = tuple[int, int, int]
Head = Callable[[Rng], list[Layer]]
Palette = dict[str, RGB]

# What an eye, a tongue, a nose look like unless an animal says otherwise.
_COMMON: Palette = {
    "dark": (38, 30, 32),
    "dark2": (52, 44, 46),
    "gleam": (255, 255, 255),
    "eye": (250, 250, 244),
    "hair": (70, 60, 60),
    "tongue": (232, 112, 128),
    "skin": (240, 170, 170),
    "nose": (52, 40, 42),
    "tusk": (250, 244, 225),
    "beak": (245, 160, 50),
    "light": (250, 240, 225),
}


@dataclass(frozen=True)
class _Quadruped:
    """Measures of an animal on four legs that stands and looks to the right."""

    back: float = 0.0  # height of the back; smaller is higher
    length: float = 0.5  # half the length of the body
    girth: float = 0.25
    leg: float = 0.5
    leg_width: float = 0.09
    head: float = 0.34
    head_at: tuple[float, float] = (0.62, -0.36)
    neck: float = 0.2
    tail: str = "long"  # long, short, tuft, brush, none
    marks: str = "none"  # none, stripes, patches, belly, saddle, band
    paw: str = "coat"


def _legs(rng: Rng, q: _Quadruped, role: str, phase: float, shift: float) -> list[Shape]:
    shapes = []
    top, ground = q.back + 0.08, q.back + q.girth + q.leg
    for x in (-q.length + 0.1, q.length - 0.08):
        swing = phase * rng.uniform(0.4, 1.0) * (1 if x > 0 else -1)
        foot = x + shift + swing
        w = q.leg_width
        shapes.append(
            tube([(x + shift * 0.5, top), ((x + foot) / 2 + 0.02, (top + ground) / 2), (foot, ground)],
                 [1.45 * w, w, 0.9 * w], role)
        )
        if q.paw != "none":
            shapes.append(ellipse(foot + 0.35 * w, ground + 0.25 * w, 1.35 * w, 0.8 * w,
                                  role if q.paw == "coat" or role == "shade" else q.paw, steps=18))
    return shapes


def _tail(rng: Rng, q: _Quadruped) -> list[Layer]:
    x, y = -q.length - 0.1, q.back - 0.05
    lift = rng.uniform(-0.5, 0.35)
    if q.tail == "none":
        return []
    if q.tail == "short":
        return [Layer((tube([(x + 0.06, y), (x - 0.14, y + lift * 0.5 - 0.05)], [0.08, 0.05], "coat"),))]
    if q.tail == "brush":
        return [Layer((tube([(x + 0.05, y), (x - 0.16, y + 0.12), (x - 0.2, y + 0.5)], [0.05, 0.08, 0.05], "mane"),))]
    end = (x - 0.3, y + lift)
    path = [(x + 0.08, y), (x - 0.16, y + 0.12 + lift * 0.3), end, (end[0] - 0.06, end[1] - 0.18)]
    if q.tail == "tuft":
        path = path[:3]
        return [
            Layer((tube(path, [0.05, 0.035, 0.03], "coat"),)),
            Layer((ellipse(end[0], end[1] + 0.03, 0.08, 0.12, "mane"),)),
        ]
    marks: tuple[Shape, ...] = ()
    if q.marks == "stripes":
        marks = tuple(
            tube([(px - 0.08, py - 0.09), (px + 0.08, py + 0.09)], [0.03, 0.03], "mark")
            for px, py in np.asarray(path)[1:]
        )
    return [Layer((tube(path, [0.07, 0.06, 0.06, 0.05], "coat"),), marks)]


def _stripes(rng: Rng, q: _Quadruped) -> list[Shape]:
    top, low = q.back - 1.15 * q.girth, q.back + 1.1 * q.girth
    shapes: list[Shape] = []
    for k, x in enumerate(np.arange(-q.length - 0.12, q.length + 0.12, 0.135)):
        bend, w = rng.uniform(-0.05, 0.05), rng.uniform(0.026, 0.04)
        deep = rng.uniform(0.05, 0.7) * q.girth
        shapes.append(tube([(x, top), (x + bend, (top + deep) / 2), (x - bend, q.back + deep)], [w, w, 0.008], "mark"))
        if k % 2:
            shapes.append(tube([(x + 0.06, low), (x + 0.04, q.back + 0.45 * q.girth)], [w, 0.008], "mark"))
    ground = q.back + q.girth + q.leg
    for x in (-q.length + 0.1, q.length - 0.08):
        for y in np.arange(q.back + q.girth + 0.06, ground - 0.1, 0.12):
            shapes.append(tube([(x - 0.3, y), (x, y + 0.03), (x + 0.3, y)], [0.022, 0.022], "mark"))
    return shapes


def _body_marks(rng: Rng, q: _Quadruped) -> list[Shape]:
    if q.marks == "stripes":
        belly = ellipse(0, q.back + 1.1 * q.girth, q.length - 0.1 - 1.6 * q.leg_width, 0.35 * q.girth, "light")
        return [belly, *_stripes(rng, q)]
    if q.marks == "patches":
        x, y = q.head_at
        found = faces.patches(rng, (-q.length - 0.3, q.back - q.girth - 0.1, q.length + 0.3, q.back + q.girth + 0.12), 0.17)
        t = np.linspace(0, 1, 9)
        for a in t:
            cx, cy = q.length - 0.05 + a * (x - q.length + 0.05), q.back + a * (y - q.back)
            found += faces.patches(rng, (cx - 0.08, cy, cx + 0.1, cy + 0.02), 0.13)[:4]
        return found
    if q.marks == "saddle" and rng.random() < 0.7:
        at = rng.uniform(-0.35, 0.1)
        return [smooth([(at - 0.25, q.back - 0.4), (at + 0.25, q.back - 0.4), (at + 0.2, q.back), (at - 0.22, q.back + 0.05)], "ear")]
    if q.marks == "band":
        x = q.length - 0.02
        return [tube([(x, q.back - 0.4), (x - 0.02, q.back + 0.4)], [0.15, 0.15], "dark2")]
    return [ellipse(0, q.back + 1.1 * q.girth, q.length - 0.1 - 1.6 * q.leg_width, 0.4 * q.girth, "light")]


def _standing(rng: Rng, q: _Quadruped, head: Head) -> list[Layer]:
    phase = rng.uniform(-0.14, 0.14)
    sag = rng.uniform(-0.02, 0.04)
    body = tube(
        [(-q.length, q.back), (0, q.back + sag), (q.length, q.back - 0.02)],
        [q.girth * 0.92, q.girth * rng.uniform(0.9, 1.0), q.girth],
        "coat",
    )
    x, y = q.head_at
    neck = tube([(q.length - 0.04, q.back + 0.02), (0.5 * (x + q.length), 0.5 * (y + q.back)), (x, y)],
                [1.2 * q.neck, q.neck, 0.85 * q.neck], "coat")
    near = _legs(rng, q, "coat" if q.marks != "band" else "dark2", phase, 0.0)
    layers = [
        Layer(tuple(_legs(rng, q, "shade" if q.marks != "band" else "dark2", -phase, 0.13))),
        *_tail(rng, q),
        Layer((neck, body, *near), tuple(_body_marks(rng, q))),
    ]
    if q.tail == "brush":  # a zebra's or horse's mane stands along the neck
        crest = tube([(q.length - 0.24, q.back - 0.2), (0.5 * (x + q.length) - 0.19, 0.5 * (y + q.back) - 0.1), (x - 0.14, y - 0.28)],
                     [0.05, 0.08, 0.06], "mane")
        layers.insert(2, Layer((crest,)))
    tilt = rng.uniform(-0.16, 0.16)
    layers += place(head(rng), scale=q.head, x=x, y=y, angle=tilt)
    return layers


def _sitting(rng: Rng, head: Head, *, marks: str, tail: bool, limbs: str = "coat", size: float = 0.46) -> list[Layer]:
    """An animal that sits and looks at us."""
    w = rng.uniform(0.4, 0.5)
    body = smooth([(0, -0.35), (0.28, -0.2), (w, 0.45), (0.36, 0.86), (0, 0.9), (-0.36, 0.86), (-w, 0.45), (-0.28, -0.2)], "coat")
    thighs = mirror(ellipse(w * 0.86, 0.66, 0.24, 0.27, limbs))
    feet = mirror(ellipse(w * 0.95, 0.9, 0.24, 0.1, limbs))
    legs = mirror(tube([(0.17, 0.2), (0.15, 0.84)], [0.12, 0.1], limbs), ellipse(0.16, 0.9, 0.14, 0.09, limbs))
    chest = ellipse(0, 0.2, 0.2, 0.36, "light")
    stripes: list[Shape] = []
    if marks == "stripes":
        for y in np.arange(-0.15, 0.85, 0.17):
            stripes += mirror(tube([(0.75, y), (0.4, y + 0.05), (0.22, y + 0.03)], [0.035, 0.035, 0.01], "mark"))
    layers: list[Layer] = []
    if tail:
        s = rng.choice([-1, 1])
        path = [(s * 0.3, 0.8), (s * 0.72, 0.78), (s * 0.82, 0.4), (s * 0.7, rng.uniform(-0.05, 0.2))]
        rings = [tube([(x - 0.1, y + 0.02), (x + 0.1, y - 0.02)], [0.03, 0.03], "mark") for x, y in path[1:]]
        layers.append(Layer((tube(path, [0.08, 0.08, 0.07, 0.06], "coat"),), tuple(rings) if stripes else ()))
        if marks == "tuft":
            layers.append(Layer((ellipse(path[-1][0], path[-1][1], 0.11, 0.14, "mane"),)))
    layers.append(Layer((body,), (chest, *stripes)))
    layers.append(Layer((*thighs, *feet), tuple(stripes) if limbs == "coat" else ()))
    leg_marks = tuple(tube([(-0.4, y), (0, y + 0.02), (0.4, y)], [0.02, 0.02], "mark") for y in (0.4, 0.54, 0.68))
    layers.append(Layer(legs, leg_marks if stripes else ()))
    layers += place(head(rng), scale=size * rng.uniform(0.92, 1.06), y=rng.uniform(-0.46, -0.4), angle=rng.uniform(-0.14, 0.14))
    return layers


def _portrait(rng: Rng, head: Head, *, scale: float = 0.74, y: float = 0.05, shoulders: str = "coat", striped: bool = False) -> list[Layer]:
    """Head and shoulders."""
    w = rng.uniform(0.6, 0.8)
    torso = smooth([(0, 0.25), (0.45, 0.4), (w, 0.8), (w + 0.05, 1.6), (-w - 0.05, 1.6), (-w, 0.8), (-0.45, 0.4)], shoulders)
    marks = [tube([(k * 1.0, y), (k * 0.5, y + 0.06), (k * 0.2, y + 0.04)], [0.05, 0.05, 0.01], "mark")
             for y in np.arange(0.45, 1.2, 0.17) for k in (-1, 1)] if striped else []
    bust = [Layer((torso,), tuple(marks))] if rng.random() < 0.6 else []
    return bust + place(head(rng), scale=scale * rng.uniform(0.92, 1.05), y=y - (0.1 if bust else 0), angle=rng.uniform(-0.12, 0.12))


def _long_neck(rng: Rng, head: Head, *, scale: float, marks: str, front: bool) -> list[Layer]:
    """A neck that rises from the lower edge, and its head."""
    lean = rng.uniform(-0.3, 0.1) if not front else rng.uniform(-0.12, 0.12)
    top = (lean + 0.35, -0.5) if not front else (lean, -0.42)
    path = [(lean - 0.1 if not front else lean, 1.5), (lean, 0.4), top]
    neck = tube(path, [0.42, 0.24, 0.18], "coat")
    layers: list[Layer] = []
    if marks == "patches":
        spots = faces.patches(rng, (-0.8, -0.45, 0.8, 1.3), 0.24)
    else:
        spots = [tube([(-0.8, y), (0.0, y + 0.1), (0.8, y)], [0.05, 0.05], "mark") for y in np.arange(-0.4, 1.3, 0.17)]
        if not front:
            back = [(x - s, y) for (x, y), s in zip(path, (0.42, 0.26, 0.2), strict=True)]
            layers.append(Layer((tube(back, [0.1, 0.12, 0.1], "mane"),)))
    layers.append(Layer((neck,), tuple(spots)))
    return layers + place(head(rng), scale=scale, x=top[0], y=top[1], angle=rng.uniform(-0.2, 0.12) if not front else lean * 0.5)


def _dog(rng: Rng) -> list[Layer]:
    pose = rng.random()
    if pose < 0.36:
        return _sitting(rng, faces.dog_face, marks="none", tail=rng.random() < 0.6)
    if pose < 0.66:
        return _portrait(rng, faces.dog_face)
    q = _Quadruped(length=rng.uniform(0.4, 0.56), girth=rng.uniform(0.18, 0.25), leg=rng.uniform(0.3, 0.5),
                   head=0.32, head_at=(0.62, -0.42), neck=0.15, marks="saddle", tail="long")
    return _standing(rng, q, faces.dog_profile if rng.random() < 0.7 else faces.dog_face)


def _cat(rng: Rng) -> list[Layer]:
    pose = rng.random()
    tabby = "stripes" if rng.random() < 0.25 else "none"
    if pose < 0.42:
        return _sitting(rng, faces.cat_face, marks=tabby, tail=True, size=0.44)
    if pose < 0.68:
        return _portrait(rng, faces.cat_face)
    q = _Quadruped(length=rng.uniform(0.4, 0.52), girth=rng.uniform(0.17, 0.22), leg=rng.uniform(0.3, 0.42), leg_width=0.075,
                   head=0.33, head_at=(0.58, -0.34), neck=0.13, marks=tabby)
    return _standing(rng, q, faces.cat_face)


def _tiger(rng: Rng) -> list[Layer]:
    pose = rng.random()
    if pose < 0.22:
        return _sitting(rng, faces.tiger_face, marks="stripes", tail=True)
    if pose < 0.5:
        return _portrait(rng, faces.tiger_face, striped=True)
    q = _Quadruped(length=rng.uniform(0.5, 0.58), girth=rng.uniform(0.24, 0.28), leg=rng.uniform(0.26, 0.38), leg_width=0.105,
                   head=0.34, head_at=(0.62, -0.2), neck=0.2, marks="stripes")
    return _standing(rng, q, faces.tiger_face)


def _lion(rng: Rng) -> list[Layer]:
    pose = rng.random()
    if pose < 0.22:
        return _sitting(rng, faces.lion_face, marks="tuft", tail=True, size=0.4)
    if pose < 0.5:
        return _portrait(rng, faces.lion_face, scale=0.58, y=0.0)
    q = _Quadruped(length=rng.uniform(0.48, 0.56), girth=rng.uniform(0.22, 0.26), leg=rng.uniform(0.28, 0.4), leg_width=0.1,
                   head=0.32, head_at=(0.52, -0.26), neck=0.2, tail="tuft")
    return _standing(rng, q, faces.lion_face)


def _giraffe(rng: Rng) -> list[Layer]:
    pose = rng.random()
    if pose < 0.22:
        return _long_neck(rng, faces.giraffe_face, scale=0.42, marks="patches", front=True)
    if pose < 0.42:
        return _long_neck(rng, faces.giraffe_profile, scale=0.38, marks="patches", front=False)
    q = _Quadruped(back=0.12, length=0.32, girth=0.19, leg=rng.uniform(0.56, 0.66), leg_width=0.055, head=0.19,
                   head_at=(rng.uniform(0.52, 0.7), rng.uniform(-0.86, -0.72)), neck=0.095, tail="tuft", marks="patches", paw="dark2")
    return _standing(rng, q, faces.giraffe_profile)


def _elephant(rng: Rng) -> list[Layer]:
    if rng.random() < 0.4:
        return _portrait(rng, faces.elephant_face, scale=0.6, y=-0.08)
    q = _Quadruped(back=-0.05, length=0.4, girth=rng.uniform(0.32, 0.38), leg=rng.uniform(0.24, 0.34), leg_width=0.14, head=0.38,
                   head_at=(0.48, -0.26), neck=0.26, tail="short", paw="none")
    return _standing(rng, q, faces.elephant_profile)


def _zebra(rng: Rng) -> list[Layer]:
    pose = rng.random()
    if pose < 0.2:
        return _portrait(rng, faces.zebra_face, scale=0.66, striped=True)
    if pose < 0.4:
        return _long_neck(rng, faces.zebra_profile, scale=0.42, marks="stripes", front=False)
    q = _Quadruped(back=0.05, length=rng.uniform(0.4, 0.5), girth=rng.uniform(0.2, 0.24), leg=rng.uniform(0.46, 0.56), leg_width=0.065, head=0.27,
                   head_at=(0.64, -0.52), neck=0.15, tail="brush", marks="stripes", paw="dark2")
    return _standing(rng, q, faces.zebra_profile)


def _rabbit(rng: Rng) -> list[Layer]:
    pose = rng.random()
    if pose < 0.4:
        return place(_sitting(rng, faces.rabbit_face, marks="none", tail=False, size=0.4), scale=0.85, y=0.2)
    if pose < 0.65:
        return _portrait(rng, faces.rabbit_face, scale=0.52, y=0.35)
    hump = smooth([(-0.75, 0.5), (-0.72, 0.1), (-0.3, -0.2), (0.25, 0.05), (0.5, 0.45), (0.4, 0.72), (-0.55, 0.74)], "coat")
    haunch = ellipse(-0.36, 0.45, 0.3, 0.3, "coat")
    foot = ellipse(-0.18, 0.74, 0.3, 0.09, "coat")
    paw = tube([(0.36, 0.45), (0.45, 0.74)], [0.1, 0.08], "coat")
    puff = ellipse(-0.78, 0.42, 0.16, 0.16, "light")
    return [Layer((puff,)), Layer((hump, paw)), Layer((haunch, foot)),
            *place(faces.rabbit_face(rng), scale=0.36, x=0.42, y=0.02, angle=rng.uniform(-0.15, 0.15))]


def _panda(rng: Rng) -> list[Layer]:
    pose = rng.random()
    if pose < 0.45:
        return _sitting(rng, faces.panda_face, marks="none", tail=False, limbs="dark2", size=0.48)
    if pose < 0.72:
        return _portrait(rng, faces.panda_face, shoulders="dark2")
    q = _Quadruped(length=0.46, girth=0.3, leg=0.24, leg_width=0.13, head=0.36, head_at=(0.6, -0.22), neck=0.2, tail="none", marks="band")
    return _standing(rng, q, faces.panda_face)


_COATS: Mapping[str, tuple[Palette, ...]] = {
    "dog": (
        {"coat": (196, 142, 88), "ear": (128, 82, 48)},
        {"coat": (150, 98, 58), "ear": (98, 60, 36)},
        {"coat": (236, 222, 196), "ear": (166, 112, 66)},
        {"coat": (84, 76, 76), "ear": (48, 42, 44), "light": (226, 196, 158)},
        {"coat": (240, 238, 234), "ear": (66, 58, 58)},
        {"coat": (224, 178, 108), "ear": (190, 136, 70)},
    ),
    "cat": (
        {"coat": (232, 158, 84), "mark": (196, 110, 46), "nose": (226, 120, 120), "eye": (150, 190, 90)},
        {"coat": (150, 152, 160), "mark": (104, 106, 116), "nose": (200, 120, 125), "eye": (222, 200, 80)},
        {"coat": (66, 62, 70), "mark": (48, 44, 52), "light": (120, 114, 122), "nose": (180, 110, 115),
         "eye": (170, 210, 80), "hair": (225, 225, 225)},
        {"coat": (246, 240, 232), "mark": (222, 208, 192), "nose": (232, 140, 140), "eye": (120, 180, 220)},
        {"coat": (226, 208, 178), "mark": (160, 124, 92), "nose": (120, 84, 76), "eye": (110, 170, 220)},
        {"coat": (164, 132, 98), "mark": (100, 76, 54), "nose": (205, 120, 115), "eye": (160, 190, 90)},
    ),
    "tiger": (
        {"coat": (240, 148, 44), "mark": (40, 30, 28), "nose": (214, 112, 108), "eye": (236, 214, 110)},
        {"coat": (226, 128, 40), "mark": (44, 32, 28), "nose": (200, 100, 100), "eye": (200, 210, 110)},
        {"coat": (246, 168, 70), "mark": (60, 42, 34), "nose": (220, 120, 110), "eye": (240, 220, 130)},
    ),
    "lion": (
        {"coat": (232, 184, 100), "mane": (154, 90, 40), "mane2": (122, 68, 30), "nose": (110, 66, 54), "light": (250, 226, 176)},
        {"coat": (224, 170, 88), "mane": (196, 108, 42), "mane2": (162, 84, 32), "nose": (120, 70, 56), "light": (246, 220, 170)},
        {"coat": (240, 204, 130), "mane": (110, 70, 44), "mane2": (84, 52, 34), "nose": (100, 60, 52), "light": (252, 236, 196)},
    ),
    "giraffe": (
        {"coat": (246, 212, 120), "mark": (176, 106, 46), "light": (250, 236, 196), "mane": (120, 70, 36), "dark2": (98, 60, 38)},
        {"coat": (240, 220, 160), "mark": (150, 86, 40), "light": (252, 242, 214), "mane": (110, 64, 36), "dark2": (84, 54, 38)},
        {"coat": (250, 202, 84), "mark": (196, 116, 40), "light": (252, 232, 170), "mane": (130, 76, 36), "dark2": (110, 66, 36)},
    ),
    "elephant": (
        {"coat": (150, 156, 168), "coat2": (134, 140, 154), "shade": (112, 118, 132)},
        {"coat": (168, 164, 164), "coat2": (150, 146, 148), "shade": (126, 122, 126)},
        {"coat": (132, 146, 170), "coat2": (118, 130, 156), "shade": (96, 108, 132)},
    ),
    "zebra": (
        {"coat": (248, 246, 240), "mark": (40, 38, 42), "mane": (48, 44, 48), "dark2": (56, 50, 54)},
        {"coat": (242, 234, 220), "mark": (58, 46, 44), "mane": (58, 48, 46), "dark2": (70, 58, 56)},
    ),
    "rabbit": (
        {"coat": (240, 236, 232), "nose": (230, 130, 140), "skin": (248, 186, 190)},
        {"coat": (186, 160, 134), "nose": (200, 120, 120), "skin": (232, 176, 168)},
        {"coat": (160, 160, 168), "nose": (210, 130, 136), "skin": (236, 184, 188)},
        {"coat": (222, 194, 158), "nose": (214, 124, 120), "skin": (240, 180, 170)},
    ),
    "panda": (
        {"coat": (248, 248, 244), "dark2": (44, 42, 48)},
        {"coat": (242, 238, 230), "dark2": (58, 52, 56)},
    ),
    "penguin": birds_and_fish.PENGUIN_COATS,
    "owl": birds_and_fish.OWL_COATS,
    "fish": birds_and_fish.FISH_COATS,
}

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
    coats = _COATS[name]
    palette = _COMMON | coats[int(rng.integers(len(coats)))]
    coat = palette["coat"]
    palette.setdefault("shade", (int(coat[0] * 0.78), int(coat[1] * 0.76), int(coat[2] * 0.78)))
    palette.setdefault("coat2", palette["shade"])
    return layers, palette

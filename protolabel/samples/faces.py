"""Heads, seen from the front or from the side, about one unit in radius around the origin."""

from __future__ import annotations

import numpy as np

from protolabel.samples.shapes import (
    Layer,
    Rng,
    Shape,
    ellipse,
    fill,
    line,
    mirror,
    petal,
    smooth,
    tube,
)

__all__ = [
    "cat_face",
    "dog_face",
    "dog_profile",
    "elephant_face",
    "elephant_profile",
    "giraffe_face",
    "giraffe_profile",
    "lion_face",
    "panda_face",
    "patches",
    "rabbit_face",
    "tiger_face",
    "zebra_face",
    "zebra_profile",
]


def _eyes(
    rng: Rng, x: float, y: float, r: float, *, iris: str = "eye", slit: bool = False
) -> list[Layer]:
    """Two eyes at ``(-x, y)`` and ``(x, y)``: open, or now and then happily closed."""
    if rng.random() < 0.12:
        arc = line([(x - r, y + 0.2 * r), (x, y - 0.6 * r), (x + r, y + 0.2 * r)], "dark", 0.07)
        return [Layer(mirror(arc), outlined=False)]
    look = rng.uniform(-0.25, 0.25) * r
    white = mirror(ellipse(x, y, r, r * rng.uniform(0.95, 1.2), iris))
    pupil = r * (0.4 if slit else rng.uniform(0.6, 0.8))
    balls = [
        shape
        for s in (-x, x)
        for shape in (
            ellipse(s + look, y, pupil, r * (0.85 if slit else pupil / r), "dark"),
            ellipse(s + look + 0.25 * r, y - 0.35 * r, 0.24 * r, 0.24 * r, "gleam"),
        )
    ]
    return [Layer(white), Layer(tuple(balls), outlined=False)]


def _dot_eyes(x: float, y: float, r: float) -> list[Layer]:
    gleam = [ellipse(s + 0.3 * r, y - 0.35 * r, 0.32 * r, 0.32 * r, "gleam") for s in (-x, x)]
    return [Layer((*mirror(ellipse(x, y, r, 1.15 * r, "dark")), *gleam), outlined=False)]


def _mouth(y: float, w: float, drop: float) -> tuple[Shape, ...]:
    curve = line([(0, y), (0.35 * w, y + drop), (w, y + 0.55 * drop)], "dark", 0.055)
    return mirror(curve)


def _whiskers(rng: Rng, y: float, reach: float) -> Layer:
    lift = rng.uniform(-0.1, 0.1)
    hairs = [
        line([(0.36, y + k * 0.1), (0.8, y + k * 0.17 + lift), (reach, y + k * 0.3)], "hair", 0.028)
        for k in (-1, 0, 1)
    ]
    return Layer(mirror(*hairs), outlined=False)


def cat_face(rng: Rng) -> list[Layer]:
    """Pointed ears, whiskers, slit pupils, sometimes a tabby's forehead."""
    tall, wide = rng.uniform(0.95, 1.25), rng.uniform(1.0, 1.14)
    ear = petal((0.98 * wide, -0.1), (0.92 * wide, -1.22 * tall), (0.12, -0.78), "coat", bulge=0.06)
    inner = petal((0.84 * wide, -0.42), (0.84 * wide, -1.02 * tall), (0.38, -0.74), "skin", bulge=0)
    skull = smooth(
        [(0, -0.84), (0.6, -0.72), (1.02 * wide, 0.05), (0.72 * wide, 0.66), (0, 0.86)]
        + [(-0.72 * wide, 0.66), (-1.02 * wide, 0.05), (-0.6, -0.72)],
        "coat",
    )
    marks: list[Shape] = []
    if rng.random() < 0.6:
        marks += [tube([(k * 0.24, -0.95), (k * 0.17, -0.42)], [0.09, 0.03], "mark") for k in (-1, 0, 1)]
        marks += mirror(
            *(tube([(1.15, y), (0.72, y + 0.02)], [0.07, 0.02], "mark") for y in (0.08, 0.32))
        )
    muzzle = mirror(ellipse(0.19, 0.4, 0.26, 0.2, "light"))
    nose = petal((-0.12, 0.2), (0, 0.36), (0.12, 0.2), "nose", bulge=0.1)
    return [
        Layer(mirror(ear)),
        Layer(mirror(inner), outlined=False),
        Layer((skull,), tuple(marks)),
        *_eyes(rng, 0.42, -0.08, rng.uniform(0.19, 0.25), slit=rng.random() < 0.7),
        Layer(muzzle, outlined=False),
        Layer((nose, *_mouth(0.35, 0.3, 0.17)), outlined=False),
        _whiskers(rng, 0.4, rng.uniform(1.3, 1.55)),
    ]


def _big_cat_features(rng: Rng, *, eye: float) -> list[Layer]:
    muzzle = (
        *mirror(ellipse(0.25, 0.42, 0.34, 0.27, "light")),
        ellipse(0, 0.68, 0.26, 0.18, "light"),
    )
    nose = petal((-0.25, 0.12), (0, 0.4), (0.25, 0.12), "nose", bulge=0.16)
    dots = [ellipse(x, y, 0.03, 0.03, "dark", steps=8) for x, y in ((0.3, 0.42), (0.42, 0.5))]
    return [
        *_eyes(rng, 0.43, -0.12, eye),
        Layer(muzzle, outlined=False),
        Layer((nose, *_mouth(0.38, 0.36, 0.2), *mirror(*dots)), outlined=False),
    ]


def tiger_face(rng: Rng) -> list[Layer]:
    """Round ears, white cheeks, stripes from the rim and on the forehead."""
    ear = ellipse(0.76, -0.74, 0.3, 0.3, "coat")
    inner = ellipse(0.76, -0.72, 0.17, 0.17, "light")
    w = rng.uniform(1.0, 1.12)
    ruff = [(0, -0.9), (0.62, -0.78), (0.98 * w, -0.1), (1.16 * w, 0.42), (0.74, 0.72), (0, 0.94)]
    skull = smooth(ruff + [(-x, y) for x, y in ruff[-2:0:-1]], "coat")
    side = rng.uniform(0.09, 0.12)
    marks = [
        *mirror(ellipse(0.95, 0.6, 0.42, 0.3, "light"), ellipse(0.44, -0.34, 0.25, 0.16, "light")),
        tube([(0, -1.0), (0, -0.48)], [0.1, 0.02], "mark"),
        *mirror(
            tube([(0.12, -0.72), (0.34, -0.62)], [0.06, 0.03], "mark"),
            tube([(0.1, -0.52), (0.28, -0.46)], [0.05, 0.02], "mark"),
            *(
                tube([(1.25, y), (0.95, y + 0.06), (0.66, y + 0.02)], [side, side, 0.01], "mark")
                for y in (-0.34, -0.04, 0.26, 0.54)
            ),
            tube([(0.62, -1.0), (0.5, -0.62)], [0.1, 0.01], "mark"),
        ),
    ]
    return [
        Layer(mirror(ear)),
        Layer(mirror(inner), outlined=False),
        Layer((skull,), tuple(marks)),
        *_big_cat_features(rng, eye=rng.uniform(0.16, 0.2)),
        _whiskers(rng, 0.46, 1.1),
    ]


def lion_face(rng: Rng) -> list[Layer]:
    """A wreath of mane, round ears upon it, a broad nose."""
    n, radius = int(rng.integers(13, 21)), rng.uniform(1.42, 1.62)
    depth = rng.uniform(0.82, 0.92)
    turn = np.linspace(0, 2 * np.pi, 2 * n, endpoint=False) + rng.uniform(0, 0.3)
    reach = np.where(np.arange(2 * n) % 2 == 0, radius, radius * depth)
    reach = reach * rng.uniform(0.97, 1.03, 2 * n)
    rim = np.stack([reach * np.cos(turn), reach * np.sin(turn) + 0.05], axis=1)
    mane = fill(rim, "mane") if rng.random() < 0.45 else smooth(rim, "mane")
    locks = [
        tube([(1.22 * np.cos(t), 1.22 * np.sin(t)), (0.9 * np.cos(t), 0.9 * np.sin(t))],
             [0.07, 0.03], "mane2")
        for t in turn[::2]
    ]
    skull = smooth(
        [(0, -0.82), (0.55, -0.7), (0.86, 0.0), (0.66, 0.66), (0, 0.95)]
        + [(-0.66, 0.66), (-0.86, 0.0), (-0.55, -0.7)],
        "coat",
    )
    ear = ellipse(0.74, -0.82, 0.27, 0.27, "coat")
    inner = ellipse(0.74, -0.8, 0.15, 0.15, "mane2")
    return [
        Layer((mane,), tuple(locks)),
        Layer(mirror(ear)),
        Layer(mirror(inner), outlined=False),
        Layer((skull,), (tube([(0, -0.3), (0, 0.2)], [0.1, 0.2], "light"),)),
        *_big_cat_features(rng, eye=rng.uniform(0.14, 0.18)),
    ]


def dog_face(rng: Rng) -> list[Layer]:
    """Floppy ears, a big nose on a light snout, often a tongue, sometimes an eye patch."""
    hang, out = rng.uniform(0.3, 0.75), rng.uniform(1.02, 1.25)
    ear = smooth(
        [(0.42, -0.82), (0.86, -0.82), (out, -0.2), (out + 0.02, hang), (0.9, hang + 0.14)]
        + [(0.76, hang - 0.2), (0.7, -0.2)],
        "ear",
    )
    long = rng.uniform(0.9, 1.05)
    skull = smooth(
        [(0, -0.92), (0.56, -0.8), (0.82, -0.15), (0.66, 0.5), (0.4, 0.95 * long), (0, 1.04 * long)]
        + [(-0.4, 0.95 * long), (-0.66, 0.5), (-0.82, -0.15), (-0.56, -0.8)],
        "coat",
    )
    marks: list[Shape] = []
    chance = rng.random()
    if chance < 0.35:
        marks.append(ellipse(0.42, -0.2, 0.34, 0.4, "ear"))
    elif chance < 0.7:
        marks.append(tube([(0, -1), (0, -0.3), (0, 0.3)], [0.16, 0.12, 0.3], "light"))
    snout = ellipse(0, 0.5, 0.5, 0.42 * long, "light")
    nose = smooth([(-0.24, 0.2), (0, 0.12), (0.24, 0.2), (0.16, 0.38), (0, 0.46), (-0.16, 0.38)], "nose")
    layers = [Layer((skull,), tuple(marks)), Layer(mirror(ear))]
    if rng.random() < 0.6:
        long_tongue = rng.uniform(0.95, 1.2)
        layers.append(Layer((tube([(0, 0.7), (0.02, long_tongue)], [0.13, 0.16], "tongue"),)))
    gleam = ellipse(-0.08, 0.2, 0.06, 0.04, "gleam", steps=10)
    layers += [
        Layer((snout,), outlined=False),
        Layer((nose, gleam, line([(0, 0.44), (0, 0.62)], "dark", 0.05), *_mouth(0.62, 0.32, 0.12)),
              outlined=False),
    ]
    layers += _dot_eyes(0.36, -0.16, 0.14) if rng.random() < 0.6 else _eyes(rng, 0.36, -0.18, 0.17)
    return layers


def dog_profile(rng: Rng) -> list[Layer]:
    """A head that looks to the right: long snout, nose at its tip, hanging ear."""
    snout = rng.uniform(1.25, 1.6)
    skull = smooth(
        [(-0.75, -0.1), (-0.45, -0.72), (0.15, -0.78), (0.55, -0.36), (snout - 0.15, -0.22)]
        + [(snout, 0.02), (snout - 0.2, 0.34), (0.5, 0.5), (-0.1, 0.66), (-0.6, 0.5)],
        "coat",
    )
    hang = rng.uniform(0.5, 0.95)
    ear = smooth(
        [(-0.5, -0.66), (-0.1, -0.62), (0.0, -0.1), (-0.1, hang), (-0.42, hang + 0.1), (-0.66, 0.0)],
        "ear",
    )
    front: list[Shape] = [
        ellipse(snout - 0.04, -0.12, 0.2, 0.17, "nose"),
        ellipse(0.36, -0.28, 0.12, 0.15, "dark"),
        ellipse(0.4, -0.33, 0.045, 0.045, "gleam", steps=10),
        line([(snout - 0.2, 0.24), (0.8, 0.22), (0.52, 0.12)], "dark", 0.05),
    ]
    layers = [
        Layer((skull,), (ellipse(snout - 0.2, 0.22, 0.6, 0.28, "light"),)),
        Layer(tuple(front), outlined=False),
        Layer((ear,)),
    ]
    if rng.random() < 0.4:
        tongue = tube([(0.85, 0.3), (0.95, 0.75)], [0.1, 0.14], "tongue")
        layers.insert(0, Layer((tongue,)))
    return layers


def patches(rng: Rng, box: tuple[float, float, float, float], size: float) -> list[Shape]:
    """Return the polygonal patches of a giraffe that cover `box` (x0, y0, x1, y1)."""
    x0, y0, x1, y1 = box
    shapes = []
    for row, y in enumerate(np.arange(y0, y1 + size, size)):
        for x in np.arange(x0 - (row % 2) * size / 2, x1 + size, size):
            corners = int(rng.integers(5, 8))
            turn = np.linspace(0, 2 * np.pi, corners, endpoint=False) + rng.uniform(0, 6)
            reach = size * rng.uniform(0.4, 0.54, corners)
            centre = np.array([x, y]) + rng.uniform(-0.1, 0.1, 2) * size
            shapes.append(
                fill(centre + reach[:, None] * np.stack([np.cos(turn), np.sin(turn)], 1), "mark")
            )
    return shapes


def giraffe_face(rng: Rng) -> list[Layer]:
    """A long muzzle, ossicones with dark knobs, leaf-like ears held out sideways."""
    horn = tube([(0.24, -0.8), (0.34, -1.32)], [0.1, 0.08], "coat")
    knob = ellipse(0.35, -1.38, 0.15, 0.14, "dark2")
    droop = rng.uniform(-0.15, 0.2)
    ear = petal((0.5, -0.62), (1.38, -0.72 + droop), (0.55, -0.28), "coat", bulge=0.28)
    inner = petal((0.66, -0.56), (1.2, -0.66 + droop), (0.66, -0.4), "skin", bulge=0.2)
    skull = smooth(
        [(0, -0.95), (0.45, -0.85), (0.64, -0.35), (0.5, 0.25), (0.52, 0.8), (0.3, 1.1), (0, 1.16)]
        + [(-0.3, 1.1), (-0.52, 0.8), (-0.5, 0.25), (-0.64, -0.35), (-0.45, -0.85)],
        "coat",
    )
    marks = [s for s in patches(rng, (-0.7, -0.95, 0.7, 0.15), 0.36) if rng.random() < 0.75]
    marks += [ellipse(0, 0.9, 0.6, 0.44, "light")]
    details = [
        *mirror(ellipse(0.2, 0.76, 0.07, 0.1, "dark", angle=0.4)),
        line([(-0.28, 1.0), (0, 1.05), (0.28, 1.0)], "dark", 0.05),
    ]
    return [
        Layer(mirror(ear)),
        Layer(mirror(inner), outlined=False),
        Layer(mirror(horn)),
        Layer(mirror(knob)),
        Layer((skull,), tuple(marks)),
        *_eyes(rng, 0.5, -0.24, 0.18),
        Layer(tuple(details), outlined=False),
    ]


def giraffe_profile(rng: Rng) -> list[Layer]:
    """A narrow head that looks to the right, with two ossicones."""
    horns = (
        tube([(-0.2, -0.4), (-0.3, -1.1)], [0.1, 0.09], "coat"),
        tube([(0.08, -0.4), (0.05, -1.1)], [0.1, 0.09], "coat"),
    )
    knobs = (ellipse(-0.31, -1.16, 0.17, 0.15, "dark2"), ellipse(0.05, -1.16, 0.17, 0.15, "dark2"))
    skull = smooth(
        [(-0.6, -0.1), (-0.3, -0.52), (0.25, -0.5), (0.9, -0.12), (1.4, 0.05), (1.5, 0.35)]
        + [(1.2, 0.56), (0.5, 0.48), (-0.2, 0.5)],
        "coat",
    )
    ear = petal((-0.45, -0.4), (-1.2, -0.62 + rng.uniform(-0.2, 0.3)), (-0.5, -0.05), "coat", bulge=0.25)
    details = (
        ellipse(0.3, -0.14, 0.15, 0.17, "dark"),
        ellipse(0.35, -0.2, 0.055, 0.055, "gleam", steps=10),
        ellipse(1.34, 0.18, 0.07, 0.05, "dark", steps=12),
        line([(1.4, 0.42), (1.05, 0.4), (0.85, 0.32)], "dark", 0.05),
    )
    marks = (ellipse(1.35, 0.35, 0.42, 0.34, "light"), ellipse(-0.2, 0.25, 0.24, 0.2, "mark"))
    return [Layer(horns), Layer(knobs), Layer((skull,), marks), Layer((ear,)), Layer(details, outlined=False)]


def elephant_face(rng: Rng) -> list[Layer]:
    """Sails of ears, a trunk down the middle, tusks."""
    w, low = rng.uniform(1.35, 1.7), rng.uniform(0.4, 0.7)
    ear = smooth([(0.35, -0.75), (0.95, -0.98), (w, -0.55), (w, 0.15), (1.1, low), (0.6, 0.25)], "coat")
    inner = smooth([(0.7, -0.6), (1.0, -0.75), (w - 0.2, -0.4), (w - 0.22, 0.1), (1.05, low - 0.2)], "skin")
    swing = rng.uniform(-0.5, 0.5)
    trunk_path = [(0, 0.0), (0, 0.6), (swing * 0.6, 1.1), (swing * 1.4, 1.35)]
    trunk = tube(trunk_path, [0.36, 0.25, 0.17, 0.13], "coat")
    skull = smooth([(0, -0.95), (0.6, -0.8), (0.78, -0.1), (0.45, 0.5), (0, 0.6), (-0.45, 0.5)]
                   + [(-0.78, -0.1), (-0.6, -0.8)], "coat")
    tusk = tube([(0.36, 0.4), (0.46, 0.75), (0.62, 0.95)], [0.1, 0.08, 0.02], "tusk")
    creases = [line([(-0.16, y), (0, y + 0.04), (0.16, y)], "shade", 0.04) for y in (0.5, 0.66, 0.82)]
    layers = [Layer(mirror(ear)), Layer(mirror(inner), outlined=False)]
    if rng.random() < 0.7:
        layers.append(Layer(mirror(tusk)))
    return [
        *layers,
        Layer((skull, trunk)),
        Layer(tuple(creases), outlined=False),
        *_dot_eyes(0.42, -0.2, 0.11),
    ]


def elephant_profile(rng: Rng) -> list[Layer]:
    """A round head that looks to the right, trunk down or lifted."""
    tip = [(1.45, 1.1), (1.75, 0.95)] if rng.random() < 0.5 else [(1.5, 0.3), (1.65, -0.35)]
    if rng.random() < 0.35:
        tip = [(0.95, 1.35), (0.8, 1.7)]
    trunk = tube([(0.5, 0.0), (0.95, 0.5), *tip], [0.4, 0.27, 0.17, 0.13], "coat")
    skull = smooth([(-0.8, 0), (-0.5, -0.75), (0.2, -0.9), (0.75, -0.4), (0.8, 0.2), (0.2, 0.65), (-0.5, 0.6)], "coat")
    tusk = tube([(0.6, 0.4), (0.85, 0.78), (1.2, 0.8)], [0.11, 0.08, 0.02], "tusk")
    w = rng.uniform(0.95, 1.2)
    ear = smooth([(0.0, -0.6), (-0.6, -0.85), (-w, -0.3), (-w, 0.4), (-0.6, 0.85), (-0.15, 0.45)], "coat2")
    return [
        Layer((skull, trunk)),
        Layer((tusk,)),
        Layer((ear,)),
        Layer((ellipse(0.42, -0.18, 0.1, 0.12, "dark"), ellipse(0.45, -0.23, 0.04, 0.04, "gleam", steps=10)),
              outlined=False),
    ]


def zebra_face(rng: Rng) -> list[Layer]:
    """A horse's long face in stripes with a dark muzzle and a brush of mane."""
    ear = petal((0.18, -0.8), (0.5, -1.42), (0.62, -0.6), "coat", bulge=0.2)
    inner = petal((0.3, -0.85), (0.49, -1.25), (0.54, -0.72), "dark2", bulge=0.1)
    mane = petal((-0.25, -0.75), (0, -1.45), (0.25, -0.75), "dark2", bulge=0.3)
    half = [(0.42, -0.88), (0.62, -0.4), (0.46, 0.3), (0.46, 0.8), (0.28, 1.1)]
    skull = smooth([(0, -0.95), *half, (0, 1.16), *((-x, y) for x, y in half[::-1])], "coat")
    rows = np.arange(-0.75, 0.55, 0.2) + rng.uniform(-0.04, 0.04)
    marks = [
        *mirror(*(tube([(0.75, y), (0.35, y + 0.08), (0.1, y + 0.2)], [0.07, 0.06, 0.01], "mark") for y in rows)),
        ellipse(0, 0.98, 0.6, 0.36, "dark2"),
    ]
    return [
        Layer((mane,)),
        Layer(mirror(ear)),
        Layer(mirror(inner), outlined=False),
        Layer((skull,), tuple(marks)),
        *_eyes(rng, 0.46, -0.26, 0.17),
        Layer(mirror(ellipse(0.18, 0.9, 0.06, 0.09, "light", angle=0.3)), outlined=False),
    ]


def zebra_profile(rng: Rng) -> list[Layer]:
    """A striped horse's head that looks to the right."""
    skull = smooth(
        [(-0.55, -0.05), (-0.3, -0.55), (0.2, -0.58), (0.85, -0.1), (1.4, 0.25), (1.4, 0.58), (1.1, 0.74)]
        + [(0.5, 0.5), (-0.1, 0.6)],
        "coat",
    )
    ear = petal((-0.35, -0.42), (-0.2, -1.15), (0.1, -0.5), "coat", bulge=0.2)
    marks = [tube([(x, -0.9), (x - 0.02, -0.1), (x - 0.12, 0.7)], [0.08, 0.07, 0.05], "mark") for x in np.arange(-0.35, 1.0, 0.27)]
    marks.append(ellipse(1.4, 0.5, 0.4, 0.42, "dark2"))
    details = (
        ellipse(0.28, -0.16, 0.15, 0.16, "dark"),
        ellipse(0.33, -0.22, 0.055, 0.055, "gleam", steps=10),
        ellipse(1.26, 0.34, 0.06, 0.05, "light", steps=12),
    )
    eye = Layer((ellipse(0.28, -0.16, 0.22, 0.22, "coat"),), outlined=False)
    return [Layer((ear,)), Layer((skull,), tuple(marks)), eye, Layer(details, outlined=False)]


def rabbit_face(rng: Rng) -> list[Layer]:
    """Two very long ears, round cheeks, buck teeth."""
    tall, spread = rng.uniform(1.9, 2.3), rng.uniform(0.35, 0.7)
    path = [(0.36, -0.5), (0.36 + 0.5 * spread, -0.5 * (tall + 0.5)), (0.3 + spread, -tall)]
    bent = [(0.36, -0.5), (0.6 + 0.3 * spread, -0.9 - 0.25 * tall), (1.3, -0.62)]
    paths = [path, [(-x, y) for x, y in (bent if rng.random() < 0.3 else path)]]
    ears = tuple(tube(p, [0.2, 0.3, 0.12], "coat") for p in paths)
    inner = tuple(tube(p, [0.08, 0.16, 0.03], "skin") for p in paths)
    skull = smooth([(0, -0.78), (0.55, -0.62), (0.92, 0.15), (0.6, 0.72), (0, 0.84), (-0.6, 0.72)]
                   + [(-0.92, 0.15), (-0.55, -0.62)], "coat")
    nose = petal((-0.13, 0.16), (0, 0.32), (0.13, 0.16), "nose", bulge=0.2)
    teeth = fill([(-0.12, 0.46), (0.12, 0.46), (0.11, 0.7), (-0.11, 0.7)], "gleam")
    return [
        Layer(ears),
        Layer(inner, outlined=False),
        Layer((skull,), mirror(ellipse(0.66, 0.36, 0.2, 0.16, "skin"))),
        Layer(mirror(ellipse(0.2, 0.4, 0.26, 0.2, "light")), outlined=False),
        Layer((teeth, line([(0, 0.46), (0, 0.7)], "dark", 0.03))),
        Layer((nose, *_mouth(0.32, 0.28, 0.16)), outlined=False),
        *(_dot_eyes(0.42, -0.1, 0.14) if rng.random() < 0.5 else _eyes(rng, 0.42, -0.1, 0.19)),
        _whiskers(rng, 0.4, 1.15),
    ]


def panda_face(rng: Rng) -> list[Layer]:
    """White head, black ears, black patches around the eyes."""
    ear = ellipse(0.74, -0.72, 0.34, 0.34, "dark2")
    w = rng.uniform(1.0, 1.12)
    skull = ellipse(0, 0, w, 0.9, "coat")
    tilt = rng.uniform(0.4, 0.7)
    spot = ellipse(0.42, -0.02, 0.23, 0.32, "dark2", angle=tilt)
    nose = smooth([(-0.17, 0.3), (0, 0.25), (0.17, 0.3), (0, 0.46)], "dark")
    balls = [
        s
        for x in (-0.4, 0.4)
        for s in (
            ellipse(x, -0.06, 0.11, 0.11, "gleam"),
            ellipse(x, -0.06, 0.075, 0.075, "dark"),
            ellipse(x + 0.03, -0.09, 0.03, 0.03, "gleam", steps=10),
        )
    ]
    return [
        Layer(mirror(ear)),
        Layer((skull,), mirror(spot, ellipse(0.66, 0.38, 0.16, 0.12, "skin"))),
        Layer((*balls, nose, *_mouth(0.44, 0.26, 0.14)), outlined=False),
    ]

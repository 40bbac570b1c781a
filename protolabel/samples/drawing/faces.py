"""Round heads seen from the front, about one unit in radius around the origin."""

from __future__ import annotations

import numpy as np

from protolabel.samples.drawing.shapes import (
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
    "dot_eyes",
    "eyes",
    "lion_face",
    "panda_face",
    "rabbit_face",
    "tiger_face",
]


def eyes(
    rng: Rng, x: float, y: float, r: float, *, iris: str = "eye", slit: bool = False
) -> list[Layer]:
    """Draw two eyes at ``(-x, y)`` and ``(x, y)``: open, or sometimes closed with a smile."""
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


def dot_eyes(x: float, y: float, r: float) -> list[Layer]:
    """Draw two dark button eyes at ``(-x, y)`` and ``(x, y)``."""
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


def _big_cat_features(rng: Rng, *, eye: float) -> list[Layer]:
    muzzle = (
        *mirror(ellipse(0.25, 0.42, 0.34, 0.27, "light")),
        ellipse(0, 0.68, 0.26, 0.18, "light"),
    )
    nose = petal((-0.25, 0.12), (0, 0.4), (0.25, 0.12), "nose", bulge=0.16)
    dots = [ellipse(x, y, 0.03, 0.03, "dark", steps=8) for x, y in ((0.3, 0.42), (0.42, 0.5))]
    return [
        *eyes(rng, 0.43, -0.12, eye),
        Layer(muzzle, outlined=False),
        Layer((nose, *_mouth(0.38, 0.36, 0.2), *mirror(*dots)), outlined=False),
    ]


def cat_face(rng: Rng) -> list[Layer]:
    """Draw a cat: pointed ears, whiskers, slit pupils, sometimes a tabby's forehead."""
    tall, wide = rng.uniform(0.95, 1.25), rng.uniform(1.0, 1.14)
    ear = petal((0.98 * wide, -0.1), (0.92 * wide, -1.22 * tall), (0.12, -0.78), "coat", bulge=0.06)
    inner = petal((0.84 * wide, -0.42), (0.84 * wide, -1.02 * tall), (0.38, -0.74), "skin", bulge=0)
    skull = smooth(
        [
            (0, -0.84),
            (0.6, -0.72),
            (1.02 * wide, 0.05),
            (0.72 * wide, 0.66),
            (0, 0.86),
            (-0.72 * wide, 0.66),
            (-1.02 * wide, 0.05),
            (-0.6, -0.72),
        ],
        "coat",
    )
    marks: list[Shape] = []
    if rng.random() < 0.6:
        marks += [
            tube([(k * 0.24, -0.95), (k * 0.17, -0.42)], [0.09, 0.03], "mark") for k in (-1, 0, 1)
        ]
        marks += mirror(
            *(tube([(1.15, y), (0.72, y + 0.02)], [0.07, 0.02], "mark") for y in (0.08, 0.32))
        )
    muzzle = mirror(ellipse(0.19, 0.4, 0.26, 0.2, "light"))
    nose = petal((-0.12, 0.2), (0, 0.36), (0.12, 0.2), "nose", bulge=0.1)
    return [
        Layer(mirror(ear)),
        Layer(mirror(inner), outlined=False),
        Layer((skull,), tuple(marks)),
        *eyes(rng, 0.42, -0.08, rng.uniform(0.19, 0.25), slit=rng.random() < 0.7),
        Layer(muzzle, outlined=False),
        Layer((nose, *_mouth(0.35, 0.3, 0.17)), outlined=False),
        _whiskers(rng, 0.4, rng.uniform(1.3, 1.55)),
    ]


def tiger_face(rng: Rng) -> list[Layer]:
    """Draw a tiger: round ears, white cheeks, stripes at the rim and on the forehead."""
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
    """Draw a lion: a round mane, round ears in front of it, a broad nose."""
    n, radius = int(rng.integers(13, 21)), rng.uniform(1.42, 1.62)
    depth = rng.uniform(0.82, 0.92)
    turn = np.linspace(0, 2 * np.pi, 2 * n, endpoint=False) + rng.uniform(0, 0.3)
    reach = np.where(np.arange(2 * n) % 2 == 0, radius, radius * depth)
    reach = reach * rng.uniform(0.97, 1.03, 2 * n)
    rim = np.stack([reach * np.cos(turn), reach * np.sin(turn) + 0.05], axis=1)
    mane = fill(rim, "mane") if rng.random() < 0.45 else smooth(rim, "mane")
    locks = [
        tube(
            [(1.22 * np.cos(t), 1.22 * np.sin(t)), (0.9 * np.cos(t), 0.9 * np.sin(t))],
            [0.07, 0.03],
            "mane2",
        )
        for t in turn[::2]
    ]
    skull = smooth(
        [
            (0, -0.82),
            (0.55, -0.7),
            (0.86, 0.0),
            (0.66, 0.66),
            (0, 0.95),
            (-0.66, 0.66),
            (-0.86, 0.0),
            (-0.55, -0.7),
        ],
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
    """Draw a dog: floppy ears, big nose, light snout, often a tongue, sometimes an eye patch."""
    hang, out = rng.uniform(0.3, 0.75), rng.uniform(1.02, 1.25)
    ear = smooth(
        [
            (0.42, -0.82),
            (0.86, -0.82),
            (out, -0.2),
            (out + 0.02, hang),
            (0.9, hang + 0.14),
            (0.76, hang - 0.2),
            (0.7, -0.2),
        ],
        "ear",
    )
    long = rng.uniform(0.9, 1.05)
    skull = smooth(
        [
            (0, -0.92),
            (0.56, -0.8),
            (0.82, -0.15),
            (0.66, 0.5),
            (0.4, 0.95 * long),
            (0, 1.04 * long),
            (-0.4, 0.95 * long),
            (-0.66, 0.5),
            (-0.82, -0.15),
            (-0.56, -0.8),
        ],
        "coat",
    )
    marks: list[Shape] = []
    chance = rng.random()
    if chance < 0.35:
        marks.append(ellipse(0.42, -0.2, 0.34, 0.4, "ear"))
    elif chance < 0.7:
        marks.append(tube([(0, -1), (0, -0.3), (0, 0.3)], [0.16, 0.12, 0.3], "light"))
    snout = ellipse(0, 0.5, 0.5, 0.42 * long, "light")
    nose = smooth(
        [(-0.24, 0.2), (0, 0.12), (0.24, 0.2), (0.16, 0.38), (0, 0.46), (-0.16, 0.38)], "nose"
    )
    layers = [Layer((skull,), tuple(marks)), Layer(mirror(ear))]
    if rng.random() < 0.6:
        long_tongue = rng.uniform(0.95, 1.2)
        layers.append(Layer((tube([(0, 0.7), (0.02, long_tongue)], [0.13, 0.16], "tongue"),)))
    gleam = ellipse(-0.08, 0.2, 0.06, 0.04, "gleam", steps=10)
    layers += [
        Layer((snout,), outlined=False),
        Layer(
            (nose, gleam, line([(0, 0.44), (0, 0.62)], "dark", 0.05), *_mouth(0.62, 0.32, 0.12)),
            outlined=False,
        ),
    ]
    layers += dot_eyes(0.36, -0.16, 0.14) if rng.random() < 0.6 else eyes(rng, 0.36, -0.18, 0.17)
    return layers


def rabbit_face(rng: Rng) -> list[Layer]:
    """Draw a rabbit: two very long ears, round cheeks, buck teeth."""
    tall, spread = rng.uniform(1.9, 2.3), rng.uniform(0.35, 0.7)
    path = [(0.36, -0.5), (0.36 + 0.5 * spread, -0.5 * (tall + 0.5)), (0.3 + spread, -tall)]
    bent = [(0.36, -0.5), (0.6 + 0.3 * spread, -0.9 - 0.25 * tall), (1.3, -0.62)]
    paths = [path, [(-x, y) for x, y in (bent if rng.random() < 0.3 else path)]]
    ears = tuple(tube(p, [0.2, 0.3, 0.12], "coat") for p in paths)
    inner = tuple(tube(p, [0.08, 0.16, 0.03], "skin") for p in paths)
    skull = smooth(
        [
            (0, -0.78),
            (0.55, -0.62),
            (0.92, 0.15),
            (0.6, 0.72),
            (0, 0.84),
            (-0.6, 0.72),
            (-0.92, 0.15),
            (-0.55, -0.62),
        ],
        "coat",
    )
    nose = petal((-0.13, 0.16), (0, 0.32), (0.13, 0.16), "nose", bulge=0.2)
    teeth = fill([(-0.12, 0.46), (0.12, 0.46), (0.11, 0.7), (-0.11, 0.7)], "gleam")
    return [
        Layer(ears),
        Layer(inner, outlined=False),
        Layer((skull,), mirror(ellipse(0.66, 0.36, 0.2, 0.16, "skin"))),
        Layer(mirror(ellipse(0.2, 0.4, 0.26, 0.2, "light")), outlined=False),
        Layer((teeth, line([(0, 0.46), (0, 0.7)], "dark", 0.03))),
        Layer((nose, *_mouth(0.32, 0.28, 0.16)), outlined=False),
        *(dot_eyes(0.42, -0.1, 0.14) if rng.random() < 0.5 else eyes(rng, 0.42, -0.1, 0.19)),
        _whiskers(rng, 0.4, 1.15),
    ]


def panda_face(rng: Rng) -> list[Layer]:
    """Draw a panda: white head, black ears, black patches around the eyes."""
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

"""Heads with a long muzzle or a trunk, seen from the front, or from the side (profile)."""

from __future__ import annotations

import numpy as np

from protolabel.samples.drawing.faces import dot_eyes, eyes
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
    "dog_profile",
    "elephant_face",
    "elephant_profile",
    "giraffe_face",
    "giraffe_profile",
    "patches",
    "zebra_face",
    "zebra_profile",
]


def dog_profile(rng: Rng) -> list[Layer]:
    """Draw a dog's head in profile: long snout, nose at its tip, hanging ear."""
    snout = rng.uniform(1.25, 1.6)
    skull = smooth(
        [
            (-0.75, -0.1),
            (-0.45, -0.72),
            (0.15, -0.78),
            (0.55, -0.36),
            (snout - 0.15, -0.22),
            (snout, 0.02),
            (snout - 0.2, 0.34),
            (0.5, 0.5),
            (-0.1, 0.66),
            (-0.6, 0.5),
        ],
        "coat",
    )
    hang = rng.uniform(0.5, 0.95)
    ear = smooth(
        [
            (-0.5, -0.66),
            (-0.1, -0.62),
            (0.0, -0.1),
            (-0.1, hang),
            (-0.42, hang + 0.1),
            (-0.66, 0.0),
        ],
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
    """Draw a giraffe from the front: long muzzle, ossicones with dark knobs, leaf-like ears."""
    horn = tube([(0.24, -0.8), (0.34, -1.32)], [0.1, 0.08], "coat")
    knob = ellipse(0.35, -1.38, 0.15, 0.14, "dark2")
    droop = rng.uniform(-0.15, 0.2)
    ear = petal((0.5, -0.62), (1.38, -0.72 + droop), (0.55, -0.28), "coat", bulge=0.28)
    inner = petal((0.66, -0.56), (1.2, -0.66 + droop), (0.66, -0.4), "skin", bulge=0.2)
    skull = smooth(
        [
            (0, -0.95),
            (0.45, -0.85),
            (0.64, -0.35),
            (0.5, 0.25),
            (0.52, 0.8),
            (0.3, 1.1),
            (0, 1.16),
            (-0.3, 1.1),
            (-0.52, 0.8),
            (-0.5, 0.25),
            (-0.64, -0.35),
            (-0.45, -0.85),
        ],
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
        *eyes(rng, 0.5, -0.24, 0.18),
        Layer(tuple(details), outlined=False),
    ]


def giraffe_profile(rng: Rng) -> list[Layer]:
    """Draw a giraffe in profile: a narrow head with two ossicones."""
    horns = (
        tube([(-0.2, -0.4), (-0.3, -1.1)], [0.1, 0.09], "coat"),
        tube([(0.08, -0.4), (0.05, -1.1)], [0.1, 0.09], "coat"),
    )
    knobs = (ellipse(-0.31, -1.16, 0.17, 0.15, "dark2"), ellipse(0.05, -1.16, 0.17, 0.15, "dark2"))
    skull = smooth(
        [
            (-0.6, -0.1),
            (-0.3, -0.52),
            (0.25, -0.5),
            (0.9, -0.12),
            (1.4, 0.05),
            (1.5, 0.35),
            (1.2, 0.56),
            (0.5, 0.48),
            (-0.2, 0.5),
        ],
        "coat",
    )
    ear = petal(
        (-0.45, -0.4), (-1.2, -0.62 + rng.uniform(-0.2, 0.3)), (-0.5, -0.05), "coat", bulge=0.25
    )
    details = (
        ellipse(0.3, -0.14, 0.15, 0.17, "dark"),
        ellipse(0.35, -0.2, 0.055, 0.055, "gleam", steps=10),
        ellipse(1.34, 0.18, 0.07, 0.05, "dark", steps=12),
        line([(1.4, 0.42), (1.05, 0.4), (0.85, 0.32)], "dark", 0.05),
    )
    marks = (ellipse(1.35, 0.35, 0.42, 0.34, "light"), ellipse(-0.2, 0.25, 0.24, 0.2, "mark"))
    return [
        Layer(horns),
        Layer(knobs),
        Layer((skull,), marks),
        Layer((ear,)),
        Layer(details, outlined=False),
    ]


def elephant_face(rng: Rng) -> list[Layer]:
    """Draw an elephant from the front: ears like sails, a trunk down the middle, tusks."""
    w, low = rng.uniform(1.35, 1.7), rng.uniform(0.4, 0.7)
    ear = smooth(
        [(0.35, -0.75), (0.95, -0.98), (w, -0.55), (w, 0.15), (1.1, low), (0.6, 0.25)], "coat"
    )
    inner = smooth(
        [(0.7, -0.6), (1.0, -0.75), (w - 0.2, -0.4), (w - 0.22, 0.1), (1.05, low - 0.2)], "skin"
    )
    swing = rng.uniform(-0.5, 0.5)
    trunk_path = [(0, 0.0), (0, 0.6), (swing * 0.6, 1.1), (swing * 1.4, 1.35)]
    trunk = tube(trunk_path, [0.36, 0.25, 0.17, 0.13], "coat")
    skull = smooth(
        [
            (0, -0.95),
            (0.6, -0.8),
            (0.78, -0.1),
            (0.45, 0.5),
            (0, 0.6),
            (-0.45, 0.5),
            (-0.78, -0.1),
            (-0.6, -0.8),
        ],
        "coat",
    )
    tusk = tube([(0.36, 0.4), (0.46, 0.75), (0.62, 0.95)], [0.1, 0.08, 0.02], "tusk")
    creases = [
        line([(-0.16, y), (0, y + 0.04), (0.16, y)], "shade", 0.04) for y in (0.5, 0.66, 0.82)
    ]
    layers = [Layer(mirror(ear)), Layer(mirror(inner), outlined=False)]
    if rng.random() < 0.7:
        layers.append(Layer(mirror(tusk)))
    return [
        *layers,
        Layer((skull, trunk)),
        Layer(tuple(creases), outlined=False),
        *dot_eyes(0.42, -0.2, 0.11),
    ]


def elephant_profile(rng: Rng) -> list[Layer]:
    """Draw an elephant in profile: a round head, trunk down or lifted."""
    tip = [(1.45, 1.1), (1.75, 0.95)] if rng.random() < 0.5 else [(1.5, 0.3), (1.65, -0.35)]
    if rng.random() < 0.35:
        tip = [(0.95, 1.35), (0.8, 1.7)]
    trunk = tube([(0.5, 0.0), (0.95, 0.5), *tip], [0.4, 0.27, 0.17, 0.13], "coat")
    skull = smooth(
        [(-0.8, 0), (-0.5, -0.75), (0.2, -0.9), (0.75, -0.4), (0.8, 0.2), (0.2, 0.65), (-0.5, 0.6)],
        "coat",
    )
    tusk = tube([(0.6, 0.4), (0.85, 0.78), (1.2, 0.8)], [0.11, 0.08, 0.02], "tusk")
    w = rng.uniform(0.95, 1.2)
    ear = smooth(
        [(0.0, -0.6), (-0.6, -0.85), (-w, -0.3), (-w, 0.4), (-0.6, 0.85), (-0.15, 0.45)], "coat2"
    )
    return [
        Layer((skull, trunk)),
        Layer((tusk,)),
        Layer((ear,)),
        Layer(
            (
                ellipse(0.42, -0.18, 0.1, 0.12, "dark"),
                ellipse(0.45, -0.23, 0.04, 0.04, "gleam", steps=10),
            ),
            outlined=False,
        ),
    ]


def zebra_face(rng: Rng) -> list[Layer]:
    """Draw a zebra from the front: a long striped face, dark muzzle, bristly mane."""
    ear = petal((0.18, -0.8), (0.5, -1.42), (0.62, -0.6), "coat", bulge=0.2)
    inner = petal((0.3, -0.85), (0.49, -1.25), (0.54, -0.72), "dark2", bulge=0.1)
    mane = petal((-0.25, -0.75), (0, -1.45), (0.25, -0.75), "dark2", bulge=0.3)
    half = [(0.42, -0.88), (0.62, -0.4), (0.46, 0.3), (0.46, 0.8), (0.28, 1.1)]
    skull = smooth([(0, -0.95), *half, (0, 1.16), *((-x, y) for x, y in half[::-1])], "coat")
    rows = np.arange(-0.75, 0.55, 0.2) + rng.uniform(-0.04, 0.04)
    marks = [
        *mirror(
            *(
                tube([(0.75, y), (0.35, y + 0.08), (0.1, y + 0.2)], [0.07, 0.06, 0.01], "mark")
                for y in rows
            )
        ),
        ellipse(0, 0.98, 0.6, 0.36, "dark2"),
    ]
    return [
        Layer((mane,)),
        Layer(mirror(ear)),
        Layer(mirror(inner), outlined=False),
        Layer((skull,), tuple(marks)),
        *eyes(rng, 0.46, -0.26, 0.17),
        Layer(mirror(ellipse(0.18, 0.9, 0.06, 0.09, "light", angle=0.3)), outlined=False),
    ]


def zebra_profile(rng: Rng) -> list[Layer]:
    """Draw a zebra's head in profile."""
    skull = smooth(
        [
            (-0.55, -0.05),
            (-0.3, -0.55),
            (0.2, -0.58),
            (0.85, -0.1),
            (1.4, 0.25),
            (1.4, 0.58),
            (1.1, 0.74),
            (0.5, 0.5),
            (-0.1, 0.6),
        ],
        "coat",
    )
    ear = petal((-0.35, -0.42), (-0.2, -1.15), (0.1, -0.5), "coat", bulge=0.2)
    marks = [
        tube([(x, -0.9), (x - 0.02, -0.1), (x - 0.12, 0.7)], [0.08, 0.07, 0.05], "mark")
        for x in np.arange(-0.35, 1.0, 0.27) + rng.uniform(-0.06, 0.06)
    ]
    marks.append(ellipse(1.4, 0.5, 0.4, 0.42, "dark2"))
    details = (
        ellipse(0.28, -0.16, 0.15, 0.16, "dark"),
        ellipse(0.33, -0.22, 0.055, 0.055, "gleam", steps=10),
        ellipse(1.26, 0.34, 0.06, 0.05, "light", steps=12),
    )
    eye = Layer((ellipse(0.28, -0.16, 0.22, 0.22, "coat"),), outlined=False)
    return [Layer((ear,)), Layer((skull,), tuple(marks)), eye, Layer(details, outlined=False)]

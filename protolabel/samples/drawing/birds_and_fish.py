"""The animals without four legs: penguin, owl, fish."""

from __future__ import annotations

import numpy as np

from protolabel.samples.drawing.shapes import (
    Layer,
    Rng,
    Shape,
    ellipse,
    line,
    mirror,
    petal,
    place,
    smooth,
    tube,
)

__all__ = ["FISH_COATS", "OWL_COATS", "PENGUIN_COATS", "fish", "owl", "penguin"]

_Coat = dict[str, tuple[int, int, int]]

PENGUIN_COATS: tuple[_Coat, ...] = (
    {"coat": (46, 50, 64), "light": (250, 248, 242), "beak": (244, 158, 48)},
    {"coat": (66, 78, 104), "light": (246, 246, 246), "beak": (240, 140, 60)},
    {"coat": (52, 44, 52), "light": (252, 244, 224), "beak": (236, 176, 60)},
)
OWL_COATS: tuple[_Coat, ...] = (
    {
        "coat": (150, 106, 70),
        "light": (236, 212, 172),
        "mark": (112, 74, 46),
        "eye": (250, 212, 70),
    },
    {"coat": (122, 108, 98), "light": (226, 216, 202), "mark": (88, 76, 70), "eye": (248, 180, 60)},
    {
        "coat": (190, 142, 92),
        "light": (250, 236, 208),
        "mark": (146, 98, 56),
        "eye": (252, 226, 110),
    },
)
FISH_COATS: tuple[_Coat, ...] = (
    {
        "coat": (246, 130, 50),
        "light": (252, 246, 236),
        "mark": (250, 250, 246),
        "mane": (230, 104, 36),
    },
    {
        "coat": (76, 150, 214),
        "light": (190, 224, 246),
        "mark": (48, 106, 176),
        "mane": (60, 124, 196),
    },
    {
        "coat": (248, 206, 70),
        "light": (254, 240, 180),
        "mark": (60, 80, 140),
        "mane": (240, 170, 50),
    },
    {
        "coat": (96, 186, 150),
        "light": (214, 242, 220),
        "mark": (52, 132, 110),
        "mane": (64, 156, 124),
    },
    {
        "coat": (226, 92, 110),
        "light": (250, 210, 210),
        "mark": (180, 56, 84),
        "mane": (200, 70, 92),
    },
)


def _gaze(x: float, y: float, r: float, iris: str) -> tuple[Shape, ...]:
    return (
        ellipse(x, y, r, r, iris),
        ellipse(x, y, 0.6 * r, 0.62 * r, "dark"),
        ellipse(x + 0.2 * r, y - 0.25 * r, 0.2 * r, 0.2 * r, "gleam", steps=12),
    )


def penguin(rng: Rng) -> list[Layer]:
    """Draw an upright penguin: black back, white belly, orange beak and feet; or only the bust."""
    w, up = rng.uniform(0.44, 0.56), rng.uniform(-0.2, 0.35)
    half = [(0.3, -0.86), (0.36, -0.5), (w, 0.2), (w * 0.9, 0.74)]
    body = smooth([(0, -0.98), *half, (0, 0.9), *((-x, y) for x, y in half[::-1])], "coat")
    belly = smooth(
        [
            (0, -0.3),
            (0.22, -0.36),
            (w * 0.74, 0.2),
            (w * 0.62, 0.72),
            (0, 0.84),
            (-w * 0.62, 0.72),
            (-w * 0.74, 0.2),
            (-0.22, -0.36),
        ],
        "light",
    )
    wings = mirror(
        tube(
            [(w * 0.72, -0.25), (w + 0.16, 0.1), (w + 0.2 + 0.1 * up, 0.5 - up)],
            [0.1, 0.11, 0.03],
            "coat",
        )
    )
    feet = mirror(ellipse(0.22, 0.92, 0.2, 0.09, "beak"))
    if rng.random() < 0.35:  # seen from the side, looking to the right
        back = smooth(
            [
                (-0.1, -0.95),
                (0.2, -0.85),
                (0.26, -0.45),
                (0.42, 0.1),
                (0.32, 0.8),
                (-0.2, 0.88),
                (-0.46, 0.7),
                (-0.42, 0.0),
                (-0.3, -0.5),
                (-0.32, -0.8),
            ],
            "coat",
        )
        front = smooth([(0.2, -0.4), (0.5, 0.1), (0.42, 0.86), (0.05, 0.84), (0.08, 0.1)], "light")
        wing = tube(
            [(-0.12, -0.25), (-0.2, 0.15), (-0.35 + 0.2 * up, 0.5)], [0.1, 0.13, 0.03], "coat2"
        )
        beak = petal((0.18, -0.78), (0.6, -0.62), (0.18, -0.58), "beak", bulge=0.1)
        return [
            Layer((ellipse(0.05, 0.92, 0.26, 0.08, "beak"),)),
            Layer((beak,)),
            Layer((back,), (front, ellipse(0.12, -0.55, 0.14, 0.12, "light"))),
            Layer(_gaze(0.06, -0.74, 0.08, "eye"), outlined=False),
            Layer((wing,)),
        ]
    cheeks = mirror(ellipse(0.15, -0.6, 0.17, 0.2, "light"))
    beak = petal((-0.1, -0.58), (0, -0.4), (0.1, -0.58), "beak", bulge=0.25)
    eyes = (*_gaze(-0.15, -0.66, 0.075, "gleam"), *_gaze(0.15, -0.66, 0.075, "gleam"))
    layers = [
        Layer(feet),
        Layer(wings),
        Layer((body,), (belly, *cheeks)),
        Layer(eyes, outlined=False),
        Layer((beak,)),
    ]
    if rng.random() < 0.25:
        return place(layers, scale=1.7, y=1.15)
    return layers


def owl(rng: Rng) -> list[Layer]:
    """Draw an owl: large eye discs, ear tufts, speckled breast; on a branch or with open wings."""
    w = rng.uniform(0.5, 0.6)
    tall = rng.uniform(0.2, 0.34)
    half = [(0.42, -0.72), (w, -0.2), (w, 0.35), (0.3, 0.78)]
    body = smooth([(0, -0.76), *half, (0, 0.86), *((-x, y) for x, y in half[::-1])], "coat")
    tufts = mirror(petal((0.12, -0.7), (0.5, -0.74 - tall), (0.54, -0.5), "coat", bulge=0.1))
    breast = ellipse(0, 0.32, 0.36, 0.46, "light")
    rows = [
        line([(x - 0.06, y), (x, y + 0.06), (x + 0.06, y)], "mark", 0.03)
        for j, y in enumerate(np.arange(0.08, 0.75, 0.15))
        for x in np.arange(-0.24 + 0.06 * (j % 2), 0.3, 0.16)
    ]
    discs = mirror(ellipse(0.24, -0.34, 0.27, 0.27, "light"))
    r = rng.uniform(0.16, 0.2)
    eyes = (*_gaze(-0.23, -0.34, r, "eye"), *_gaze(0.23, -0.34, r, "eye"))
    beak = petal((-0.08, -0.26), (0, -0.04), (0.08, -0.26), "beak", bulge=0.2)
    feet = mirror(
        *(ellipse(0.17 + d, 0.86, 0.045, 0.08, "beak", steps=14) for d in (-0.08, 0, 0.08))
    )
    layers: list[Layer] = []
    if rng.random() < 0.3:  # wings spread
        span = rng.uniform(0.95, 1.1)
        wing = smooth(
            [
                (0.3, -0.3),
                (0.75, -0.45),
                (span, -0.3),
                (0.95, 0.1),
                (0.78, 0.2),
                (0.66, 0.36),
                (0.4, 0.4),
            ],
            "mark",
        )
        layers.append(Layer(mirror(wing)))
        folded: tuple[Shape, ...] = ()
    else:
        folded = mirror(
            petal((w - 0.12, -0.2), (w - 0.12, 0.7), (w + 0.08, -0.05), "mark", bulge=0.25)
        )
        layers.append(
            Layer((tube([(-1.1, 0.92), (0, 0.9), (1.1, 0.86)], [0.07, 0.06, 0.06], "dark2"),))
        )
    layers += [
        Layer((*tufts, body), (breast, *rows)),
        Layer(folded) if folded else Layer((ellipse(0, 0.8, 0.12, 0.1, "coat"),)),
        Layer(discs, outlined=False),
        Layer(eyes, outlined=False),
        Layer((beak,)),
        Layer(feet),
    ]
    if rng.random() < 0.25:
        return place(layers, scale=1.45, y=0.45)
    return layers


def fish(rng: Rng) -> list[Layer]:
    """Draw a fish: an oval with fins and a round eye; banded, scaled or plain; with bubbles."""
    h, long = rng.uniform(0.32, 0.56), rng.uniform(0.58, 0.72)
    body = smooth(
        [
            (long + 0.08, 0.02),
            (long * 0.6, -0.75 * h),
            (0, -h),
            (-long * 0.7, -0.5 * h),
            (-long, 0),
            (-long * 0.7, 0.5 * h),
            (0, h),
            (long * 0.6, 0.75 * h),
        ],
        "coat",
    )
    fan = rng.uniform(0.3, 0.48)
    tail = smooth(
        [
            (-long + 0.14, 0),
            (-0.8, -0.6 * fan),
            (-1.02, -fan),
            (-0.88, 0),
            (-1.02, fan),
            (-0.8, 0.6 * fan),
        ],
        "mane",
    )
    top = smooth([(0.3, -0.75 * h), (0.0, -h - 0.26), (-0.4, -h - 0.12), (-0.4, -0.6 * h)], "mane")
    low = smooth([(0.12, 0.8 * h), (-0.12, h + 0.22), (-0.32, h + 0.1), (-0.2, 0.7 * h)], "mane")
    kind = rng.random()
    marks: list[Shape] = [ellipse(0, h, long, 0.3 * h, "light")]
    if kind < 0.45:
        marks += [
            tube([(x, -0.8), (x + 0.06, 0), (x, 0.8)], [0.06, 0.08, 0.06], "mark")
            for x in (-0.4, -0.04, 0.3)
        ]
    elif kind < 0.75:
        marks += [
            line([(x + 0.07, y - 0.07), (x, y), (x + 0.07, y + 0.07)], "mark", 0.025)
            for j, y in enumerate(np.arange(-h, h, 0.13))
            for x in np.arange(-0.5 + 0.08 * (j % 2), 0.25, 0.16)
        ]
    fin = petal((0.12, 0.0), (-0.26, 0.26), (0.08, 0.22), "mane", bulge=0.3)
    r = rng.uniform(0.1, 0.15)
    bubbles = tuple(
        ellipse(
            long + rng.uniform(0.1, 0.3),
            -0.2 - 0.2 * k,
            0.035 + 0.01 * k,
            0.035 + 0.01 * k,
            "gleam",
            steps=16,
        )
        for k in range(int(rng.integers(0, 4)))
    )
    mouth = line([(long + 0.02, 0.1), (long - 0.1, 0.14), (long - 0.16, 0.1)], "dark", 0.035)
    return [
        Layer((tail, top, low)),
        Layer((body,), tuple(marks)),
        Layer((*_gaze(long * 0.62, -0.2 * h, r, "eye"), mouth), outlined=False),
        Layer((fin,)),
        Layer(bubbles),
    ]

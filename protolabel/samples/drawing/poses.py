"""Bodies: standing on four legs, sitting, head and shoulders, a long neck."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from protolabel.samples.drawing import long_faces
from protolabel.samples.drawing.shapes import (
    Layer,
    Rng,
    Shape,
    ellipse,
    mirror,
    place,
    smooth,
    tube,
)

__all__ = ["Quadruped", "long_neck", "portrait", "sitting", "standing"]

_Head = Callable[[Rng], list[Layer]]


@dataclass(frozen=True)
class Quadruped:
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


def _legs(rng: Rng, q: Quadruped, role: str, phase: float, shift: float) -> list[Shape]:
    shapes = []
    top, ground = q.back + 0.08, q.back + q.girth + q.leg
    for x in (-q.length + 0.1, q.length - 0.08):
        swing = phase * rng.uniform(0.4, 1.0) * (1 if x > 0 else -1)
        foot = x + shift + swing
        w = q.leg_width
        shapes.append(
            tube(
                [
                    (x + shift * 0.5, top),
                    ((x + foot) / 2 + 0.02, (top + ground) / 2),
                    (foot, ground),
                ],
                [1.45 * w, w, 0.9 * w],
                role,
            )
        )
        if q.paw != "none":
            shapes.append(
                ellipse(
                    foot + 0.35 * w,
                    ground + 0.25 * w,
                    1.35 * w,
                    0.8 * w,
                    role if q.paw == "coat" or role == "shade" else q.paw,
                    steps=18,
                )
            )
    return shapes


def _tail(rng: Rng, q: Quadruped) -> list[Layer]:
    x, y = -q.length - 0.1, q.back - 0.05
    lift = rng.uniform(-0.5, 0.35)
    if q.tail == "none":
        return []
    if q.tail == "short":
        return [
            Layer((tube([(x + 0.06, y), (x - 0.14, y + lift * 0.5 - 0.05)], [0.08, 0.05], "coat"),))
        ]
    if q.tail == "brush":
        return [
            Layer(
                (
                    tube(
                        [(x + 0.05, y), (x - 0.16, y + 0.12), (x - 0.2, y + 0.5)],
                        [0.05, 0.08, 0.05],
                        "mane",
                    ),
                )
            )
        ]
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


def _stripes(rng: Rng, q: Quadruped) -> list[Shape]:
    top, low = q.back - 1.15 * q.girth, q.back + 1.1 * q.girth
    shapes: list[Shape] = []
    for k, x in enumerate(np.arange(-q.length - 0.12, q.length + 0.12, 0.135)):
        bend, w = rng.uniform(-0.05, 0.05), rng.uniform(0.026, 0.04)
        deep = rng.uniform(0.05, 0.7) * q.girth
        shapes.append(
            tube(
                [(x, top), (x + bend, (top + deep) / 2), (x - bend, q.back + deep)],
                [w, w, 0.008],
                "mark",
            )
        )
        if k % 2:
            shapes.append(
                tube([(x + 0.06, low), (x + 0.04, q.back + 0.45 * q.girth)], [w, 0.008], "mark")
            )
    ground = q.back + q.girth + q.leg
    for x in (-q.length + 0.1, q.length - 0.08):
        shapes += [
            tube([(x - 0.3, y), (x, y + 0.03), (x + 0.3, y)], [0.022, 0.022], "mark")
            for y in np.arange(q.back + q.girth + 0.06, ground - 0.1, 0.12)
        ]
    return shapes


def _body_marks(rng: Rng, q: Quadruped) -> list[Shape]:
    if q.marks == "stripes":
        belly = ellipse(
            0, q.back + 1.1 * q.girth, q.length - 0.1 - 1.6 * q.leg_width, 0.35 * q.girth, "light"
        )
        return [belly, *_stripes(rng, q)]
    if q.marks == "patches":
        x, y = q.head_at
        found = long_faces.patches(
            rng,
            (-q.length - 0.3, q.back - q.girth - 0.1, q.length + 0.3, q.back + q.girth + 0.12),
            0.17,
        )
        for a in np.linspace(0, 1, 9):  # up the neck
            cx, cy = q.length - 0.05 + a * (x - q.length + 0.05), q.back + a * (y - q.back)
            found += long_faces.patches(rng, (cx - 0.08, cy, cx + 0.1, cy + 0.02), 0.13)[:4]
        return found
    if q.marks == "saddle" and rng.random() < 0.7:
        at = rng.uniform(-0.35, 0.1)
        return [
            smooth(
                [
                    (at - 0.25, q.back - 0.4),
                    (at + 0.25, q.back - 0.4),
                    (at + 0.2, q.back),
                    (at - 0.22, q.back + 0.05),
                ],
                "ear",
            )
        ]
    if q.marks == "band":
        x = q.length - 0.02
        return [tube([(x, q.back - 0.4), (x - 0.02, q.back + 0.4)], [0.15, 0.15], "dark2")]
    return [
        ellipse(
            0, q.back + 1.1 * q.girth, q.length - 0.1 - 1.6 * q.leg_width, 0.4 * q.girth, "light"
        )
    ]


def standing(rng: Rng, q: Quadruped, head: _Head) -> list[Layer]:
    """Draw an animal that stands on four legs and looks to the right."""
    phase = rng.uniform(-0.14, 0.14)
    sag = rng.uniform(-0.02, 0.04)
    body = tube(
        [(-q.length, q.back), (0, q.back + sag), (q.length, q.back - 0.02)],
        [q.girth * 0.92, q.girth * rng.uniform(0.9, 1.0), q.girth],
        "coat",
    )
    x, y = q.head_at
    neck = tube(
        [(q.length - 0.04, q.back + 0.02), (0.5 * (x + q.length), 0.5 * (y + q.back)), (x, y)],
        [1.2 * q.neck, q.neck, 0.85 * q.neck],
        "coat",
    )
    near = _legs(rng, q, "coat" if q.marks != "band" else "dark2", phase, 0.0)
    layers = [
        Layer(tuple(_legs(rng, q, "shade" if q.marks != "band" else "dark2", -phase, 0.13))),
        *_tail(rng, q),
        Layer((neck, body, *near), tuple(_body_marks(rng, q))),
    ]
    if q.tail == "brush":  # a zebra's or horse's mane stands along the neck
        crest = tube(
            [
                (q.length - 0.24, q.back - 0.2),
                (0.5 * (x + q.length) - 0.19, 0.5 * (y + q.back) - 0.1),
                (x - 0.14, y - 0.28),
            ],
            [0.05, 0.08, 0.06],
            "mane",
        )
        layers.insert(2, Layer((crest,)))
    tilt = rng.uniform(-0.16, 0.16)
    layers += place(head(rng), scale=q.head, x=x, y=y, angle=tilt)
    return layers


def sitting(
    rng: Rng, head: _Head, *, marks: str, tail: bool, limbs: str = "coat", size: float = 0.46
) -> list[Layer]:
    """Draw a sitting animal that faces the viewer."""
    w = rng.uniform(0.4, 0.5)
    body = smooth(
        [
            (0, -0.35),
            (0.28, -0.2),
            (w, 0.45),
            (0.36, 0.86),
            (0, 0.9),
            (-0.36, 0.86),
            (-w, 0.45),
            (-0.28, -0.2),
        ],
        "coat",
    )
    thighs = mirror(ellipse(w * 0.86, 0.66, 0.24, 0.27, limbs))
    feet = mirror(ellipse(w * 0.95, 0.9, 0.24, 0.1, limbs))
    legs = mirror(
        tube([(0.17, 0.2), (0.15, 0.84)], [0.12, 0.1], limbs), ellipse(0.16, 0.9, 0.14, 0.09, limbs)
    )
    chest = ellipse(0, 0.2, 0.2, 0.36, "light")
    stripes: list[Shape] = []
    if marks == "stripes":
        for y in np.arange(-0.15, 0.85, 0.17):
            stripes += mirror(
                tube([(0.75, y), (0.4, y + 0.05), (0.22, y + 0.03)], [0.035, 0.035, 0.01], "mark")
            )
    layers: list[Layer] = []
    if tail:
        s = rng.choice([-1, 1])
        path = [
            (s * 0.3, 0.8),
            (s * 0.72, 0.78),
            (s * 0.82, 0.4),
            (s * 0.7, rng.uniform(-0.05, 0.2)),
        ]
        rings = [
            tube([(x - 0.1, y + 0.02), (x + 0.1, y - 0.02)], [0.03, 0.03], "mark")
            for x, y in path[1:]
        ]
        layers.append(
            Layer((tube(path, [0.08, 0.08, 0.07, 0.06], "coat"),), tuple(rings) if stripes else ())
        )
        if marks == "tuft":
            layers.append(Layer((ellipse(path[-1][0], path[-1][1], 0.11, 0.14, "mane"),)))
    layers.append(Layer((body,), (chest, *stripes)))
    layers.append(Layer((*thighs, *feet), tuple(stripes) if limbs == "coat" else ()))
    leg_marks = tuple(
        tube([(-0.4, y), (0, y + 0.02), (0.4, y)], [0.02, 0.02], "mark") for y in (0.4, 0.54, 0.68)
    )
    layers.append(Layer(legs, leg_marks if stripes else ()))
    layers += place(
        head(rng),
        scale=size * rng.uniform(0.92, 1.06),
        y=rng.uniform(-0.46, -0.4),
        angle=rng.uniform(-0.14, 0.14),
    )
    return layers


def portrait(
    rng: Rng,
    head: _Head,
    *,
    scale: float = 0.74,
    y: float = 0.05,
    shoulders: str = "coat",
    striped: bool = False,
) -> list[Layer]:
    """Draw head and shoulders."""
    w = rng.uniform(0.6, 0.8)
    torso = smooth(
        [
            (0, 0.25),
            (0.45, 0.4),
            (w, 0.8),
            (w + 0.05, 1.6),
            (-w - 0.05, 1.6),
            (-w, 0.8),
            (-0.45, 0.4),
        ],
        shoulders,
    )
    marks = (
        [
            tube(
                [(k * 1.0, y), (k * 0.5, y + 0.06), (k * 0.2, y + 0.04)], [0.05, 0.05, 0.01], "mark"
            )
            for y in np.arange(0.45, 1.2, 0.17)
            for k in (-1, 1)
        ]
        if striped
        else []
    )
    bust = [Layer((torso,), tuple(marks))] if rng.random() < 0.6 else []
    return bust + place(
        head(rng),
        scale=scale * rng.uniform(0.92, 1.05),
        y=y - (0.1 if bust else 0),
        angle=rng.uniform(-0.12, 0.12),
    )


def long_neck(rng: Rng, head: _Head, *, scale: float, marks: str, front: bool) -> list[Layer]:
    """Draw a long neck that rises from the lower edge, and its head."""
    lean = rng.uniform(-0.3, 0.1) if not front else rng.uniform(-0.12, 0.12)
    top = (lean + 0.35, -0.5) if not front else (lean, -0.42)
    path = [(lean - 0.1 if not front else lean, 1.5), (lean, 0.4), top]
    neck = tube(path, [0.42, 0.24, 0.18], "coat")
    layers: list[Layer] = []
    if marks == "patches":
        spots = long_faces.patches(rng, (-0.8, -0.45, 0.8, 1.3), 0.24)
    else:
        spots = [
            tube([(-0.8, y), (0.0, y + 0.1), (0.8, y)], [0.05, 0.05], "mark")
            for y in np.arange(-0.4, 1.3, 0.17)
        ]
        if not front:
            back = [(x - s, y) for (x, y), s in zip(path, (0.42, 0.26, 0.2), strict=True)]
            layers.append(Layer((tube(back, [0.1, 0.12, 0.1], "mane"),)))
    layers.append(Layer((neck,), tuple(spots)))
    return layers + place(
        head(rng),
        scale=scale,
        x=top[0],
        y=top[1],
        angle=rng.uniform(-0.2, 0.12) if not front else lean * 0.5,
    )

"""Geometry: curves become polygons, and polygons become layers.

The drawing plane has x to the right and y downwards; an animal fills about ``[-1, 1] x [-1, 1]``.
Shapes have no colour: each `Shape` has a *role* ("coat", "mark", "nose", ...), which a style
turns into a colour.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = [
    "Layer",
    "Points",
    "Rng",
    "Shape",
    "ellipse",
    "fill",
    "line",
    "mirror",
    "petal",
    "place",
    "smooth",
    "spline",
    "tube",
]

Points = NDArray[np.float64]
Rng = np.random.Generator


@dataclass(frozen=True, eq=False)
class Shape:
    """A polygon to fill, or (``width > 0``) a polyline to draw.

    Attributes
    ----------
    points : ndarray of float, shape (n, 2)
        Corners in the drawing plane.
    role : str
        What it is part of; the palette turns it into a colour.
    width : float
        Width of the line in plane units; 0 means a filled polygon.
    """

    points: Points
    role: str
    width: float = 0.0


@dataclass(frozen=True, eq=False)
class Layer:
    """Shapes that are drawn as one piece, with one outline around their union.

    Attributes
    ----------
    shapes : tuple of Shape
        Filled together; a line among them is drawn on top.
    marks : tuple of Shape
        Stripes, patches, bellies: cut to the union of `shapes`.
    outlined : bool
        False for small details that no style should draw a contour around.
    """

    shapes: tuple[Shape, ...]
    marks: tuple[Shape, ...] = ()
    outlined: bool = True


def fill(points: ArrayLike, role: str) -> Shape:
    """Return a filled polygon."""
    return Shape(np.asarray(points, dtype=float), role)


def line(points: ArrayLike, role: str, width: float) -> Shape:
    """Return a smooth polyline through `points`, `width` plane units thick."""
    return Shape(spline(points), role, width)


def spline(points: ArrayLike, *, closed: bool = False, steps: int = 8) -> Points:
    """Return a Catmull-Rom curve through `points`, with `steps` samples per segment."""
    p = np.asarray(points, dtype=float)
    if closed:
        before, start, end, after = np.roll(p, 1, 0), p, np.roll(p, -1, 0), np.roll(p, -2, 0)
    else:
        padded = np.concatenate([2 * p[:1] - p[1:2], p, 2 * p[-1:] - p[-2:-1]])
        before, start, end, after = padded[:-3], padded[1:-2], padded[2:-1], padded[3:]
    t = (np.arange(steps) / steps)[None, :, None]
    a, b, c, d = (q[:, None, :] for q in (before, start, end, after))
    curve = 0.5 * (
        2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3
    )
    curve = curve.reshape(-1, 2)
    return curve if closed else np.concatenate([curve, p[-1:]])


def smooth(points: ArrayLike, role: str) -> Shape:
    """Return a filled, closed curve through `points`."""
    return Shape(spline(points, closed=True), role)


def ellipse(
    x: float, y: float, rx: float, ry: float, role: str, *, angle: float = 0.0, steps: int = 36
) -> Shape:
    """Return a filled ellipse, turned by `angle` radians."""
    t = np.linspace(0, 2 * np.pi, steps, endpoint=False)
    u, v = rx * np.cos(t), ry * np.sin(t)
    cos, sin = np.cos(angle), np.sin(angle)
    return Shape(np.stack([x + u * cos - v * sin, y + u * sin + v * cos], axis=1), role)


def tube(path: ArrayLike, widths: Sequence[float], role: str) -> Shape:
    """Return a rounded tube around a smooth path: legs, necks, tails, trunks, stripes.

    Parameters
    ----------
    path : array_like, shape (n, 2)
        Points on the centre line.
    widths : sequence of float
        Half the thickness, spread evenly over the path.
    role : str
        Role of the shape.
    """
    centre = spline(path, steps=6)
    where = np.linspace(0, 1, len(centre))
    half = np.interp(where, np.linspace(0, 1, len(widths)), widths)[:, None]
    along = np.gradient(centre, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True) + 1e-9
    across = np.stack([-along[:, 1], along[:, 0]], axis=1)
    turn = np.linspace(0, np.pi, 7)[1:-1, None]
    end = centre[-1] + half[-1] * (np.cos(turn) * across[-1] + np.sin(turn) * along[-1])
    start = centre[0] + half[0] * (-np.cos(turn) * across[0] - np.sin(turn) * along[0])
    left, right = centre + half * across, centre - half * across
    return Shape(np.concatenate([left, end, right[::-1], start]), role)


def petal(a: ArrayLike, tip: ArrayLike, b: ArrayLike, role: str, *, bulge: float = 0.15) -> Shape:
    """Return a pointed shape from `a` over `tip` to `b` with sides bent outwards by `bulge`."""
    pa, pt, pb = (np.asarray(q, dtype=float) for q in (a, tip, b))
    middle = (pa + pb + pt) / 3
    sides = []
    for p, q in ((pa, pt), (pt, pb)):
        half = (p + q) / 2
        out = half - middle
        control = half + out / (np.linalg.norm(out) + 1e-9) * bulge * np.linalg.norm(q - p)
        t = np.linspace(0, 1, 9)[:-1, None]
        sides.append((1 - t) ** 2 * p + 2 * t * (1 - t) * control + t**2 * q)
    return Shape(np.concatenate([*sides, pb[None]]), role)


def mirror(*shapes: Shape) -> tuple[Shape, ...]:
    """Return the shapes and their mirror images across the y axis."""
    flipped = (Shape(s.points * [-1.0, 1.0], s.role, s.width) for s in shapes)
    return (*shapes, *flipped)


def place(
    layers: Iterable[Layer],
    *,
    scale: float = 1.0,
    x: float = 0.0,
    y: float = 0.0,
    angle: float = 0.0,
    flip: bool = False,
) -> list[Layer]:
    """Return the layers scaled, turned by `angle` radians, and moved to ``(x, y)``."""
    cos, sin = np.cos(angle), np.sin(angle)
    matrix = scale * np.array([[cos, sin], [-sin, cos]])
    if flip:
        matrix = np.array([[-1.0, 0.0], [0.0, 1.0]]) @ matrix

    def move(shape: Shape) -> Shape:
        return Shape(shape.points @ matrix + [x, y], shape.role, shape.width * scale)

    return [
        Layer(tuple(map(move, a.shapes)), tuple(map(move, a.marks)), a.outlined) for a in layers
    ]

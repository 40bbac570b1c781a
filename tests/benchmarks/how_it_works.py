"""The figure "How it works": an SVG of a run, with its own pictures, vectors and maps.

`loop_pictures.py` draws it in a browser: as a file of its own an SVG would be set in whatever
letters the reader has.
"""

from __future__ import annotations

import base64
import io
from html import escape
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageOps

from protolabel.common.palette import OKABE_ITO
from protolabel.refinement.anchored import anchored_neighbors

if TYPE_CHECKING:
    from pathlib import Path

    import protolabel as pl

WIDTH, HEIGHT = 760, 804
INK, SOFT, LINE, PANEL, ACCENT = "#1d2430", "#5b6575", "#d5dae2", "#f5f7fa", "#0b6bcb"
NOISE = "none"  # drawn as a ring
VOTES = {
    "Text": "what CLIP reads in the image",
    "Prototype": "how near the middle of the class is",
    "Neighbours": "what the nearest images are called",
    "Micro-cluster": "what the rest of it is called",
    "Prior": "class size, where names are absent",
}
PINS = ("Pins fix a label;", "each counts like", "4 images and", "teaches what", "a name means")
STYLE = f"""
text {{ font: 13px system-ui, sans-serif; fill: {INK}; }}
.title {{ font-size: 15px; font-weight: 700; }}
.accent {{ fill: {ACCENT}; }}
.bold {{ font-weight: 600; }}
.small {{ font-size: 12px; }}
.soft {{ fill: {SOFT}; }}
.middle {{ text-anchor: middle; }}
.code {{ font-family: monospace; font-size: 12px; }}
.box {{ fill: #fff; stroke: {LINE}; }}
.panel {{ fill: {PANEL}; }}
.near {{ stroke: #9aa6b6; stroke-width: 0.7; }}
"""
FILES = ("dog/ cat/ …", "metadata.json", "labels.csv", "classifier.npz", "splits/", "replay.html")


def text(x: float, y: float, words: str, kind: str = "") -> str:
    """Words at a place."""
    return f'<text x="{x}" y="{y}" class="{kind}">{escape(words)}</text>'


def heading(x: float, y: float, number: str, words: str, more: str) -> str:
    """The title of a part, and a word about it."""
    return (
        f'<text x="{x}" y="{y}"><tspan class="title accent">{number}</tspan>'
        f'<tspan dx="8" class="title">{escape(words)}</tspan>'
        f'<tspan dx="10" class="soft">{escape(more)}</tspan></text>'
    )


def box(x: float, y: float, w: float, h: float, kind: str = "box") -> str:
    """A rounded box; a panel has no frame."""
    return f'<rect x="{x}" y="{y}" width="{w}" height="{h}" rx="8" class="{kind}"/>'


def arrow(path: str, colour: str = SOFT) -> str:
    """An arrow along a path."""
    head = "accent" if colour == ACCENT else "head"
    return (
        f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="1.6" '
        f'stroke-linejoin="round" marker-end="url(#{head})"/>'
    )


def dot(x: float, y: float, colour: str, radius: float = 2.6) -> str:
    """One image."""
    ring = f' stroke="{SOFT}"' if colour == NOISE else ""
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius}" fill="{colour}"{ring}/>'


def star(x: float, y: float, colour: str) -> str:
    """One prototype."""
    corners = []
    for k in range(10):
        radius, angle = (3.4 if k % 2 else 8), k * np.pi / 5 - np.pi / 2
        corners.append(f"{x + radius * np.cos(angle):.1f},{y + radius * np.sin(angle):.1f}")
    shape = " ".join(corners)
    return (
        f'<polygon points="{shape}" fill="#fff" stroke="#fff" stroke-width="4"/>'
        f'<polygon points="{shape}" fill="{colour}" stroke="{INK}" stroke-width="1.3"/>'
    )


def picture(path: Path, x: float, y: float, side: int) -> str:
    """A picture of the folder."""
    with Image.open(path) as opened, io.BytesIO() as file:
        ImageOps.fit(opened, (2 * side, 2 * side)).save(file, "JPEG", quality=85)
        data = base64.b64encode(file.getvalue()).decode()
    size = f'width="{side}" height="{side}"'
    return f'<image x="{x}" y="{y}" {size} href="data:image/jpeg;base64,{data}"/>'


def strip(vector: np.ndarray, x: float, y: float, cells: int = 24) -> str:
    """The first numbers of a vector, blue below and orange above zero."""
    shown = vector[:cells] / np.abs(vector[:cells]).max()
    parts = []
    for k, value in enumerate(shown):
        colour, depth = ("#d55e00" if value > 0 else "#0072b2"), 0.08 + 0.85 * abs(value)
        parts.append(
            f'<rect x="{x + 7 * k}" y="{y}" width="6" height="8" fill="{colour}" '
            f'fill-opacity="{depth:.2f}"/>'
        )
    return "".join(parts)


class Place:
    """Where points of the map stand in a part of the figure; up is up, as in the studio."""

    def __init__(self, xy: np.ndarray, x: float, y: float, w: float, h: float) -> None:
        span = np.ptp(xy, axis=0)
        self.middle, self.centre = xy.min(axis=0) + span / 2, np.array([x + w / 2, y + h / 2])
        self.scale = min((w - 16) / span[0], (h - 16) / span[1]) * np.array([1, -1])

    def __call__(self, points: np.ndarray) -> list[tuple[float, float]]:
        """Places of points of the map."""
        return [tuple(one) for one in (points - self.middle) * self.scale + self.centre]


def embedding(session: pl.Session) -> str:
    """The first part: from pictures and names to vectors."""
    labels = session.labels.label
    surest = np.argsort(-session.labels.agreement, kind="stable")
    chosen = [i for c in range(len(session.names)) for i in surest[labels[surest] == c][:2]]
    parts = [heading(24, 34, "1", "Vectors", "images and class names in one space")]
    for k, i in enumerate(chosen):
        parts.append(
            picture(session.embeddings.images.paths[i], 24 + 44 * (k // 2), 50 + 44 * (k % 2), 40)
        )
        parts.append(strip(session.embeddings.unit[i], 406, 50 + 10.6 * k))
    for c, name in enumerate(session.names):
        parts += [
            dot(30 + 46 * c, 168, OKABE_ITO[c], 4),
            text(37 + 46 * c, 172, name, "small"),
            dot(396, 156 + 12 * c, OKABE_ITO[c], 3.4),
            strip(session.text.vectors[c], 406, 152 + 12 * c),
        ]
    parts += [
        arrow(f"M{x} {y} h{length}") for x, length in ((208, 28), (350, 34)) for y in (92, 168)
    ]
    parts += [
        box(240, 50, 110, 146, "panel box"),
        text(295, 96, "image encoder", "middle small"),
        text(295, 132, "CLIP", "middle bold"),
        text(295, 172, "text encoder", "middle small"),
        text(590, 78, "Image embeddings", "bold"),
        text(590, 94, "one vector of length 1", "soft"),
        text(590, 110, "for every image", "soft"),
        text(590, 164, "Text vectors", "bold"),
        text(590, 180, "mean over templates", "soft"),
        text(590, 196, "and synonyms", "soft"),
    ]
    return "".join(parts)


def structure(session: pl.Session) -> str:
    """The second part: which images look alike."""
    xy, graph, clusters = session.map, session.graph, session.clusters
    voting = anchored_neighbors(len(xy), len(session.names))
    columns = [
        (np.full(len(xy), SOFT), f"{voting} nearest neighbours", "by cosine; they vote"),
        (
            shades(clusters.micro, clusters.n_micro),
            f"{clusters.n_micro} micro-clusters (ring: noise)",
            "by density; they vote",
        ),
        (
            shades(clusters.meta_of_images, clusters.n_meta),
            f"{clusters.n_meta} meta-clusters",
            "groups of micro-clusters, for people",
        ),
    ]
    parts = [
        heading(24, 236, "2", "Structure", "which images look alike, whatever they are called")
    ]
    for k, (colours, name, what) in enumerate(columns):
        left = 24 + 244 * k
        spots = Place(xy, left, 250, 224, 128)(xy)
        parts.append(box(left, 250, 224, 128))
        if k == 0:
            for (x, y), near in zip(spots, graph.indices[:, :voting], strict=True):
                for to_x, to_y in (spots[i] for i in near):
                    parts.append(f'<path d="M{x:.1f} {y:.1f}L{to_x:.1f} {to_y:.1f}" class="near"/>')
        parts += [dot(x, y, colour) for (x, y), colour in zip(spots, colours, strict=True)]
        parts += [text(left + 2, 397, name, "bold"), text(left + 2, 413, what, "small soft")]
    return "".join(parts)


def shades(groups: np.ndarray, count: int) -> list[str]:
    """A colour for every image by its cluster; none of a class, which have the saturated ones."""
    return [
        f"hsl({360 * one / count:.0f} 48% {66 if one % 2 else 44}%)" if one >= 0 else NOISE
        for one in groups
    ]


def loop(session: pl.Session) -> str:
    """The third part: votes, labels, prototypes, pins."""
    place = Place(session.map, 440, 488, 196, 158)
    parts = [
        box(12, 430, 736, 264, "panel"),
        heading(
            24, 456, "3", "The loop", "5 iterations; before them, zero-shot: the text vote alone"
        ),
    ]
    for k, (name, what) in enumerate(VOTES.items()):
        y = 472 + 36 * k
        parts += [
            box(24, y, 348, 30),
            text(34, y + 20, name, "bold"),
            text(142, y + 20, what, "small soft"),
            f'<path d="M372 {y + 15} C386 {y + 15} 382 559 392 559" fill="none" stroke="{SOFT}"/>',
        ]
    parts += [
        f'<circle cx="404" cy="559" r="12" fill="#fff" stroke="{SOFT}"/>',
        text(404, 564, "Σ", "middle bold"),
        arrow("M416 559 H436"),
        box(440, 488, 196, 158),
        text(442, 480, "Labels, with agreement", "bold"),
    ]
    for (x, y), label in zip(place(session.map), session.labels.label, strict=True):
        parts.append(dot(x, y, OKABE_ITO[label]))
    for c, (x, y) in enumerate(place(session.prototype_map[-1])):
        parts.append(star(x, y, OKABE_ITO[c]))
    back = "labels move the prototypes (★); neighbours and micro-clusters vote with them next"
    parts += [
        arrow("M538 646 V666 H198 V652", ACCENT), text(368, 684, back, "middle small"),
        f'<circle cx="692" cy="509" r="9" fill="{ACCENT}"/>',
        f'<path d="M674 541 a18 18 0 0 1 36 0 z" fill="{ACCENT}"/>',
        arrow("M668 530 H642", ACCENT), text(692, 562, "You", "middle bold"),
    ]  # fmt: skip
    for k, line in enumerate(PINS):
        parts.append(text(692, 580 + 15 * k, line, "middle small"))
    return "".join(parts)


def dataset() -> str:
    """The last part: what comes out."""
    parts = [
        arrow("M380 694 V712"),
        box(12, 716, 736, 76, "panel"),
        heading(24, 740, "4", "The dataset", "ready for training"),
    ]
    x = 24.0
    for name in FILES:
        wide = 7.3 * len(name) + 32
        parts += [box(x, 752, wide, 28), text(x + wide / 2, 771, name, "middle code")]
        x += wide + 6
    return "".join(parts)


def figure(session: pl.Session) -> str:
    """Return the figure of a run with four classes or fewer, as SVG."""
    heads = "".join(
        f'<marker id="{name}" viewBox="0 0 8 8" refX="6" refY="4" markerWidth="6" markerHeight="6" '
        f'orient="auto"><path d="M0 0L8 4L0 8z" fill="{colour}"/></marker>'
        for name, colour in (("head", SOFT), ("accent", ACCENT))
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" '
        f'viewBox="0 0 {WIDTH} {HEIGHT}"><defs>{heads}</defs><style>{STYLE}</style>'
        f'<rect x=".5" y=".5" width="{WIDTH - 1}" height="{HEIGHT - 1}" rx="10" fill="#fff" '
        f'stroke="{LINE}"/>{embedding(session)}{structure(session)}{loop(session)}{dataset()}</svg>'
    )

"""Backgrounds, and clutter in front of an animal."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from protolabel.samples.drawing.shapes import Rng

__all__ = ["BACKGROUNDS", "clouds", "draw_background", "draw_clutter"]

RGB = tuple[int, int, int]
_Painter = Callable[[Rng, int], Image.Image]

_PLAIN: tuple[RGB, ...] = (
    (250, 236, 214), (214, 234, 246), (226, 240, 214), (250, 220, 220), (236, 226, 246),
    (255, 244, 190), (196, 226, 222), (244, 244, 240), (150, 196, 214), (244, 190, 160),
    (120, 160, 140), (170, 150, 190), (206, 206, 206),
)  # fmt: skip


def _pick(rng: Rng, colours: tuple[RGB, ...]) -> RGB:
    base = colours[int(rng.integers(len(colours)))]
    r, g, b = np.clip(np.array(base) + rng.integers(-12, 13, 3), 0, 255).tolist()
    return (r, g, b)


def clouds(rng: Rng, size: int, cells: int) -> Image.Image:
    """Return smooth grey noise ("L", `size` pixels square) with `cells` features a side."""
    coarse = rng.integers(0, 256, (cells, cells)).astype(np.uint8)
    return Image.fromarray(coarse).resize((size, size), Image.Resampling.BICUBIC)


def _gradient(size: int, top: RGB, bottom: RGB) -> Image.Image:
    t = np.linspace(0, 1, 32)[:, None]
    column = (np.array(top) * (1 - t) + np.array(bottom) * t).astype(np.uint8)[:, None]
    return Image.fromarray(np.ascontiguousarray(column)).resize(
        (size, size), Image.Resampling.BILINEAR
    )


def _plain(rng: Rng, size: int) -> Image.Image:
    return Image.new("RGB", (size, size), _pick(rng, _PLAIN))


def _dots(rng: Rng, size: int) -> Image.Image:
    image = _plain(rng, size)
    draw, colour = ImageDraw.Draw(image), _pick(rng, _PLAIN)
    step, r = size / rng.integers(5, 10), size * rng.uniform(0.012, 0.03)
    for j, y in enumerate(np.arange(0, size + step, step)):
        for x in np.arange((j % 2) * step / 2, size + step, step):
            draw.ellipse([x - r, y - r, x + r, y + r], fill=colour)
    return image


def _rays(rng: Rng, size: int) -> Image.Image:
    image = _plain(rng, size)
    draw, colour = ImageDraw.Draw(image), _pick(rng, _PLAIN)
    n, start = int(rng.integers(7, 14)), rng.uniform(0, 1)
    half, reach = size / 2, size
    for a in np.linspace(0, 2 * np.pi, n, endpoint=False) + start:
        b = a + np.pi / n
        draw.polygon(
            [
                (half, half),
                (half + reach * np.cos(a), half + reach * np.sin(a)),
                (half + reach * np.cos(b), half + reach * np.sin(b)),
            ],
            fill=colour,
        )
    return image


def _ridge(rng: Rng, size: int, y: float, rise: float) -> list[tuple[float, float]]:
    x = np.linspace(0, 1, 24)
    k = np.arange(1, 4)[:, None]
    waves = np.sin(2 * np.pi * (k * x * rng.uniform(0.5, 1.2, (3, 1)) + rng.uniform(size=(3, 1))))
    bumps = (waves / k).sum(axis=0)
    top = (y - rise * bumps) * size
    return [(0, size), *zip((x * size).tolist(), top.tolist(), strict=True), (size, size)]


def _puffs(rng: Rng, draw: ImageDraw.ImageDraw, size: int, colour: RGB) -> None:
    for _ in range(int(rng.integers(1, 4))):
        x, y, r = (
            rng.uniform(0, size),
            rng.uniform(0.03, 0.3) * size,
            rng.uniform(0.04, 0.08) * size,
        )
        for dx in (-1.1, 0.0, 1.1):
            s = r * (1.25 if dx == 0 else 0.85)
            draw.ellipse([x + dx * r - s, y - s, x + dx * r + s, y + s * 0.8], fill=colour)


def _meadow(rng: Rng, size: int) -> Image.Image:
    image = _gradient(size, _pick(rng, ((132, 196, 240), (180, 220, 246))), (232, 244, 250))
    draw = ImageDraw.Draw(image)
    if rng.random() < 0.5:
        x, y, r = rng.uniform(0.1, 0.9) * size, 0.14 * size, rng.uniform(0.05, 0.09) * size
        draw.ellipse([x - r, y - r, x + r, y + r], fill=(255, 222, 100))
    _puffs(rng, draw, size, (255, 255, 255))
    draw.polygon(
        _ridge(rng, size, rng.uniform(0.6, 0.72), 0.03), fill=_pick(rng, ((150, 200, 120),))
    )
    draw.polygon(
        _ridge(rng, size, rng.uniform(0.76, 0.86), 0.02), fill=_pick(rng, ((116, 178, 92),))
    )
    return image


def _savanna(rng: Rng, size: int) -> Image.Image:
    image = _gradient(
        size, _pick(rng, ((250, 190, 120), (240, 160, 120), (250, 214, 150))), (255, 236, 190)
    )
    draw = ImageDraw.Draw(image)
    x, y, r = (
        rng.uniform(0.1, 0.9) * size,
        rng.uniform(0.15, 0.5) * size,
        rng.uniform(0.08, 0.14) * size,
    )
    draw.ellipse([x - r, y - r, x + r, y + r], fill=(255, 240, 200))
    draw.polygon(
        _ridge(rng, size, rng.uniform(0.66, 0.8), 0.02),
        fill=_pick(rng, ((216, 176, 100), (196, 160, 90))),
    )
    if rng.random() < 0.6:
        x, h = rng.choice([0.1, 0.88]) * size, 0.3 * size
        draw.line(
            [(x, 0.75 * size), (x, 0.75 * size - h)], fill=(110, 78, 56), width=max(2, size // 50)
        )
        draw.ellipse(
            [x - 0.16 * size, 0.4 * size, x + 0.16 * size, 0.5 * size], fill=(120, 140, 76)
        )
    return image


def _sky(rng: Rng, size: int) -> Image.Image:
    top = _pick(rng, ((120, 180, 236), (250, 180, 190), (150, 210, 220), (190, 170, 230)))
    image = _gradient(size, top, (250, 246, 240))
    _puffs(rng, ImageDraw.Draw(image), size, (255, 255, 255))
    return image


def _page(rng: Rng, size: int) -> Image.Image:
    tint = _pick(rng, ((250, 247, 238), (240, 232, 214), (250, 250, 250)))
    paper = Image.new("RGB", (size, size), tint)
    grain = clouds(rng, size, 96)
    return Image.composite(
        paper, Image.new("RGB", (size, size), (232, 224, 208)), grain.point(lambda v: 200 + v // 5)
    )


def _lined(rng: Rng, size: int) -> Image.Image:
    image = _page(rng, size)
    draw, step = ImageDraw.Draw(image), size / rng.integers(10, 18)
    across = rng.random() < 0.5
    for y in np.arange(step / 2, size, step):
        draw.line([(0, y), (size, y)], fill=(176, 200, 222), width=max(1, size // 250))
        if across:
            draw.line([(y, 0), (y, size)], fill=(176, 200, 222), width=max(1, size // 250))
    return image


def _wash(rng: Rng, size: int) -> Image.Image:
    image = _page(rng, size)
    for _ in range(int(rng.integers(2, 4))):
        colour = _pick(
            rng,
            ((150, 200, 226), (170, 212, 150), (246, 206, 130), (226, 170, 190), (180, 160, 214)),
        )
        alpha = clouds(rng, size, 4).point(lambda v: max(0, min(190, (v - 110) * 3)))
        image.paste(colour, (0, 0, size, size), alpha)
    return image


def _hills(rng: Rng, size: int) -> Image.Image:
    families = (
        ((250, 224, 190), (240, 180, 140), (216, 130, 110), (160, 90, 100)),
        ((206, 230, 236), (140, 190, 200), (90, 150, 160), (50, 100, 120)),
        ((240, 230, 190), (190, 206, 130), (130, 170, 100), (70, 120, 84)),
    )
    colours = families[int(rng.integers(len(families)))]
    image = Image.new("RGB", (size, size), colours[0])
    for k, y in enumerate((0.45, 0.65, 0.84)):
        cut = Image.new("L", (size, size))
        ImageDraw.Draw(cut).polygon(_ridge(rng, size, y, 0.04), fill=255)
        small = cut.resize((size // 4, size // 4)).filter(ImageFilter.GaussianBlur(size / 160))
        image.paste(
            (60, 40, 40), (0, -size // 60), small.resize((size, size)).point(lambda v: v // 3)
        )
        image.paste(colours[k + 1], (0, 0), cut)
    return image


def _board(rng: Rng, size: int) -> Image.Image:
    base = Image.new("RGB", (size, size), _pick(rng, ((40, 66, 56), (44, 48, 54), (36, 56, 76))))
    dust = clouds(rng, size, int(rng.integers(3, 7))).point(lambda v: v // 7)
    base.paste((220, 226, 220), (0, 0, size, size), dust)
    return base


def _night(rng: Rng, size: int) -> Image.Image:
    image = _gradient(size, (14, 18, 50), _pick(rng, ((50, 60, 110), (70, 50, 100))))
    draw = ImageDraw.Draw(image)
    for x, y, r in zip(
        rng.uniform(0, size, 40),
        rng.uniform(0, 0.7 * size, 40),
        rng.uniform(0.001, 0.005, 40) * size,
        strict=True,
    ):
        draw.ellipse([x - r, y - r, x + r, y + r], fill=(240, 240, 210))
    x, y, r = rng.uniform(0.1, 0.9) * size, 0.16 * size, rng.uniform(0.06, 0.1) * size
    draw.ellipse([x - r, y - r, x + r, y + r], fill=(246, 240, 206))
    draw.polygon(_ridge(rng, size, rng.uniform(0.68, 0.8), 0.03), fill=(24, 38, 58))
    return image


BACKGROUNDS: Mapping[str, _Painter] = {
    "plain": _plain,
    "dots": _dots,
    "rays": _rays,
    "meadow": _meadow,
    "savanna": _savanna,
    "sky": _sky,
    "page": _page,
    "lined": _lined,
    "wash": _wash,
    "hills": _hills,
    "board": _board,
    "night": _night,
}


def draw_background(name: str, rng: Rng, size: int) -> Image.Image:
    """Return a background ("RGB", `size` pixels square)."""
    return BACKGROUNDS[name](rng, size)


def draw_clutter(image: Image.Image, rng: Rng, colours: tuple[RGB, ...], *, grass: bool) -> None:
    """Draw blades of grass or blossoms over the lower part of `image`, in place."""
    size = image.width
    draw = ImageDraw.Draw(image)
    if grass:
        for x in rng.uniform(0, size, int(rng.integers(10, 40))):
            h, lean, w = (
                rng.uniform(0.05, 0.16) * size,
                rng.uniform(-0.03, 0.03) * size,
                0.008 * size,
            )
            draw.polygon(
                [(x - w, size), (x + lean, size - h), (x + w, size)],
                fill=colours[int(rng.integers(len(colours)))],
            )
        return
    for _ in range(int(rng.integers(4, 10))):
        x, y, r = (
            rng.uniform(0, size),
            rng.uniform(0.75, 1) * size,
            rng.uniform(0.012, 0.028) * size,
        )
        colour = colours[int(rng.integers(len(colours)))]
        for a in np.linspace(0, 2 * np.pi, 5, endpoint=False):
            cx, cy = x + r * np.cos(a), y + r * np.sin(a)
            draw.ellipse([cx - r * 0.8, cy - r * 0.8, cx + r * 0.8, cy + r * 0.8], fill=colour)
        draw.ellipse([x - r * 0.6, y - r * 0.6, x + r * 0.6, y + r * 0.6], fill=(250, 220, 110))

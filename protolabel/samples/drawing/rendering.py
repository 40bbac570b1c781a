"""Render layers in a style."""

from __future__ import annotations

import colorsys
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from protolabel.samples.drawing.backgrounds import clouds, draw_background, draw_clutter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from protolabel.samples.drawing.shapes import Layer, Points, Rng, Shape
    from protolabel.samples.drawing.styles import Style

__all__ = ["render"]

RGB = tuple[int, int, int]
_Corners = list[tuple[float, float]]
_GRASS: tuple[RGB, ...] = ((96, 156, 84), (130, 180, 96), (112, 164, 80))
_BLOSSOMS: tuple[RGB, ...] = ((232, 130, 150), (240, 240, 250), (196, 140, 220))


def _tone(colour: RGB, kind: str, cast: Sequence[float]) -> RGB:
    """Change one natural colour; `cast` is this picture's shift of hue, chroma and value."""
    h, s, v = colorsys.rgb_to_hsv(*(c / 255 for c in colour))
    h, s, v = (h + cast[0]) % 1, min(1.0, s * cast[1]), min(1.0, v * cast[2])
    if kind == "pastel":
        s, v = 0.6 * s, 0.3 + 0.7 * v
    elif kind == "vivid":
        s, v = min(1.0, 1.35 * s), min(1.0, 1.05 * v)
    elif kind == "gray":
        s, v = 0.0, v * (1 - 0.35 * s)
    elif kind == "sepia":
        v, s, h = v * (1 - 0.35 * s), 0.1, 0.08
    elif kind == "chalk":
        s, v = 0.55 * s, 0.25 + 0.75 * v
    r, g, b = colorsys.hsv_to_rgb(h, s, v)
    if kind == "moonlit":
        r, g, b = 0.56 * r + 0.04, 0.58 * g + 0.06, 0.7 * b + 0.17
    return (round(255 * r), round(255 * g), round(255 * b))


def _wobbled(points: Points, amount: float, rng: Rng) -> Points:
    """Displace a closed contour smoothly by about `amount`; small parts by less."""
    amount *= min(1.0, float(np.ptp(points, axis=0).mean()) / 0.7)
    t = np.linspace(0, 2 * np.pi, len(points), endpoint=False)
    phase, strength = rng.uniform(0, 2 * np.pi, (3, 2)), rng.normal(0, amount / 1.5, (3, 2))
    waves = np.sin(t[:, None, None] * np.array([2, 3, 5])[:, None] + phase) * strength
    strayed: Points = points + waves.sum(axis=1)
    return strayed


class _Canvas:
    """The paint and the contours of one animal, separate so that a style can texture each."""

    def __init__(self, size: int, unit: float, style: Style, rng: Rng) -> None:
        self.size, self.unit, self.style, self.rng = size, unit, style, rng
        self.paint = Image.new("RGBA", (size, size))
        self.ink = Image.new("RGBA", (size, size))

    def corners(self, shape: Shape) -> _Corners:
        points = shape.points
        if self.style.wobble and not shape.width:
            points = _wobbled(points, self.style.wobble, self.rng)
        if self.style.facets > 1 and len(points) > 24:
            points = points[:: self.style.facets]
        return [(x, y) for x, y in (points * self.unit + self.size / 2).tolist()]

    def layer(self, layer: Layer, colours: dict[str, RGB], contour: dict[str, RGB]) -> None:
        filled = [(s, self.corners(s)) for s in layer.shapes if not s.width]
        mask, at = None, (0, 0)
        if filled and (layer.marks or self.style.shadows):  # only then: pictures by the thousand
            at, extent = self._bounds([xy for _, xy in filled])
            mask = Image.new("L", extent)
            on_mask = ImageDraw.Draw(mask)
            for _, xy in filled:
                on_mask.polygon(_moved(xy, at), fill=255)
            if self.style.shadows:
                self._shadow(mask, at)
        paint, ink = ImageDraw.Draw(self.paint), ImageDraw.Draw(self.ink)
        if layer.outlined and self.style.outline != "none":
            width = max(1, round(2 * self.style.outline_width * self.unit))
            for shape, xy in filled:
                _stroke(ink, [*xy, *xy[:2]], contour[shape.role], width)
        for shape, xy in filled:
            paint.polygon(xy, fill=(*colours[shape.role], 255))
            ink.polygon(xy, fill=(0, 0, 0, 0))
        if mask is not None and layer.marks:
            self._marks(layer.marks, mask, at, colours)
        for shape in layer.shapes:
            if shape.width:
                width = max(1, round(shape.width * self.unit))
                role = contour[shape.role] if self.style.outline != "none" else colours[shape.role]
                _stroke(ink, self.corners(shape), role, width)

    def _bounds(self, outlines: Sequence[_Corners]) -> tuple[tuple[int, int], tuple[int, int]]:
        """Return the corner and the size, in pixels, of the part of the canvas they cover."""
        x, y = np.concatenate([np.asarray(xy) for xy in outlines]).T
        low = np.clip(np.floor([x.min(), y.min()]), 0, self.size - 1).astype(int)
        high = np.clip(np.ceil([x.max(), y.max()]) + 1, 1, self.size).astype(int)
        (left, top), (wide, tall) = low.tolist(), np.maximum(high - low, 1).tolist()
        return (left, top), (wide, tall)

    def _marks(
        self,
        marks: Sequence[Shape],
        mask: Image.Image,
        at: tuple[int, int],
        colours: dict[str, RGB],
    ) -> None:
        for role in dict.fromkeys(shape.role for shape in marks):
            cut = Image.new("L", mask.size)
            draw = ImageDraw.Draw(cut)
            for shape in marks:
                if shape.role != role:
                    continue
                xy = _moved(self.corners(shape), at)
                if shape.width:
                    draw.line(xy, fill=255, width=max(1, round(shape.width * self.unit)))
                else:
                    draw.polygon(xy, fill=255)
            self.paint.paste(colours[role], at, ImageChops.multiply(cut, mask))

    def _shadow(self, mask: Image.Image, at: tuple[int, int]) -> None:
        reach = self.size // 40
        soft = Image.new("L", (mask.width + 2 * reach, mask.height + 2 * reach))
        soft.paste(mask, (reach, reach))
        small = soft.resize((soft.width // 4 + 1, soft.height // 4 + 1), Image.Resampling.BILINEAR)
        small = small.filter(ImageFilter.GaussianBlur(self.size / 320)).point(lambda v: v * 0.45)
        dark = Image.new("RGBA", soft.size, (40, 24, 30, 0))
        dark.putalpha(small.resize(soft.size, Image.Resampling.BILINEAR))
        x, y = (p - reach + self.size // 70 for p in at)
        source = (max(0, -x), max(0, -y))
        if source[0] < dark.width and source[1] < dark.height:
            self.paint.alpha_composite(dark, (max(0, x), max(0, y)), source)


def _moved(corners: _Corners, at: tuple[int, int]) -> _Corners:
    return [(x - at[0], y - at[1]) for x, y in corners]


def _stroke(draw: ImageDraw.ImageDraw, corners: _Corners, colour: RGB, width: int) -> None:
    # Rounded joints are slow and show on wide lines only.
    draw.line(corners, fill=colour, width=width, joint="curve" if width > 5 else None)


def _hatch(rng: Rng, size: int) -> Image.Image:
    """Return pencil strokes ("L"), white where the pencil leaves graphite."""
    strokes = Image.new("L", (size, size), 70)
    draw, slope = ImageDraw.Draw(strokes), rng.uniform(0.4, 1.1)
    step = size / 75
    for x in np.arange(-size, 2 * size, step):
        a = x + rng.normal(0, step * 0.2)
        draw.line(
            [(a, size), (a + slope * size, 0)],
            fill=int(rng.integers(150, 255)),
            width=max(1, round(step * 0.55)),
        )
    return strokes


def _textured(canvas: _Canvas, style: Style, rng: Rng) -> None:
    """Turn flat paint into the style's paint, in place."""
    size = canvas.size
    if style.shading:
        light = Image.linear_gradient("L").resize((size, size)).point(lambda v: v // 4)
        dark = Image.new("RGB", (size, size), (40, 20, 60))
        shaded = Image.composite(dark, canvas.paint.convert("RGB"), light)
        shaded.putalpha(canvas.paint.getchannel("A"))
        canvas.paint = shaded
    if style.paint == "flat":
        return
    alpha = canvas.paint.getchannel("A")
    if style.paint == "grain":
        texture = clouds(rng, size, size // 4).point(lambda v: 175 + v // 3)
    elif style.paint == "hatch":
        texture = _hatch(rng, size)
        canvas.ink.putalpha(
            ImageChops.multiply(
                canvas.ink.getchannel("A"), clouds(rng, size, 64).point(lambda v: 150 + v // 3)
            )
        )
    elif style.paint == "chalk":
        dust = clouds(rng, size, size // 4)
        texture = ImageChops.multiply(_hatch(rng, size), dust.point(lambda v: 90 + v // 3))
        canvas.ink.putalpha(
            ImageChops.multiply(canvas.ink.getchannel("A"), dust.point(lambda v: min(255, 110 + v)))
        )
    else:  # wash: pigment collects at the rim and in clouds
        small = alpha.resize((size // 4, size // 4), Image.Resampling.BILINEAR)
        inner = small.filter(ImageFilter.GaussianBlur(size / 100)).resize(
            (size, size), Image.Resampling.BILINEAR
        )
        pools = clouds(rng, size, 7).point(lambda v: 130 + v // 3)
        texture = ImageChops.lighter(
            pools, ImageChops.invert(inner).point(lambda v: min(255, 110 + v))
        )
        # Premultiplied, or the blur would draw the black of empty pixels into the rim.
        soft = canvas.paint.convert("RGBa").filter(ImageFilter.BoxBlur(size / 200))
        canvas.paint = soft.convert("RGBA")
        alpha = canvas.paint.getchannel("A")
    canvas.paint.putalpha(ImageChops.multiply(alpha, texture))


def _contours(palette: dict[str, RGB], colours: dict[str, RGB], outline: str) -> dict[str, RGB]:
    if outline == "shade":
        return {
            r: (int(c[0] * 0.55), int(c[1] * 0.5), int(c[2] * 0.55)) for r, c in colours.items()
        }
    fixed: dict[str, RGB] = {
        "dark": (34, 28, 34),
        "chalk": (236, 236, 226),
        "graphite": (74, 70, 74),
    }
    return dict.fromkeys(palette, fixed.get(outline, (0, 0, 0)))


def render(
    layers: Sequence[Layer], palette: dict[str, RGB], style: Style, rng: Rng, size: int
) -> Image.Image:
    """Render an animal on a background.

    Parameters
    ----------
    layers : sequence of Layer
        From back to front, about ``[-1, 1]`` on both axes.
    palette : dict of str to RGB
        Natural colours by role.
    style : Style
        How the picture is drawn.
    rng : numpy.random.Generator
        Decides background, light, texture and clutter.
    size : int
        Pixels a side of the result.

    Returns
    -------
    PIL.Image.Image
        "RGB", `size` pixels square.
    """
    over = 2 if size >= 80 else 3
    big = size * over
    cast = (rng.normal(0, 0.012), rng.uniform(0.8, 1.15), rng.uniform(0.9, 1.08))
    colours = {role: _tone(c, style.tone, cast) for role, c in palette.items()}
    name = style.backgrounds[int(rng.integers(len(style.backgrounds)))]
    picture = draw_background(name, rng, big)
    if style.tone == "gray":
        picture = picture.convert("L").convert("RGB")
    canvas = _Canvas(big, big * 0.46, style, rng)
    contour = _contours(palette, colours, style.outline)
    for layer in layers:
        canvas.layer(layer, colours, contour)
    _textured(canvas, style, rng)
    picture.paste(canvas.paint, (0, 0), canvas.paint)
    picture.paste(canvas.ink, (0, 0), canvas.ink)
    if rng.random() < style.clutter:
        things = _GRASS if (grassy := rng.random() < 0.6) else _BLOSSOMS
        draw_clutter(picture, rng, tuple(_tone(c, style.tone, cast) for c in things), grass=grassy)
    return picture.reduce(over)

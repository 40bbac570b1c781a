"""Styles: how contours, colours, paint and background are rendered.

The sample encoder was trained on `TRAINING_STYLES` only. `DEMO_STYLES` are for the demo, whose
pictures should look unlike the training data.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["DEMO_STYLES", "STYLES", "TRAINING_STYLES", "Style"]


@dataclass(frozen=True)
class Style:
    """How a picture is rendered.

    Attributes
    ----------
    name : str
        Name of the style.
    backgrounds : tuple of str
        One is drawn at random; see `protolabel.samples.drawing.backgrounds`.
    tone : str
        How natural colours are changed: natural, pastel, vivid, gray, moonlit, chalk or sepia.
    outline : str
        Contour: none, dark, shade (a darker tone of the part), chalk or graphite.
    outline_width : float
        In plane units; the animal is about 2 units tall.
    wobble : float
        How far a contour deviates from its line, in plane units.
    facets : int
        Keep every n-th corner, as scissors do; 1 keeps all.
    paint : str
        Fill of a part: flat, grain, wash, hatch or chalk.
    shadows : bool
        Whether each layer casts a shadow on the layers below, as cut paper does.
    shading : bool
        Whether a soft light falls from above.
    clutter : float
        Probability of things in front of the animal: grass, leaves, blossoms.
    """

    name: str
    backgrounds: tuple[str, ...]
    tone: str = "natural"
    outline: str = "none"
    outline_width: float = 0.03
    wobble: float = 0.0
    facets: int = 1
    paint: str = "flat"
    shadows: bool = False
    shading: bool = False
    clutter: float = 0.3


_OUTSIDE = ("meadow", "plain", "savanna", "sky")

_TRAINING = (
    Style("flat", _OUTSIDE),
    Style("cartoon", (*_OUTSIDE, "dots"), outline="dark", outline_width=0.04),
    Style(
        "pastel",
        ("plain", "dots", "sky"),
        tone="pastel",
        paint="grain",
        outline="shade",
        outline_width=0.025,
        shading=True,
    ),
    Style("poster", ("plain", "rays", "dots"), tone="vivid", clutter=0.15, shading=True),
    Style(
        "crayon",
        ("page", "plain", "meadow"),
        outline="shade",
        outline_width=0.045,
        wobble=0.018,
        paint="grain",
    ),
    Style(
        "ink",
        ("page", "plain"),
        tone="gray",
        outline="dark",
        outline_width=0.03,
        wobble=0.006,
        clutter=0.1,
    ),
)

_DEMO = (
    Style("watercolour", ("wash", "page"), paint="wash", wobble=0.02, clutter=0.15),
    Style("cutout", ("hills",), tone="vivid", shadows=True, facets=5, wobble=0.008),
    Style(
        "chalkboard",
        ("board",),
        tone="chalk",
        outline="chalk",
        outline_width=0.035,
        wobble=0.012,
        paint="chalk",
        clutter=0.1,
    ),
    Style("night", ("night",), tone="moonlit", shading=True, clutter=0.5),
    Style(
        "pencil",
        ("page", "lined"),
        tone="sepia",
        outline="graphite",
        outline_width=0.024,
        wobble=0.014,
        paint="hatch",
        clutter=0.1,
    ),
)

STYLES: Mapping[str, Style] = {style.name: style for style in (*_TRAINING, *_DEMO)}
"""Style name -> style: every way in which animals are drawn."""
TRAINING_STYLES: tuple[str, ...] = tuple(style.name for style in _TRAINING)
"""Names of the styles that the sample encoder was trained on."""
DEMO_STYLES: tuple[str, ...] = tuple(style.name for style in _DEMO)
"""Names of the styles of the sample pictures, which the encoder never saw in training."""

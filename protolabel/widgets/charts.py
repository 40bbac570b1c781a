"""Small line charts as SVG: text of a few kB, in the colours of the notebook's theme.

A Plotly figure widget costs a page 5 MB and seconds to appear, and its stored state breaks a saved
notebook; these charts are drawn again in a millisecond at every step of a slider.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from protolabel.widgets.base import escape

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["line_chart"]

_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 280, 132, 38, 10, 24, 18


def line_chart(
    title: str,
    series: Sequence[tuple[str, Sequence[float], str]],
    *,
    mark: int,
    first: int = 0,
    unit: str = "",
) -> str:
    """Return one chart.

    Parameters
    ----------
    title
        Above the lines.
    series
        Name, values and colour of each line.
    mark
        Iteration with a vertical line.
    first
        Iteration of the first value.
    unit
        After the numbers.
    """
    count = max((len(values) for _, values, _ in series), default=0)
    top = max((value for _, values, _ in series for value in values), default=0.0) or 1.0
    last = max(first + count - 1, 1)

    def x(step: float) -> float:
        return _LEFT + (_WIDTH - _LEFT - _RIGHT) * step / last

    def y(value: float) -> float:
        return _HEIGHT - _BOTTOM - (_HEIGHT - _TOP - _BOTTOM) * value / top

    parts = [
        f'<text class="head" x="4" y="13">{escape(title)}</text>',
        f'<text x="{_LEFT - 5}" y="{y(top) + 4:.1f}" text-anchor="end">{_short(top)}{unit}</text>',
        f'<text x="{_LEFT - 5}" y="{y(0) + 4:.1f}" text-anchor="end">0</text>',
        (
            f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y(0):.1f}" y2="{y(0):.1f}" '
            'stroke="var(--pls-line)"/>'
        ),
        (
            f'<line x1="{x(mark):.1f}" x2="{x(mark):.1f}" y1="{_TOP - 4}" y2="{y(0):.1f}" '
            'stroke="var(--pls-faint)" stroke-dasharray="3 2"/>'
        ),
    ]
    step = max(1, -(-last // 10))
    parts += [
        f'<text x="{x(one):.1f}" y="{_HEIGHT - 4}" text-anchor="middle">{one}</text>'
        for one in range(0, last + 1, step)
    ]
    for name, values, colour in series:
        points = [(x(first + i), y(value)) for i, value in enumerate(values)]
        path = " ".join(f"{a:.1f},{b:.1f}" for a, b in points)
        parts.append(
            f'<polyline points="{path}" fill="none" stroke="{escape(colour)}" stroke-width="2"/>'
        )
        parts += [
            f'<circle cx="{a:.1f}" cy="{b:.1f}" r="3" fill="{escape(colour)}"><title>'
            f"{escape(name)}, iteration {first + i}: {_short(values[i])}{unit}</title></circle>"
            for i, (a, b) in enumerate(points)
        ]
    spoken = "; ".join(f"{name} ends at {_short(v[-1])}{unit}" for name, v, _ in series if len(v))
    return (
        f'<svg class="pls-chart" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
        f'aria-label="{escape(title)}. {escape(spoken)}">{"".join(parts)}</svg>'
    )


def _short(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"

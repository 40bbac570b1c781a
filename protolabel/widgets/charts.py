"""Small line charts as SVG, in the colours of the notebook's theme.

A chart is a few kB of text and is drawn in a millisecond at every step of a slider. A Plotly
figure widget would add 5 MB to the page and seconds to its start, and its stored state breaks a
saved notebook.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from protolabel.widgets.panel import escape

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["line_chart"]

_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 280, 140, 42, 12, 26, 20


def line_chart(
    title: str,
    series: Sequence[tuple[str, Sequence[float], str]],
    *,
    mark: int,
    first: int = 0,
    unit: str = "",
    bottom: float = 0.0,
    names: bool = False,
) -> str:
    """Return a line chart as SVG, with a key below it if asked for.

    Parameters
    ----------
    title : str
        Title above the lines.
    series : list of tuple
        Name, values and colour of each line.
    mark : int
        Iteration marked by a vertical line.
    first : int
        Iteration of the first value.
    unit : str
        Text after the numbers.
    bottom : float
        Lowest value of the axis.
    names : bool
        Whether to name the lines in a key, from the highest end to the lowest.
    """
    count = max((len(values) for _, values, _ in series), default=0)
    top = max((value for _, values, _ in series for value in values), default=0.0)
    top = top if top > bottom else bottom + 1.0
    last = max(first + count - 1, 1)

    def x(step: float) -> float:
        return _LEFT + (_WIDTH - _LEFT - _RIGHT) * step / last

    def y(value: float) -> float:
        return _HEIGHT - _BOTTOM - (_HEIGHT - _TOP - _BOTTOM) * (value - bottom) / (top - bottom)

    parts = [f'<text class="head" x="2" y="13">{escape(title)}</text>']
    for value, dash in ((bottom, ""), (top, ' stroke-dasharray="2 3"')):
        parts.append(
            f'<text x="{_LEFT - 6}" y="{y(value) + 4:.1f}" text-anchor="end">'
            f"{_short(value, 2)}{unit}</text>"
            f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y(value):.1f}" y2="{y(value):.1f}" '
            f'stroke="var(--pls-line)"{dash}/>'
        )
    parts.append(
        f'<line x1="{x(mark):.1f}" x2="{x(mark):.1f}" y1="{_TOP - 4}" y2="{y(bottom):.1f}" '
        'stroke="var(--pls-faint)" stroke-dasharray="3 2"/>'
    )
    step = max(1, -(-last // 10))
    parts += [
        f'<text x="{x(tick):.1f}" y="{_HEIGHT - 5}" text-anchor="middle">{tick}</text>'
        for tick in range(0, last + 1, step)
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
    svg = (
        f'<svg class="pls-chart" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
        f'aria-label="{escape(title)}. {escape(spoken)}">{"".join(parts)}</svg>'
    )
    if not names:
        return svg
    entries = (
        f'<li><span style="background:{escape(colour)}"></span>'
        f"{escape(name)} <b>{_short(values[-1])}</b></li>"
        for name, values, colour in sorted(series, key=lambda line: -line[1][-1])
    )
    return f'{svg}<ul class="pls-chart-key" aria-hidden="true">{"".join(entries)}</ul>'


def _short(value: float, digits: int = 3) -> str:
    return f"{value:,.0f}" if abs(value) >= 10 ** (digits - 1) else f"{value:.{digits}g}"

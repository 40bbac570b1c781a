"""Plots: each function takes plain data and returns a figure."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from protolabel.common.checks import as_indices, as_numbers, checked, described
from protolabel.common.palette import CHANGES, CLASS_COLOURS, OKABE_ITO
from protolabel.errors import ImageReadError, InputError
from protolabel.images.pixels import thumbnail
from protolabel.plots.style import (
    FAINT,
    FIELD,
    GRID,
    INK,
    MARKERS,
    LineStyle,
    fonts,
    legend,
    marker_of,
    name_ticks,
    new_figure,
    painted,
    short,
    tidy,
    whole_numbers,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import ArrayLike, NDArray

_LEGEND = 40  # entries that a legend may hold
_ROWS = 1400  # rows of pixels in a heat map
_CLASSES = 150  # most classes in a picture
_LOOKS = math.lcm(len(CLASS_COLOURS), len(OKABE_ITO) * len(MARKERS))  # colours by markers


@checked
def plot_counts(
    names: Sequence[str], counts: ArrayLike, *, colours: Sequence[str] | None = None
) -> Figure:
    """Draw the number of images of each class.

    Parameters
    ----------
    names : sequence of str
        The C class names.
    counts : array_like
        (C,) number of images.
    colours : sequence of str, optional
        C colours as ``#rrggbb``, such as `Session.colours`; by default those of `class_colours`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    values = as_numbers(counts, "counts", len(names))
    total = max(1, int(values.sum()))
    kept, title = _largest(values, f"Images of each class ({total:,} in all)")
    bars = painted(len(names), colours)[kept]
    values, names = values[kept], _picked(names, kept)
    count = len(names)
    figure = new_figure(8.0, 1.3 + 0.3 * min(count, 12) + 0.2 * min(max(count - 12, 0), 120))
    axes = figure.subplots()
    axes.barh(np.arange(count), values, color=bars, height=0.72)
    most = max(1, int(values.max(initial=0)))
    for place, value in enumerate(values.tolist()):
        text = f"{value:,}  ({value / total:.0%})" if value else "none"
        axes.text(value + 0.012 * most, place, text, va="center", color=INK, fontsize=9)
    name_ticks(axes, "y", names)
    axes.set_xlim(0, 1.17 * most)
    axes.set_ylim(count - 0.4, -0.6)
    tidy(axes, title, "images", "")
    axes.grid(axis="x", color=GRID)
    axes.xaxis.set_major_locator(whole_numbers())
    axes.tick_params(axis="y", length=0)
    return figure


@checked
def plot_agreement(names: Sequence[str], label: ArrayLike, agreement: ArrayLike) -> Figure:
    """Draw the distribution of agreement, for all images and for each class.

    Parameters
    ----------
    names : sequence of str
        The C class names.
    label : array_like
        (N,) class index of every image.
    agreement : array_like
        (N,) 0..1.

    Returns
    -------
    matplotlib.figure.Figure
    """
    labels, values = _labels(label, names), as_numbers(agreement, "agreement", np.size(label))
    kept, title = _largest(
        np.bincount(labels, minlength=len(names)),
        "Within each class: the darker, the more of its images",
    )
    count = len(kept)
    edges = np.linspace(0.0, 1.0, 41)
    bins = np.clip(values * 40, 0, 39).astype(int)
    table = np.zeros((len(names), 40))
    np.add.at(table, (labels, bins), 1)
    everything, table, names = table.sum(axis=0), table[kept], _picked(names, kept)
    height = max(0.6, 0.3 * min(count, 12) + 0.17 * min(max(count - 12, 0), 120))
    figure = new_figure(8.0, 3.2 + height)
    top, rows = figure.subplots(2, 1, sharex=True, height_ratios=[1.7, height])
    top.bar(edges[:-1], everything, width=1 / 40, align="edge", color=OKABE_ITO[0],
            edgecolor="white", linewidth=0.5)  # fmt: skip
    median = float(np.median(values)) if len(values) else 0.0
    top.axvline(median, color=INK, linewidth=1, linestyle=(0, (4, 2)))
    place, side = (median - 0.01, "right") if median > 0.5 else (median + 0.01, "left")
    top.text(place, 0.97, f"median {median:.2f}", ha=side, va="top", color=INK, fontsize=9,
             transform=top.get_xaxis_transform())  # fmt: skip
    tidy(top, "How far the votes agree on the labels", "", "images")
    top.yaxis.set_major_locator(whole_numbers())
    top.grid(axis="y", color=GRID)
    # Each row is scaled to its own maximum; on one scale, small classes would look empty.
    share = table / np.maximum(table.max(axis=1, keepdims=True), 1)
    rows.pcolormesh(edges, np.arange(count + 1) - 0.5, share, cmap="Blues", vmin=0, vmax=1)
    name_ticks(rows, "y", names)
    rows.set_ylim(count - 0.5, -0.5)
    rows.set_xlim(0, 1)
    tidy(rows, "", "agreement (an estimate of the share that is right)", "")
    rows.set_title(title, loc="left", color=FAINT, fontsize=9)
    rows.tick_params(axis="y", length=0)
    return figure


@checked
def plot_alignment(
    names: Sequence[str], alignment: ArrayLike, *, units: str = "clusters"
) -> Figure:
    """Draw the alignment of each cluster with each class.

    Parameters
    ----------
    names : sequence of str
        The C class names.
    alignment : array_like
        (K, C), rows sum to 1. Rows are drawn in the order of their classes.
    units : str
        Name of the rows, for the title.

    Returns
    -------
    matplotlib.figure.Figure
    """
    table = as_numbers(alignment, "alignment", None, len(names)).astype(np.float64)
    kept, title = _largest(table.sum(axis=0), f"How {units} go with classes")
    table, names = table[:, kept], _picked(names, kept)
    rows, count = table.shape
    if not rows:
        raise InputError(f"Expected at least one row of {units} to draw, got none.")
    order = np.lexsort((-table.max(axis=1), table.argmax(axis=1)))
    width = float(np.clip(2.6 + 0.42 * count, 5.0, 16.0))
    height = float(np.clip(2.6 + 0.24 * rows, 3.8, 11.0))
    figure = new_figure(width, height)
    axes = figure.subplots()
    drawn = table[order]
    if rows > _ROWS:  # more rows than pixels: neighbours share one
        parts = np.array_split(drawn, _ROWS)
        drawn = np.stack([part.mean(axis=0) for part in parts])
    image = axes.imshow(drawn, aspect="auto", cmap="Blues", vmin=0, vmax=1, interpolation="nearest")
    name_ticks(axes, "x", names)
    if rows <= 36:
        axes.set_yticks(np.arange(rows), [str(row) for row in order], fontsize=8)
    else:
        axes.set_yticks([])
    if rows <= 36 and count <= 12:
        for row, column in np.argwhere(table[order] >= 0.05):
            value = table[order[row], column]
            axes.text(column, row, f"{value:.2f}".lstrip("0"), ha="center", va="center", fontsize=8,
                      color="white" if value > 0.55 else INK)  # fmt: skip
    tidy(axes, title, "", f"{rows:,} {units}")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    bar = figure.colorbar(image, ax=axes, fraction=0.046, pad=0.02)
    bar.outline.set_visible(False)
    bar.ax.tick_params(labelsize=8, color=FAINT)
    return figure


@checked
def plot_confusion(names: Sequence[str], confusion: ArrayLike) -> Figure:
    """Draw a confusion matrix, shaded by the fraction of the true class.

    Parameters
    ----------
    names : sequence of str
        The C class names.
    confusion : array_like
        (C, C) number of images, rows are the truth, columns the labels: `Evaluation.confusion`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    table = as_numbers(confusion, "confusion", len(names), len(names))
    right, total = int(np.trace(table)), int(table.sum())
    kept, title = _largest(table.sum(axis=1), f"{right:,} of {total:,} labels are right")
    table, names = table[np.ix_(kept, kept)], _picked(names, kept)
    count = len(names)
    share = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    size = float(np.clip(2.8 + 0.42 * count, 4.6, 13.0))
    figure = new_figure(size + 0.6, size)
    axes = figure.subplots()
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1, interpolation="nearest")
    name_ticks(axes, "x", names)
    name_ticks(axes, "y", names)
    if count <= 24:
        for row, column in np.argwhere(table):
            axes.text(column, row, f"{table[row, column]:,}", ha="center", va="center", fontsize=8,
                      color="white" if share[row, column] > 0.55 else INK)  # fmt: skip
    tidy(axes, title, "label", "truth")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    return figure


@checked
def plot_map(
    points: ArrayLike,
    label: ArrayLike,
    names: Sequence[str],
    prototypes: ArrayLike | None = None,
    *,
    iteration: int = -1,
    colours: Sequence[str] | None = None,
) -> Figure:
    """Draw the images on their 2-d map, coloured by class, with the prototypes as stars.

    Parameters
    ----------
    points : array_like
        (N, 2) coordinates of the images; a million are drawn in seconds.
    label : array_like
        (N,) class index of every image.
    names : sequence of str
        The C class names.
    prototypes : array_like or None
        (C, 2) coordinates of the prototypes, or (T + 1, C, 2) with their trails.
    iteration : int
        Iteration at which the trails end; by default the last.
    colours : sequence of str or None
        C colours as ``#rrggbb``, such as `Session.colours`; by default those of `class_colours`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    labels = _labels(label, names)
    n, count = len(labels), len(names)
    xy = as_numbers(points, "points", n, 2).astype(np.float32)
    paint = painted(count, colours)
    figure = new_figure(8.6, 7.0)
    axes = figure.subplots()
    size = float(np.clip(45 / max(n, 1) ** 0.35, 1.0, 9.0))
    # In shuffled batches, so that no class hides the others.
    order = np.random.default_rng(0).permutation(n)
    looks = labels % _LOOKS  # classes with one look are drawn together, as there may be many
    for turn, batch in enumerate(np.array_split(order, max(1, min(40, n // 50)))):
        for look in np.roll(np.unique(looks[batch]), turn):
            here = xy[batch[looks[batch] == look]]
            axes.plot(here[:, 0], here[:, 1], linestyle="none", marker=marker_of(look),
                      markersize=size, color=paint[look], alpha=0.8 if size > 2 else 1.0,
                      markeredgewidth=0.3 if size > 4 else 0, markeredgecolor="white",
                      rasterized=True)  # fmt: skip
    counts = np.bincount(labels, minlength=count)
    if prototypes is not None:
        stars = np.asarray(prototypes)
        stars = stars[None] if stars.ndim == 2 else stars
        trail = as_numbers(stars, "prototypes", None, count, 2).astype(np.float32)
        stop = min(iteration, len(trail) - 1) if iteration >= 0 else len(trail) - 1
        kept, _ = _largest(counts, "")
        _draw_prototypes(axes, trail[: stop + 1, kept], paint[kept])
    shown = np.argsort(-counts, kind="stable")[:_LEGEND] if count > _LEGEND else np.arange(count)
    entries: list[tuple[str, Any, str, LineStyle]] = [
        (f"{short(names[c])} ({counts[c]:,})", paint[c], marker_of(c), "none") for c in shown
    ]
    if prototypes is not None:
        entries.append(("prototype", np.ones(3), "*", "none"))
    legend(figure, entries)
    tidy(axes, f"Map of {n:,} images", "", "")
    axes.set_xticks([])
    axes.set_yticks([])
    axes.margins(0.04)
    axes.set_aspect("equal", adjustable="datalim")
    axes.spines[:].set_visible(False)
    return figure


@checked
def plot_convergence(
    names: Sequence[str],
    churn: ArrayLike,
    shift: ArrayLike,
    class_mass: ArrayLike,
    *,
    iteration: int | None = None,
    colours: Sequence[str] | None = None,
) -> Figure:
    """Draw the convergence of a run, iteration by iteration; 0 is zero-shot.

    Parameters
    ----------
    names : sequence of str
        The C class names.
    churn, shift : array_like
        (T + 1,) fraction of the labels that changed, and mean distance that prototypes moved.
    class_mass : array_like
        (T + 1, C) sum of the responsibilities of each class.
    iteration : int or None
        The kept iteration, which is marked if given.
    colours : sequence of str, optional
        C colours as ``#rrggbb``, such as `Session.colours`; by default those of `class_colours`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    mass = as_numbers(class_mass, "class_mass", None, len(names)).astype(np.float64)
    changed, moved = (as_numbers(x, "churn and shift", len(mass)) for x in (churn, shift))
    if not len(mass) or not len(names):
        raise InputError("Expected a run of at least one iteration and one class, got none.")
    steps = np.arange(len(mass))
    figure = new_figure(10.0, 5.2)
    grid = figure.add_gridspec(2, 2, width_ratios=[1.0, 1.35])
    panels = [figure.add_subplot(cell) for cell in (grid[0, 0], grid[1, 0], grid[:, 1])]
    line: dict[str, Any] = {"marker": "o", "markersize": 4, "linewidth": 1.8}
    panels[0].plot(steps[1:], 100 * changed[1:], color=CHANGES["changed"][0], **line)
    panels[1].plot(steps[1:], moved[1:], color=CHANGES["moved"][0], **line)
    tidy(panels[0], "Labels that changed", "", "% of the images")
    tidy(panels[1], "Distance that prototypes moved", "iteration", "mean distance")
    paint, last = painted(len(names), colours), np.argsort(-mass[-1], kind="stable")
    named = np.sort(last if len(names) <= 12 else last[:11])
    for c in np.setdiff1d(last[:_CLASSES], named):
        panels[2].plot(steps, mass[:, c], color=FIELD, linewidth=0.8)
    for c in named:
        panels[2].plot(steps, mass[:, c], color=paint[c], **{**line, "marker": marker_of(c)})
    entries: list[tuple[str, Any, str, LineStyle]] = [
        (short(names[c]), paint[c], marker_of(c), "-") for c in named
    ]
    if len(named) < len(names):
        entries.append((f"{len(names) - len(named)} others", np.full(3, 0.78), "", "-"))
    legend(figure, entries)
    tidy(panels[2], "Images that each class holds", "iteration", "images")
    for panel in panels:
        panel.grid(color=GRID)
        panel.set_ylim(bottom=0)
        panel.set_xlim(-0.25, max(1, len(mass) - 1) + 0.25)
        panel.xaxis.set_major_locator(whole_numbers())
        if iteration is not None:
            panel.axvline(iteration, color=FAINT, linewidth=1, linestyle=(0, (2, 2)), zorder=0)
    if iteration is not None:
        panels[2].text(iteration - 0.06, 0.99, "kept", color=FAINT, fontsize=8, ha="right",
                       va="top", transform=panels[2].get_xaxis_transform())  # fmt: skip
    return figure


@checked
def plot_contact_sheet(
    names: Sequence[str],
    rows: Sequence[tuple[int, Sequence[Path]]],
    *,
    title: str = "The most certain images of each class, then the least certain",
) -> Figure:
    """Draw a row of pictures for each class.

    Parameters
    ----------
    names : sequence of str
        The C class names.
    rows : sequence of (int, sequence of Path)
        Class index and the images of each row; an unreadable file leaves its place empty.
    title : str
        Title of the sheet.

    Returns
    -------
    matplotlib.figure.Figure
    """
    listed = isinstance(rows, list | tuple) and len(rows) <= 200
    if not listed or not all(isinstance(row, list | tuple) and len(row) == 2 for row in rows):
        raise InputError(
            "Expected at most 200 rows, each the number of a class and a list of images, got "
            f"{described(rows)}."
        )
    as_indices(np.array([c for c, _ in rows]), len(names), "classes")
    columns = max((len(paths) for _, paths in rows), default=1) or 1
    figure = new_figure(max(6.5, 1.6 + 0.92 * columns), 0.6 + 0.95 * max(1, len(rows)))
    grid = figure.subplots(max(1, len(rows)), columns, squeeze=False)
    figure.suptitle(title, color=INK, fontsize=11, x=0.01, ha="left", parse_math=False)
    for axes in grid.flat:
        axes.axis("off")
    for line, (c, paths) in zip(grid, rows, strict=False):
        line[0].text(-0.08, 0.5, short(names[c], 20), transform=line[0].transAxes, ha="right",
                     va="center", color=INK, fontsize=9, parse_math=False, **fonts())  # fmt: skip
        for axes, path in zip(line, paths, strict=False):
            try:
                axes.imshow(np.asarray(thumbnail(path, 128)))
            except (ImageReadError, OSError):
                axes.text(0.5, 0.5, "?", ha="center", va="center", color=FAINT)
    return figure


def _labels(label: ArrayLike, names: Sequence[str]) -> NDArray[np.int32]:
    return as_indices(as_numbers(label, "label", None), len(names), "label")


def _largest(counts: NDArray[Any], title: str) -> tuple[NDArray[np.intp], str]:
    """Return the classes to draw, and the title, which says if some are left out."""
    if len(counts) <= _CLASSES:
        return np.arange(len(counts)), title
    kept = np.sort(np.argsort(-counts, kind="stable")[:_CLASSES])
    return kept, f"{title}; the {_CLASSES} largest of {len(counts):,} classes"


def _picked(names: Sequence[str], kept: NDArray[np.intp]) -> list[str]:
    return [names[c] for c in kept.tolist()]


def _draw_prototypes(axes: Axes, trail: NDArray[np.float32], colours: NDArray[np.float64]) -> None:
    for c, colour in enumerate(colours):
        path = trail[:, c]
        if len(path) > 1:
            axes.plot(path[:, 0], path[:, 1], color="white", linewidth=3.2, zorder=3)
            axes.plot(path[:, 0], path[:, 1], color=colour, linewidth=1.6, zorder=3)
            axes.plot(*path[0], marker="o", markersize=5, color="white", markeredgecolor=colour,
                      zorder=3)  # fmt: skip
        axes.plot(*path[-1], marker="*", markersize=19, color=colour, markeredgecolor="white",
                  markeredgewidth=2.6, zorder=4)  # fmt: skip
        axes.plot(*path[-1], marker="*", markersize=15, color=colour, markeredgecolor=INK,
                  markeredgewidth=0.9, zorder=5)  # fmt: skip

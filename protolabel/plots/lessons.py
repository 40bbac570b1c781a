"""Plots for teaching: zero-shot, what a loop does, and how good its labels are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from protolabel.common.checks import as_count, as_indices, as_numbers, checked
from protolabel.common.palette import RIGHT, WRONG
from protolabel.errors import ImageReadError, InputError
from protolabel.images.pixels import thumbnail
from protolabel.plots.style import (
    FAINT,
    GRID,
    INK,
    class_colours,
    fonts,
    legend,
    marker_of,
    name_ticks,
    new_figure,
    short,
    tidy,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import ArrayLike

    from protolabel.evaluation.audit import AuditEstimate
    from protolabel.evaluation.sweep import TemperatureSweep

_LOOPS = {"plain": WRONG, "anchored": RIGHT}


@checked
def plot_pictures(
    paths: Sequence[Path], captions: Sequence[str] = (), *, title: str = "", columns: int = 8
) -> Figure:
    """Draw pictures with captions.

    Parameters
    ----------
    paths : sequence of Path
        Image files; one that cannot be read leaves its place empty.
    captions : sequence of str
        A text above each picture, or none; a line break starts a new line.
    title : str
        Title above all pictures.
    columns : int
        Number of pictures in a row, 1 or more.

    Returns
    -------
    Figure
    """
    columns = min(as_count(columns, "columns"), max(1, len(paths)))
    rows = -(-max(1, len(paths)) // columns)
    lines = max((text.count("\n") + 1 for text in captions), default=0)
    figure = new_figure(1.2 * columns, 0.45 + rows * (1.05 + 0.17 * lines))
    grid = figure.subplots(rows, columns, squeeze=False)
    figure.suptitle(title, color=INK, fontsize=11, x=0.01, ha="left", parse_math=False)
    for axes in grid.flat:
        axes.axis("off")
    for axes, text in zip(grid.flat, captions, strict=False):
        caption = "\n".join(short(line, 22) for line in text.split("\n"))
        axes.set_title(caption, fontsize=8.5, color=INK, parse_math=False, **fonts())
    for axes, path in zip(grid.flat, paths, strict=False):
        try:
            axes.imshow(np.asarray(thumbnail(path, 128)))
        except (ImageReadError, OSError):
            axes.text(0.5, 0.5, "?", ha="center", va="center", color=FAINT)
    return figure


@checked
def plot_maps(points: ArrayLike, labels: Mapping[str, ArrayLike], names: Sequence[str]) -> Figure:
    """Draw the same map once for each labelling, side by side.

    Parameters
    ----------
    points : (N, 2) floating
        Coordinates of the images.
    labels : mapping of str to (N,) integer
        Title -> class index of every image.
    names : sequence of str
        The C class names.

    Returns
    -------
    Figure
    """
    xy = as_numbers(points, "points", None, 2).astype(np.float32)
    if not labels:
        raise InputError("Expected labels for at least one map, got none: pass {title: labels}.")
    shown = {
        title: as_indices(as_numbers(label, "labels", len(xy)), len(names), "labels")
        for title, label in labels.items()
    }
    colours = class_colours(len(names))
    figure = new_figure(2.5 * len(labels) + 1.1, 2.7)
    panels = figure.subplots(1, len(labels), squeeze=False)[0]
    for axes, (title, label) in zip(panels, shown.items(), strict=True):
        for c in np.unique(label):
            here = xy[label == c]
            axes.plot(*here.T, linestyle="none", marker=marker_of(c), markersize=3.6,
                      color=colours[c], alpha=0.85, markeredgewidth=0)  # fmt: skip
        axes.set_title(str(title), fontsize=10, color=INK, parse_math=False)
        axes.set(xticks=[], yticks=[])
        axes.set_aspect("equal", adjustable="datalim")
        axes.spines[:].set_color(GRID)
    legend(figure, [(short(name), colours[k], marker_of(k), "none")
                    for k, name in enumerate(names)])  # fmt: skip
    return figure


@checked
def plot_recall(names: Sequence[str], confusions: Mapping[str, ArrayLike]) -> Figure:
    """Draw the fraction of each class that is labelled right, a row for each step.

    Parameters
    ----------
    names : sequence of str
        The C class names.
    confusions : mapping of str to (C, C) integer
        Name of the step -> `Evaluation.confusion`: number of images, rows are the truth.

    Returns
    -------
    Figure
    """
    if not confusions:
        raise InputError("Expected at least one confusion matrix, got none: pass {step: matrix}.")
    tables = [
        as_numbers(table, "a confusion matrix", len(names), len(names)).astype(float)
        for table in confusions.values()
    ]
    shares = np.array(
        [
            [*(np.diag(t) / np.maximum(t.sum(axis=1), 1)), np.trace(t) / max(t.sum(), 1)]
            for t in tables
        ]
    )
    figure = new_figure(2.4 + 0.95 * shares.shape[1], 1.1 + 0.5 * len(shares))
    axes = figure.subplots()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1.15, aspect="auto")
    for row, column in np.ndindex(*shares.shape):
        whole = column == shares.shape[1] - 1
        axes.text(column, row, f"{shares[row, column]:.0%}", ha="center", va="center", fontsize=11,
                  color="white" if shares[row, column] > 0.6 else INK,
                  fontweight="bold" if whole else "normal")  # fmt: skip
    axes.axvline(shares.shape[1] - 1.5, color="white", linewidth=5)
    name_ticks(axes, "x", [*names, "all"])
    name_ticks(axes, "y", [str(step) for step in confusions])
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_title("How much of each class is labelled right", loc="left", color=INK, fontsize=11)
    return figure


@checked
def plot_gap(vectors: ArrayLike, text: ArrayLike, names: Sequence[str], truth: ArrayLike) -> Figure:
    """Draw the modality gap: where pictures and names lie, and what their cosines are.

    Parameters
    ----------
    vectors : (N, d) floating
        Unit vectors of the images.
    text : (C, d) floating
        Unit vectors of the names.
    names : sequence of str
        The C class names.
    truth : (N,) integer
        Class index of every image.

    Returns
    -------
    Figure
    """
    x = as_numbers(vectors, "vectors", None, None)
    if not len(x) or not len(names):
        raise InputError(
            f"Expected at least one image and one name, got {len(x)} and {len(names)}: pass more."
        )
    t = as_numbers(text, "text", len(names), x.shape[1])
    true = as_indices(as_numbers(truth, "truth", len(x)), len(names), "truth")
    colours = class_colours(len(names))
    across = t.mean(axis=0) - x.mean(axis=0)  # from the mean picture to the mean name
    across /= np.linalg.norm(across)
    rest = x - x.mean(axis=0)
    along = np.linalg.svd(rest - np.outer(rest @ across, across), full_matrices=False)[2][0]
    figure = new_figure(9.6, 2.9)
    left, right = figure.subplots(1, 2, width_ratios=[1, 1.15])
    for c, colour in enumerate(colours):
        here = x[true == c]
        left.plot(here @ across, here @ along, "o", markersize=3, color=colour, alpha=0.75)
    for c, colour in enumerate(colours):
        left.plot(t[c] @ across, t[c] @ along, "*", markersize=13, color=colour,
                  markeredgecolor=INK)  # fmt: skip
    tidy(
        left,
        "Pictures ● and names ★, along the gap",
        "picture side → name side",
        "main difference of pictures",
    )
    left.set_yticks([])
    cosine, own = x @ t.T, np.zeros((len(x), len(t)), dtype=bool)
    own[np.arange(len(x)), true] = True
    pairs = (x @ x.T)[np.triu_indices(len(x), 1)]
    bins = np.linspace(min(cosine.min(), pairs.min(initial=1.0)), 1, 61)
    # Greys, because the colours next to them are those of the classes.
    for values, name, look in (
        (cosine[~own], "picture - wrong name", {"color": FAINT, "alpha": 0.5}),
        (cosine[own], "picture - right name", {"histtype": "step", "color": INK, "linewidth": 1.6}),
        (pairs, "picture - picture", {"color": INK, "alpha": 0.75}),
    ):
        if not len(values):
            continue  # a single image or name
        label = f"{name}: {values.mean():.2f} on average"
        right.hist(values, bins, density=True, label=label, **look)
    tidy(right, "Cosines", "cosine", "")
    right.set_yticks([])
    right.set_ylim(0, 1.6 * right.get_ylim()[1])
    right.legend(frameon=False, loc="upper left", fontsize=8.5)
    legend(figure, [(short(name), colours[k], "*", "none") for k, name in enumerate(names)])
    return figure


@checked
def plot_sweep(sweep: TemperatureSweep, *, temperature: float = 0.1) -> Figure:
    """Draw both loops over the iterations and over the temperatures, as in `LoopLesson`.

    Parameters
    ----------
    sweep : TemperatureSweep
        From `sweep_temperatures`.
    temperature : float
        Above 0; the nearest temperature of the sweep is shown iteration by iteration.

    Returns
    -------
    Figure
    """
    if not temperature > 0:
        raise InputError(f"Expected a temperature above 0, got {temperature!r}: try 0.1.")
    place = int(np.abs(np.log(sweep.temperatures / temperature)).argmin())
    shown = f"temperature {sweep.temperatures[place]:.2g}"
    figure = new_figure(10.0, 2.9)
    axis, classes, end = figure.subplots(1, 3)
    last = sweep.labels.shape[2] - 1
    over = sweep.effective_classes if sweep.accuracy is None else 100 * sweep.accuracy
    style: dict[str, Any] = {"marker": "o", "markersize": 4, "linewidth": 1.8}
    for m, (name, colour) in enumerate(_LOOPS.items()):
        axis.plot(100 * sweep.first_axis[m, place], color=colour, label=f"{name} loop", **style)
        classes.plot(sweep.effective_classes[m, place], color=colour, **style)
        end.semilogx(sweep.temperatures, over[m, :, -1], color=colour, **style)
    tidy(axis, "Differences along the first axis, %", f"iteration, {shown}", "")
    tidy(classes, "Effective classes", f"iteration, {shown}", "")
    after = f"after {last} iterations"
    what = f"Effective classes {after}" if sweep.accuracy is None else f"Right labels {after}, %"
    tidy(end, what, "temperature (log scale)", "")
    axis.set_ylim(0, 105)
    axis.legend(frameon=False, loc="center right", bbox_to_anchor=(1, 0.66), fontsize=9)
    classes.set_ylim(0, len(sweep.names) + 0.2)
    end.set_ylim(0, len(sweep.names) + 0.2 if sweep.accuracy is None else 102)
    end.axvline(sweep.limit, color=INK, linewidth=1, linestyle=(0, (4, 2)))
    end.axhline(over[0, 0, 0], color=FAINT, linewidth=1)
    end.text(sweep.temperatures[0], over[0, 0, 0], "zero-shot", color=FAINT, fontsize=8.5,
             va="bottom")  # fmt: skip
    end.text(0.96 * sweep.limit, 0.02, "limit ", color=INK, fontsize=8.5, ha="right",
             transform=end.get_xaxis_transform())  # fmt: skip
    end.minorticks_off()
    end.set_xticks([0.0125, 0.025, 0.05, 0.1, 0.2], ["0.0125", "0.025", "0.05", "0.1", "0.2"])
    for panel in (axis, classes, end):
        panel.grid(axis="y", color=GRID)
    return figure


@checked
def plot_audit(
    estimate: AuditEstimate,
    agreement: ArrayLike,
    *,
    accuracy: float | None = None,
    title: str = "",
) -> Figure:
    """Draw the estimate of an audit beside the mean agreement.

    Parameters
    ----------
    estimate : AuditEstimate
        From `Audit.estimate`.
    agreement : (N,) floating
        Agreement of every label, 0..1.
    accuracy : float, optional
        The fraction that is right, where every class is known.
    title : str
        What was audited, in front of the interval.

    Returns
    -------
    Figure
    """
    figure = new_figure(7.6, 1.9)
    axes: Axes = figure.subplots()
    values = as_numbers(agreement, "agreement", None)
    low, high = estimate.interval
    rows: list[tuple[str, float, str]] = [
        (f"audit of {estimate.checked}", estimate.fraction, RIGHT),
        ("agreement, on average", float(np.mean(values)) if len(values) else 0.0, WRONG),
    ]
    if accuracy is not None:
        rows.append(("all labels, were they known", accuracy, INK))
    axes.axvspan(low, high, color=RIGHT, alpha=0.15, linewidth=0)
    for row, (_, value, colour) in enumerate(rows):
        axes.plot(value, row, "o", color=colour, markersize=9)
        axes.text(value, row - 0.2, f"{value:.0%}", ha="center", va="bottom", color=colour,
                  fontsize=10)  # fmt: skip
    axes.plot([low, high], [0, 0], color=RIGHT, linewidth=3)
    axes.set_yticks(range(len(rows)), [name for name, *_ in rows])
    axes.set_ylim(len(rows) - 0.5, -0.75)
    axes.set_xlim(min(0.5, low, *(value for _, value, _ in rows)) - 0.02, 1.0)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    # Rounded as in the printed estimate.
    found = f"{round(low, 2):.0%} to {round(high, 2):.0%} of the labels are right (95 % interval)"
    tidy(axes, f"{title}: {found}" if title else found, "", "")
    axes.grid(axis="x", color=GRID)
    return figure

"""An evaluation as a person wants to read it: lines for a terminal, tables for a notebook."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from protolabel.common.palette import RIGHT, WRONG, rgb
from protolabel.common.wording import columns, counted, escape, padded, truncated

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from protolabel.evaluation.scoring import Comparison, Evaluation

__all__ = ["as_html", "as_text", "comparison_text"]

_CLASSES = 40  # rows of a table; of more classes those that went worst
_CELLS = 24  # classes that a confusion matrix is shown for
_NAME = 28  # columns of a class name
_HEADS = ("images", "labelled", "precision", "recall", "F1", "most often taken for")

_CELL = "padding:2px 8px;text-align:right"
_TEXT_CELL = "padding:2px 8px;text-align:left"


def as_text(evaluation: Evaluation) -> str:
    """Lines for a terminal."""
    lines = list(_summary(evaluation))
    if len(evaluation.by_iteration):
        steps = "".join(f"{step:7d}" for step in range(len(evaluation.by_iteration)))
        shares = "".join(f"{_share(one):>7}" for one in evaluation.by_iteration)
        lines += ["", f"{'iteration':<10}{steps}", f"{'accuracy':<10}{shares}"]
    rows = [[truncated(name, _NAME), *cells] for name, cells in _rows(evaluation)]
    table = [["class", *_HEADS], *rows]
    width = [max(columns(row[place]) for row in table) for place in range(len(table[0]))]
    lines.append("")
    for row in table:
        middle = "  ".join(f"{cell:>{width[i]}}" for i, cell in enumerate(row[1:-1], 1))
        lines.append(f"{padded(row[0], width[0])}  {middle}  {row[-1]}".rstrip())
    return "\n".join([*lines, *_left_out(evaluation)])


def as_html(evaluation: Evaluation) -> str:
    """Tables for a notebook, in the colours of its theme."""
    parts = [f"<p>{'<br>'.join(escape(line.strip()) for line in _summary(evaluation))}</p>"]
    if len(evaluation.by_iteration):
        steps = [str(step) for step in range(len(evaluation.by_iteration))]
        shares = [_share(one) for one in evaluation.by_iteration]
        parts.append(_table(["iteration", *steps], [["accuracy", *shares]]))
    rows = [[name, *cells] for name, cells in _rows(evaluation)]
    parts.append(_table(["class", *_HEADS], rows))
    parts += [f"<p>{escape(line)}</p>" for line in _left_out(evaluation)]
    if 2 <= len(evaluation.names) <= _CELLS and evaluation.judged:
        parts.append(_confusion(evaluation))
    return f'<div style="overflow-x:auto">{"".join(parts)}</div>'


def comparison_text(comparison: Comparison) -> str:
    """Lines for a terminal."""
    text = f"{len(comparison.changed):,} of {counted(comparison.n_images, 'label')} changed"
    if not comparison.judged:
        return f"{text}."
    return (
        f"{text}: {len(comparison.mended):,} mended, {len(comparison.broken):,} broken "
        f"(chance alone: p = {comparison.p_value:.2g}).\n"
        f"Accuracy {_share(comparison.accuracy_before)} before, "
        f"{_share(comparison.accuracy_after)} after, "
        f"of {counted(comparison.judged, 'judged image')}."
    )


def _summary(evaluation: Evaluation) -> Iterator[str]:
    if not evaluation.judged:
        yield "No image could be judged: none has a known true class among the names."
        return
    yield (
        f"Accuracy {_share(evaluation.accuracy)} of {counted(evaluation.judged, 'judged image')} "
        f"(mean of the classes {_share(evaluation.macro_accuracy)}, macro F1 "
        f"{_share(evaluation.macro_f1)})"
    )
    if evaluation.unknown:
        low, high = evaluation.interval
        total = evaluation.judged + evaluation.unknown
        yield (
            f"  {low:.3f} to {high:.3f} for all {total:,} with 95 % confidence, if the judged ones "
            "were chosen at random"
        )
    if evaluation.outside:
        yield f"  {counted(evaluation.outside, 'image')} of no class here, left out"
    if math.isnan(evaluation.calibration_error):
        return  # every judged image is pinned
    yield (
        f"Agreement: expected calibration error {evaluation.calibration_error:.3f}, AUROC of right "
        f"against wrong {_share(evaluation.error_auroc)}"
    )


def _rows(evaluation: Evaluation) -> Iterator[tuple[str, list[str]]]:
    """Name and cells of each class; of many classes those with the lowest F1."""
    order: Sequence[int] = range(len(evaluation.names))
    if len(evaluation.names) > _CLASSES:
        order = sorted(np.argsort(evaluation.f1, kind="stable")[:_CLASSES].tolist())
    labelled = evaluation.confusion.sum(axis=0)
    others = evaluation.confusion - np.diag(np.diag(evaluation.confusion))
    for one in order:
        rival = int(others[one].argmax())
        count = int(others[one, rival])
        yield (
            evaluation.names[one],
            [
                f"{evaluation.support[one]:,}",
                f"{labelled[one]:,}",
                *(_share(x[one]) for x in (evaluation.precision, evaluation.recall, evaluation.f1)),
                f"{truncated(evaluation.names[rival], _NAME)} ({count:,})" if count else "",
            ],
        )


def _left_out(evaluation: Evaluation) -> Iterator[str]:
    more = len(evaluation.names) - _CLASSES
    if more > 0:
        yield f"and {more:,} classes that went better"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    def line(cells: Sequence[str], tag: str) -> str:
        last = len(head) - 1 if head[-1] == _HEADS[-1] else -1
        styles = (_TEXT_CELL if i in (0, last) else _CELL for i in range(len(cells)))
        return "".join(
            f'<{tag} style="{style}">{escape(cell)}</{tag}>'
            for cell, style in zip(cells, styles, strict=True)
        )

    body = "".join(f"<tr>{line(row, 'td')}</tr>" for row in rows)
    return f"<table><thead><tr>{line(head, 'th')}</tr></thead><tbody>{body}</tbody></table>"


def _confusion(evaluation: Evaluation) -> str:
    """Rows are the truth; blue is right, orange wrong, the stronger the more of the class."""
    share = evaluation.confusion / np.maximum(evaluation.support, 1)[:, None]

    def cell(true: int, label: int) -> str:
        count = int(evaluation.confusion[true, label])
        red, green, blue = rgb(RIGHT if true == label else WRONG)
        strength = 0.75 * share[true, label]
        style = f"{_CELL};background:rgba({red},{green},{blue},{strength:.2f})"
        words = f"{evaluation.names[true]} labelled {evaluation.names[label]}: {count:,}"
        return f'<td style="{style}" title="{escape(words)}">{count or ""}</td>'

    count = range(len(evaluation.names))
    heads = "".join(f'<th style="{_CELL}">{escape(truncated(name, 12))}</th>'
                    for name in evaluation.names)  # fmt: skip
    rows = "".join(
        f'<tr><th style="{_TEXT_CELL}">{escape(evaluation.names[true])}</th>'
        f"{''.join(cell(true, label) for label in count)}</tr>"
        for true in count
    )
    return (
        f"<table><caption>Rows: the truth. Columns: the labels.</caption>"
        f"<thead><tr><th></th>{heads}</tr></thead><tbody>{rows}</tbody></table>"
    )


def _share(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.3f}"

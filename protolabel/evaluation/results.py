"""The results of an evaluation and of a comparison.

Both print as a few lines; in a notebook, an evaluation also shows tables.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from protolabel.common.palette import RIGHT, WRONG, rgb
from protolabel.common.wording import columns, counted, escape, padded, truncated
from protolabel.errors import InputError
from protolabel.images.lookup import find_classes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

__all__ = ["Comparison", "Evaluation"]

_CLASSES = 40  # rows of a table; with more classes it shows the lowest F1
_CELLS = 24  # most classes for which a confusion matrix is shown
_NAME = 28  # columns of a class name
_HEADS = ("images", "labelled", "precision", "recall", "F1", "most often taken for")

_CELL = "padding:2px 8px;text-align:right"
_TEXT_CELL = "padding:2px 8px;text-align:left"


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Labels compared with the truth; it prints as a table.

    Each of the N images is counted in exactly one of `judged`, `outside`, `unknown` and
    `set_aside`. Accuracy and all other scores are over the judged images alone.

    Attributes
    ----------
    names : tuple of str
        The C class names.
    accuracy : float
        Correct labels as a fraction of the judged images, 0..1; NaN if none was judged.
    interval : tuple of float
        95 % confidence interval of the accuracy over the judged and the unknown images, valid if
        the judged ones are a simple random sample of both; the accuracy itself if all are judged.
    judged : int
        Number of images that have a label and whose true class is among the names.
    outside : int
        Number of images that have a label, but whose true class is not among the names.
    unknown : int
        Number of images that have a label and whose true class is not known.
    set_aside : int
        Number of images that have no label because `none_of_these` set them aside, whatever
        their true class.
    set_aside_named : int
        Number of those whose true class is among the names, so they were set aside wrongly.
    support : ndarray
        (C,) int64 number of judged images of each class.
    precision, recall, f1 : ndarray
        (C,) float64 in 0..1: the fraction of the images labelled c that are c, the fraction of
        the images of c that are labelled c, and the harmonic mean of both. NaN if undefined.
    confusion : ndarray
        (C, C) int64, true classes in rows, labels in columns.
    by_iteration : ndarray
        (T + 1,) float64 accuracy of each iteration over the same judged images, 0 is zero-shot;
        empty if the labels are not from a run.
    calibration_error, error_auroc : float
        Expected calibration error of the agreement, and area under the ROC curve of right against
        wrong labels, on judged images that are not pinned; see
        `protolabel.evaluation.calibration`.
    label : ndarray
        (N,) int32 class index of each label; -1 if the image is set aside.
    true : ndarray
        (N,) int64 class index of each true class; -1 if it is not among the names, -2 if unknown.
    wrong : ndarray
        Indices of the judged images with a wrong label, highest agreement first.
    outside_names : tuple of str
        True names that are no class, sorted.
    unmatched : tuple of str
        Image names in the truth that match no image, or several.
    """

    names: tuple[str, ...]
    accuracy: float
    interval: tuple[float, float]
    judged: int
    outside: int
    unknown: int
    set_aside: int
    set_aside_named: int
    support: NDArray[np.int64]
    precision: NDArray[np.float64]
    recall: NDArray[np.float64]
    f1: NDArray[np.float64]
    confusion: NDArray[np.int64]
    by_iteration: NDArray[np.float64]
    calibration_error: float
    error_auroc: float
    label: NDArray[np.int32]
    true: NDArray[np.int64]
    wrong: NDArray[np.int64]
    outside_names: tuple[str, ...] = ()
    unmatched: tuple[str, ...] = ()

    @property
    def macro_accuracy(self) -> float:
        """Mean recall of the classes that have judged images, so each class counts the same."""
        return _mean(self.recall[self.support > 0])

    @property
    def macro_f1(self) -> float:
        """Mean F1 of the classes that have judged images."""
        return _mean(self.f1[self.support > 0])

    def images(self, true: str, labelled: str) -> NDArray[np.int64]:
        """Return the images of a class that were labelled as another, or as the same.

        Parameters
        ----------
        true : str
            True class name.
        labelled : str
            Class name of the label.

        Returns
        -------
        ndarray
            Image indices, int64, ascending.

        Raises
        ------
        InputError
            If a name is not a class.
        """
        found = find_classes((true, labelled), self.names)
        a, b = found[true], found[labelled]
        if min(a, b) < 0:
            raise InputError(
                f"Expected the name of a class, got {(true if a < 0 else labelled)!r}: the "
                f"classes are {', '.join(self.names)}."
            )
        return np.flatnonzero((self.true == a) & (self.label == b))

    def __str__(self) -> str:
        return _as_text(self)

    def _repr_html_(self) -> str:
        return _as_html(self)


@dataclass(frozen=True, eq=False)
class Comparison:
    """Two labellings of the same images; it prints as a few lines.

    Attributes
    ----------
    n_images : int
        Number of images, N.
    changed : ndarray
        Indices of the images whose class name differs, ascending.
    mended, broken : ndarray
        Indices of the images that became right, and of those that became wrong; empty without
        truth.
    judged : int
        Number of images whose true class is a name of either labelling; 0 without truth.
    accuracy_before, accuracy_after : float
        Correct labels as a fraction of the judged images, 0..1; NaN without any.
    """

    n_images: int
    changed: NDArray[np.int64]
    mended: NDArray[np.int64]
    broken: NDArray[np.int64]
    judged: int
    accuracy_before: float
    accuracy_after: float

    @property
    def p_value(self) -> float:
        """Probability of so uneven a result if mending and breaking were equally likely, 0..1.

        From the exact two-sided test of McNemar (1947); 1 if nothing was mended or broken.
        """
        from scipy.stats import binomtest

        discordant = len(self.mended) + len(self.broken)
        return float(binomtest(len(self.mended), discordant).pvalue) if discordant else 1.0

    def __str__(self) -> str:
        text = f"{len(self.changed):,} of {counted(self.n_images, 'label')} changed"
        if not self.judged:
            return f"{text}."
        return (
            f"{text}: {len(self.mended):,} mended, {len(self.broken):,} broken "
            f"(chance alone: p = {self.p_value:.2g}).\n"
            f"Accuracy {_decimal(self.accuracy_before)} before, "
            f"{_decimal(self.accuracy_after)} after, "
            f"of {counted(self.judged, 'judged image')}."
        )


def _as_text(evaluation: Evaluation) -> str:
    """Format an evaluation as lines for a terminal."""
    lines = list(_summary(evaluation))
    if len(evaluation.by_iteration):
        steps = "".join(f"{step:7d}" for step in range(len(evaluation.by_iteration)))
        accuracies = "".join(f"{_decimal(value):>7}" for value in evaluation.by_iteration)
        lines += ["", f"{'iteration':<10}{steps}", f"{'accuracy':<10}{accuracies}"]
    rows = [[truncated(name, _NAME), *cells] for name, cells in _rows(evaluation)]
    table = [["class", *_HEADS], *rows]
    width = [max(columns(row[place]) for row in table) for place in range(len(table[0]))]
    lines.append("")
    for row in table:
        middle = "  ".join(f"{cell:>{width[i]}}" for i, cell in enumerate(row[1:-1], 1))
        lines.append(f"{padded(row[0], width[0])}  {middle}  {row[-1]}".rstrip())
    return "\n".join([*lines, *_left_out(evaluation)])


def _as_html(evaluation: Evaluation) -> str:
    """Format an evaluation as tables for a notebook, in the colours of its theme."""
    parts = [f"<p>{'<br>'.join(escape(line.strip()) for line in _summary(evaluation))}</p>"]
    if len(evaluation.by_iteration):
        steps = [str(step) for step in range(len(evaluation.by_iteration))]
        accuracies = [_decimal(value) for value in evaluation.by_iteration]
        parts.append(_table(["iteration", *steps], [["accuracy", *accuracies]]))
    rows = [[name, *cells] for name, cells in _rows(evaluation)]
    parts.append(_table(["class", *_HEADS], rows))
    parts += [f"<p>{escape(line)}</p>" for line in _left_out(evaluation)]
    if 2 <= len(evaluation.names) <= _CELLS and evaluation.judged:
        parts.append(_confusion(evaluation))
    return f'<div style="overflow-x:auto">{"".join(parts)}</div>'


def _summary(evaluation: Evaluation) -> Iterator[str]:
    if not evaluation.judged:
        yield "No image could be judged: none has a known true class among the names."
        if evaluation.outside_names:
            yield (
                f"  The truth speaks of {_examples(evaluation.outside_names)}, the names are "
                f"{_examples(evaluation.names)}"
            )
        yield from _set_aside(evaluation)
        return
    yield (
        f"Accuracy {_decimal(evaluation.accuracy)} of {counted(evaluation.judged, 'judged image')} "
        f"(mean of the classes {_decimal(evaluation.macro_accuracy)}, macro F1 "
        f"{_decimal(evaluation.macro_f1)})"
    )
    if evaluation.unknown:
        low, high = evaluation.interval
        total = evaluation.judged + evaluation.unknown
        yield (
            f"  {low:.3f} to {high:.3f} for all {total:,} with 95 % confidence, if the judged ones "
            "were chosen at random"
        )
    if evaluation.outside:
        names = f", such as {_examples(evaluation.outside_names)}" * bool(evaluation.outside_names)
        yield f"  {counted(evaluation.outside, 'image')} of no class here{names}, left out"
    if evaluation.unmatched:
        yield (
            f"  {counted(len(evaluation.unmatched), 'image name')} in the truth without an image "
            f"of their own here, such as {_examples(evaluation.unmatched)}"
        )
    yield from _set_aside(evaluation)
    if math.isnan(evaluation.calibration_error):
        return  # every judged image is pinned
    yield (
        f"Agreement: expected calibration error {evaluation.calibration_error:.3f}, AUROC of right "
        f"against wrong {_decimal(evaluation.error_auroc)}"
    )


def _examples(names: Sequence[str]) -> str:
    return ", ".join(repr(truncated(name, _NAME)) for name in names[:3])


def _set_aside(evaluation: Evaluation) -> Iterator[str]:
    if evaluation.set_aside:
        yield (
            f"  {counted(evaluation.set_aside, 'image')} set aside as none of these, left out: "
            f"{evaluation.set_aside_named:,} of a class here"
        )


def _rows(evaluation: Evaluation) -> Iterator[tuple[str, list[str]]]:
    """Yield the name and the cells of each class; if there are many, of those of lowest F1."""
    order: Sequence[int] = range(len(evaluation.names))
    if len(evaluation.names) > _CLASSES:
        order = sorted(np.argsort(evaluation.f1, kind="stable")[:_CLASSES].tolist())
    labelled = evaluation.confusion.sum(axis=0)
    others = evaluation.confusion - np.diag(np.diag(evaluation.confusion))
    for place in order:
        rival = int(others[place].argmax())
        count = int(others[place, rival])
        yield (
            evaluation.names[place],
            [
                f"{evaluation.support[place]:,}",
                f"{labelled[place]:,}",
                *(
                    _decimal(scores[place])
                    for scores in (evaluation.precision, evaluation.recall, evaluation.f1)
                ),
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
    """Shade right cells blue and wrong ones orange, by their fraction of the true class."""
    fraction = evaluation.confusion / np.maximum(evaluation.support, 1)[:, None]

    def cell(true: int, label: int) -> str:
        count = int(evaluation.confusion[true, label])
        red, green, blue = rgb(RIGHT if true == label else WRONG)
        strength = 0.75 * fraction[true, label]
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


def _decimal(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.3f}"


def _mean(values: NDArray[np.float64]) -> float:
    return float(np.mean(values)) if len(values) else float("nan")

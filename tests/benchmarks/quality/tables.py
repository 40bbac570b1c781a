"""The rows as tables, in Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from methods import LONG, METHODS, OURS
from metrics import gain_interval, harm_share

if TYPE_CHECKING:
    from rows import Row

__all__ = [
    "accuracy", "agreement", "agreement_by_setting", "behind", "losses", "regimes", "summary",
]  # fmt: skip

FEW = 150  # in smaller folders one image is a point and more
NEAR = 0.005  # of the best method: half a point is noise
MOST = 20  # rows that a list of losses shows


def accuracy(rows: list[Row], measure: str) -> str:
    """Mean accuracy of every method in every setting; ours with its gain and the worst draw."""
    methods = _methods(rows)
    lines = [
        _line(["data", "setting", "draws", *methods, "gain, 95 %", "worst draw"]),
        _line(["---"] * (len(methods) + 5)),
    ]
    for dataset, setting in dict.fromkeys((row.dataset, row.setting) for row in rows):
        cells, inside = [], _by_method(rows, dataset, setting)
        best = max(round(_mean(some, measure), 3) for some in inside.values())
        for method in methods:
            value = round(_mean(inside[method], measure), 3) if method in inside else np.nan
            shown = "-" if np.isnan(value) else f"{value:.3f}"
            cells.append(f"**{shown}**" if value == best else shown)
        draws = len(inside["zero-shot"])
        gain = worst = "-"
        if OURS in inside:
            before, after = (_values(inside[m], measure) for m in ("zero-shot", OURS))
            mean, low, high = gain_interval(before, after)
            gain = f"{100 * mean:+.1f} ({100 * low:+.1f} to {100 * high:+.1f})"
            worst = f"{100 * (after - before).min():+.1f}"
        lines.append(_line([dataset, setting, str(draws), *cells, gain, worst]))
    return "\n".join(lines)


def summary(rows: list[Row]) -> str:
    """Per method: mean gain over all rows of the table, how often it harms, and its time."""
    names = ["gain, micro", "gain, macro", f"loses > 1 point (N >= {FEW})", "worst", "seconds"]
    lines = [_line(["method", *names]), _line(["---"] * (len(names) + 1))]
    zero = {(r.dataset, r.setting, r.draw): r for r in rows if r.method == "zero-shot"}
    for method in _methods(rows):
        mine = [row for row in rows if row.method == method]
        pairs = [(zero[row.dataset, row.setting, row.draw], row) for row in mine]
        gains = {}
        for measure in ("micro", "macro"):
            cells: dict[tuple[str, str], list[float]] = {}
            for a, b in pairs:
                gain = getattr(b, measure) - getattr(a, measure)
                cells.setdefault((b.dataset, b.setting), []).append(gain)
            gains[measure] = f"{100 * np.mean([np.mean(c) for c in cells.values()]):+.2f}"
        large = [(a.micro, b.micro) for a, b in pairs if b.images >= FEW]
        before, after = np.array(large).reshape(-1, 2).T
        harm = f"{100 * harm_share(before, after):.1f} % of {len(large)}" if large else "-"
        worst = f"{100 * (after - before).min():+.1f}" if large else "-"
        seconds = f"{np.mean([row.seconds for row in mine]):.2f}"
        lines.append(_line([method, gains["micro"], gains["macro"], harm, worst, seconds]))
    return "\n".join(lines)


def regimes(rows: list[Row]) -> str:
    """Per setting: mean accuracy over the data sets, and how far confidence is off."""
    methods = _methods(rows)
    shown = ["ECE: zero-shot / ours", "bias"]
    lines = [
        _line(["setting", *methods, *(f"{name} (N >= {FEW})" for name in shown)]),
        _line(["---"] * (len(methods) + 1 + len(shown))),
    ]
    for setting in dict.fromkeys(row.setting for row in rows):
        inside = [row for row in rows if row.setting == setting]
        sets = dict.fromkeys(row.dataset for row in inside)
        values = {
            method: np.mean(
                [_mean(_by_method(rows, name, setting).get(method, []), "micro") for name in sets]
            )
            for method in methods
        }
        best = max(round(value, 3) for value in values.values() if not np.isnan(value))
        cells = [f"**{v:.3f}**" if round(v, 3) == best else f"{v:.3f}" for v in values.values()]
        large = {m: [r for r in inside if r.method == m and r.images >= FEW] for m in methods}
        errors = [_mean(large.get(m, []), "calibration_error") for m in ("zero-shot", OURS)]
        judged = ["-", "-"]
        if large.get(OURS):
            judged = [
                " / ".join(f"{error:.3f}" for error in errors),
                f"{_mean(large[OURS], 'bias'):+.3f}",
            ]
        lines.append(_line([setting, *cells, *judged]))
    return "\n".join(lines)


def behind(rows: list[Row]) -> str:
    """Settings in which another method is ahead of ours by more than half a point."""
    lines = [_line(["data", "setting", "ours", "ahead"]), _line(["---"] * 4)]
    cells = dict.fromkeys((row.dataset, row.setting) for row in rows)
    for dataset, setting in cells:
        means = {m: _mean(r, "micro") for m, r in _by_method(rows, dataset, setting).items()}
        ours = means.get(OURS, float("nan"))
        ahead = sorted(
            ((v, m) for m, v in means.items() if m != LONG and v > ours + NEAR), reverse=True
        )
        if ahead:
            others = ", ".join(f"{method} {value:.3f}" for value, method in ahead)
            lines.append(_line([dataset, setting, f"{ours:.3f}", others]))
    return "\n".join([*lines, "", f"{len(lines) - 2} of {len(cells)} settings."])


def losses(rows: list[Row]) -> str:
    """Folders that are not small in which ours is below zero-shot, the worst first."""
    zero = {(r.dataset, r.setting, r.draw): r for r in rows if r.method == "zero-shot"}
    pairs = [
        (row.micro - zero[row.dataset, row.setting, row.draw].micro, row)
        for row in rows
        if row.method == OURS and row.images >= FEW
    ]
    below = sorted((pair for pair in pairs if pair[0] < 0), key=lambda pair: pair[0])
    lines = [_line(["data", "setting", "draw", "images", "points"]), _line(["---"] * 5)]
    for gain, row in below[:MOST]:
        cells = [row.dataset, row.setting, str(row.draw), str(row.images), f"{100 * gain:+.1f}"]
        lines.append(_line(cells))
    return "\n".join([*lines, "", f"{len(below)} of {len(pairs)} folders lose at all."])


def agreement_by_setting(rows: list[Row]) -> str:
    """Our agreement beside the zero-shot probability, by setting, in folders that are not small.

    AUROC is taken over the folders in which both have an error: of each on its own labels, then of
    both on the labels that they share.
    """
    shown = ["folders", "ECE", "bias", "zero-shot's ECE", "AUROC", "zero-shot's"]
    shown += ["AUROC, unchanged labels", "zero-shot's"]
    lines = [_line(["setting", *shown]), _line(["---"] * (len(shown) + 1))]
    zero = {(r.dataset, r.setting, r.draw): r for r in rows if r.method == "zero-shot"}
    pairs = [
        (zero[row.dataset, row.setting, row.draw], row)
        for row in rows
        if row.method == OURS and row.images >= FEW
    ]
    for setting in [*dict.fromkeys(row.setting for _, row in pairs), "all"]:
        inside = [pair for pair in pairs if setting in (pair[1].setting, "all")]
        values = [
            (b.calibration_error, b.bias, a.calibration_error, b.auroc, a.auroc,
             b.auroc_unchanged, b.auroc_unchanged_zero_shot)
            for a, b in inside
        ]  # fmt: skip
        table = np.array(values).reshape(-1, 7)
        ranked = table[np.isfinite(table[:, 3:5]).all(axis=1), 3:]
        cells = [*table[:, :3].mean(axis=0), *(_known_mean(column) for column in ranked.T)]
        formats = ("{:.3f}", "{:+.3f}", *["{:.3f}"] * 5)
        texts = [form.format(cell) for form, cell in zip(formats, cells, strict=True)]
        lines.append(_line([setting, str(len(inside)), *texts]))
    return "\n".join(lines)


def agreement(rows: list[Row]) -> str:
    """Of our agreement, beside the zero-shot probability: calibration and how it ranks errors."""
    names = ("calibration_error", "auroc", "found_10", "found_20")
    shown = ["ECE", "AUROC", "errors in first 10 %", "in first 20 %"]
    lines = [
        _line(["data", "setting", *(f"{name}: zero-shot / ours" for name in shown)]),
        _line(["---"] * (len(names) + 2)),
    ]
    for dataset, setting in dict.fromkeys((row.dataset, row.setting) for row in rows):
        inside = _by_method(rows, dataset, setting)
        pairs = [
            " / ".join(f"{_mean(inside.get(m, []), name):.3f}" for m in ("zero-shot", OURS))
            for name in names
        ]
        lines.append(_line([dataset, setting, *pairs]))
    return "\n".join(lines)


def _methods(rows: list[Row]) -> list[str]:
    known = {row.method for row in rows}
    return [name for name in METHODS if name in known]


def _by_method(rows: list[Row], dataset: str, setting: str) -> dict[str, list[Row]]:
    inside: dict[str, list[Row]] = {}
    for row in rows:
        if (row.dataset, row.setting) == (dataset, setting):
            inside.setdefault(row.method, []).append(row)
    return inside


def _values(rows: list[Row], measure: str) -> np.ndarray:
    return np.array([getattr(row, measure) for row in sorted(rows, key=lambda row: row.draw)])


def _mean(rows: list[Row], measure: str) -> float:
    return _known_mean(_values(rows, measure))


def _known_mean(values: np.ndarray) -> float:
    known = values[~np.isnan(values)]  # without an error there is nothing to rank
    return float(known.mean()) if len(known) else float("nan")


def _line(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"

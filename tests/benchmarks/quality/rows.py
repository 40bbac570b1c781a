"""The results: one row for each method on each draw of each setting of each data set."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from typing import TYPE_CHECKING

import numpy as np
from methods import outcomes
from metrics import macro_accuracy, micro_accuracy
from settings import file_tasks, world_tasks
from special import SPECIAL, special_tasks

from protolabel.evaluation.calibration import calibration_error, error_auroc, found_errors

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["Part", "Row", "compute"]


@dataclass(frozen=True)
class Part:
    """One setting of one data set, and the methods to run on its draws.

    Attributes
    ----------
    source
        A file, or the name of a simulated world.
    setting
        A name of `settings.SETTINGS` or `special.SPECIAL`.
    draws
        Number of draws.
    bank
        File of further names for "+40 names", or None.
    methods
        Names of methods.
    part
        Share of the images of a file that each draw begins with, 0..1.
    """

    source: Path | str
    setting: str
    draws: int
    bank: Path | None
    methods: list[str]
    part: float

    @property
    def dataset(self) -> str:
        """Name of the data set."""
        return self.source if isinstance(self.source, str) else self.source.stem


@dataclass(frozen=True)
class Row:
    """How one method did on one draw; the confidence is judged on images of a class.

    `bias` is the mean confidence less the accuracy: above 0 the method is too sure. Methods make
    different errors, so `auroc` compares two of them on unlike ground: `auroc_unchanged` ranks
    only images whose label is that of zero-shot, and `auroc_unchanged_zero_shot` ranks the same
    images by zero-shot's own probability.
    """

    dataset: str
    setting: str
    draw: int
    method: str
    images: int
    micro: float
    macro: float
    calibration_error: float
    bias: float
    auroc: float
    found_10: float
    found_20: float
    seconds: float
    auroc_unchanged: float = np.nan
    auroc_unchanged_zero_shot: float = np.nan


def compute(parts: list[Part], jobs: int) -> Iterator[list[Row]]:
    """Yield the rows of each part as it is done, in `jobs` processes."""
    if jobs == 1:
        yield from map(_rows, parts)
        return
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        for done in as_completed([pool.submit(_rows, part) for part in parts]):
            yield done.result()


def _rows(part: Part) -> list[Row]:
    if part.setting in SPECIAL:
        tasks = special_tasks(part.source, part.setting, part.draws, part.bank)
    elif isinstance(part.source, str):
        tasks = world_tasks(part.source, part.setting, part.draws)
    else:
        tasks = file_tasks(part.source, part.setting, part.draws, part.bank, part.part)
    rows = []
    for draw, task in enumerate(tasks):
        real = task.truth >= 0
        zero_shot = None
        for got in outcomes(task, part.methods):
            right, sure = (got.labels == task.truth)[real], np.clip(got.confidence[real], 0, 1)
            zero_shot = zero_shot or got  # the first of the methods
            unchanged = (got.labels == zero_shot.labels)[real]
            by_zero_shot = zero_shot.confidence[real][unchanged]
            rows.append(
                Row(
                    dataset=part.dataset,
                    setting=part.setting,
                    draw=draw,
                    method=got.method,
                    images=len(task.truth),
                    micro=micro_accuracy(got.labels, task.truth),
                    macro=macro_accuracy(got.labels, task.truth),
                    calibration_error=calibration_error(sure, right),
                    bias=float(sure.mean() - right.mean()),
                    auroc=error_auroc(sure, right),
                    found_10=found_errors(sure, right, 0.1),
                    found_20=found_errors(sure, right, 0.2),
                    seconds=got.seconds,
                    auroc_unchanged=error_auroc(sure[unchanged], right[unchanged]),
                    auroc_unchanged_zero_shot=error_auroc(by_zero_shot, right[unchanged]),
                )
            )
    return rows

"""Seconds of the clock and of the processor."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True)
class Seconds:
    """Seconds of the clock, and of the processor in all threads."""

    clock: float
    processor: float


def median(taken: list[Seconds]) -> Seconds:
    """Return the median of each kind of seconds."""
    return Seconds(
        statistics.median(seconds.clock for seconds in taken),
        statistics.median(seconds.processor for seconds in taken),
    )


def timed(step: Callable[[], Any]) -> tuple[Seconds, Any]:
    """Run a step; return its seconds and its result."""
    clock, processor = time.perf_counter(), time.process_time()
    result = step()
    return Seconds(time.perf_counter() - clock, time.process_time() - processor), result

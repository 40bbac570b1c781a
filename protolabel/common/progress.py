"""Report the progress of long jobs, and stop them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from protolabel.errors import InputError

__all__ = ["ProgressFn", "TqdmProgress", "resolve", "silent"]

ProgressFn = Callable[[str, int, int], None]
"""``progress(phase, done, total)``; it may raise `Stopped` to end the work."""


def silent(phase: str, done: int, total: int) -> None:
    """Do not show progress."""


class TqdmProgress:
    """A tqdm bar for each phase that takes longer than half a second.

    In a notebook the bar is a widget, in a terminal it is text.
    """

    def __init__(self) -> None:
        self._phase = ""
        self._bar: Any = None

    def __call__(self, phase: str, done: int, total: int) -> None:
        """Move the bar of `phase`; the first call of another phase starts a new one."""
        if phase != self._phase:
            self._close()
            # Imported late, because tqdm.auto imports ipywidgets in a notebook.
            from tqdm.auto import tqdm

            self._phase = phase
            # A run that continues begins above 0; only new work counts for the time left.
            self._bar = tqdm(total=total, desc=phase, delay=0.5, initial=done)
        if self._bar is not None:
            self._bar.update(done - self._bar.n)
        if done >= total:
            self._close()

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
        self._bar, self._phase = None, ""


def resolve(progress: ProgressFn | None) -> ProgressFn:
    """Return `progress` itself, or a tqdm bar if it is None.

    Raises
    ------
    InputError
        If it cannot be called.
    """
    if progress is not None and not callable(progress):
        raise InputError(
            f"Expected progress as a function (phase, done, total), got {progress!r}: leave it "
            "out for a bar."
        )
    return TqdmProgress() if progress is None else progress

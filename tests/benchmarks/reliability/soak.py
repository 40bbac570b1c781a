"""A long day: slider moves, class edits, exports and studios in one process, and its memory."""

from __future__ import annotations

import ctypes
import gc
import sys
import threading
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from small_world import NAMES, ColourEncoder, fresh, make_photos, make_session, same
from tally import Different, Tally

import protolabel as pl
from protolabel.common.progress import silent

if TYPE_CHECKING:
    from collections.abc import Iterator

MOVES, EDITS, EXPORTS, STUDIOS = 400, 50, 20, 20


def run(work: Path, rounds: float, seed: int, keep: Path | None) -> Iterator[Tally]:
    """Yield one count for each kind of work, with the growth of memory."""
    warnings.simplefilter("ignore")
    rng = np.random.default_rng(seed)
    photos = make_photos(work / "photos", 40)
    session = make_session(photos, work / "store")
    start = session.labels.label.copy()
    studio = session.widget
    studio.follower.wait(120) if hasattr(studio, "follower") else None

    tally = Tally("soak: slider moves")
    with _growth(tally, max(10, round(MOVES * rounds))) as moves:
        for _ in moves:
            with tally.attempt("a move of the slider"):
                session.temperature = float(rng.uniform(0.02, 1.0))
                _ = session.labels.label
    session.temperature = 0.1
    if not np.array_equal(session.labels.label, start):
        tally.differences += 1
        tally.note("the labels of the first temperature are others after all the moves")
    yield tally

    tally = Tally("soak: class edits")
    with _growth(tally, max(10, round(EDITS * rounds))) as edits:
        for number in edits:
            with tally.attempt("a class edit"):
                session.add_class(f"class {number}", [f"word {number}"])
                session.rename_class(f"class {number}", f"other {number}")
                session.set_synonyms(f"other {number}", ["violet"])
                _ = session.labels.label
                session.remove_class(f"other {number}")
                if session.names != tuple(NAMES):
                    raise Different(f"classes are {session.names}")
    yield tally

    tally = Tally("soak: exports")
    with _growth(tally, max(4, round(EXPORTS * rounds))) as exports:
        for _ in exports:
            with tally.attempt("an export"):
                session.export(work / "dataset", overwrite=True)
    yield tally
    session.close()

    tally = Tally("soak: studios")
    with _growth(tally, max(4, round(STUDIOS * rounds))) as studios:
        for number in studios:
            with tally.attempt("a studio"):
                own = pl.Session(session.embeddings, NAMES, encoder=ColourEncoder(),
                                 store=work / "own", progress=silent)  # fmt: skip
                _ = own.widget, own.labels
                own.pin(number % 9, "blue")
                own.save(fresh(work / "saved"))
                if not same(own, pl.Session.load(work / "saved", encoder=ColourEncoder())):
                    raise Different("another session was loaded")
                own.close()
    left = [thread.name for thread in threading.enumerate() if "protolabel" in thread.name]
    if len(left) > 4:
        tally.differences += 1
        tally.note(f"{len(left)} threads are left: {sorted(set(left))}")
    yield tally


class _growth:  # noqa: N801 -- reads as a statement
    """Count memory over so many rounds, from the second tenth to the last."""

    def __init__(self, tally: Tally, count: int) -> None:
        self.tally, self.count = tally, count

    def __enter__(self) -> Iterator[int]:
        return self._rounds()

    def _rounds(self) -> Iterator[int]:
        first = None
        for number in range(self.count):
            if number == self.count // 5:
                first = _memory()
            yield number
        self.tally.growth = _memory() - (first or 0.0)

    def __exit__(self, *_: object) -> None:
        pass


def _memory() -> float:
    """Return the resident memory in MiB, without what the allocator keeps in reserve."""
    gc.collect()
    if sys.platform == "linux":
        ctypes.CDLL("libc.so.6").malloc_trim(0)
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * 4096 / 2**20

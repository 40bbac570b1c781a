"""SIGKILL at random moments of embed, save and export; nothing may be lost."""

from __future__ import annotations

import os
import random
import signal
import time
import warnings
from typing import TYPE_CHECKING

from small_world import ColourEncoder, fresh, make_photos, make_session, same
from tally import Different, Lost, Tally

import protolabel as pl
from protolabel.common.progress import silent
from protolabel.errors import ProtolabelError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

KILLS = 100


def run(work: Path, rounds: float, seed: int, keep: Path | None) -> Iterator[Tally]:
    """Yield the counts of each kind of work."""
    random.seed(seed)
    photos = make_photos(work / "photos", 40)
    times = max(2, round(KILLS * rounds))
    yield _embed(work, photos, times)
    session = make_session(photos, work / "store")
    yield _save(work, session, times)
    yield _export(work, session, times)


def _killed(job: Callable[[], object], within: float) -> None:
    """Run `job` in a fork and kill it at a random moment of the seconds that it takes."""
    child = os.fork()
    if not child:
        warnings.simplefilter("ignore")
        try:
            job()
        finally:
            os._exit(0)
    time.sleep(random.random() * within)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def _duration(job: Callable[[], object]) -> float:
    """Return the seconds that `job` takes in a fork."""
    start = time.perf_counter()
    child = os.fork()
    if not child:
        try:
            job()
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    return time.perf_counter() - start


def _embed(work: Path, photos: Path, times: int) -> Tally:
    tally = Tally("kills: embed")
    images = pl.find_images(photos)

    def embed(store: Path) -> pl.Embeddings:
        return pl.embed_images(
            images, ColourEncoder(), store=store, batch_size=4, progress=silent, workers=2
        )

    right = embed(work / "right")
    within = _duration(lambda: embed(fresh(work / "timed")))
    for number in range(times):
        # Some runs are killed several times before they are through.
        store = work / f"store{number}"
        with tally.attempt(f"kill {number}"):
            for _ in range(1 + number % 3):
                _killed(lambda: embed(store), within)  # noqa: B023 -- runs at once
            if not same(right, embed(store)):
                raise Different("the vectors are others than those of a run without a kill")
    return tally


def _save(work: Path, session: pl.Session, times: int) -> Tally:
    tally = Tally("kills: save")
    folder = work / "saved"
    session.save(folder)
    within = _duration(lambda: session.save(work / "timed"))
    for number in range(times):
        old = _state(session)
        session.temperature = 0.1 + 0.01 * (number % 7)
        session.pin(number % 40, ("red", "blue")[number % 2])
        new = _state(session)
        _killed(lambda: session.save(folder), within)
        with tally.attempt(f"kill {number}"):
            try:
                found = _state(pl.Session.load(folder, progress=silent, encoder=ColourEncoder()))
            except ProtolabelError as error:
                raise Lost(str(error)) from error
            if found not in (old, new):
                raise Different("a mixture of two sessions was loaded")
        session.save(folder)
    return tally


def _state(session: pl.Session) -> tuple[float, int, bytes]:
    labels = session.labels
    return session.temperature, int(labels.pinned.sum()), labels.label.tobytes()


def _export(work: Path, session: pl.Session, times: int) -> Tally:
    tally = Tally("kills: export")
    place = work / "out"
    place.mkdir()
    target = place / "dataset"

    def export() -> None:
        session.export(target, overwrite=True, formats=["folders", "splits", "csv", "prototypes"])

    session.export(target, formats=["folders", "splits", "csv", "prototypes"])
    count = len(list(target.glob("*/*.png")))
    within = _duration(export)
    for number in range(times):
        _killed(export, within)
        with tally.attempt(f"kill {number}"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if number % 2:  # the next export is another one, whose check finds what is left
                export()
            else:
                from protolabel.exporting.staging import restore_leftovers

                restore_leftovers(target)
            if not target.is_dir():
                raise Lost("the dataset is gone")
            about = pl.exporting.read_metadata(target)
            missing = [
                one["file"] for one in about["images"] if not (target / one["file"]).exists()
            ]
            if missing or len(list(target.glob("*/*.png"))) != count:
                raise Lost(f"{len(missing)} images of the dataset are gone")
            # An empty hidden folder may be that of an export that begins: it waits a minute.
            left = [path.name for path in place.iterdir()
                    if path.name != "dataset" and any(path.iterdir())]  # fmt: skip
            if left:
                raise Different(f"left behind: {left}")
    return tally

"""Two processes on one folder: each waits, reads along or refuses, and nothing is lost."""

from __future__ import annotations

import os
import time
import warnings
from typing import TYPE_CHECKING

from small_world import ColourEncoder, fresh, make_photos, make_session, same
from tally import Different, Lost, Tally, count, in_child

import protolabel as pl
from protolabel import exporting
from protolabel.common.progress import silent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

ROUNDS = 12


def run(work: Path, rounds: float, seed: int, keep: Path | None) -> Iterator[Tally]:
    """Yield one count for each kind of work."""
    warnings.simplefilter("ignore")
    photos = make_photos(work / "photos", 10)
    session = make_session(photos, work / "store")
    right = session.embeddings
    images, times = right.images, max(2, round(ROUNDS * rounds))
    formats = ["folders", "csv", "prototypes"]

    def embed(place: Path) -> None:
        found = pl.embed_images(
            images, ColourEncoder(), store=place / "store", batch_size=2, progress=silent
        )
        if not (found.vectors == right.vectors).all():
            raise Different("other vectors")

    def save(place: Path) -> None:
        session.save(place / "saved")
        if not same(session, pl.Session.load(place / "saved", encoder=ColourEncoder())):
            raise Different("another session was loaded")

    def save_vectors(place: Path) -> None:
        right.save(place / "vectors")
        if not same(right, pl.load_embeddings(place / "vectors")):
            raise Different("other vectors were loaded")

    def export(place: Path) -> None:
        session.export(place / "dataset", formats=formats, overwrite=os.getpid() % 2 == 0)

    def correct(place: Path) -> None:
        own = pl.Session(right, list(session.names), encoder=ColourEncoder(), progress=silent,
                         store=place / "store")  # fmt: skip
        for number in range(10):
            own.pin(images.names[number + 10 * (os.getpid() % 2)], "blue")

    def whole_dataset(place: Path) -> None:
        datasets = [path for path in place.iterdir() if path.name.startswith("dataset")]
        if not datasets:
            raise Lost("no dataset is there")
        for path in datasets:
            for record in exporting.read_metadata(path)["images"]:
                if not (path / record["file"]).is_file():
                    raise Lost(f"{record['file']} is missing in {path.name}")

    def all_pins(place: Path) -> None:
        own = pl.Session(right, list(session.names), encoder=ColourEncoder(), progress=silent,
                         store=place / "store")  # fmt: skip
        own.restore_corrections()
        if len(own.pins) not in (10, 20):  # the two may have got even numbers
            raise Lost(f"{20 - len(own.pins)} corrections are gone")

    works: dict[str, tuple[Callable[[Path], None], Callable[[Path], None]]] = {
        "embed": (embed, embed),
        "save": (save, save),
        "save embeddings": (save_vectors, save_vectors),
        "export": (export, whole_dataset),
        "corrections": (correct, all_pins),
    }
    for name, (job, check) in works.items():
        tally = Tally(f"two processes: {name}")
        for number in range(times):
            place = fresh(work / "place")
            both(tally, f"round {number}", lambda: job(place))  # noqa: B023 -- runs at once
            count(tally, f"after round {number}", *in_child(lambda: check(place)))  # noqa: B023
        yield tally


def both(tally: Tally, what: str, job: Callable[[], object]) -> None:
    """Run a job in two forks at the same time, and count both."""
    start = time.time() + 0.05

    def at_once() -> None:
        time.sleep(max(0.0, start - time.time()))
        job()

    child = os.fork()
    if not child:
        outcome, _ = in_child(at_once)
        os._exit(("well", "refused", "lost", "different", "raw", "crashed").index(outcome))
    count(tally, what, *in_child(at_once))
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    outcomes = ("well", "refused", "lost", "different", "raw", "crashed")
    count(tally, f"{what}, the other", outcomes[status] if status >= 0 else "crashed", "")

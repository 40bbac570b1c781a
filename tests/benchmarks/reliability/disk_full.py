"""A disk that fills up while each writer works: a clear refusal, and what was there is kept.

Every attempt runs in a fork. Its disk is full for files beyond some size (RLIMIT_FSIZE, as any
user may set it), or, where this process may mount, a small tmpfs with some bytes left.
"""

from __future__ import annotations

import errno
import io
import os
import resource
import shutil
import signal
import subprocess
import warnings
from contextlib import redirect_stderr, redirect_stdout
from typing import TYPE_CHECKING

from small_world import ColourEncoder, files_of, fresh, make_photos, make_session
from tally import Lost, Tally, count, in_child

import protolabel as pl
from protolabel import exporting, plots
from protolabel.cli import main
from protolabel.common.progress import silent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

LIMITS = (0, 1, 60, 200, 700, 1500, 3000, 6000, 12_000, 25_000, 50_000, 100_000)
_DISK = 8 * 2**20  # bytes of the small disk


def run(work: Path, rounds: float, seed: int, keep: Path | None) -> Iterator[Tally]:
    """Yield the counts of limited files and, as root, of a small disk."""
    warnings.simplefilter("ignore")
    limits = LIMITS[:: max(1, round(1 / max(rounds, 0.1)))]
    writers = _writers(work)
    tally = Tally("disk full: size of a file")
    for name, (write, is_spared) in writers.items():
        for limit in limits:
            place = _place(work / "target", writers, name)
            before = files_of(place)
            outcome = in_child(lambda: _limited(write, place, limit))  # noqa: B023 -- runs at once
            count(tally, f"{name}, {limit} bytes", *outcome)
            if outcome[0] == "refused":
                _check_kept(tally, f"{name}, {limit} bytes", before, place, is_spared)
    yield tally
    disk = work / "disk"
    disk.mkdir()
    mounted = ["mount", "-t", "tmpfs", "-o", f"size={_DISK}", "none", str(disk)]
    if shutil.which("mount") is None or subprocess.run(mounted, check=False).returncode:
        return
    try:
        tally = Tally("disk full: a small disk")
        for name, (write, is_spared) in writers.items():
            for limit in limits:
                shutil.rmtree(disk / "target", ignore_errors=True)
                (disk / "filler").unlink(missing_ok=True)
                place = _place(disk / "target", writers, name)
                before = files_of(place)
                _fill(disk, limit)
                outcome = in_child(lambda: write(place))  # noqa: B023 -- as above
                what = f"{name}, {limit} bytes left"
                count(tally, what, *outcome)
                (disk / "filler").unlink(missing_ok=True)
                if outcome[0] == "refused":
                    _check_kept(tally, what, before, place, is_spared)
        yield tally
    finally:
        subprocess.run(["umount", str(disk)], check=False)


def _limited(write: Callable[[Path], object], place: Path, limit: int) -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    write(place)


def _fill(disk: Path, left: int) -> None:
    free = os.statvfs(disk)
    with (disk / "filler").open("wb") as file:
        try:
            file.write(bytes(max(0, free.f_bavail * free.f_frsize - left)))
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise


def _place(place: Path, writers: dict, name: str) -> Path:
    """Return a folder that holds what the writer wrote before."""
    kept = place.parent / "before" / name.replace(" ", "_")
    if place.parent.name != "disk" and not kept.is_dir():
        kept.mkdir(parents=True)
        writers[name][0](kept)
    source = kept if kept.is_dir() else place.parent.parent / "before" / name.replace(" ", "_")
    return fresh(place, source)


def _check_kept(
    tally: Tally, what: str, before: dict[str, bytes], place: Path, is_spared: Callable
) -> None:
    """Count a loss where a refused writer changed what was there, or left half a file."""
    after = files_of(place)
    with tally.attempt(what):
        gone = [name for name, content in before.items()
                if is_spared(name) and after.get(name) != content]  # fmt: skip
        half = [name for name in after if name.endswith(".tmp")]
        if gone or half:
            raise Lost(f"changed: {gone[:3]}, left: {half[:3]}")


def _writers(work: Path) -> dict[str, tuple[Callable[[Path], object], Callable[[str], bool]]]:
    """Return a writer -> what it does in a folder, and which earlier files it may not touch."""
    photos = make_photos(work / "photos", 6)
    session = make_session(photos, work / "store")
    classifier = pl.PrototypeClassifier.from_labels(session.labels)
    images, embedded = session.embeddings.images, session.embeddings
    dataset = work / "dataset"
    session.export(dataset, formats=["folders", "prototypes", "csv"])
    everything = lambda _: True  # noqa: E731 -- short
    changing = iter(range(10**9))

    def export(place: Path, formats: list[str], **options: object) -> None:
        session.export(place / "dataset", formats=formats, overwrite=True, **options)

    def pin(place: Path) -> None:
        own = pl.Session(embedded, list(session.names), encoder=ColourEncoder(), store=place,
                         progress=silent)  # fmt: skip
        own.pin(next(changing) % 18, "blue")
        if not own.labels.pinned.any():
            raise Lost("the pin is gone from the session")

    def command(place: Path) -> None:
        words = ["embed", str(photos), "--encoder", "sample", "--output", str(place / "vectors")]
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            main(words)

    table = {
        "embed": lambda place: pl.embed_images(
            images, ColourEncoder(), store=place, batch_size=4, progress=silent
        ),
        "save embeddings": lambda place: embedded.save(place / "vectors"),
        "save session": lambda place: session.save(place / "saved"),
        "to_html": lambda place: session.to_html(place / "page.html"),
        "classifier": lambda place: classifier.save(place / "classifier.npz"),
        "plots": lambda place: plots.save_plots(dataset, place / "plots"),
        "samples": lambda place: pl.write_sample_pictures(place / "samples", per_class=1, size=64),
        "audit": lambda place: exporting.write_audit(dataset, place / f"a{next(changing)}", 4),
        "corrections": pin,
        "command line": command,
    }
    formats = list(exporting.WRITERS)
    table |= {
        f"export {name}": (lambda place, name=name: export(place, [name])) for name in formats
    }
    table["export all"] = lambda place: export(place, formats)
    table["export links"] = lambda place: export(place, ["folders", "csv"], link="symlink")
    # A store and pictures of plots and samples are written file by file: each is whole.
    loose = {"embed", "corrections", "command line", "plots", "samples"}
    return {name: (write, (lambda _: False) if name in loose else everything)
            for name, write in table.items()}  # fmt: skip

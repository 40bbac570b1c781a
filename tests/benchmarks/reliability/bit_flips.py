"""One flipped bit in each file of ours: the same result as before, or a clear refusal."""

from __future__ import annotations

import random
import warnings
from typing import TYPE_CHECKING

import numpy as np
from small_world import ColourEncoder, fresh, make_photos, make_session, same
from tally import Different, Tally, count, in_child

import protolabel as pl
from protolabel import exporting
from protolabel.common.progress import silent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

FLIPS = 60  # of each file


def run(work: Path, rounds: float, seed: int, keep: Path | None) -> Iterator[Tally]:
    """Yield the counts of each thing that is read again."""
    warnings.simplefilter("ignore")
    random.seed(seed)
    flips = max(2, round(FLIPS * rounds))
    photos = make_photos(work / "photos", 5)
    session = make_session(photos, work / "store")
    session.pin(0, "blue")
    _ = session.labels
    session.save(work / "saved")
    session.embeddings.save(work / "vectors")
    session.export(work / "dataset", formats=["folders", "prototypes", "csv"])
    images = session.embeddings.images

    def load_session(folder: Path) -> None:
        back = pl.Session.load(folder, progress=silent, encoder=ColourEncoder())
        if not same(session, back):
            raise Different("another session was loaded")

    def load_vectors(folder: Path) -> None:
        if not same(session.embeddings, pl.load_embeddings(folder)):
            raise Different("other vectors were loaded")

    def embed(folder: Path) -> None:
        again = pl.embed_images(images, ColourEncoder(), store=folder, progress=silent)
        if not np.array_equal(again.vectors, session.embeddings.vectors):
            raise Different("other vectors were embedded")

    def corrections(folder: Path) -> None:
        own = pl.Session(session.embeddings, list(session.names), encoder=ColourEncoder(),
                         store=folder, progress=silent)  # fmt: skip
        if own.saved_corrections is not None:
            own.restore_corrections()
        if not set(own.pins.items()) <= set(session.pins.items()):
            raise Different(f"other pins were restored: {dict(own.pins)}")

    about = exporting.read_metadata(work / "dataset")
    classifier = pl.PrototypeClassifier.load(work / "dataset" / "classifier.npz")
    right = classifier.predict_proba(session.embeddings.vectors)

    def read_dataset(folder: Path) -> None:
        found = exporting.read_metadata(folder)
        if {**found, "crc32": 0} != {**about, "crc32": 0}:
            raise Different("another dataset was read")
        loaded = pl.PrototypeClassifier.load(folder / "classifier.npz")
        if not np.array_equal(loaded.predict_proba(session.embeddings.vectors), right):
            raise Different("another classifier was loaded")

    subjects: dict[str, tuple[Path, Callable[[Path], None], list[str]]] = {
        "session": (work / "saved", load_session, []),
        "embeddings": (work / "vectors", load_vectors, []),
        "store": (work / "store", embed, ["corrections.jsonl"]),
        "corrections": (work / "store", corrections, ["embedding_store"]),
        "dataset": (work / "dataset", read_dataset, ["csv", "png", "README", "report"]),
    }
    for name, (folder, read, left) in subjects.items():
        tally = Tally(f"bit flips: {name}")
        for file in sorted(path for path in folder.rglob("*") if path.is_file()):
            short = file.relative_to(folder).as_posix()
            if any(part in short for part in left) or not file.stat().st_size:
                continue
            for _ in range(flips):
                copy = fresh(work / "flipped", folder)
                content = bytearray((copy / short).read_bytes())
                bit = random.randrange(8 * len(content))
                content[bit // 8] ^= 1 << bit % 8
                (copy / short).write_bytes(content)
                count(tally, f"{short}, bit {bit}", *in_child(lambda: read(copy)))  # noqa: B023
        yield tally

"""A folder of small pictures, and what protolabel makes of it, for every part of the bench."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))

from fakes import ColourEncoder, draw

import protolabel as pl
from protolabel.common.progress import silent

__all__ = ["NAMES", "ColourEncoder", "files_of", "fresh", "make_photos", "make_session", "same"]

NAMES = ["red", "green", "blue"]


def make_photos(folder: Path, count: int = 8) -> Path:
    """Write `count` pictures of each of three colours, and one file that is damaged."""
    for colour in NAMES:
        (folder / colour).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            draw(colour, number).save(folder / colour / f"{number:03d}.png")
    (folder / "damaged.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    return folder


def make_session(photos: Any, store: Path, **settings: Any) -> pl.Session:
    """Return a session over the pictures, with its labels computed."""
    session = pl.Session(
        photos, NAMES, encoder=ColourEncoder(), store=store, progress=silent, **settings
    )
    _ = session.labels.label, session.map
    return session


def same(one: Any, other: Any) -> bool:
    """Say whether two sessions, embeddings or labels are the same to the bit."""
    if isinstance(one, pl.Session):
        return (
            same(one.embeddings, other.embeddings)
            and dict(one.parameters) == dict(other.parameters)
            and one.names == other.names
            and np.array_equal(one.labels.label, other.labels.label)
            and np.array_equal(one.map, other.map)
            and one.truth == other.truth
        )
    return (
        np.array_equal(one.vectors, other.vectors)
        and one.images.root == other.images.root
        and one.images.names == other.images.names
        and one.images.skipped == other.images.skipped
        and one.encoder == other.encoder
    )


def files_of(folder: Path) -> dict[str, bytes]:
    """Return the content of every file below a folder, by its name."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.is_symlink()
    }


def fresh(folder: Path, source: Path | None = None) -> Path:
    """Empty a folder, or make it a copy of another."""
    shutil.rmtree(folder, ignore_errors=True)
    if source is None:
        folder.mkdir(parents=True)
    else:
        shutil.copytree(source, folder, symlinks=True)
    return folder

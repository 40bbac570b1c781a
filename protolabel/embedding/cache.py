"""Default folders for vectors that are kept between runs."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from platformdirs import user_cache_path

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["cache_folder", "is_cache", "journal_file", "named_folder", "words_file"]


def cache_folder(root: Path, encoder: str) -> Path:
    """Return the folder in the user's cache for the vectors of one encoder and image folder.

    If it is deleted, the images are embedded again.

    Parameters
    ----------
    root : Path
        Root of the `ImageSet`.
    encoder : str
        Name of the encoder.

    Returns
    -------
    Path
    """
    key = f"{root}\0{encoder}".encode("utf-8", "surrogateescape")
    return _cache() / "embeddings" / hashlib.sha256(key).hexdigest()[:16]


def is_cache(folder: Path) -> bool:
    """Return whether a folder is in the user's cache, so that a run can do without it."""
    return folder.is_relative_to(_cache() / "embeddings")


def named_folder(store: Path, encoder: str) -> Path:
    """Return the folder of a second encoder's vectors, inside the store that the user named.

    Parameters
    ----------
    store : Path
        Folder of the first encoder's vectors.
    encoder : str
        Name of the second encoder.

    Returns
    -------
    Path
    """
    key = encoder.encode("utf-8", "surrogateescape")
    return store / f"visual-{hashlib.sha256(key).hexdigest()[:8]}"


def journal_file(root: Path, store: str | os.PathLike[str] | None) -> Path:
    """Return the file with the corrections of one image folder, beside its vectors.

    Parameters
    ----------
    root : Path
        The image folder.
    store : path, optional
        The folder of the vectors, if the user names one; otherwise the file is in the cache.
    """
    if store is not None:
        return Path(store).expanduser() / "corrections.jsonl"
    key = str(root).encode("utf-8", "surrogateescape")
    name = f"{hashlib.sha256(key).hexdigest()[:16]}.jsonl"
    return _cache() / "corrections" / name


def words_file(encoder: str, texts: Sequence[str]) -> Path:
    """Return the file in the user's cache for the text vectors of a vocabulary.

    Parameters
    ----------
    encoder : str
        Name of the encoder.
    texts : sequence of str
        The texts of the vocabulary, in the order of the rows.

    Returns
    -------
    Path
    """
    key = "\0".join([encoder, *texts]).encode("utf-8", "surrogateescape")
    return _cache() / "words" / f"{hashlib.sha256(key).hexdigest()[:16]}.npy"


def _cache() -> Path:
    """Return the user's cache; for a user without a home, a path that cannot be written."""
    try:
        place = user_cache_path("protolabel")
    except RuntimeError:
        place = Path()
    return place if place.is_absolute() else Path(os.devnull) / "protolabel"

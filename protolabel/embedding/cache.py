"""Where vectors are kept from run to run when the user names no place."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from platformdirs import user_cache_path

if TYPE_CHECKING:
    import os

__all__ = ["cache_folder", "journal_file", "named_folder"]


def cache_folder(root: Path, encoder: str) -> Path:
    """Folder for the vectors of one image folder by one encoder, in the user's cache.

    Deleting it costs the time to embed again, nothing else.
    """
    key = f"{root}\0{encoder}".encode("utf-8", "surrogateescape")
    return user_cache_path("protolabel") / "embeddings" / hashlib.sha256(key).hexdigest()[:16]


def named_folder(store: Path, encoder: str) -> Path:
    """Folder for the vectors of a second encoder inside the folder that the user names."""
    key = encoder.encode("utf-8", "surrogateescape")
    return store / f"visual-{hashlib.sha256(key).hexdigest()[:8]}"


def journal_file(root: Path, store: str | os.PathLike[str] | None) -> Path:
    """File for the corrections made over one image folder, beside its vectors.

    Parameters
    ----------
    root : Path
        The image folder.
    store : path, optional
        The folder of the vectors, if the user names one; else the file is in the user's cache.
    """
    if store is not None:
        return Path(store).expanduser() / "corrections.jsonl"
    key = str(root).encode("utf-8", "surrogateescape")
    name = f"{hashlib.sha256(key).hexdigest()[:16]}.jsonl"
    return user_cache_path("protolabel") / "corrections" / name

"""Where vectors are kept from run to run when the user names no place."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from platformdirs import user_cache_path

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["cache_folder", "named_folder"]


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

"""Visual vectors: the same images embedded by a second encoder, or read from a file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from protolabel.common.checks import as_path
from protolabel.common.vectors import as_visual
from protolabel.embedding.cache import cache_folder, named_folder
from protolabel.embedding.embed import Embeddings, embed_images, load_embeddings
from protolabel.embedding.vectorformats import SUFFIXES, read_rows
from protolabel.encoders.base import Encoder, EncoderInfo
from protolabel.encoders.loading import load_encoder
from protolabel.errors import InputError

if TYPE_CHECKING:
    from protolabel.common.progress import ProgressFn
    from protolabel.images.image_set import ImageSet

__all__ = ["check_visual", "embed_visual", "is_file"]


def check_visual(source: Any) -> None:
    """Raise `InputError` unless `embed_visual` accepts `source`."""
    known = isinstance(source, str | os.PathLike | Embeddings | Encoder) or callable(source)
    if not known and _dimensions(source) != 2:
        raise InputError(
            "Expected visual vectors as an array (N, d), Embeddings, a file or folder of them, or "
            f"an encoder or its name, such as 'vit_small_patch14_dinov2'; got {source!r}."
        )


def _dimensions(source: Any) -> int:
    try:
        return np.ndim(source)
    except ValueError:  # rows of different lengths
        return -1


def embed_visual(
    source: Any,
    images: ImageSet,
    *,
    store: str | os.PathLike[str] | None = None,
    device: str = "auto",
    progress: ProgressFn | None = None,
) -> Embeddings:
    """Return one visual vector for each image, in the order of the images.

    Parameters
    ----------
    source : str, Encoder, callable, path, array or Embeddings
        A model name, an `Encoder` or a function, as for `load_encoder`, which embeds the images.
        Or vectors: an array (N, d), `Embeddings`, a file of vectors, or a folder with
        embeddings.npy. Vectors with image paths are matched by path, others by order.
    images : ImageSet
        The N images of the first embeddings.
    store : path, optional
        Folder that keeps finished batches, in a folder of its own for each encoder; by default
        one in the user's cache.
    device : str, default "auto"
        As for `load_encoder`.
    progress : callable, optional
        As for `embed_images`.

    Returns
    -------
    Embeddings

    Raises
    ------
    InputError
        If there is not one vector for each image.
    EncoderError, StoreError
        As for `load_encoder`, `embed_images` and `load_embeddings`.
    """
    check_visual(source)
    if is_file(source):
        source = _read(Path(source).expanduser())
    if isinstance(source, Embeddings):
        return _matched(source, images)
    if isinstance(source, str | Encoder) or callable(source):
        encoder = load_encoder(source, device=device)
        folder = cache_folder(images.root, encoder.name)
        if store is not None:
            folder = named_folder(Path(store).expanduser(), encoder.name)
        return embed_images(images, encoder, store=folder, progress=progress)
    vectors = as_visual(source, len(images))
    return Embeddings(vectors, images, EncoderInfo.unknown(vectors.shape[1]))


def is_file(source: Any) -> bool:
    """Return whether `source` names vectors on disk rather than a model."""
    if not isinstance(source, str | os.PathLike):
        return False
    path = as_path(source, "visual vectors")
    folder = (path / "embeddings.npy").is_file()
    return isinstance(source, os.PathLike) or path.suffix in SUFFIXES or folder


def _read(path: Path) -> Any:
    file = path / "embeddings.npy" if path.is_dir() else path
    if file.with_name("image_paths.txt").is_file():
        return load_embeddings(file)
    return read_rows(file)


def _matched(given: Embeddings, images: ImageSet) -> Embeddings:
    if (given.images.root, given.images.names) == (images.root, images.names):
        return given
    wanted = images.paths
    place = {path: row for row, path in enumerate(given.images.paths)}
    rows = [place.get(path, -1) for path in wanted]
    missing = rows.count(-1)
    if missing:
        raise InputError(
            f"Expected a visual vector for each of {len(images)} images, but {missing} have none, "
            f"the first: {str(wanted[rows.index(-1)])!r}. Embed the same folder with the second "
            "encoder, or pass an array with the rows in the order of the images."
        )
    return Embeddings(given.vectors[np.array(rows)], images, given.encoder)

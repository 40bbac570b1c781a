"""`find_images`: find the images of any kind of source."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np

from protolabel.common.checks import checked_apart_from
from protolabel.common.plugins import plugins
from protolabel.errors import InputError
from protolabel.images.image_set import ImageSet
from protolabel.images.pixels import check_image
from protolabel.images.sources.archives import find_in_archive, find_in_shards, is_archive
from protolabel.images.sources.datasets import (
    find_in_hugging_face,
    find_in_samples,
    is_hugging_face,
    saved_dataset,
)
from protolabel.images.sources.folder import check_folder, class_folders, find_in_folder
from protolabel.images.sources.memory import find_in_memory, is_picture
from protolabel.images.sources.parquet import find_in_parquet, parquet_files
from protolabel.images.sources.paths import (
    find_by_pattern,
    find_in_list,
    find_in_standard_input,
    is_pattern,
)
from protolabel.images.sources.remote import find_at_url, find_at_urls, is_url
from protolabel.images.sources.tables import SUFFIXES, find_in_columns, find_in_table, label_column

__all__ = ["find_images", "is_folder"]

_VECTORS = (".npy", ".npz", ".safetensors", ".pt", ".pth")


@checked_apart_from("folder")
def find_images(folder: Any, *, truth: bool = False) -> ImageSet:
    """Find all images of a folder or another source, by content rather than extension.

    JPEG, PNG, WebP, GIF, BMP, TIFF and AVIF are found, and HEIC where pillow-heif is installed.
    Hidden files and folders are ignored. Links to files are followed, links to folders are not.

    Parameters
    ----------
    folder : path or other source
        A folder, which is searched with its subfolders. Or a pattern (``photos/*/*.jpg``); an
        image file; a zip or tar archive; a folder of WebDataset shards, of Parquet files with
        images, or of a saved Hugging Face dataset; a table (CSV, TSV, Parquet, JSON) with a
        column of paths or URLs; a URL that fsspec opens; "-" for paths on standard input. Or, in
        Python: a list or generator of paths, URLs, PIL images or arrays; an array (N, H, W, 3) of
        uint8; a DataFrame; a Hugging Face ``Dataset``; a torchvision dataset. docs/sources.md
        lists all kinds, and docs/plugins.md shows how another package adds a kind.
    truth : bool, default False
        Keep the true class of every image, for evaluation only: the column "label" of a table
        or dataset, or else the name of the first-level subfolder.

    Returns
    -------
    ImageSet
        Images of a folder or archive are sorted by name; those of a list or table keep their
        order, and `ImageSet.columns` has the other columns. Everything else that looks like an
        image, by its extension or its first bytes, is in `ImageSet.skipped` with the reason:
        empty or damaged files, camera raw files and other formats that are not read, and names
        with a line break, which image_paths.txt cannot hold. The same goes for links to folders,
        pipes, sockets and devices, recycle bins and thumbnail folders of a NAS, and datasets that
        protolabel exported. Files of other kinds are ignored. Pixels are not decoded here: damage
        further into a file is found when the image is embedded.

    Raises
    ------
    InputError
        If the source is missing, of no known kind, or holds no image; if `truth` is set and an
        image has no class; or if a library is needed that is not installed, which the message
        names.

    Examples
    --------
    >>> images = pl.find_images("photos")
    >>> len(images), images.names[0]
    (1200, 'holiday/0412.jpg')
    >>> images.skipped[0]
    Skipped(name='notes/scan.pdf', reason='the format PDF is not read: convert it to ...')
    """
    images = _find(folder)
    if truth and images.truth is None:
        images = label_column(images)
        if images.truth is None:
            images = replace(images, truth=class_folders(images.root, images.names))
    return images


def is_folder(source: Any) -> TypeGuard[str | os.PathLike[str]]:
    """Return whether a source is a plain folder, or a path where one is expected."""
    if not isinstance(source, str | os.PathLike):
        return False
    text = os.fsdecode(source)
    path = Path(text)
    try:
        one_file = (is_archive(path) or path.suffix.lower() in SUFFIXES) and not path.is_dir()
        return not (text == "-" or is_url(text) or is_pattern(text) or one_file or path.is_file())
    except (OSError, ValueError):
        return True  # `check_folder` says what is wrong with it


def _of_plugin(source: Any) -> ImageSet | None:
    """Return the images that the plugin of another package finds, or None."""
    for name, find in plugins("sources").items():
        found = find(source)
        if isinstance(found, ImageSet):
            return found
        if found is not None:
            raise InputError(
                f"Expected the source plugin {name!r} to return an ImageSet or None, got "
                f"{type(found).__name__}: update the package that registers it."
            )
    return None


def _find(source: Any) -> ImageSet:  # noqa: PLR0911 -- one return a kind of source
    if isinstance(source, ImageSet):
        return source
    found = _of_plugin(source)
    if found is not None:
        return found
    if isinstance(source, str | os.PathLike):
        return _find_at(os.fsdecode(source)) if not is_folder(source) else _find_below(source)
    if is_hugging_face(source) or (isinstance(source, dict) and _of_datasets(source)):
        return find_in_hugging_face(source)
    # A DataFrame, of pandas or polars.
    if hasattr(source, "columns") and hasattr(source, "__getitem__"):
        columns = {str(name): list(source[name]) for name in source.columns}
        return find_in_columns(columns, Path.cwd(), "the table")
    if isinstance(source, dict):
        return find_in_columns(source, Path.cwd(), "the mapping")
    shape = getattr(source, "shape", None)
    if shape is not None and len(shape) != 1:
        array = np.asarray(source)
        if array.ndim != 4:
            raise InputError(
                f"Expected images as an array (N, H, W, 3), got shape {array.shape}: for vectors "
                "of images that are embedded already, use load_embeddings."
            )
        return find_in_memory(array)
    if hasattr(source, "__getitem__") and not isinstance(source, list | tuple) and shape is None:
        return find_in_samples(source)
    if isinstance(source, Iterable):
        return _find_among(list(source))
    raise InputError(
        f"Expected a folder of images or another source of them, got {type(source).__name__}: "
        "pass the path of a folder, or a list of paths."
    )


def _of_datasets(source: dict[Any, Any]) -> bool:
    return bool(source) and all(map(is_hugging_face, source.values()))


def _find_among(values: list[Any]) -> ImageSet:
    if values and all(map(is_url, values)):
        return find_at_urls(values, {})
    if values and all(map(is_picture, values)):
        return find_in_memory(values)
    if any(map(is_picture, values)):
        raise InputError(
            "Expected a list of one kind, got images in memory among others: pass them separately."
        )
    return find_in_list(values)


def _find_at(text: str) -> ImageSet:  # noqa: PLR0911 -- as above
    if text == "-":
        return find_in_standard_input()
    if is_url(text):
        return find_at_url(text)
    if is_pattern(text):
        found = [Path(name) for name in _shards(text)]
        if found:
            return find_in_shards(found[0].parent, found)
        return find_by_pattern(text)
    path = Path(os.path.abspath(os.path.expanduser(text)))  # noqa: PTH100, PTH111 -- resolve() would follow links
    if not path.is_file():
        raise InputError(f"Expected a file of images at {str(path)!r}, found nothing.")
    if is_archive(path):
        return find_in_archive(path)
    if path.suffix.lower() in SUFFIXES:
        return find_in_table(path)
    if check_image(path):
        return find_in_list([path])
    vectors = path.suffix.lower() in _VECTORS
    advice = (
        f"pass load_embeddings({path.name!r}, paths), or on the command line --embeddings"
        if vectors
        else "pass the folder it is in"
    )
    raise InputError(
        f"Expected a folder of images or another source, got the file {str(path)!r}: {advice}."
    )


def _shards(pattern: str) -> list[str]:
    if not pattern.endswith(".tar"):
        return []
    import glob

    return sorted(os.path.abspath(name) for name in glob.glob(pattern))  # noqa: PTH100, PTH207


def _find_below(folder: str | os.PathLike[str]) -> ImageSet:
    root = check_folder(folder)
    dataset = saved_dataset(root)
    if dataset is not None:
        return find_in_hugging_face(dataset)
    entries = [entry.name for entry in os.scandir(root) if not entry.name.startswith(".")]
    files = parquet_files(root, entries)
    if files:
        return find_in_parquet(root, files)
    shards = sorted(name for name in entries if name.endswith(".tar"))
    if shards and len(shards) == len(entries):
        return find_in_shards(root, [root / name for name in shards])
    return find_in_folder(root)

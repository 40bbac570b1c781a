"""`find_images`: from any kind of source to an `ImageSet`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from protolabel.images.sources.folder import class_folders, find_in_folder

if TYPE_CHECKING:
    import os

    from protolabel.images.image_set import ImageSet

__all__ = ["find_images"]


def find_images(folder: str | os.PathLike[str], *, truth: bool = False) -> ImageSet:
    """Find all images in a folder and its subfolders, by content and not by extension.

    JPEG, PNG, WebP, GIF, BMP, TIFF and AVIF are found, and HEIC where pillow-heif is installed.
    Hidden files and folders are passed over. Links to files are followed, links to folders are
    not.

    Parameters
    ----------
    folder : path
        Where to look.
    truth : bool, default False
        Keep the name of the first-level subfolder of every image as its true class, for
        evaluation only.

    Returns
    -------
    ImageSet
        Sorted by name. Everything else that looks like an image, by its extension or its first
        bytes, is in `ImageSet.skipped` with the reason: empty or damaged files, camera raw
        files and other formats that are not read, and names with a line break, which cannot
        stand in image_paths.txt. So are links to folders, pipes, sockets and devices, recycle
        bins and thumbnail folders of a NAS, and datasets that protolabel exported. Files of
        other kinds are ignored. Pixels are not decoded here: a file that is damaged further in
        is found when it is embedded.

    Raises
    ------
    InputError
        If the folder is missing, no folder, or holds no image; with `truth`, if an image lies
        directly in it and so has no class.
    """
    images = find_in_folder(folder)
    if truth:
        images = replace(images, truth=class_folders(images.root, images.names))
    return images

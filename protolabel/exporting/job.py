"""What every writer of an export is given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from protolabel.exporting.splits import SPLITS

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from protolabel.common.progress import ProgressFn
    from protolabel.encoders.loading import EncoderInfo
    from protolabel.images.image_set import ImageSet
    from protolabel.refinement.labels import Labels

__all__ = ["ExportJob", "Writer"]


@dataclass(frozen=True, eq=False)
class ExportJob:
    """One export: what to write, and under which names. Writers read it and change nothing.

    Attributes
    ----------
    labels, images
        N labels and the N images that they are of.
    encoder
        Which encoder made the vectors; None where the caller passed no `Embeddings`.
    visual_encoder
        Which encoder made the visual vectors; None where there were none.
    folder
        Where to write: a temporary folder that becomes the dataset when everything is in it.
    formats
        Names of all writers of this export.
    link
        ``"copy"``, ``"hardlink"`` or ``"symlink"``.
    class_folders
        (C,) safe folder name of every class.
    none_folder
        Folder name of the images that fit none of the names; None where there are none.
    files
        (N,) safe file name of every image, unique in the dataset.
    side
        (N,) int8 index into `SPLITS`, -1 for images that fit none of the names; None where there
        are no splits.
    groups
        (N,) int32 group of near-duplicates of every image; None where none were looked for.
    shares, seed
        As passed.
    parameters
        Of the run, and what the caller added.
    projection
        (N, 2) float32 map of the images, or None.
    prototype_map
        (T + 1, C, 2) float32 where the prototypes stand on that map, or None.
    progress
        ``progress(phase, done, total)``; may raise `Stopped`.
    """

    labels: Labels
    images: ImageSet
    encoder: EncoderInfo | None
    visual_encoder: EncoderInfo | None
    folder: Path
    formats: tuple[str, ...]
    link: str
    class_folders: tuple[str, ...]
    none_folder: str | None
    files: tuple[str, ...]
    side: NDArray[np.int8] | None
    groups: NDArray[np.int32] | None
    shares: tuple[float, ...]
    seed: int
    parameters: Mapping[str, Any]
    projection: NDArray[np.float32] | None
    prototype_map: NDArray[np.float32] | None
    progress: ProgressFn

    def __len__(self) -> int:
        return len(self.files)

    @property
    def has_folders(self) -> bool:
        """Whether the class folders hold the images."""
        return "folders" in self.formats

    @property
    def used_folders(self) -> list[str]:
        """Folder names of the classes that have an image."""
        counts = self.labels.counts
        return [folder for folder, count in zip(self.class_folders, counts, strict=True) if count]

    def in_folder(self, index: int) -> str:
        """POSIX path of one image in the folder of its class, or of none, in the dataset."""
        unfit = self.none_folder is not None and self.labels.unfit[index]
        folder = self.none_folder if unfit else self.class_folders[self.labels.label[index]]
        return f"{folder}/{self.files[index]}"

    def in_split(self, index: int) -> str | None:
        """POSIX path of one image in its split, relative to the dataset; None if in none."""
        if self.side is None or self.side[index] < 0:
            return None
        return f"splits/{SPLITS[self.side[index]]}/{self.in_folder(index)}"

    def exported(self, index: int) -> str | None:
        """Where the image stands in the dataset: its folder, else its split, else None."""
        return self.in_folder(index) if self.has_folders else self.in_split(index)


Writer = Callable[[ExportJob], None]
"""Writes its files below ``job.folder``; raises to give the whole export up."""

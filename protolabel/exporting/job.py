"""An export format (a writer), and what it writes (a job)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from protolabel.exporting.splits import SPLITS
from protolabel.exporting.table import blocks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from protolabel.common.progress import ProgressFn
    from protolabel.encoders.base import EncoderInfo
    from protolabel.evaluation.audit import AuditEstimate
    from protolabel.images.image_set import ImageSet
    from protolabel.refinement.labels import Labels

__all__ = ["ExportJob", "Writer"]


@dataclass(frozen=True)
class Writer:
    """One format of an export.

    The panel, the command line, the report, the reference and the checks of names all read these
    fields: a new format is a file with one of these, and a row in `protolabel.exporting.WRITERS`.

    Attributes
    ----------
    name : str
        What `export` calls it.
    title : str
        Two or three words for a check box.
    description : str
        What it is good for, as the end of the sentence "It writes ...".
    files : tuple of str
        What it may write at the root of the dataset, such as ``"labels.csv"``; a folder ends in
        ``/``. No class folder gets one of these names.
    write : callable
        ``write(job)`` writes its files below ``job.folder``. It may raise to end the export.
    by_default : bool
        Whether an export writes it unasked.
    package : str, optional
        A package of the extra ``formats`` that it needs.
    along_with : tuple of str
        Formats that it reads or describes; they are written before it, asked for or not.
    usage : str
        Lines for the section "Use it" of the report; paths are relative to the dataset.
    """

    name: str
    title: str
    description: str
    files: tuple[str, ...]
    write: Callable[[ExportJob], None]
    by_default: bool = False
    package: str | None = None
    along_with: tuple[str, ...] = ()
    usage: str = ""


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
    target
        Where the dataset will lie.
    writers
        The writers of this export, in the order in which they run.
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
    split_shares
        Fractions of train, val and test, which sum to 1.
    seed
        Seed of the splits.
    parameters
        Of the run, and what the caller added.
    projection
        (N, 2) float32 map of the images, or None.
    prototype_map
        (T + 1, C, 2) float32 where the prototypes stand on that map, or None.
    progress
        ``progress(phase, done, total)``; may raise `Stopped`.
    audit
        What an audit of these labels found, or None.
    """

    labels: Labels
    images: ImageSet
    encoder: EncoderInfo | None
    visual_encoder: EncoderInfo | None
    folder: Path
    target: Path
    writers: tuple[Writer, ...]
    link: str
    class_folders: tuple[str, ...]
    none_folder: str | None
    files: tuple[str, ...]
    side: NDArray[np.int8] | None
    groups: NDArray[np.int32] | None
    split_shares: tuple[float, ...]
    seed: int
    parameters: Mapping[str, Any]
    projection: NDArray[np.float32] | None
    prototype_map: NDArray[np.float32] | None
    progress: ProgressFn
    audit: AuditEstimate | None = None

    def __len__(self) -> int:
        return len(self.files)

    @property
    def formats(self) -> tuple[str, ...]:
        """Names of the writers."""
        return tuple(writer.name for writer in self.writers)

    @property
    def has_folders(self) -> bool:
        """Whether the class folders hold the images."""
        return "folders" in self.formats

    @property
    def used_folders(self) -> list[str]:
        """Folder names of the classes that have an image."""
        counts = self.labels.counts
        return [folder for folder, count in zip(self.class_folders, counts, strict=True) if count]

    @property
    def reader_index(self) -> dict[str, int]:
        """Number of each class that has an image, as readers count: folders sorted by name."""
        order = {folder: index for index, folder in enumerate(sorted(self.used_folders))}
        pairs = zip(self.labels.names, self.class_folders, strict=True)
        return {name: order[folder] for name, folder in pairs if folder in order}

    def sides(self) -> Iterator[tuple[str, list[int]]]:
        """Yield name and images of each side that has images; without splits all are train."""
        side = np.zeros(len(self), dtype=np.int8) if self.side is None else self.side
        for number, name in enumerate(SPLITS):
            members = np.flatnonzero((side == number) & ~self.labels.unfit).tolist()
            if members:
                yield name, members

    def records(self) -> Iterator[dict[str, Any]]:
        """Yield the columns of each image by name."""
        for block in blocks(self):
            for values in zip(*block.values(), strict=True):
                yield dict(zip(block, values, strict=True))

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

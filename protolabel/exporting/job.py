"""`Writer`, an export format, and `ExportJob`, the data of one export."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from protolabel.exporting.splits import SPLITS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from protolabel.common.progress import ProgressFn
    from protolabel.common.vectors import FloatArray
    from protolabel.encoders.base import EncoderInfo
    from protolabel.evaluation.audit import AuditEstimate
    from protolabel.exporting.table import Column
    from protolabel.images.image_set import ImageSet
    from protolabel.refinement.classifier import PrototypeClassifier
    from protolabel.refinement.labels import Labels

__all__ = ["ExportJob", "Writer"]


@dataclass(frozen=True)
class Writer:
    """One format of an export.

    The panel, the command line, the report, the reference and the checks of names all use these
    fields. To add a format, write a module with a `Writer` and add a row to
    `protolabel.exporting.WRITERS`.

    Attributes
    ----------
    name : str
        Its name in the argument `formats` of `export`.
    title : str
        Two or three words, for a check box.
    description : str
        Its content and purpose, as the end of the sentence "It writes ...".
    files : tuple of str
        Files that it may write at the root of the dataset, such as ``"labels.csv"``; folders end
        in ``/``. No class folder gets one of these names.
    write : callable
        ``write(job)`` writes the files below ``job.folder``. It may raise to end the export.
    by_default : bool
        Whether an export writes it by default.
    package : str, optional
        A package that it requires, from the extra ``formats``.
    along_with : tuple of str
        Formats that it reads or describes; they are always written before it.
    needs_images : bool
        Whether it copies, links or contains the images, and so cannot be written for vectors
        alone.
    needs_map : bool
        Whether it writes or draws the map, so that a session has to lay it out.
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
    needs_images: bool = False
    needs_map: bool = False
    usage: str = ""


@dataclass(frozen=True, eq=False)
class ExportJob:
    """The data of one export and the names of its files; writers do not change it.

    Attributes
    ----------
    labels : Labels
        N labels.
    images : ImageSet
        The N images.
    encoder : EncoderInfo or None
        The encoder of the vectors; None if the caller passed no `Embeddings`.
    visual_encoder : EncoderInfo or None
        The encoder of the visual vectors; None if there were none.
    vectors, visual : ndarray of floating or None
        (N, d) and (N, d2) vectors of the images; None if the caller passed none.
    classifier : PrototypeClassifier or None
        The classifier to write; None to make one from the labels.
    folder : Path
        The folder to write to, which becomes the dataset when it is complete.
    target : Path
        The final folder of the dataset.
    writers : tuple of Writer
        The writers of this export, in the order in which they run.
    link : str
        ``"copy"``, ``"hardlink"`` or ``"symlink"``.
    class_folders : tuple of str
        (C,) safe folder name of every class.
    none_folder : str or None
        Folder name of the images that fit none of the names; None if there are none.
    files : tuple of str
        (N,) safe file name of every image, unique in the dataset.
    side : ndarray or None
        (N,) int8 index into `SPLITS`, -1 for images that fit none of the names; None if there are
        no splits.
    groups : ndarray or None
        (N,) int32 group of near-duplicates of every image; None if the export did not look for
        them.
    split_shares : tuple of float
        Fractions of train, val and test, which sum to 1.
    seed : int
        Seed of the splits.
    columns : tuple of Column
        The columns of every table.
    parameters : mapping of str
        Parameters of the run, and those added by the caller.
    projection : ndarray or None
        (N, 2) float32 map of the images, or None.
    prototype_map : ndarray or None
        (T + 1, C, 2) float32 coordinates of the prototypes on that map, or None.
    progress : callable
        ``progress(phase, done, total)``; may raise `Stopped`.
    audit : AuditEstimate or None
        The result of an audit of these labels, or None.
    colours : tuple of str or None
        (C,) colour of every class, ``#rrggbb``; None for those of the palette.
    """

    labels: Labels
    images: ImageSet
    encoder: EncoderInfo | None
    visual_encoder: EncoderInfo | None
    vectors: FloatArray | None
    visual: FloatArray | None
    classifier: PrototypeClassifier | None
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
    columns: tuple[Column, ...]
    parameters: Mapping[str, Any]
    projection: NDArray[np.float32] | None
    prototype_map: NDArray[np.float32] | None
    progress: ProgressFn
    audit: AuditEstimate | None = None
    colours: tuple[str, ...] | None = None

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
        """Class number as readers count it, by sorted folder names, for classes with images."""
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

    def in_folder(self, index: int) -> str:
        """Return the POSIX path of an image in its class folder, or in that of `none_folder`."""
        unfit = self.none_folder is not None and self.labels.unfit[index]
        folder = self.none_folder if unfit else self.class_folders[self.labels.label[index]]
        return f"{folder}/{self.files[index]}"

    def in_split(self, index: int) -> str | None:
        """Return the POSIX path of an image in its split, relative to the dataset, or None."""
        if self.side is None or self.side[index] < 0:
            return None
        return f"splits/{SPLITS[self.side[index]]}/{self.in_folder(index)}"

    def exported(self, index: int) -> str | None:
        """Return the path of an image in the dataset: in its folder, else in its split, or None."""
        return self.in_folder(index) if self.has_folders else self.in_split(index)

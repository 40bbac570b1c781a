"""Datasets of other libraries: Hugging Face, torchvision, and others indexed in the same way."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from PIL import Image

from protolabel.errors import ImageReadError, InputError
from protolabel.images.files import open_regular
from protolabel.images.image_set import ImageSet, Stamp, content_stamp, numbered_names
from protolabel.images.sources.memory import find_in_memory, is_picture
from protolabel.images.sources.paths import find_in_list

__all__ = ["find_in_hugging_face", "find_in_samples", "is_hugging_face", "saved_dataset"]

_STREAMED = 4 * 2**30  # bytes of encoded images

if TYPE_CHECKING:
    from collections.abc import Sequence


def is_hugging_face(source: Any) -> bool:
    """Return whether a value is a ``datasets.Dataset``."""
    return hasattr(source, "features") and hasattr(source, "column_names")


def saved_dataset(folder: Path) -> Any:
    """Open a folder that ``Dataset.save_to_disk`` wrote, or return None for another folder.

    Raises
    ------
    InputError
        If the library datasets is not installed.
    """
    if not (folder / "dataset_info.json").is_file() or not (folder / "state.json").is_file():
        return None
    try:
        import datasets
    except ImportError as error:
        raise InputError(
            f"Expected the library datasets to read {str(folder)!r}, which is not installed: "
            "pip install 'protolabel[datasets]'."
        ) from error
    return datasets.load_from_disk(str(folder))


class _Rows:
    """The `Source` of the undecoded image column of a Hugging Face dataset."""

    def __init__(self, rows: Any, column: str) -> None:
        self._rows, self._column = rows, column

    def open(self, index: int) -> IO[bytes]:
        value = self._rows[index][self._column]
        content = value.get("bytes")
        return io.BytesIO(content) if content else open_regular(value["path"])

    def stamp(self, index: int) -> Stamp:
        with self.open(index) as file:
            return content_stamp(file.read())


def find_in_hugging_face(dataset: Any) -> ImageSet:
    """Find the images of one split of a Hugging Face dataset.

    Parameters
    ----------
    dataset : datasets.Dataset
        With a column of images. Class numbers of its other columns become names.

    Returns
    -------
    ImageSet

    Raises
    ------
    InputError
        For several splits at once, a stream that is too large, or a dataset without images.
    """
    if isinstance(dataset, dict):
        raise InputError(
            f"Expected one split of a dataset, got {', '.join(dataset)}: pass one, for example "
            f"dataset[{next(iter(dataset), 'train')!r}]."
        )
    if dataset.features is None:
        raise InputError(
            "Expected a dataset with known features, got a streamed one without: pass "
            "the images themselves, for example [row['image'] for row in dataset.take(1000)]."
        )
    kinds = {name: type(kind).__name__ for name, kind in dataset.features.items()}
    column = next((name for name, kind in kinds.items() if kind == "Image"), None)
    if column is None:
        raise InputError(
            f"Expected a dataset with a column of images, got {kinds}: cast one with "
            "dataset.cast_column('image', datasets.Image())."
        )
    import datasets

    rows = dataset.cast_column(column, datasets.Image(decode=False))
    streamed = not hasattr(dataset, "__len__")
    if streamed:
        rows = _held(rows, column)
    columns: dict[str, Sequence[Any]] = {}
    for name, kind in dataset.features.items():
        if name != column and kinds[name] not in {"Image", "Audio", "Video"}:
            values = [row[name] for row in rows] if streamed else list(rows[name])
            if kinds[name] == "ClassLabel":
                values = [None if value is None or value < 0 else kind.names[value]
                          for value in values]  # fmt: skip
            columns[name] = values
    return ImageSet(
        Path(os.path.abspath(f"hugging_face_{getattr(dataset, '_fingerprint', 'dataset')}")),  # noqa: PTH100 -- no such file: it is a name
        numbered_names(len(rows)),
        source=_Rows(rows, column),
        columns={name: tuple(values) for name, values in columns.items()},
    )


def _held(stream: Any, column: str) -> list[dict[str, Any]]:
    """Return the rows of a streamed dataset, encoded images and all, if memory can hold them."""
    rows: list[dict[str, Any]] = []
    size = 0
    for row in stream:
        size += len((row[column] or {}).get("bytes") or b"")
        if size > _STREAMED:
            raise InputError(
                f"Expected a streamed dataset of at most {_STREAMED // 2**30} GiB, which is held "
                f"in memory, got more than that in {len(rows):,} images: take some, for example "
                f"dataset.take({len(rows) // 2}), or load it without streaming."
            )
        rows.append(row)
    return rows


class _Indexed:
    """The first elements of the samples of an indexed dataset, fetched when needed."""

    def __init__(self, dataset: Any) -> None:
        self._dataset = dataset

    def __len__(self) -> int:
        return len(self._dataset)

    def open(self, index: int) -> IO[bytes]:
        picture = self._dataset[index]
        picture = picture[0] if isinstance(picture, tuple | list) else picture
        if not isinstance(picture, Image.Image) and not is_picture(picture):
            raise ImageReadError(
                f"sample {index} is {type(picture).__name__}: leave out the dataset's transform"
            )
        return find_in_memory([picture]).open(0)

    def stamp(self, index: int) -> Stamp:
        with self.open(index) as file:
            return content_stamp(file.read())


def find_in_samples(dataset: Any) -> ImageSet:
    """Find the images of a torchvision dataset, or of anything with a length and samples.

    Parameters
    ----------
    dataset : torch.utils.data.Dataset
        ``dataset[i]`` is a PIL image or an array, or a tuple that begins with one. If the dataset
        has ``samples`` of paths and class numbers, as ImageFolder does, the files are read.

    Returns
    -------
    ImageSet
        With a column ``label`` if the dataset has classes.

    Raises
    ------
    InputError
        If the dataset is empty.
    """
    names = list(getattr(dataset, "classes", []) or [])

    def named(numbers: Any) -> dict[str, list[Any]]:
        try:
            found = [int(number) for number in numbers]
            return {"label": [names[number] for number in found] if names else found}
        except (TypeError, ValueError, IndexError):
            return {}

    samples = getattr(dataset, "samples", None)
    if samples and isinstance(samples[0], tuple) and isinstance(samples[0][0], str | os.PathLike):
        numbers = [number for _, number in samples]
        return find_in_list([path for path, _ in samples], named(numbers))
    count = len(dataset)
    if not count:
        raise InputError("Expected a dataset with at least one image, got an empty one.")
    targets = getattr(dataset, "targets", None)
    columns = named(targets) if targets is not None and len(targets) == count else {}
    return ImageSet(
        Path(os.path.abspath(f"dataset_{type(dataset).__name__}")),  # noqa: PTH100 -- as above
        numbered_names(count, ".png"),
        source=_Indexed(dataset),
        columns={name: tuple(values) for name, values in columns.items()},
    )

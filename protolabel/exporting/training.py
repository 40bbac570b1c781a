"""A split of a dataset as a PyTorch dataset, and what it says about a model's accuracy."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from PIL import Image

from protolabel.common.checks import checked
from protolabel.common.wording import counted
from protolabel.errors import ExportError, InputError
from protolabel.exporting.existing import read_metadata
from protolabel.exporting.splits import SPLITS
from protolabel.images.pixels import read_image

if TYPE_CHECKING:
    import os
    from collections.abc import Callable

    from numpy.typing import ArrayLike

__all__ = ["SideScore", "TorchDataset", "torch_dataset"]

_SIZE = 224


class TorchDataset(torch.utils.data.Dataset[tuple[Any, int]]):
    """The images of one split of an exported dataset, with their class numbers.

    `torch_dataset` makes it.

    Parameters
    ----------
    folder : Path
        The dataset.
    metadata : dict
        From `read_metadata`.
    side : str
        "train", "val" or "test".
    transform : callable or None
        As for `torch_dataset`.

    Attributes
    ----------
    classes : tuple of str
        The C class names; a label is an index into them, as in all files of the dataset.
    targets : ndarray
        (N,) int64 labels.
    agreement : ndarray
        (N,) float32 in 0..1, how likely each label is right; useful as sample weights.
    pinned : ndarray
        (N,) bool: a person fixed this label.
    """

    def __init__(
        self,
        folder: Path,
        metadata: dict[str, Any],
        side: str,
        transform: Callable[[Image.Image], Any] | None,
    ) -> None:
        records = [record for record in metadata["images"] if record.get("split") == side]
        self.classes = tuple(metadata["classes"])
        number = {name: index for index, name in enumerate(self.classes)}
        self.side = side
        self.targets = np.array([number[record["label"]] for record in records], dtype=np.int64)
        self.agreement = np.array([record["agreement"] for record in records], dtype=np.float32)
        self.pinned = np.array([record["pinned"] for record in records], dtype=bool)
        self._paths = [folder / record["file"] for record in records]
        self._transform = _as_tensor if transform is None else transform
        self._audit = metadata.get("audit")

    def __repr__(self) -> str:
        classes = counted(len(self.classes), "class", "classes")
        return f"TorchDataset({self.side}: {counted(len(self), 'image')}, {classes})"

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, index: int) -> tuple[Any, int]:
        """Return image `index`, transformed, and its label."""
        return self._transform(read_image(self._paths[index])), int(self.targets[index])

    def score(self, predicted: ArrayLike) -> SideScore:
        """Compare predictions with the labels, and bound the true accuracy.

        Parameters
        ----------
        predicted : array-like
            (N,) predicted class numbers, in the order of the images.

        Returns
        -------
        SideScore

        Raises
        ------
        InputError
            If there is not one class number for each image.
        """
        given = np.asarray(predicted)
        if given.shape != (len(self),) or given.dtype.kind not in "iu":
            raise InputError(
                f"Expected {len(self)} class numbers, one for each image of {self.side}, got "
                f"{given.dtype} of shape {given.shape}: pass logits.argmax(1)."
            )
        agreed = float(np.mean(given == self.targets)) if len(self) else float("nan")
        right = interval = None
        if isinstance(self._audit, dict):
            right, interval = self._audit.get("right"), self._audit.get("interval")
        if not isinstance(right, float) or not _is_interval(interval):
            right = interval = None
        return SideScore(self.side, len(self), agreed, right, interval)


@dataclass(frozen=True)
class SideScore:
    """The agreement of predictions with the machine-made labels of a split.

    Attributes
    ----------
    side : str
        "train", "val" or "test".
    images : int
        Number of images N.
    agreed : float
        Fraction of the predictions that equal the label, 0..1. It says how well the model
        imitates protolabel, not how often it is right.
    labels_right : float or None
        Fraction of right labels that the last audit of the dataset found; None without an audit.
    labels_interval : tuple of float or None
        Its 95 % confidence interval.
    """

    side: str
    images: int
    agreed: float
    labels_right: float | None
    labels_interval: tuple[float, float] | None

    @property
    def accuracy_bounds(self) -> tuple[float, float] | None:
        """Lowest and highest true accuracy that agreement and audit allow, None without an audit.

        If a fraction a of the labels is right and a fraction h of the predictions equals the label,
        then at least a + h - 1 of the predictions are right, and at most 1 - abs(a - h). (A
        prediction can be right where the label is wrong.) The bounds cover the whole interval of
        a, on the assumption that labels of this split are as good as those of the dataset.
        """
        if self.labels_interval is None:
            return None
        low, high = self.labels_interval
        away = max(low - self.agreed, self.agreed - high, 0.0)
        return max(0.0, low + self.agreed - 1.0), 1.0 - away

    def __str__(self) -> str:
        text = (
            f"{self.agreed:.1%} of the predictions equal the labels of {self.side} "
            f"({counted(self.images, 'image')}), which are a machine's, too."
        )
        bounds = self.accuracy_bounds
        if bounds is None or self.labels_right is None or self.labels_interval is None:
            return f"{text} How many of those are right is not known: audit the dataset first."
        low, high = self.labels_interval
        return (
            f"{text} An audit found {self.labels_right:.1%} of the dataset's labels right "
            f"({low:.1%} to {high:.1%}), so the true accuracy is between {bounds[0]:.1%} and "
            f"{bounds[1]:.1%}."
        )


@checked
def torch_dataset(
    folder: str | os.PathLike[str],
    side: str = "train",
    *,
    transform: Callable[[Image.Image], Any] | None = None,
) -> TorchDataset:
    """Open one side of an exported dataset for PyTorch.

    Parameters
    ----------
    folder : str or path
        The dataset, exported with the format "splits".
    side : {"train", "val", "test"}, default "train"
        The split. Images that fit none of the names are in none.
    transform : callable, optional
        From an RGB `PIL.Image.Image` to the input of a model, such as a transform of torchvision.
        By default the central square in 224 x 224 pixels, as a float32 tensor (3, 224, 224) in
        0..1.

    Returns
    -------
    TorchDataset
        A ``torch.utils.data.Dataset`` of (image, label).

    Raises
    ------
    ExportError
        If the folder is not a dataset of protolabel, or was exported without splits.
    InputError
        If there is no such split.

    Examples
    --------
    >>> train = pl.torch_dataset("annotated_dataset", "train")
    >>> loader = torch.utils.data.DataLoader(train, batch_size=32, shuffle=True)
    """
    metadata = read_metadata(folder)
    if side not in SPLITS:
        raise InputError(f"Expected side to be one of {', '.join(SPLITS)}, got {side!r}.")
    if not any(record.get("split") for record in metadata["images"]):
        raise ExportError(
            f"Expected a dataset with splits, got {str(folder)!r}, which was exported without "
            'them: export it again with "splits" among the formats.'
        )
    return TorchDataset(Path(folder).expanduser(), metadata, side, transform)


def _as_tensor(image: Image.Image) -> torch.Tensor:
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    square = image.crop((left, top, left + side, top + side)).resize(
        (_SIZE, _SIZE), Image.Resampling.BICUBIC
    )
    pixels = torch.from_numpy(np.array(square, dtype=np.float32))
    return pixels.permute(2, 0, 1).contiguous() / 255


def _is_interval(value: Any) -> bool:
    return (
        isinstance(value, list | tuple)
        and len(value) == 2
        and all(isinstance(end, int | float) for end in value)
        and 0 <= value[0] <= value[1] <= 1
    )

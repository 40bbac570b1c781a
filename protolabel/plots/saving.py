"""Save plots of a dataset on disk as PNG files."""

from __future__ import annotations

import io
import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from protolabel.common.checks import as_path, checked
from protolabel.common.files import write_bytes
from protolabel.common.system_errors import system_says
from protolabel.errors import ExportError
from protolabel.exporting.existing import MARK, METADATA, PLOTS, read_metadata
from protolabel.plots.figures import (
    plot_agreement,
    plot_alignment,
    plot_contact_sheet,
    plot_convergence,
    plot_counts,
    plot_map,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from matplotlib.figure import Figure
    from numpy.typing import NDArray


_PICTURES = frozenset(
    (METADATA, "class_counts.png", "agreement.png", "micro_alignment.png", "meta_alignment.png",
     "map.png", "convergence.png", "contact_sheet.png")
)  # fmt: skip
"""Files in the default folder that may be replaced."""


@checked
def save_plots(
    dataset_folder: str | os.PathLike[str], output: str | os.PathLike[str] | None = None
) -> list[Path]:
    """Draw plots of an exported dataset and save them as PNG files.

    Parameters
    ----------
    dataset_folder : str or path
        A folder that `export` wrote.
    output : str or path, optional
        Folder to save to; by default beside the dataset, with its name and ``_plots``, because
        training libraries would take a folder of pictures in the dataset for a class. Plots of an
        earlier call are replaced.

    Returns
    -------
    list of Path
        The plots: counts, agreement, alignments, map and convergence, as far as the dataset has
        the data for them, and a contact sheet.

    Raises
    ------
    ExportError
        If the folder is not a dataset of protolabel, `output` cannot be written, or the default
        folder has other files.
    """
    folder = Path(os.path.realpath(as_path(dataset_folder, "a dataset")))
    metadata = read_metadata(folder)
    if output is None:
        target = folder.with_name(f"{folder.name}_{PLOTS}")
        _check_default(target)
    else:
        target = as_path(output, "a folder for the pictures")
    saved = []
    try:
        target.mkdir(parents=True, exist_ok=True)
        if output is None:
            # The folder may be among the images: find_images skips folders with this mark.
            write_bytes(target / METADATA, MARK + b', "plots": true}\n')
        for name, figure in _figures(folder, metadata):
            buffer = io.BytesIO()
            with warnings.catch_warnings():
                # Without a font for a script, names are drawn as boxes; a warning adds nothing.
                warnings.filterwarnings("ignore", message="Glyph .* missing from font")
                warnings.filterwarnings("ignore", message="Matplotlib currently does not support")
                figure.savefig(buffer, format="png", dpi=150)
            saved.append(target / f"{name}.png")
            write_bytes(saved[-1], buffer.getvalue())
    except OSError as error:
        raise ExportError(
            f"Expected to save pictures in {str(target)!r}, but the system says: "
            f"{system_says(error, 'pass another output')}"
        ) from error
    return saved


def _check_default(target: Path) -> None:
    if target.is_symlink():
        raise ExportError(
            f"Expected a folder of a dataset's pictures, but {str(target)!r} is a link, which may "
            "lead anywhere: pass the folder that you want as output."
        )
    try:
        foreign = next((path.name for path in target.iterdir() if path.name not in _PICTURES), None)
    except FileNotFoundError:
        return
    except OSError as error:
        raise ExportError(
            f"Expected to save pictures in {str(target)!r}, but the system says: "
            f"{system_says(error, 'pass another output')}"
        ) from error
    if foreign is not None:
        raise ExportError(
            f"Expected a folder of a dataset's pictures, but {str(target)!r} holds {foreign!r}, "
            "so nothing is saved there: pass that folder or another as output."
        )


def _figures(folder: Path, metadata: dict[str, Any]) -> Iterator[tuple[str, Figure]]:
    names, images = metadata["classes"], metadata["images"]
    colours = metadata.get("class_colours")  # missing in datasets of version 0.1
    index = metadata["class_index"]
    label = np.array([index[image["label"]] for image in images], dtype=np.int32)
    agreement = np.array([image["agreement"] for image in images])
    inside = np.array([not image.get("none_of_these", False) for image in images])
    yield "class_counts", plot_counts(names, np.bincount(label[inside], minlength=len(names)),
                                      colours=colours)  # fmt: skip
    yield "agreement", plot_agreement(names, label, agreement)
    for units in ("micro", "meta"):
        table = _array(folder, f"{units}_alignment.npy", len(names))
        if table is not None and table.ndim == 2 and len(table):
            yield f"{units}_alignment", plot_alignment(names, table, units=f"{units}-clusters")
    points = _array(folder, "map.npy", 2)
    if points is not None and points.shape == (len(label), 2):
        stars = _array(folder, "prototype_map.npy", 2)
        if stars is not None and stars.shape[-2] != len(names):
            stars = None
        yield "map", plot_map(points, label, names, stars, iteration=metadata["iteration"],
                              colours=colours)  # fmt: skip
    curves = metadata.get("curves")
    if curves is not None and len(curves["churn"]) > 1:
        yield "convergence", plot_convergence(
            names, curves["churn"], curves["shift"], curves["class_mass"],
            iteration=metadata["iteration"], colours=colours,
        )  # fmt: skip
    files = [image["file"] for image, kept in zip(images, inside, strict=True) if kept]
    if files and files[0] is not None:
        margin = np.array([image["margin"] for image in images])
        rows = list(_examples(folder, files, label[inside], margin[inside], len(names)))
        yield "contact_sheet", plot_contact_sheet(names, rows)


def _examples(
    folder: Path, files: list[str], label: NDArray[np.int32], margin: NDArray[Any], count: int
) -> Iterator[tuple[int, list[Path]]]:
    counts = np.bincount(label, minlength=count)
    for c in np.sort(np.argsort(-counts, kind="stable")[:16]):
        members = np.flatnonzero(label == c)
        if len(members):
            ranked = members[np.argsort(-margin[members], kind="stable")]
            chosen = ranked if len(ranked) <= 10 else np.r_[ranked[:5], ranked[-5:]]
            yield int(c), [folder / files[place] for place in chosen]


def _array(folder: Path, name: str, width: int | None = None) -> NDArray[Any] | None:
    """Return an array of numbers of the dataset, or None if it is missing or unusable."""
    path = folder / name
    try:
        if not path.is_file():  # reading a pipe could block
            return None
        # Memory-mapped, because a header may claim a shape larger than memory.
        table = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError, SyntaxError):
        return None
    sound = isinstance(table, np.ndarray) and table.dtype.kind == "f" and table.ndim in (2, 3)
    return table if sound and width in (None, table.shape[-1]) else None

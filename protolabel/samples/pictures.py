"""Draw one sample picture, or fill a folder with them."""

from __future__ import annotations

import io
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from protolabel.common.checks import as_seed
from protolabel.common.system_errors import system_says
from protolabel.common.vectors import is_whole_number
from protolabel.errors import ExportError, InputError
from protolabel.samples.drawing.animals import ANIMALS, build
from protolabel.samples.drawing.shapes import place
from protolabel.samples.drawing.styles import DEMO_STYLES, STYLES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from PIL import Image

__all__ = ["DEMO_CLASSES", "SamplePictures", "animal_rng", "draw_animal", "write_sample_pictures"]

DEMO_CLASSES: tuple[str, ...] = ("dog", "cat", "tiger", "lion", "giraffe")
"""The classes of the demo."""

_LARGEST = 4096  # pixels per side


@dataclass(frozen=True, eq=False)
class SamplePictures:
    """A folder of drawn pictures and their true classes.

    Attributes
    ----------
    folder : Path
        Holds all pictures, without subfolders.
    truth : mapping of str to str
        File name -> class, in the order of the names; for evaluation, never for labelling.
    styles : mapping of str to str
        File name -> style.
    classes : tuple of str
        The classes that were drawn.
    """

    folder: Path
    truth: Mapping[str, str] = field(repr=False)  # a page of a notebook
    styles: Mapping[str, str] = field(repr=False)
    classes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.truth)


def _check_known(kind: str, name: object, names: Sequence[str]) -> None:
    if not isinstance(name, str) or name not in names:
        raise InputError(
            f"Expected one of the {kind} {', '.join(names)}, got {name!r}: choose one of them."
        )


def _check_listed(what: str, values: object) -> None:
    if isinstance(values, str) or not isinstance(values, Sequence) or not values:
        raise InputError(f"Expected a list of at least one of the {what}, got {values!r}.")


def _check_size(size: Any) -> None:
    if not is_whole_number(size, 16) or int(size) > _LARGEST:
        raise InputError(f"Expected a size of 16 to {_LARGEST:,} pixels, got {size!r}: try 256.")


def animal_rng(name: str, seed: int) -> np.random.Generator:
    """Return the generator that decides one animal's pose, proportions and coat."""
    return np.random.default_rng([seed, zlib.crc32(name.encode())])


def draw_animal(name: str, *, style: str = "flat", seed: int = 0, size: int = 256) -> Image.Image:
    """Draw one animal.

    Parameters
    ----------
    name : str
        One of `ANIMALS`.
    style : str
        One of `STYLES`.
    seed : int
        Decides pose, proportions, colours, background and clutter. The same seed draws the same
        pixels on the same version of Pillow; with another style, the same animal in that style.
    size : int
        Pixels per side, at least 16.

    Returns
    -------
    PIL.Image.Image
        "RGB", `size` x `size`.

    Raises
    ------
    InputError
        For an unknown animal or style, a negative seed or a size under 16.
    """
    from protolabel.samples.drawing.rendering import render

    _check_known("animals", name, ANIMALS)
    _check_known("styles", style, tuple(STYLES))
    _check_size(size)
    seed = as_seed(seed)
    rng = animal_rng(name, seed)
    layers, palette = build(name, rng)
    layers = place(
        layers,
        scale=rng.uniform(0.78, 1.0),
        x=rng.uniform(-0.1, 0.1),
        y=rng.uniform(-0.06, 0.08),
        angle=rng.normal(0, 0.05),
        flip=bool(rng.random() < 0.5),
    )
    rng = np.random.default_rng([seed, zlib.crc32(name.encode()), zlib.crc32(style.encode())])
    return render(layers, palette, STYLES[style], rng, size)


def write_sample_pictures(
    folder: str | Path,
    *,
    classes: Sequence[str] = DEMO_CLASSES,
    per_class: int = 40,
    seed: int = 0,
    styles: Sequence[str] = DEMO_STYLES,
    size: int = 256,
) -> SamplePictures:
    """Write JPEG pictures of animals into one folder, under names that do not reveal the class.

    Parameters
    ----------
    folder : str or Path
        Created if it is missing. Files of the same names are replaced.
    classes : sequence of str
        Animals to draw, from `ANIMALS`.
    per_class : int
        Pictures of each.
    seed : int
        The same seed writes the same bytes on the same version of Pillow.
    styles : sequence of str
        Styles to use in turn.
    size : int
        Pixels per side.

    Returns
    -------
    SamplePictures
        The folder, and the truth by file name.

    Raises
    ------
    InputError
        If a class or style is unknown, or there is nothing to draw.
    ExportError
        If the folder cannot be written.
    """
    _check_listed("animals", classes)
    _check_listed("styles", styles)
    _check_size(size)
    seed = as_seed(seed)
    for name in classes:
        _check_known("animals", name, ANIMALS)
    for style in styles:
        _check_known("styles", style, tuple(STYLES))
    if not is_whole_number(per_class, 1):
        raise InputError(f"Expected at least one picture per_class, got {per_class!r}: try 40.")
    try:
        jobs = [(name, styles[k % len(styles)]) for name in classes for k in range(per_class)]
        return _write(Path(folder), jobs, seed, size)
    except (OSError, TypeError, ValueError) as error:
        raise ExportError(
            f"Expected a folder to write pictures to, but for {folder!r} the system says: "
            f"{system_says(error)}"
        ) from error


def _write(folder: Path, jobs: Sequence[tuple[str, str]], seed: int, size: int) -> SamplePictures:
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    seeds = rng.integers(0, 2**31, len(jobs))
    truth: dict[str, str] = {}
    drawn: dict[str, str] = {}
    for number, job in enumerate(rng.permutation(len(jobs)).tolist()):
        name, style = jobs[job]
        file = f"picture_{number:04d}.jpg"
        picture = draw_animal(name, style=style, seed=int(seeds[job]), size=size)
        content = io.BytesIO()  # Pillow does not report a disk that fills up meanwhile
        picture.save(content, "JPEG", quality=90)
        (folder / file).write_bytes(content.getvalue())
        truth[file], drawn[file] = name, style
    return SamplePictures(
        folder,
        MappingProxyType(truth),
        MappingProxyType(drawn),
        tuple(dict.fromkeys(name for name, _ in jobs)),
    )

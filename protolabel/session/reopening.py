"""Reopen an exported dataset as a session: images, classes, settings and corrections."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from protolabel.common.palette import class_colours
from protolabel.embedding.prompts import ClassPrompts, ClassVectors
from protolabel.encoders.base import EncoderInfo
from protolabel.errors import ExportError, InputError, StoreError
from protolabel.exporting.existing import METADATA, read_metadata
from protolabel.images.image_set import ImageSet
from protolabel.refinement.classifier import PrototypeClassifier
from protolabel.session.saving import plain_settings

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence

__all__ = ["Reopened", "is_dataset", "reopen_dataset"]

_NUMBERS = 1000  # colours of the palette that are recognised


@dataclass(frozen=True, eq=False)
class Reopened:
    """The parts of an exporting session that its dataset records.

    Attributes
    ----------
    images : ImageSet
        In the order of the labels.
    classes : ClassPrompts, ClassVectors or None
        For a dataset of ``protolabel apply``, the vectors in its classifier. For any other dataset
        whose classes were vectors, None, because it does not contain them.
    settings : dict of str to object
        With ``corrections`` and ``truth``, keyed by the names of `images`.
    encoder, visual : EncoderInfo or None
        The encoders that made the vectors.
    marks : list of list or None
        For `ClassMarks.restore`, inferred from the colours of the classes.
    """

    images: ImageSet
    classes: ClassPrompts | ClassVectors | None
    settings: dict[str, Any]
    encoder: EncoderInfo | None
    visual: EncoderInfo | None
    marks: list[list[Any]] | None


def is_dataset(folder: Path) -> bool:
    """Return whether a folder looks like an exported dataset."""
    return (folder / METADATA).is_file()


def reopen_dataset(folder: Path, images: str | os.PathLike[str] | None) -> Reopened:
    """Read a dataset as untrusted input.

    Parameters
    ----------
    folder : Path
        A dataset that `export` wrote.
    images : path, optional
        Folder of the images; by default as for `Session.load`.

    Raises
    ------
    StoreError
        If the folder is not a dataset, or its images are not found.
    """
    try:
        about = read_metadata(folder)
        records: list[dict[str, Any]] = about["images"]
        found = replace(
            _images(folder, about, records, images),
            columns={
                str(name): tuple(record.get(written) for record in records)
                for name, written in about.get("given_columns", {}).items()
            },
        )
        new = dict(zip((record["source"] for record in records), found.names, strict=True))
        given = dict(about["parameters"] or {})
        pins = given.get("pins")
        if pins is None:  # exported by hand
            pins = {record["source"]: record["label"] for record in records if record["pinned"]}
        given["pins"] = {new.get(image, image): name for image, name in pins.items()}
        settings = plain_settings(given)
        settings["corrections"] = [
            {**fields, "image": new.get(fields["image"], fields["image"])}
            for fields in settings["corrections"]
        ]
        return Reopened(
            found,
            _vectors(folder, about) if "applied" in given else _prompts(about),
            settings,
            _info(about["encoder"]),
            _info(about["visual_encoder"]),
            _marks(about.get("class_colours")),  # missing in datasets of version 0.1
        )
    except (ExportError, InputError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise StoreError(
            f"Expected a dataset that protolabel exported, got {str(folder)!r}, which cannot be "
            f"opened as a session: {error}"
        ) from error


def _prompts(about: Mapping[str, Any]) -> ClassPrompts | None:
    prompts = about["prompts"]
    if prompts is None:
        return None
    parts = [prompts[name] for name in about["classes"]]
    return ClassPrompts.from_dict(
        {
            "names": about["classes"],
            "synonyms": [part["words"] for part in parts],
            "templates": [part["templates"] for part in parts],
        }
    )


def _marks(colours: list[str] | None) -> list[list[Any]] | None:
    if colours is None:
        return None
    # A colour of the palette belongs to a number; other colours were chosen.
    usual = {colour: slot for slot, colour in enumerate(class_colours(_NUMBERS))}
    slots: list[int | None] = []
    for colour in colours:
        slot = usual.get(colour)
        slots.append(None if slot in slots else slot)
    free = (slot for slot in itertools.count() if slot not in slots)
    return [
        [next(free), colour] if slot is None else [slot, None]
        for slot, colour in zip(slots, colours, strict=True)
    ]


def _vectors(folder: Path, about: Mapping[str, Any]) -> ClassVectors:
    model = PrototypeClassifier.load(folder / "classifier.npz").model_
    return ClassVectors(about["classes"], model.text, logit_scale=model.text_scale)


def _info(fields: Any) -> EncoderInfo | None:
    return None if fields is None else EncoderInfo.from_dict(fields)


def _images(
    folder: Path,
    about: Mapping[str, Any],
    records: Sequence[Mapping[str, Any]],
    wanted: str | os.PathLike[str] | None,
) -> ImageSet:
    sources = [record["source"] for record in records]
    copies = [record.get("file") for record in records]
    if wanted is not None:
        root = Path(wanted).expanduser()
        missing = [name for name in sources if not (_inside(name) and (root / name).is_file())]
        if missing:
            raise InputError(
                f"Expected the {len(sources)} images of the dataset in {str(root)!r}, but "
                f"{len(missing)} are missing, the first: {missing[0]!r}. Pass the folder that the "
                "dataset was exported from."
            )
        return ImageSet.from_paths([root / name for name in sources], root=root)
    root = Path(str(about["source_root"]))
    # A stranger's dataset may name any folder: only files that are those of the dataset are read.
    if root.is_absolute() and all(
        copy is not None and _inside(name) and _same_file(root / name, folder / copy)
        for name, copy in zip(sources, copies, strict=True)
    ):
        return ImageSet.from_paths([root / name for name in sources], root=root)
    if all(copy is not None and (folder / copy).is_file() for copy in copies):
        return ImageSet.from_paths([folder / str(copy) for copy in copies], root=folder)
    raise InputError(
        "the dataset does not hold its images: pass images=, the folder that it was exported from."
    )


def _inside(name: str) -> bool:
    return not Path(name).is_absolute() and ".." not in Path(name).parts


def _same_file(original: Path, copy: Path) -> bool:
    try:
        return original.is_file() and original.stat().st_size == copy.stat().st_size
    except OSError:
        return False

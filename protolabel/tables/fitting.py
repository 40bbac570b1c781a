"""Fit the loop to a random sample of a table of vectors, and read what was fitted."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from protolabel.clustering.clusters import cluster
from protolabel.clustering.neighbors import knn_graph
from protolabel.clustering.presets import choose_preset
from protolabel.common.checks import as_seed, checked, checked_apart_from
from protolabel.common.files import DAMAGED, replacing, write_json
from protolabel.common.progress import ProgressFn, resolve
from protolabel.common.vectors import is_whole_number
from protolabel.embedding.prompts import ClassVectors, embed_classes
from protolabel.encoders.base import Encoder, EncoderInfo, encoder_info
from protolabel.encoders.loading import load_encoder
from protolabel.errors import InputError, StoreError
from protolabel.exporting.existing import read_metadata
from protolabel.refinement.classifier import PrototypeClassifier
from protolabel.refinement.labels import Labels, label
from protolabel.refinement.loop import refine
from protolabel.tables.engine import expecting
from protolabel.tables.ids import with_unique_ids
from protolabel.tables.reading import read_table
from protolabel.tables.sampling import sampled, usable_rows
from protolabel.tables.shards import Shards, is_shards, on_this_machine

if TYPE_CHECKING:
    from pathlib import Path

    from protolabel.embedding.prompts import Classes, Templates

__all__ = ["Fitted", "fit_table", "read_fitted"]

CLASSIFIER, ABOUT = "classifier.npz", "fitted.json"
SAMPLE = 1_000_000


@dataclass(frozen=True, eq=False)
class Fitted:
    """A classifier and what made it.

    Attributes
    ----------
    classifier : PrototypeClassifier
    encoder : EncoderInfo or None
        Of the vectors that it labels; None where that is not known.
    strictness : float or None
        Of `none_of_these`, as the dataset had it.
    digest : str
        Of the file.
    """

    classifier: PrototypeClassifier
    encoder: EncoderInfo | None
    strictness: float | None
    digest: str


@checked_apart_from("classes")
def fit_table(
    source: str | os.PathLike[str],
    classes: Classes | ClassVectors,
    output: str | os.PathLike[str],
    *,
    encoder: str | Encoder | EncoderInfo | None = None,
    pretrained: str | None = None,
    device: str = "auto",
    templates: Templates | None = None,
    sample: int = SAMPLE,
    temperature: float = 0.1,
    iterations: int = 5,
    image_column: str | None = None,
    id_column: str | None = None,
    seed: int = 0,
    progress: ProgressFn | None = None,
) -> Labels:
    """Run the loop over a random sample of a table of vectors, and save its classifier.

    Parameters
    ----------
    source, image_column, id_column
        A table with a column of vectors, as for `read_table`, such as the output of
        `embed_table`.
    classes : Classes or ClassVectors
        Class names, or their text vectors.
    output : str or path
        Folder for ``classifier.npz`` and ``fitted.json``, which `apply_table` and ``protolabel
        apply`` read.
    encoder, pretrained, device
        What encodes the names; by default what embedded the table.
    templates : optional
        As for `embed_classes`.
    sample : int
        The most vectors that the loop runs over, 3 or more.
    temperature, iterations
        As for `refine`.
    seed : int
        Seed of the sample and of everything else that is random.
    progress : callable, optional
        ``progress(phase, done, total)``; by default a tqdm bar.

    Returns
    -------
    Labels
        Of the sample.

    Raises
    ------
    InputError
        If an argument cannot be used, or the table has no vectors.
    StoreError
        If the folder cannot be written, or holds a classifier of something else.
    EncoderError
        If the encoder cannot be loaded, or has no text side.
    """
    if not is_whole_number(sample, 3):
        raise InputError(f"Expected a sample of 3 vectors or more, got {sample!r}: try {SAMPLE}.")
    seed, folder = as_seed(seed), on_this_machine(output, "a folder for the classifier")
    _check_folder(folder)
    table = read_table(source, image_column=image_column, id_column=id_column, vectors=True)
    if table.kind != "vector":
        raise InputError(
            f"Expected a table with a column of vectors, got {os.fspath(source)!r} with images: "
            "run protolabel embed on it first."
        )
    info = _made_by(source)
    if isinstance(classes, ClassVectors):
        text = classes
    else:
        wanted = info if encoder is None else encoder
        if wanted is None:
            raise InputError(
                f"Expected an encoder for the class names, got {os.fspath(source)!r}, which does "
                "not name its own: pass encoder=, on the command line --encoder."
            )
        loaded = load_encoder(wanted, pretrained, device=device)
        given = {} if templates is None else {"templates": templates}
        info, text = encoder_info(loaded), embed_classes(classes, loaded, **given)
    with expecting("vectors that can be read", InputError, "Correct the table."):
        table, _ = with_unique_ids(table)
        dim = text.vectors.shape[1]
        ids, vectors = sampled(table, usable_rows(table), int(sample), seed, dim)
    if not ids:
        raise InputError(
            f"Expected vectors of {dim} numbers, as the class names have, got a table without: "
            "embed the images with the same encoder."
        )
    report = resolve(progress)
    preset = choose_preset(None, len(vectors))
    graph = knn_graph(vectors, preset.neighbors, seed=seed)
    clusters = cluster(vectors, graph, seed=seed, progress=report)
    run = refine(
        vectors, text, clusters, graph=graph, temperature=temperature, iterations=iterations,
        progress=report,
    )  # fmt: skip
    labels = label(run)
    advice = "Choose another folder."
    with expecting(f"to write {str(folder)!r}", StoreError, advice), replacing(folder) as new:
        PrototypeClassifier.from_labels(labels, vectors).save(new / CLASSIFIER)
        about: dict[str, Any] = {
            "generator": "protolabel",
            "classes": list(labels.names),
            "encoder": None if info is None else info.to_dict(),
            "parameters": dict(run.parameters) | {"seed": seed},
            "images": len(labels),
        }
        write_json(new / ABOUT, about)
    return labels


@checked
def read_fitted(folder: str | os.PathLike[str]) -> Fitted:
    """Read the classifier that `fit_table` or an export wrote.

    Raises
    ------
    InputError
        If there is none.
    StoreError, ExportError
        If it cannot be read.
    """
    folder = on_this_machine(folder, "a fitted classifier")
    if not folder.is_dir():
        raise InputError(
            f"Expected a folder that protolabel fit or an export wrote, but {str(folder)!r} is "
            "none: correct the path."
        )
    saved = folder / CLASSIFIER
    strictness = None
    if (folder / ABOUT).is_file():
        try:
            recorded = json.loads((folder / ABOUT).read_text("utf-8"))["encoder"]
        except DAMAGED as error:
            raise StoreError(
                f"Expected what protolabel fit wrote, but {str(folder / ABOUT)!r} cannot be "
                "understood: fit again."
            ) from error
    else:
        about = read_metadata(folder)
        recorded = about["encoder"]
        strictness = (about["parameters"] or {}).get("none_of_these")
    if not saved.is_file():
        raise InputError(
            f"Expected a dataset with {CLASSIFIER}, got {str(folder)!r}, which was written without "
            "the format 'prototypes': run again with it among --formats."
        )
    classifier = PrototypeClassifier.load(saved)
    return Fitted(
        classifier=classifier,
        encoder=None if recorded is None else EncoderInfo.from_dict(recorded),
        strictness=strictness if classifier.memory_ is not None else None,
        digest=hashlib.sha256(saved.read_bytes()).hexdigest(),
    )


def _check_folder(folder: Path) -> None:
    """Check that nothing but a fit has written to a folder."""
    with expecting(f"to write {str(folder)!r}", StoreError, "Choose another folder."):
        names = [path.name for path in folder.iterdir()] if folder.is_dir() else []
    if ABOUT not in names and (foreign := [name for name in names if not name.startswith(".")]):
        raise StoreError(
            f"Expected a folder of its own, got {str(folder)!r}, where something else wrote "
            f"{min(foreign)!r}: choose another folder."
        )


def _made_by(source: str | os.PathLike[str]) -> EncoderInfo | None:
    """Return the encoder of shards; None for other tables, which do not say."""
    recorded = Shards(source).head().get("encoder") if is_shards(source) else None
    return None if recorded is None else EncoderInfo.from_dict(recorded)

"""What runs on a worker: decode, embed, label; and write a shard."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from protolabel.common.threads import Workers
from protolabel.embedding.embed import embed_files
from protolabel.encoders.loading import load_encoder
from protolabel.evaluation.fit import RememberedFit
from protolabel.tables.columns import list_column, plain_array, read_vectors
from protolabel.tables.engine import engine, on_ray
from protolabel.tables.shards import Shards

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from protolabel.encoders.base import EncoderInfo
    from protolabel.images.files import ImageFile
    from protolabel.refinement.classifier import PrototypeClassifier

__all__ = ["Labeller", "embedding_step", "writing_step"]

PICTURES, VECTORS = 256, 4_096  # rows that a worker takes at a time


class Labeller:
    """Labels vectors by a saved classifier, each by itself.

    Parameters
    ----------
    classifier : PrototypeClassifier
    strictness : float or None
        Images below this fit are none of the names; None sets none aside.
    """

    def __init__(self, classifier: PrototypeClassifier, strictness: float | None) -> None:
        self.classifier, self.strictness = classifier, strictness
        self._fit: RememberedFit | None = None

    def __call__(self, vectors: NDArray[np.floating]) -> dict[str, NDArray[Any]]:
        """Return columns of labels, one value for each row of (n, d) vectors."""
        classifier = self.classifier
        labels = classifier.label(vectors, together=False)
        unfit = labels.unfit
        if self.strictness is not None and classifier.memory_ is not None:
            if self._fit is None:
                self._fit = RememberedFit.of(classifier.memory_, classifier.model_)
            unfit = self._fit.measure(labels, vectors).unfit(self.strictness)
        names = np.array(labels.names, dtype=object)
        return {
            "label": names[labels.label],
            "agreement": labels.agreement,
            "runner_up": names[labels.runner_up],
            "margin": labels.margin,
            "none_of_these": unfit,
        }


def embedding_step(
    kind: str,
    *,
    info: EncoderInfo | None,
    labeller: Labeller | None,
    device: str,
    root: str,
    dim: int,
    workers: int,
    gpus: float,
) -> Any:
    """Return a function of Daft's expressions that embeds and labels a column of images.

    Parameters
    ----------
    kind : str
        Of `ImageTable`.
    info : EncoderInfo or None
        What embeds; None for a column of vectors.
    labeller : Labeller or None
        What labels; None for vectors alone.
    device, root
        As for `load_encoder`; the folder that relative paths start from.
    dim : int
        Length of a vector.
    workers : int
        How many processes there are in all, each of which loads the model once.
    gpus : float
        Of each of them.
    """
    daft = engine()
    kinds = daft.DataType
    fields: dict[str, Any] = {"error": kinds.string()}
    if info is not None:
        fields["vector"] = kinds.list(kinds.float16())
    if labeller is not None:
        fields |= {
            "label": kinds.string(),
            "agreement": kinds.float32(),
            "runner_up": kinds.string(),
            "margin": kinds.float32(),
            "none_of_these": kinds.bool(),
        }
    many = VECTORS if info is None else PICTURES

    class Embedder:
        def __init__(self) -> None:
            self.encoder = None if info is None else load_encoder(info, device=device)
            self.pool = Workers(min(16, os.cpu_count() or 1), "decode")

        @daft.method.batch(  # type: ignore[untyped-decorator]
            return_dtype=kinds.struct(fields), batch_size=many
        )
        def rows(self, images: Any, fetched: Any) -> Any:
            if self.encoder is None:
                vectors, usable = read_vectors(images, dim)
                reasons = [None if ok else f"no vector of {dim} numbers" for ok in usable]
            else:
                files, missing = _files(kind, images, fetched, root)
                vectors, reasons = embed_files(files, self.encoder, self.pool)
                reasons = [one or other for one, other in zip(missing, reasons, strict=True)]
            return _columns(vectors, reasons, list(fields), labeller)

    if not on_ray() and workers == 1:
        return daft.cls(Embedder, gpus=gpus, use_process=False)().rows
    # Without a count, a Ray cluster would load the model for every task.
    return daft.cls(Embedder, gpus=gpus, max_concurrency=workers)().rows


def writing_step(shards: Shards, rows: int) -> Any:
    """Return a function of Daft's expressions that writes ids and results as shards.

    Parameters
    ----------
    shards : Shards
    rows : int
        The most rows of a shard.
    """
    daft = engine()
    place = str(shards)

    @daft.func.batch(  # type: ignore[untyped-decorator]
        return_dtype=daft.DataType.bool(), batch_size=rows
    )
    def write(ids: Any, results: Any) -> Any:
        import pyarrow as pa

        columns = {"id": plain_array(ids).cast(pa.string())}
        found = plain_array(results)
        for number, field in enumerate(found.type):
            column = found.field(number)
            large = pa.types.is_large_string(field.type)
            columns[field.name] = column.cast(pa.string()) if large else column
        if len(found):
            Shards(place).write(pa.table(columns))
        return pa.array(np.ones(len(found), bool))

    return write


def _files(
    kind: str, images: Any, fetched: Any, root: str
) -> tuple[list[ImageFile], list[str | None]]:
    """Return what can be opened, and a reason where there is nothing to open."""
    files: list[ImageFile] = []
    missing: list[str | None] = []
    for value, data in zip(images.to_pylist(), fetched.to_pylist(), strict=True):
        reason = None
        file: ImageFile = io.BytesIO()
        if value is None:
            reason = "the row holds no image"
        elif kind == "bytes":
            file = io.BytesIO(value)
        elif kind == "file":
            with value.open() as stream:
                file = io.BytesIO(stream.read())
        elif "://" in value:
            reason = "it could not be downloaded" if data is None else None
            file = io.BytesIO(data or b"")
        else:
            file = Path(root) / value
        files.append(file)
        missing.append(reason)
    return files, missing


def _columns(
    vectors: NDArray[np.float32],
    reasons: Sequence[str | None],
    wanted: Sequence[str],
    labeller: Labeller | None,
) -> Any:
    """Return the results as one struct array; a row with an error holds nothing else."""
    import pyarrow as pa

    good = np.array([reason is None for reason in reasons], dtype=bool)
    columns = {"error": pa.array(reasons, pa.string())}
    if "vector" in wanted:
        columns["vector"] = list_column(vectors.astype(np.float16), good)
    if labeller is not None:
        found = labeller(vectors[good]) if good.any() else {}
        place = np.cumsum(good) - 1
        for name in wanted:
            if name in columns:
                continue
            if name in found:
                columns[name] = pa.array(found[name][place], mask=~good)
            else:
                columns[name] = pa.nulls(len(good))
    return pa.StructArray.from_arrays([columns[name] for name in wanted], list(wanted))

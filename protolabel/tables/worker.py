"""What runs on a worker: decode, embed, label; and write a shard."""

from __future__ import annotations

import io
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from protolabel.common.threads import Workers
from protolabel.embedding.embed import embed_files
from protolabel.encoders.loading import load_encoder
from protolabel.evaluation.fit import RememberedFit
from protolabel.refinement.classifier import PrototypeClassifier
from protolabel.tables.archives import read_member
from protolabel.tables.columns import list_column, plain_array, read_vectors
from protolabel.tables.engine import engine, on_ray
from protolabel.tables.shards import Shards

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from protolabel.encoders.base import EncoderInfo
    from protolabel.images.files import ImageFile
    from protolabel.refinement.labels import Labels
    from protolabel.tables.reading import ImageTable

__all__ = [
    "FITTED", "JOINED", "LABELS", "Labeller", "columns_of", "embedding_step", "labelling_step",
    "read_classifier", "write_classifier", "writing_step",
]  # fmt: skip

PICTURES, VECTORS = 256, 32_768  # rows that a worker takes at a time
FITTED, JOINED = "_fitted.npz", "_joined.npz"
LABELS = ("label", "agreement", "runner_up", "margin", "none_of_these")


class Labeller:
    """Labels vectors by a classifier, each by itself.

    Parameters
    ----------
    classifier : PrototypeClassifier
    strictness : float or None
        Images below this fit are none of the names; None sets none aside.
    known : PrototypeClassifier, optional
        Whose images the fit is measured against, by default those of the classifier itself.
    """

    def __init__(
        self,
        classifier: PrototypeClassifier,
        strictness: float | None,
        known: PrototypeClassifier | None = None,
    ) -> None:
        self.classifier, self.strictness = classifier, strictness
        known = known or classifier
        self._fit = (
            RememberedFit.of(known.memory_, known.model_)
            if strictness is not None and known.memory_ is not None
            else None
        )

    @classmethod
    def of(cls, shards: Shards, strictness: float | None) -> Labeller:
        """Return the labeller of shards, from the classifiers that lie beside them."""
        known = read_classifier(shards, FITTED)
        joined = read_classifier(shards, JOINED) if shards.has(JOINED) else known
        return cls(joined, strictness, known)

    def __call__(self, vectors: NDArray[np.floating]) -> dict[str, NDArray[Any]]:
        """Return columns of labels, one value for each row of (n, d) vectors."""
        return self.columns(self.classifier.label(vectors, together=False), vectors)

    def columns(self, labels: Labels, vectors: NDArray[np.floating]) -> dict[str, NDArray[Any]]:
        """Return the columns of labels that the vectors already have."""
        unfit = labels.unfit
        if self._fit is not None and self.strictness is not None:
            unfit = self._fit.measure(labels, vectors).unfit(self.strictness)
        names = np.array(labels.names, dtype=object)
        first, second = names[labels.label], names[labels.runner_up]
        values = (first, labels.agreement, second, labels.margin, unfit)
        return dict(zip(LABELS, values, strict=True))


def write_classifier(shards: Shards, name: str, classifier: PrototypeClassifier) -> None:
    """Save a classifier beside shards."""
    with tempfile.TemporaryDirectory() as folder:
        shards.put(name, classifier.save(Path(folder) / name).read_bytes())


def read_classifier(shards: Shards, name: str) -> PrototypeClassifier:
    """Read a classifier that `write_classifier` saved."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / name
        copy.write_bytes(shards.get(name))
        return PrototypeClassifier.load(copy)


def embedding_step(
    table: ImageTable, *, info: EncoderInfo, device: str, workers: int, gpus: float
) -> Any:
    """Return a function of Daft's expressions that embeds images and the bytes behind URLs.

    Parameters
    ----------
    table : ImageTable
    info : EncoderInfo
        What embeds.
    device : str
        As for `load_encoder`.
    workers : int
        How many processes there are in all, each of which loads the model once.
    gpus : float
        Of each of them.
    """
    daft = engine()
    kinds = daft.DataType
    fields = {"error": kinds.string(), "vector": kinds.list(kinds.float16())}
    kind, root = table.kind, table.root

    class Embedder:
        def __init__(self) -> None:
            self.encoder = load_encoder(info, device=device)
            self.pool = Workers(min(16, os.cpu_count() or 1), "decode")

        @daft.method.batch(  # type: ignore[untyped-decorator]
            return_dtype=kinds.struct(fields), batch_size=PICTURES
        )
        def rows(self, images: Any, fetched: Any) -> Any:
            files, missing = _files(kind, images, fetched, root, self.pool)
            vectors, failed = embed_files(files, self.encoder, self.pool)
            reasons = [first or second for first, second in zip(missing, failed, strict=True)]
            return _struct(columns_of(reasons, vectors, None))

    return _pooled(Embedder, workers, gpus).rows


def labelling_step(
    shards: Shards, *, strictness: float | None, dim: int, with_vectors: bool, workers: int
) -> Any:
    """Return a function of Daft's expressions that labels vectors and says why some have none.

    Parameters
    ----------
    shards : Shards
        Where the classifiers lie.
    strictness : float or None
        As for `Labeller`.
    dim : int
        Length of a vector.
    with_vectors : bool
        Write the vectors beside their labels.
    workers : int
        As for `embedding_step`.
    """
    daft = engine()
    kinds = daft.DataType
    text, number = kinds.string(), kinds.float32()
    labels = dict(zip(LABELS, (text, number, text, number, kinds.bool()), strict=True))
    vector = {"vector": kinds.list(kinds.float16())} if with_vectors else {}
    fields = {"error": text, **vector, **labels}
    place = str(shards)

    class Labelling:
        def __init__(self) -> None:
            self.labeller = Labeller.of(Shards(place), strictness)

        @daft.method.batch(  # type: ignore[untyped-decorator]
            return_dtype=kinds.struct(fields), batch_size=VECTORS
        )
        def rows(self, column: Any, known: Any) -> Any:
            vectors, usable = read_vectors(column, dim)
            reasons = [
                None if ok else reason or f"no vector of {dim} numbers"
                for ok, reason in zip(usable, known.to_pylist(), strict=True)
            ]
            labels = self.labeller(vectors[usable]) if usable.any() else {}
            return _struct(columns_of(reasons, vectors if with_vectors else None, labels))

    return _pooled(Labelling, workers, 0.0).rows


def columns_of(
    reasons: Sequence[str | None],
    vectors: NDArray[np.floating] | None,
    labels: dict[str, NDArray[Any]] | None,
) -> dict[str, Any]:
    """Return the columns of a shard beside the ids; a row with a reason holds nothing else.

    Parameters
    ----------
    reasons : sequence of n str or None
        Why an image has no result.
    vectors : (n, d) floating or None
        None: without the column.
    labels : dict of arrays or None
        From `Labeller`, one value for each row without a reason; None: without the columns.
    """
    import pyarrow as pa

    good = np.array([reason is None for reason in reasons], dtype=bool)
    columns = {"error": pa.array(reasons, pa.string())}
    if vectors is not None:
        columns["vector"] = list_column(vectors.astype(np.float16), good)
    if labels is not None:
        place = np.cumsum(good) - 1
        for name in LABELS:
            found = pa.array(labels[name][place], mask=~good) if good.any() else pa.nulls(len(good))
            columns[name] = found
    return columns


def _struct(columns: dict[str, Any]) -> Any:
    import pyarrow as pa

    return pa.StructArray.from_arrays(list(columns.values()), list(columns))


def _pooled(kind: type, workers: int, gpus: float) -> Any:
    """Return an instance of a class that Daft makes once in each of the workers."""
    daft = engine()
    # Without a count, each thread, and each task of a Ray cluster, would load the model.
    here = not on_ray() and workers == 1
    options = {"use_process": False} if here else {}
    return daft.cls(kind, gpus=gpus, max_concurrency=workers, **options)()


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
        return_dtype=daft.DataType.bool(), batch_size=rows, use_process=False
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
    kind: str, images: Any, fetched: Any, root: str, pool: Workers
) -> tuple[list[ImageFile], list[str | None]]:
    """Return what can be opened, and a reason where there is nothing to open."""
    files: list[ImageFile] = []
    missing: list[str | None] = []
    values = images.to_pylist()
    there = fetched.to_pylist() if kind != "member" else pool.map(_member, values)
    for value, data in zip(values, there, strict=True):
        reason = None
        file: ImageFile = io.BytesIO()
        if value is None:
            reason = "the row holds no image"
        elif kind == "bytes":
            file = io.BytesIO(value)
        elif kind == "file":
            with value.open() as stream:
                file = io.BytesIO(stream.read())
        elif kind == "member":
            reason = "its archive cannot be read" if data is None else None
            file = io.BytesIO(data or b"")
        elif "://" in value:
            reason = "it could not be downloaded" if data is None else None
            file = io.BytesIO(data or b"")
        else:
            file = Path(root) / value
        files.append(file)
        missing.append(reason)
    return files, missing


def _member(place: dict[str, Any] | None) -> bytes | None:
    try:
        return read_member(place) if place is not None else None
    except OSError:
        return None

"""What runs on a worker: decode, embed, label; and write a shard."""

from __future__ import annotations

import io
import os
import tempfile
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np

from protolabel.common.threads import Workers
from protolabel.embedding.embed import embed_files
from protolabel.encoders.loading import load_encoder
from protolabel.errors import ProtolabelError
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
    kinds = engine().DataType
    fields = {"error": kinds.string(), "vector": kinds.list(kinds.float16())}
    kind, root = table.kind, table.root

    class Embedder:
        def __init__(self) -> None:
            self.encoder = load_encoder(info, device=device)
            self.pool = Workers(min(16, os.cpu_count() or 1), "decode")

        def rows(self, images: Any, fetched: Any) -> Any:
            files, missing = _files(kind, images, fetched, root, self.pool)
            vectors, failed = embed_files(files, self.encoder, self.pool)
            reasons = [first or second for first, second in zip(missing, failed, strict=True)]
            return _struct(columns_of(reasons, vectors, None))

    return _once_a_worker(Embedder, fields, PICTURES, workers=workers, gpus=gpus)


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
    kinds = engine().DataType
    text, number = kinds.string(), kinds.float32()
    labels = dict(zip(LABELS, (text, number, text, number, kinds.bool()), strict=True))
    vector = {"vector": kinds.list(kinds.float16())} if with_vectors else {}
    fields = {"error": text, **vector, **labels}
    place = str(shards)

    class Labelling:
        def __init__(self) -> None:
            self.labeller = Labeller.of(Shards(place), strictness)

        def rows(self, column: Any, known: Any) -> Any:
            vectors, usable = read_vectors(column, dim)
            reasons = [
                None if ok else reason or f"no vector of {dim} numbers"
                for ok, reason in zip(usable, known.to_pylist(), strict=True)
            ]
            labels = self.labeller(vectors[usable]) if usable.any() else {}
            return _struct(columns_of(reasons, vectors if with_vectors else None, labels))

    return _once_a_worker(Labelling, fields, VECTORS, workers=workers)


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


def _once_a_worker(
    kind: type, fields: dict[str, Any], batch: int, *, workers: int, gpus: float = 0.0
) -> Any:
    """Return the method `rows` of a class, which is made once in each worker, for expressions.

    Parameters
    ----------
    kind : type
        ``rows(columns...)`` returns an Arrow array of structs.
    fields : dict of str to daft.DataType
        Fields of the structs.
    batch : int
        The most rows of a call.
    workers : int
        Number of processes.
    gpus : float
        GPUs of each worker.
    """
    daft = engine()
    options = {"return_dtype": daft.DataType.struct(fields), "batch_size": batch}
    if on_ray() or workers > 1 or gpus:
        # Without a count, each task of a Ray cluster would load the model.
        kind.rows = daft.method.batch(**options)(kind.rows)  # type: ignore[attr-defined]
        return daft.cls(kind, gpus=gpus, max_concurrency=workers)().rows
    shared = _Shared(kind)

    # With a count, Daft starts a process, which imports torch again, whatever use_process says.
    @daft.func.batch(use_process=False, **options)  # type: ignore[untyped-decorator]
    def rows(*columns: Any) -> Any:
        return shared.rows(*columns)

    return rows


class _Shared:
    """One instance of a class for all threads of Daft in this process, made when it is needed."""

    def __init__(self, kind: type) -> None:
        self._kind, self._lock = kind, Lock()
        self._made: Any = None

    def __reduce__(self) -> tuple[type[_Shared], tuple[type]]:
        return _Shared, (self._kind,)  # Daft wants what it runs to be serializable

    def rows(self, *columns: Any) -> Any:
        with self._lock:
            self._made = self._made or self._kind()
            return self._made.rows(*columns)


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
    values = images.to_pylist()
    contents = pool.map(_member, values) if kind == "member" else fetched.to_pylist()
    found = [
        _file(kind, value, content, root) for value, content in zip(values, contents, strict=True)
    ]
    return [file for file, _ in found], [reason for _, reason in found]


def _file(kind: str, value: Any, content: bytes | None, root: str) -> tuple[ImageFile, str | None]:
    if kind == "struct" and value is not None:
        kind = "path" if value["bytes"] is None else "bytes"
        value = value[kind]
    if value is None:
        return io.BytesIO(), "the row holds no image"
    if kind == "bytes":
        return io.BytesIO(value), None
    if kind == "path" and "://" not in value:
        return Path(root) / value, None
    if content is None:
        missing = "its archive cannot be read" if kind == "member" else "it could not be downloaded"
        return io.BytesIO(), missing
    return io.BytesIO(content), None


def _member(place: dict[str, Any] | None) -> bytes | None:
    try:
        return read_member(place) if place is not None else None
    except (ProtolabelError, OSError, MemoryError):  # damaged archives name sizes beyond measure
        return None

"""Embed and label a table of images, in runs that can be killed and continued."""

from __future__ import annotations

import os
import threading
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from protolabel.common.checks import as_count, checked
from protolabel.common.progress import ProgressFn, resolve
from protolabel.common.wording import counted
from protolabel.encoders.base import UNLOADABLE, Encoder, EncoderInfo, encoder_info
from protolabel.encoders.loading import load_encoder
from protolabel.errors import InputError, Stopped, StoreError
from protolabel.evaluation.fit import check_strictness
from protolabel.tables.engine import engine, expecting, on_ray
from protolabel.tables.fitting import read_fitted
from protolabel.tables.ids import Rows, with_unique_ids
from protolabel.tables.reading import ImageTable, read_table
from protolabel.tables.sampling import sampled, usable_rows
from protolabel.tables.shards import Shards
from protolabel.tables.worker import (
    FITTED,
    JOINED,
    Labeller,
    columns_of,
    embedding_step,
    labelling_step,
    write_classifier,
    writing_step,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from contextlib import AbstractContextManager

    from protolabel.refinement.classifier import PrototypeClassifier

__all__ = ["Summary", "apply_table", "embed_table"]

_SHARD = (256, 8_192)  # fewest and most rows of a shard: 8 MB of 512 dimensions
_SHARDS = 64  # of a small table, so that it shows progress and can be continued
_LIMIT = 10_000  # workers, and GPUs of each: more is a slip
_REASONS = 3  # in a summary
_INTERVAL = 2.0  # seconds between two reports of progress


@dataclass(frozen=True)
class Summary:
    """How a run over a table went.

    Attributes
    ----------
    rows : int
        Rows in the shards.
    errors : int
        Rows without a result, with the reason in the column ``error``.
    reasons : mapping of str to int
        The most frequent reasons, and how many rows have each.
    torn : int
        Shards that could not be read and were written again.
    repeated : int
        Rows that two tasks wrote; one copy of each is kept.
    same : int
        Rows of the table that repeat the id and the image of another; they are left out.
    without_id : int
        Rows of the table without an id; they are left out.
    """

    rows: int
    errors: int
    reasons: Mapping[str, int]
    torn: int
    repeated: int
    same: int = 0
    without_id: int = 0

    def __str__(self) -> str:
        text = f"{counted(self.rows, 'row')}, {self.errors:,} without a result"
        if self.reasons:
            text += f" ({'; '.join(f'{count:,}: {why}' for why, count in self.reasons.items())})"
        if self.same:
            text += f"; {counted(self.same, 'row')} left out, with the id and image of another"
        if self.without_id:
            text += f"; {counted(self.without_id, 'row')} left out, without an id"
        if self.torn:
            text += f"; {counted(self.torn, 'torn shard')} written again"
        if self.repeated:
            text += f"; {counted(self.repeated, 'row')} written twice, one copy deleted"
        return text


@checked
def embed_table(
    source: str | os.PathLike[str],
    output: str | os.PathLike[str],
    *,
    encoder: str | Encoder | EncoderInfo,
    pretrained: str | None = None,
    device: str = "auto",
    image_column: str | None = None,
    id_column: str | None = None,
    workers: int | None = None,
    gpus: float | None = None,
    retry: bool = False,
    progress: ProgressFn | None = None,
) -> Summary:
    """Embed a table of images into Parquet shards with the columns id, error and vector.

    A run that was killed continues with the rows that are missing. Daft reads the table and spreads
    the work; its own settings choose between processes of this machine and a Ray cluster.

    Parameters
    ----------
    source, image_column, id_column
        The table and its columns, as for `read_table`.
    output : str or path
        A folder, or the URL of one in an object store.
    encoder, pretrained, device
        As for `load_encoder`; an encoder that can be loaded by name. A local checkpoint has to
        lie at the same path on every node.
    workers : int, optional
        Processes in all, each of which loads the model once. By default one, on a Ray cluster one
        for every node or GPU.
    gpus : float, optional
        GPUs of each worker. By default 1 where PyTorch finds one here, else 0.
    retry : bool
        Try the images again that could not be read.
    progress : callable, optional
        ``progress(phase, done, total)``, counting images; by default a tqdm bar with the time
        left. It may raise `Stopped`.

    Returns
    -------
    Summary

    Raises
    ------
    InputError
        If Daft is not installed, or an argument cannot be used.
    StoreError
        If the output holds other things.
    EncoderError
        If the encoder cannot be loaded.
    """
    _check_resources(workers, gpus)
    info = _loadable(encoder, pretrained, device)
    table, rows = _read(source, image_column, id_column)
    shards = Shards(output)
    shards.start({"kind": "vectors", "encoder": info.to_dict(), **table.origin})
    job = _Job(table, rows, shards, "embedding images", resolve(progress))
    with _finishing():
        return job.embed(info, device=device, workers=workers, gpus=gpus, retry=retry)


@checked
def apply_table(
    fitted: str | os.PathLike[str],
    source: str | os.PathLike[str],
    output: str | os.PathLike[str],
    *,
    device: str = "auto",
    none_of_these: float | None = None,
    image_column: str | None = None,
    id_column: str | None = None,
    workers: int | None = None,
    gpus: float | None = None,
    retry: bool = False,
    progress: ProgressFn | None = None,
) -> Summary:
    """Label a table of images or vectors into Parquet shards.

    The images are labelled as `PrototypeClassifier.label` would label all of them: where they are
    many beside those that the classifier remembers, the loop runs over both, or over a random
    sample that is chosen by the ids, and the rest is labelled by what it found. No label depends
    on the shard that an image is in. The columns are id, error, label, agreement, runner_up,
    margin, none_of_these, and vector where the table holds images.

    Parameters
    ----------
    fitted : str or path
        What `fit_table` wrote, or an exported dataset.
    source, image_column, id_column
        The table and its columns, as for `read_table`; a column of vectors is taken first, so
        that the output of `embed_table` is labelled without its images.
    none_of_these : float, optional
        Strictness, 0..1, by default that of the dataset.
    output, device, workers, gpus, retry, progress
        As for `embed_table`.

    Returns
    -------
    Summary

    Raises
    ------
    InputError, StoreError, EncoderError
        As for `embed_table`; `ExportError` if there is no such dataset.
    """
    _check_resources(workers, gpus)
    known = read_fitted(fitted)
    if known.classifier.model_.visual_dim:
        raise InputError(
            "Expected a classifier of one encoder, got one that also needs visual vectors: tables "
            "hold one vector for each image. Fit it without --visual."
        )
    strictness = known.strictness if none_of_these is None else none_of_these
    if strictness is not None:
        strictness = check_strictness(strictness)
    table, rows = _read(source, image_column, id_column, vectors=True)
    info = None
    if table.kind == "vector":
        _check_length(table, known.classifier.model_.dim)
    else:
        if known.encoder is None:
            raise InputError(
                f"Expected to know the encoder of {os.fspath(fitted)!r}, which does not name it: "
                "embed the table first, and apply to its vectors."
            )
        info = _loadable(known.encoder, None, device)
    shards = Shards(output)
    shards.start(
        {
            "kind": "labels",
            "classifier": known.digest,
            "encoder": None if known.encoder is None else known.encoder.to_dict(),
            "none_of_these": strictness,
            **table.origin,
        }
    )
    with _finishing():
        if not shards.has(FITTED):
            write_classifier(shards, FITTED, known.classifier)
        job = _Job(table, rows, shards, "labelling images", resolve(progress))
        repaired = job.repair(retry=retry)
        vectors = shards.inside("_vectors")
        if info is not None and shards.rows < job.total:
            vectors.start({"kind": "vectors", "encoder": info.to_dict()})
            unknown = replace(table, frame=job.missing())
            embedding = replace(job, table=unknown, shards=vectors, phase="embedding images")
            embedding.embed(info, device=device, workers=workers, gpus=gpus, retry=retry)
            job = replace(job, table=read_table(str(vectors), vectors=True))
        if shards.rows < job.total and not shards.has(JOINED):
            _join(job, known.classifier, strictness, with_vectors=info is not None)
        if shards.rows < job.total:
            step = labelling_step(
                shards,
                strictness=strictness,
                dim=known.classifier.model_.dim,
                with_vectors=info is not None,
                workers=workers or _workers(0.0),
            )
            todo = job.missing()
            job.write(todo, step(todo["image"], todo["reason"]))
        if shards.has("_vectors"):
            vectors.delete()
        return job.summary(*repaired)


def _read(
    source: str | os.PathLike[str],
    image_column: str | None,
    id_column: str | None,
    *,
    vectors: bool = False,
) -> tuple[ImageTable, Rows]:
    table = read_table(source, image_column=image_column, id_column=id_column, vectors=vectors)
    with expecting(f"a table that can be read, {os.fspath(source)!r}", InputError, "Correct it."):
        table, rows = with_unique_ids(table)
    if not rows.kept:
        raise InputError(
            f"Expected images in {os.fspath(source)!r}, got "
            + (
                f"{counted(rows.without_id, 'row')} without an id: fill the column "
                f"{table.id_column!r}, or name another, on the command line with --id-column."
                if rows.without_id
                else "an empty table: write a row for each image."
            )
        )
    return table, rows


def _check_length(table: ImageTable, dim: int) -> None:
    """Check the length of the first vector; others of another length become rows with a reason."""
    with expecting(f"a table that can be read, {table.source!r}", InputError, "Correct it."):
        rows = table.frame.where(table.frame["image"].not_null()).limit(1).to_pydict()["image"]
    if rows and len(rows[0]) != dim:
        raise InputError(
            f"Expected vectors of {dim} numbers, as those of the classifier, in {table.source!r}, "
            f"got {len(rows[0])}: embed the images with its encoder."
        )


def _finishing() -> AbstractContextManager[None]:
    return expecting(
        "the run to finish", StoreError, "Run the same command again: it goes on from there."
    )


def _join(
    job: _Job, known: PrototypeClassifier, strictness: float | None, *, with_vectors: bool
) -> None:
    """Run the loop over remembered and new images, and save the classifier that knows both.

    Where all images of the table take part, their labels are those of the loop.
    """
    import pyarrow as pa

    rows = usable_rows(job.table)
    joining = known.joining(rows)
    if not joining:
        return
    ids, vectors = sampled(job.table, rows, joining, 0, known.model_.dim)
    if not known.joining(len(ids)):  # rows whose vector cannot be used are left out
        return
    richer, labels = known.join(vectors, progress=job.report)
    if joining == rows:
        found = Labeller(richer, strictness, known).columns(labels, vectors)
        missing = set(job.missing().select("id").to_pydict()["id"])
        rest = np.array([name in missing for name in ids])
        columns = columns_of(
            [None] * np.count_nonzero(rest),
            vectors[rest] if with_vectors else None,
            {name: values[rest] for name, values in found.items()},
        )
        table = pa.table({"id": pa.array(np.array(ids)[rest], pa.string()), **columns})
        for start in range(0, len(table), job.size):
            job.shards.write(table.slice(start, job.size))
    write_classifier(job.shards, JOINED, richer)


def _check_resources(workers: int | None, gpus: float | None) -> None:
    if workers is not None and as_count(workers, "workers") > _LIMIT:
        raise InputError(f"Expected at most {_LIMIT:,} workers, got {workers}: ask for fewer.")
    if gpus is not None and not 0 <= gpus <= _LIMIT:
        raise InputError(f"Expected GPUs of each worker from 0 to {_LIMIT:,}, got {gpus}: try 1.")


def _loadable(
    encoder: str | Encoder | EncoderInfo, pretrained: str | None, device: str
) -> EncoderInfo:
    """Return the record by which workers load the encoder, which is loaded here as a check."""
    info = encoder_info(load_encoder(encoder, pretrained, device=device))
    if info.model in UNLOADABLE:
        raise InputError(
            f"Expected an encoder that workers can load by its name, got {info.name!r}: use a "
            "model of open_clip or timm."
        )
    return info


@dataclass(frozen=True, eq=False)
class _Job:
    """One run over a table."""

    table: ImageTable
    rows: Rows
    shards: Shards
    phase: str
    report: ProgressFn

    def repair(self, *, retry: bool) -> tuple[int, int]:
        """Delete torn shards and repeated rows, and return how many; and errors, to retry them."""
        torn, repeated = self.shards.drop_torn(), self.shards.drop_repeated()
        if retry:
            self.shards.drop_errors()
        return torn, repeated

    def missing(self) -> Any:
        """Return the rows of the table that the shards do not hold, as a frame of Daft."""
        files = self.shards.files()
        if not files:
            return self.table.frame
        return self.table.frame.join(engine().read_parquet(files).select("id"), on="id", how="anti")

    @cached_property
    def total(self) -> int:
        """Number of rows that there will be."""
        return self.shards.rows + int(self.missing().count_rows())

    @property
    def size(self) -> int:
        """The most rows of a shard."""
        fewest, most = _SHARD
        return min(max(self.total // _SHARDS, fewest), most)

    def embed(
        self,
        info: EncoderInfo,
        *,
        device: str,
        workers: int | None,
        gpus: float | None,
        retry: bool,
    ) -> Summary:
        """Embed the rows that are missing."""
        repaired = self.repair(retry=retry)
        gpus = _gpus() if gpus is None else gpus
        workers = workers or _workers(gpus)
        step = embedding_step(self.table, info=info, device=device, workers=workers, gpus=gpus)
        todo = self.missing()
        self.write(todo, step(todo["image"], self._fetched(todo)))
        return self.summary(*repaired)

    def write(self, todo: Any, result: Any) -> None:
        """Compute results for rows of a frame, and write them as shards."""
        found = todo.select(todo["id"], result.alias("result")).into_batches(self.size)
        write = writing_step(self.shards, self.size)
        with self._watching():
            for _ in found.select(write(found["id"], found["result"])).to_arrow_iter():
                pass

    def summary(self, torn: int, repeated: int) -> Summary:
        """Delete what was written twice, and count."""
        daft = engine()
        repeated += self.shards.drop_repeated()
        files = self.shards.files()
        failed = daft.read_parquet(files).where(daft.col("error").not_null()) if files else None
        errors = 0 if failed is None else failed.count_rows()
        reasons: dict[str, int] = {}
        if failed is not None and errors:
            count = daft.col("id").count().alias("count")
            most = failed.groupby("error").agg(count).sort(["count", "error"], desc=[True, False])
            found = most.limit(_REASONS).to_pydict()
            reasons = dict(zip(found["error"], found["count"], strict=True))
        return Summary(
            rows=self.shards.rows,
            errors=errors,
            reasons=reasons,
            torn=torn,
            repeated=repeated,
            same=self.rows.same,
            without_id=self.rows.without_id,
        )

    def _fetched(self, todo: Any) -> Any:
        """Return the bytes behind URLs; local files are opened where they are decoded."""
        daft = engine()
        if self.table.kind == "path":
            path = todo["image"]
        elif self.table.kind == "struct":
            path = todo["image"]["path"].cast(daft.DataType.string())
            path = daft.functions.when(todo["image"]["bytes"].is_null(), path).otherwise(None)
        else:
            return daft.lit(None).cast(daft.DataType.binary())
        url = daft.functions.when(path.contains("://"), path).otherwise(None)
        settings = daft.context.get_context().daft_planning_config.default_io_config
        if repr(settings.http) == repr(daft.io.HTTPConfig()):
            # Daft tries five times, which takes more than two minutes for a server that is gone.
            settings = settings.replace(http=daft.io.HTTPConfig(num_tries=2))
        return daft.functions.download(url, on_error="null", io_config=settings)

    @contextmanager
    def _watching(self) -> Iterator[None]:
        """Report the rows that are written, from a thread, while Daft holds this one."""
        total = self.total
        ended = threading.Event()
        stopped: list[BaseException] = []

        def report_rows() -> None:
            import _thread

            while not ended.wait(_INTERVAL):
                try:
                    self.report(self.phase, min(self.shards.rows, total), total)
                except Stopped as error:
                    stopped.append(error)
                    _thread.interrupt_main()
                    return

        self.report(self.phase, min(self.shards.rows, total), total)
        watcher = threading.Thread(target=report_rows, name="protolabel-shards", daemon=True)
        watcher.start()
        try:
            yield
        except KeyboardInterrupt:
            if stopped:
                raise stopped[0] from None
            raise
        finally:
            ended.set()
            watcher.join(_INTERVAL)
        self.report(self.phase, total, total)


def _workers(gpus: float) -> int:
    """Return how many workers there are by default."""
    if not on_ray():
        return 1
    import ray

    if not ray.is_initialized():
        ray.init(ignore_reinit_error=True, log_to_driver=False)
    if gpus:
        return max(1, int(ray.cluster_resources().get("GPU", 0) / gpus))
    return max(1, sum(bool(node["Alive"]) for node in ray.nodes()))


def _gpus() -> float:
    import torch

    return 1.0 if torch.cuda.is_available() else 0.0

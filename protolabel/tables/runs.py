"""Embed and label a table of images: a run that can be killed and goes on."""

from __future__ import annotations

import os
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from protolabel.common.checks import as_count, checked
from protolabel.common.progress import ProgressFn, resolve
from protolabel.common.wording import counted
from protolabel.encoders.base import UNLOADABLE, Encoder, EncoderInfo, encoder_info
from protolabel.encoders.loading import load_encoder
from protolabel.errors import InputError, Stopped, StoreError
from protolabel.evaluation.fit import check_strictness
from protolabel.tables.engine import engine, expecting, on_ray
from protolabel.tables.fitting import read_fitted
from protolabel.tables.reading import ImageTable, read_table
from protolabel.tables.shards import Shards
from protolabel.tables.worker import Labeller, embedding_step, writing_step

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Summary", "apply_table", "embed_table"]

_SHARD = (256, 8_192)  # fewest and most rows of a shard: 8 MB of 512 dimensions
_SHARDS = 64  # that a small table is cut in, so that it can go on and shows how far it is
_MOST = 10_000  # workers, and GPUs of each: more is a slip
_LOOK = 2.0  # seconds between two looks at how far it is


@dataclass(frozen=True)
class Summary:
    """How a run over a table went.

    Attributes
    ----------
    rows : int
        Rows in the shards, which are those of the table unless an id stood in it twice.
    errors : int
        Rows without a result, with the reason in the column ``error``.
    torn, repeated : int
        Shards that could not be read and were made again; rows that were there twice and were
        deleted.
    """

    rows: int
    errors: int
    torn: int
    repeated: int

    def __str__(self) -> str:
        said = f"{counted(self.rows, 'row')}, {self.errors:,} without a result"
        if self.torn:
            said += f"; {counted(self.torn, 'torn shard')} made again"
        if self.repeated:
            said += f"; {counted(self.repeated, 'row')} deleted that were there twice"
        return said


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

    A run that was killed goes on with the rows that are missing. Daft reads the table and spreads
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
    info = _named(encoder, pretrained, device)
    table = read_table(source, image_column=image_column, id_column=id_column)
    shards = Shards(output)
    shards.start({"kind": "vectors", "encoder": info.to_dict()})
    job = _Job(table, shards, "embedding images", retry, resolve(progress))
    return job.run(info, None, device=device, workers=workers, gpus=gpus)


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

    Every image is judged by itself, so that its label does not depend on the shard it is in. The
    columns are id, error, label, agreement, runner_up, margin, none_of_these, and vector where
    the table holds images.

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
    table = read_table(source, image_column=image_column, id_column=id_column, vectors=True)
    info = None
    if table.kind != "vector":
        if known.encoder is None:
            raise InputError(
                f"Expected to know the encoder of {os.fspath(fitted)!r}, which does not name it: "
                "embed the table first, and apply to its vectors."
            )
        info = _named(known.encoder, None, device)
    shards = Shards(output)
    shards.start(
        {
            "kind": "labels",
            "classifier": known.digest,
            "encoder": None if known.encoder is None else known.encoder.to_dict(),
            "none_of_these": strictness,
        }
    )
    job = _Job(table, shards, "labelling images", retry, resolve(progress))
    labeller = Labeller(known.classifier, strictness)
    return job.run(info, labeller, device=device, workers=workers, gpus=gpus)


def _check_resources(workers: int | None, gpus: float | None) -> None:
    if workers is not None and as_count(workers, "workers") > _MOST:
        raise InputError(f"Expected at most {_MOST:,} workers, got {workers}: ask for fewer.")
    if gpus is not None and not 0 <= gpus <= _MOST:
        raise InputError(f"Expected GPUs of each worker from 0 to {_MOST:,}, got {gpus}: try 1.")


def _named(
    encoder: str | Encoder | EncoderInfo, pretrained: str | None, device: str
) -> EncoderInfo:
    """Return the record by which every worker loads the encoder; it is loaded here as a check."""
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
    shards: Shards
    phase: str
    retry: bool
    report: ProgressFn

    def run(
        self,
        info: EncoderInfo | None,
        labeller: Labeller | None,
        *,
        device: str,
        workers: int | None,
        gpus: float | None,
    ) -> Summary:
        with expecting("a run that comes through", StoreError, "Run it again: it goes on."):
            return self._run(info, labeller, device=device, workers=workers, gpus=gpus)

    def _run(
        self,
        info: EncoderInfo | None,
        labeller: Labeller | None,
        *,
        device: str,
        workers: int | None,
        gpus: float | None,
    ) -> Summary:
        daft, shards = engine(), self.shards
        torn = shards.drop_torn()
        repeated = shards.drop_repeated()
        if self.retry:
            shards.drop_errors()
        total = self.table.frame.count_rows()
        todo = self.table.frame
        if shards.files():
            done = daft.read_parquet(shards.files()).select("id")
            todo = todo.join(done, on="id", how="anti")
        dim = info.dim if info else labeller.classifier.model_.dim if labeller else 0
        gpus = _gpus(info) if gpus is None else gpus
        step = embedding_step(
            self.table.kind,
            info=info,
            labeller=labeller,
            device=device,
            root=self.table.root,
            dim=dim,
            workers=workers or _workers(gpus),
            gpus=gpus,
        )
        fewest, most = _SHARD
        rows = min(max(total // _SHARDS, fewest), most)
        result = step(todo["image"], self._fetched(todo))
        found = todo.select(todo["id"], result.alias("result")).into_batches(rows)
        write = writing_step(shards, rows)
        with self._watching(total):
            for _ in found.select(write(found["id"], found["result"])).to_arrow_iter():
                pass
        repeated += shards.drop_repeated()
        errors = 0
        if shards.files():
            errors = (
                daft.read_parquet(shards.files()).where(daft.col("error").not_null()).count_rows()
            )
        return Summary(shards.rows, errors, torn, repeated)

    def _fetched(self, todo: Any) -> Any:
        """Return the bytes behind URLs; local files are opened where they are decoded."""
        daft = engine()
        if self.table.kind != "path":
            return daft.lit(None).cast(daft.DataType.binary())
        url = daft.functions.when(todo["image"].contains("://"), todo["image"]).otherwise(None)
        return daft.functions.download(url, on_error="null")

    @contextmanager
    def _watching(self, total: int) -> Iterator[None]:
        """Report the rows that are written, from a thread, while Daft holds this one."""
        ended = threading.Event()
        stopped: list[BaseException] = []

        def look() -> None:
            import _thread

            while not ended.wait(_LOOK):
                try:
                    self.report(self.phase, min(self.shards.rows, total), total)
                except Stopped as error:
                    stopped.append(error)
                    _thread.interrupt_main()
                    return

        self.report(self.phase, min(self.shards.rows, total), total)
        watcher = threading.Thread(target=look, name="protolabel-shards", daemon=True)
        watcher.start()
        try:
            yield
        except KeyboardInterrupt:
            if stopped:
                raise stopped[0] from None
            raise
        finally:
            ended.set()
            watcher.join(_LOOK)
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


def _gpus(info: EncoderInfo | None) -> float:
    if info is None:
        return 0.0
    import torch

    return 1.0 if torch.cuda.is_available() else 0.0

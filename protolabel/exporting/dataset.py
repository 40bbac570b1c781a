"""Export labels as a dataset on disk, completely or not at all."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from protolabel.clustering.projection import place_prototypes
from protolabel.common.checks import as_numbers, as_seed, checked_apart_from
from protolabel.common.palette import chosen_colours
from protolabel.common.progress import ProgressFn, resolve
from protolabel.embedding.embed import Embeddings
from protolabel.errors import ExportError, InputError
from protolabel.exporting.duplicates import (
    content_keys,
    groups_of,
    identical_files,
    merge_groups,
    near_duplicates,
)
from protolabel.exporting.job import ExportJob
from protolabel.exporting.names import NONE_FOLDER, class_folders, image_files
from protolabel.exporting.splits import (
    DEFAULT_SHARES,
    SPLITS,
    check_shares,
    count_sides,
    lasting_split,
)
from protolabel.exporting.staging import check_target, staging
from protolabel.exporting.table import DEFAULT_BEST, check_best, columns
from protolabel.exporting.transfer import LINKS, gone, not_transferred
from protolabel.exporting.writers import (
    DEFAULT_FORMATS,
    RESERVED_NAMES,
    WRITERS,
    check_formats,
    describe_formats,
)
from protolabel.images.image_set import Nowhere

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import ArrayLike, NDArray

    from protolabel.clustering.neighbors import KnnGraph
    from protolabel.common.vectors import FloatArray
    from protolabel.encoders.base import EncoderInfo
    from protolabel.evaluation.audit import AuditEstimate
    from protolabel.exporting.duplicates import Groups
    from protolabel.exporting.job import Writer
    from protolabel.images.image_set import ImageSet
    from protolabel.refinement.classifier import PrototypeClassifier
    from protolabel.refinement.labels import Labels

__all__ = ["ExportResult", "check_export", "export"]


@dataclass(frozen=True)
class ExportResult:
    """The result of an export.

    Attributes
    ----------
    folder : Path
        The dataset, an absolute path.
    formats : tuple of str
        Names of the formats that were written.
    n_images : int
        Number of images.
    class_counts : dict of str to int
        Number of images of each class.
    split_counts : dict of str to int
        Number of images of train, val and test; empty if there are no splits.
    near_duplicates : int
        Number of images in groups of near-duplicates; 0 if the export did not look for them.
    none_of_these : int
        Number of images that were set aside because they fit none of the names.
    """

    folder: Path
    formats: tuple[str, ...]
    n_images: int
    class_counts: dict[str, int]
    split_counts: dict[str, int]
    near_duplicates: int
    none_of_these: int


@checked_apart_from("link", "seed")
def export(
    labels: Labels,
    images: ImageSet | Embeddings,
    folder: str | os.PathLike[str],
    *,
    formats: Iterable[str] = DEFAULT_FORMATS,
    link: str = "copy",
    shares: Sequence[float] = DEFAULT_SHARES,
    seed: int = 0,
    groups: Groups | None = None,
    overwrite: bool = False,
    parameters: Mapping[str, Any] | None = None,
    projection: ArrayLike | None = None,
    prototype_map: ArrayLike | None = None,
    graph: KnnGraph | None = None,
    visual_encoder: EncoderInfo | None = None,
    visual: FloatArray | None = None,
    classifier: PrototypeClassifier | None = None,
    audit: AuditEstimate | None = None,
    colours: Sequence[str] | None = None,
    best: int = DEFAULT_BEST,
    progress: ProgressFn | None = None,
) -> ExportResult:
    """Write a labelled dataset to a folder.

    The dataset is built in a hidden folder beside `folder` and renamed when it is complete, so
    `folder` appears completely or not at all. Leftovers of a killed export are cleaned up first,
    with a warning.

    Parameters
    ----------
    labels : Labels
        From `label`, or from a saved `PrototypeClassifier`. Images that `Labels.set_aside` marks
        go to the folder ``splits/none_of_these`` and to none of the splits; the tables keep
        their best label.
    images : ImageSet or Embeddings
        The N images of the labels. With `Embeddings`, near-duplicates are found by their vectors
        and kept in one split, and metadata.json names the encoder; with an `ImageSet`, only files
        with the same content are kept together.
    folder : str or path
        A new or empty folder; it may be inside the folder of the images.
    formats : iterable of str
        Names of formats; "metadata" is always written::

            {formats}

    link : str
        ``"copy"`` keeps bytes, times and permissions. ``"hardlink"`` takes no space, but works
        only within one disk, and editing one file edits both. ``"symlink"`` takes no space, but
        breaks when the images move. The splits never store the bytes a second time.
    shares : sequence of float
        Fractions of train, val and test; see `lasting_split`.
    seed : int
        Seed of the splits. For a given seed, the split of an image follows from its content, so
        a folder that grows keeps its test images; see `lasting_split`.
    groups : Groups or None
        Further images that stay in one split, such as frames of a video or pictures of a patient:
        a regular expression searched for in the name (``"^patient[0-9]+"``), a function of the
        name, or a value for each image; see `groups_of`.
    overwrite : bool
        Replace an earlier dataset that protolabel exported. Nothing else is ever replaced, and
        neither is a dataset that contains the images themselves or files of other origin.
    parameters : mapping of str or None
        Further entries for metadata.json.
    projection : array_like or None
        (N, 2) map of the images, for the replay page and `save_plots`.
    prototype_map : array_like or None
        (T + 1, C, 2) coordinates of the prototypes on the map at each iteration; or (C, 2). By
        default they are computed, if there are a projection and `Embeddings`.
    graph : KnnGraph or None
        A `knn_graph` of the vectors, if there is one already.
    visual_encoder : EncoderInfo or None
        The encoder of the visual vectors, for metadata.json; None if there were none.
    visual : ndarray of floating or None
        (N, d2) visual vectors of the run; needed, with `Embeddings`, for a classifier that labels
        new images as well as the run does.
    classifier : PrototypeClassifier or None
        Written as classifier.npz; by default it is made from the labels. Pass it for labels from
        a saved classifier, because a classifier made from those would remember no images.
    audit : AuditEstimate or None
        The result of an audit of these labels, for report.txt and metadata.json.
    colours : sequence of str, optional
        Colours of the C classes as ``#rrggbb``, for the replay page and metadata.json; by default
        those of `protolabel.plots.class_colours`.
    best : int
        Number of best classes of each image in the tables, with the agreement that each would
        have: 1 to 5, by default 3. See `Labels.best`.
    progress : callable or None
        ``progress(phase, done, total)``; by default a tqdm bar. It may raise `Stopped`.

    Returns
    -------
    ExportResult

    Raises
    ------
    InputError
        If the arguments do not fit together.
    ExportError
        If the folder may not be written, or a file cannot be read; nothing has changed then. If
        something appeared at `folder` during the export, it is kept, and the message says where
        the new dataset is.

    Examples
    --------
    >>> result = pl.export(labels, embedded, "annotated_dataset", formats=["folders", "csv"])
    >>> result.class_counts
    {'dog': 12, 'cat': 30}
    """
    embedded = images if isinstance(images, Embeddings) else None
    image_set = images.images if isinstance(images, Embeddings) else images
    _check(labels, image_set)
    as_seed(seed)
    writers, split_shares, target = check_export(
        image_set,
        folder,
        formats=formats,
        link=link,
        shares=shares,
        groups=groups,
        overwrite=overwrite,
        best=best,
    )
    points = _map(projection, (len(labels), 2), "projection")
    stars = _stars(prototype_map, labels)
    if stars is None and points is not None and embedded is not None and labels.run is not None:
        stars = place_prototypes(labels.run, embedded.vectors, points)
    report = resolve(progress)

    duplicates = side = None
    if any(writer.name == "splits" for writer in writers):
        given = None if groups is None else groups_of(image_set.names, groups)
        duplicates = _groups(labels, image_set, embedded, graph, report)
        together = duplicates if given is None else merge_groups(duplicates, given)
        side = _split(labels, together, image_set, split_shares, seed)
    run_parameters = dict(labels.run.parameters) if labels.run is not None else {}
    folders = class_folders(labels.names, RESERVED_NAMES)
    job = ExportJob(
        labels=labels,
        images=image_set,
        encoder=None if embedded is None else embedded.encoder,
        visual_encoder=visual_encoder,
        vectors=None if embedded is None else embedded.vectors,
        visual=visual,
        classifier=classifier,
        folder=target,
        target=target,
        writers=writers,
        link=link,
        class_folders=folders,
        none_folder=NONE_FOLDER if labels.unfit.any() else None,
        files=tuple(image_files(image_set)),
        side=side,
        groups=duplicates,
        split_shares=tuple(split_shares.tolist()),
        seed=int(seed),
        columns=columns(labels, image_set, best),
        parameters={**run_parameters, **(parameters or {})},
        projection=points,
        prototype_map=stars,
        audit=audit,
        colours=None if colours is None else tuple(chosen_colours(len(labels.names), colours)),
        progress=report,
    )
    with staging(target, image_set, overwrite=overwrite) as temporary:
        building = replace(job, folder=temporary)
        for writer in writers:
            writer.write(building)
    return _result(job)


_lines = describe_formats().splitlines()
export.__doc__ = (export.__doc__ or "").replace("{formats}", f"\n{' ' * 12}".join(_lines))


@checked_apart_from("link")
def check_export(
    images: ImageSet,
    folder: str | os.PathLike[str],
    *,
    formats: Iterable[str] = DEFAULT_FORMATS,
    link: str = "copy",
    shares: Sequence[float] = DEFAULT_SHARES,
    groups: Groups | None = None,
    overwrite: bool = False,
    best: int = DEFAULT_BEST,
) -> tuple[tuple[Writer, ...], NDArray[np.float64], Path]:
    """Check the arguments of `export` before the images are embedded, which can take hours.

    Parameters
    ----------
    images : ImageSet
        The images to export.
    folder, formats, link, shares, groups, overwrite, best
        As for `export`.

    Returns
    -------
    writers, shares, target
        The writers to run, the (3,) fractions of the splits, and the absolute folder.

    Raises
    ------
    InputError
        If a format or link does not exist, `shares`, `groups` or `best` cannot be used, or there
        are no images, because they came as vectors alone.
    ExportError
        If the folder may not be written, or a file of an image is missing.
    """
    if not isinstance(link, str) or link not in LINKS:
        raise InputError(
            f"Expected link to be one of {', '.join(LINKS)}, got {link!r}: choose one of them."
        )
    check_best(best)
    if isinstance(groups, str):
        groups_of((), groups)
    writers, split_shares = check_formats(formats), check_shares(shares)
    copying = [writer.name for writer in writers if writer.needs_images]
    if copying:
        _check_images(images, link, copying)
    return writers, split_shares, check_target(folder, images, overwrite=overwrite)


def _check_images(images: ImageSet, link: str, formats: Sequence[str]) -> None:
    if isinstance(images.source, Nowhere):
        others = ", ".join(name for name, writer in WRITERS.items() if not writer.needs_images)
        raise InputError(
            f"Expected images for {', '.join(formats)}, got vectors without images: pass their "
            f"paths to load_embeddings, or export some of the other formats ({others})."
        )
    if images.source is not None:
        if link != "copy":
            raise ExportError(not_transferred(str(images.path(0)), link, None))
        return
    for index in range(len(images)):
        path = images.path(index)
        if not os.path.isfile(path):  # noqa: PTH113 -- a million of them
            raise ExportError(not_transferred(str(path), link, gone()))


def _check(labels: Labels, images: ImageSet) -> None:
    if len(labels) != len(images):
        raise InputError(
            f"Expected the {len(labels)} images of the labels, got {len(images)}. Files that "
            "cannot be read drop out when a folder is embedded: pass the Embeddings that were "
            "labelled, or their .images, instead of what find_images returned."
        )
    if not len(labels):
        raise InputError(
            "Expected at least one image to export, got none: label some images first."
        )


def _map(values: ArrayLike | None, shape: tuple[int, ...], what: str) -> NDArray[np.float32] | None:
    return None if values is None else as_numbers(values, what, *shape).astype(np.float32)


def _stars(values: ArrayLike | None, labels: Labels) -> NDArray[np.float32] | None:
    if values is None:
        return None
    points = np.asarray(values)
    points = points[None] if points.ndim == 2 else points
    return as_numbers(points, "prototype_map", None, len(labels.names), 2).astype(np.float32)


def _groups(
    labels: Labels,
    images: ImageSet,
    embedded: Embeddings | None,
    graph: KnnGraph | None,
    report: ProgressFn,
) -> NDArray[np.int32]:
    phase = "looking for duplicates"
    report(phase, 0, 2)
    groups = identical_files(images.paths)
    report(phase, 1, 2)
    if embedded is not None:
        groups = merge_groups(groups, near_duplicates(embedded.vectors, graph, labels.label))
    report(phase, 2, 2)
    return groups


def _split(
    labels: Labels,
    groups: NDArray[np.int32],
    images: ImageSet,
    split_shares: NDArray[np.float64],
    seed: int,
) -> NDArray[np.int8]:
    """Return the split of every image, (N,) int8; -1 for images that fit none of the names."""
    side = np.full(len(labels), -1, dtype=np.int8)
    taken = np.flatnonzero(~labels.unfit)
    keys = content_keys([images.path(index) for index in taken.tolist()])
    shares = split_shares.tolist()
    side[taken] = lasting_split(labels.label[taken], groups[taken], keys, shares, seed)
    return side


def _result(job: ExportJob) -> ExportResult:
    sides = [] if job.side is None else count_sides(job.side)
    size = np.zeros(0, dtype=np.int64) if job.groups is None else np.bincount(job.groups)
    return ExportResult(
        folder=job.folder,
        formats=job.formats,
        n_images=len(job),
        class_counts=dict(zip(job.labels.names, job.labels.counts.tolist(), strict=True)),
        split_counts=dict(zip(SPLITS, sides, strict=False)),
        near_duplicates=int(size[size > 1].sum()),
        none_of_these=int(job.labels.unfit.sum()),
    )

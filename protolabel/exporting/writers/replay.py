"""replay.html: a run in one file that plays without a kernel and without a network."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import numpy as np

from protolabel.browser.atlas import ATLAS_LIMIT, large_tile, make_atlas
from protolabel.browser.page import html_page, packed
from protolabel.clustering.projection import place_centroids
from protolabel.common.checks import as_path, checked
from protolabel.common.files import write_text
from protolabel.common.palette import chosen_colours, legible
from protolabel.common.progress import ProgressFn, silent
from protolabel.common.system_errors import system_says
from protolabel.common.wording import counted, shown
from protolabel.errors import ExportError, InputError
from protolabel.evaluation.diagnostics import diagnose
from protolabel.exporting.job import Writer

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from protolabel.exporting.job import ExportJob
    from protolabel.images.image_set import ImageSet
    from protolabel.refinement.labels import Labels

__all__ = ["REPLAY", "replay_html", "write_replay"]


@checked
def replay_html(
    labels: Labels,
    images: ImageSet,
    projection: NDArray[np.float32],
    prototype_map: NDArray[np.float32],
    *,
    title: str | None = None,
    thumbnails: int = ATLAS_LIMIT,
    colours: Sequence[str] | None = None,
    progress: ProgressFn = silent,
) -> str:
    """Return a page that plays a run on its map.

    Parameters
    ----------
    labels : Labels
        From `label`; the page marks their iteration as the kept one.
    images : ImageSet
        The N images.
    projection : (N, 2) float32
        Map of the images.
    prototype_map : (T + 1, C, 2) float32
        Places of the prototypes on that map, iteration by iteration.
    title : str, optional
        Page title; by default the number of images.
    thumbnails : int
        Largest number of images for which the page contains the pictures, at most 10,000.
    colours : sequence of str, optional
        Colours of the C classes as ``#rrggbb``; by default those of `protolabel.plots`.
    progress : callable
        ``progress(phase, done, total)``; it may raise `Stopped`.

    Returns
    -------
    str
        One HTML file that loads nothing.

    Raises
    ------
    InputError
        If the labels are not from a run, or the arrays do not fit.
    """
    run = labels.run
    if run is None:
        raise InputError(
            "Expected labels of a run, got labels from saved prototypes, which have no "
            "iterations to replay: pass those of label(run)."
        )
    n, steps = len(labels), [labels.at(t) for t in range(len(run.iterations))]
    xy = np.asarray(projection, dtype=np.float32)
    stars = np.asarray(prototype_map, dtype=np.float32)
    wanted = (len(steps), len(labels.names), 2)
    if xy.shape != (n, 2) or len(images) != n or stars.shape != wanted:
        raise InputError(
            f"Expected for a replay of {n} images their map of shape {(n, 2)} and prototypes of "
            f"shape {wanted}, got {xy.shape} and {stars.shape} for {len(images)} images: pass "
            "those of one run."
        )
    light = chosen_colours(len(labels.names), colours)
    wide = len(labels.names) > 256
    kind: Any = np.dtype("<u2") if wide else np.uint8
    state: dict[str, Any] = {
        "names": list(labels.names),
        "colours": light,
        "dark_colours": [legible(colour, dark=True) for colour in light],
        "label_bytes": 2 if wide else 1,
        "iteration": 0,
        "kept": labels.iteration,
    }
    arrays: dict[str, NDArray[Any]] = {
        "labels": np.stack([step.label for step in steps]).astype(kind),
        "agreement": np.stack([np.rint(255 * step.agreement) for step in steps]).astype(np.uint8),
        "prototypes": stars,
        "pinned": np.packbits(labels.pinned, bitorder="little"),
    }
    if labels.unfit.any():
        arrays["unfit"] = np.packbits(labels.unfit, bitorder="little")
    if run.clusters is not None:
        arrays["micro"] = run.clusters.micro.astype(np.int32)
        arrays["meta"] = run.clusters.meta_of_images.astype(np.int32)
        arrays["centroids"] = place_centroids(run.clusters, xy)
    low = np.nanmin(xy, axis=0)
    span = float(np.nanmax(np.ptp(xy, axis=0))) or 1.0
    # Two bytes a coordinate: finer than any screen, and half the size.
    grid = np.nan_to_num((xy - low) * (65535 / span)).round().astype("<u2")
    atlas = b""
    if n <= min(thumbnails, ATLAS_LIMIT):
        state["tile"] = large_tile(n)
        atlas = make_atlas(images.paths, tile=state["tile"], progress=progress)
        state["captions"] = list(images.names)
    size = f"{counted(n, 'image')}, {counted(len(labels.names), 'class', 'classes')}"
    heading = title or f"{size}, iteration by iteration"
    content = {
        "title": heading,
        "state": state,
        "xy": {"grid": packed(grid), "low": low.tolist(), "span": span},
        "arrays": {name: packed(values) for name, values in arrays.items()},
        "atlas": base64.b64encode(atlas).decode("ascii"),
        "parameters": _facts(labels),
        "findings": [
            [[finding.severity, finding.text] for finding in diagnose(step).findings]
            for step in steps
        ],
    }
    return html_page(heading, content, entry="replay", sheets=("map", "replay"))


@checked
def write_replay(
    path: str | os.PathLike[str],
    labels: Labels,
    images: ImageSet,
    projection: NDArray[np.float32],
    prototype_map: NDArray[np.float32],
    **options: Any,
) -> Path:
    """Write the page of `replay_html` to a file, whole or not at all.

    Parameters
    ----------
    path : str or path
        The file to write, in a folder that exists.
    labels, images, projection, prototype_map
        As for `replay_html`.
    **options
        ``title``, ``thumbnails``, ``colours`` and ``progress``, as for `replay_html`.

    Returns
    -------
    Path
        The file, an absolute path.

    Raises
    ------
    InputError
        If the folder does not exist, or as for `replay_html`.
    ExportError
        If the file cannot be written.
    """
    target = as_path(path, "the page to write").absolute()
    if not target.parent.is_dir():
        raise InputError(f"Expected a file in a folder that exists, got {str(target)!r}.")
    page = replay_html(labels, images, projection, prototype_map, **options)
    try:
        write_text(target, page)
    except OSError as error:
        raise ExportError(
            f"Expected to write {str(target)!r}, but the system says: {system_says(error)}"
        ) from error
    return target


def _write(job: ExportJob) -> None:
    """Write ``replay.html``, or nothing where there is no run or no map."""
    run, points, stars = job.labels.run, job.projection, job.prototype_map
    if run is None or points is None or stars is None or len(stars) != len(run.iterations):
        return
    path = job.folder / "replay.html"
    options = {"colours": job.colours, "progress": job.progress}
    write_replay(path, job.labels, job.images, points, stars, **options)


REPLAY = Writer(
    name="replay",
    title="Replay (HTML)",
    description="the run to play in any browser, where there is a map",
    files=("replay.html",),
    write=_write,
    by_default=True,
    needs_map=True,
)


def _facts(labels: Labels) -> list[list[str]]:
    run = labels.run
    assert run is not None  # noqa: S101 -- for the type checker; replay_html has looked
    used = dict(run.parameters)
    if used.get("method") == "anchored":
        used.pop("units", None)  # of the plain loop
    return [[name.replace("_", " "), shown(value)] for name, value in used.items()]

"""replay.html."""

from __future__ import annotations

from typing import TYPE_CHECKING

from protolabel.exporting.job import Writer
from protolabel.exporting.replay import write_replay as write_page

if TYPE_CHECKING:
    from protolabel.exporting.job import ExportJob

__all__ = ["REPLAY", "write_replay"]


def write_replay(job: ExportJob) -> None:
    """Write the run as a page that plays by itself; nothing where there is no run or no map."""
    run, points, stars = job.labels.run, job.projection, job.prototype_map
    if run is None or points is None or stars is None or len(stars) != len(run.iterations):
        return
    write_page(
        job.folder / "replay.html", job.labels, job.images, points, stars, progress=job.progress
    )


REPLAY = Writer(
    name="replay",
    title="Replay (HTML)",
    description="the run to play in any browser, where there is a map",
    files=("replay.html",),
    write=write_replay,
    by_default=True,
)

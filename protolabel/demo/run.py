"""The demo: label drawn pictures, from pixels to dataset, without a network."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from protolabel.evaluation.scoring import evaluate
from protolabel.images.sources.finding import find_images
from protolabel.refinement.labels import label
from protolabel.refinement.loop import refine
from protolabel.samples import write_sample_pictures
from protolabel.session.session import Session

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

__all__ = ["STORY_CLASSES", "STORY_STYLE", "run_demo"]

STORY_CLASSES: tuple[str, ...] = ("elephant", "zebra", "rabbit", "panda", "owl")
"""Classes of the demo and of the teaching notebooks."""

STORY_STYLE = "chalkboard"
"""Their style. Chalk swaps black and white, so zero-shot is right for about three in five."""

_PINS = 5


def run_demo(
    folder: Path, *, per_class: int = 40, seed: int = 0, say: Callable[[str], None]
) -> None:
    """Draw pictures, label them, and compare the methods with the true classes.

    Parameters
    ----------
    folder : Path
        Folder for ``pictures/`` and ``annotated_dataset/``, which replaces that of an earlier
        demo.
    per_class : int
        Number of pictures of each of the five animals.
    seed : int
        Seed of the drawings.
    say : callable
        Called with each line of the summary.
    """
    from protolabel.plots import save_plots  # draws with matplotlib, which takes a second to load

    times: dict[str, float] = {}

    @contextmanager
    def timed(phase: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        times[phase] = time.perf_counter() - start

    with timed("draw pictures"):
        pictures = write_sample_pictures(
            folder / "pictures",
            classes=STORY_CLASSES,
            per_class=per_class,
            seed=seed,
            styles=[STORY_STYLE],
        )
    # Only the new pictures: an earlier demo may have left others there.
    found = find_images(pictures.folder)
    images = found.take(i for i, name in enumerate(found.names) if name in pictures.truth)
    session = Session(
        images, STORY_CLASSES, encoder="sample", seed=seed, store=folder / "embeddings"
    )
    with timed("load encoder"):
        _ = session.encoder
    with timed("embed images and names"):
        _ = session.embeddings, session.text
    with timed("cluster"):
        _ = session.clusters
    truth = [pictures.truth[name] for name in session.embeddings.images.names]
    with timed("refine"):
        anchored = session.evaluate(truth)
    zero_shot = evaluate(session.labels.at(0), truth)
    plain = refine(
        session.embeddings.vectors,
        session.text,
        session.clusters,
        method="plain",
        temperature=session.temperature,
        iterations=session.iterations,
    )
    with timed("map"):
        _ = session.map
    with timed("export"):
        session.export(folder / "annotated_dataset", overwrite=True)
    with timed("plots"):
        plots = save_plots(folder / "annotated_dataset")
    findings = session.diagnostics.findings
    for image in session.next_to_correct(_PINS):
        session.pin(int(image), truth[image])
    with timed("refine with pins"):
        pinned = session.evaluate(truth)

    say(f"{len(truth)} chalk drawings of {', '.join(STORY_CLASSES)}")
    say("")
    say("accuracy against what was drawn")
    say(f"  zero-shot  {zero_shot.accuracy:.3f}")
    say(f"  plain      {evaluate(label(plain), truth).accuracy:.3f}")
    say(f"  anchored   {anchored.accuracy:.3f}  (the default)")
    say(f"  five pins  {pinned.accuracy:.3f}  (by what was drawn; not in the dataset)")
    say("")
    for finding in findings:
        say(f"{finding.severity}: {finding.text}")
    say("")
    say("seconds")
    for phase, seconds in times.items():
        say(f"  {phase:<22}  {seconds:6.1f}")
    say("")
    say(f"dataset  {folder / 'annotated_dataset'}  (start with report.txt)")
    say(f"plots    {plots[0].parent}")

"""Seconds from vectors to neighbours, clusters, labels and map, beside EVoC in the same run.

    python tests/benchmarks/speed [SIZES ...] [--rounds 3] [--plot growth.png]
        [--steps start files decoding whole graph map labels slider]

For every number of images, protolabel and its peer take turns on the same simulated vectors
(`large_folder.py`: float16, 512 dimensions, a memory map on disk), so that a busy machine slows
both. The table has the median of each, their ratio, the aim and whether it is met, and how good
the result is. Seconds are of the clock, with the threads that the machine has, as a user waits for
them; the processor's stand beside. The peer is EVoC (``pip install -e '.[benchmarks]'``); the loop
is compared with one zero-shot pass. A first round that compiles is not counted, except for the
first labels. With a million images, protolabel and EVoC have one round. The step "whole" takes a
session from vectors to tables in a process of its own (`whole.py`), and ``--plot`` draws how its
time and memory grow from 1,000 images on.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from embed_speed import SIZES, write_files
from files import export_seconds, replay_page
from large_folder import simulate
from timing import Seconds, median, timed

import protolabel as pl
from protolabel.clustering.presets import choose_preset
from protolabel.common.progress import silent
from protolabel.common.vectors import unit_rows
from protolabel.images import read_image
from protolabel.refinement.loop import prepare

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

STEPS = ("start", "files", "decoding", "whole", "graph", "map", "labels", "slider")
RATIO_BARS = {  # seconds by seconds of the peer, by number of images
    "graph and clusters": {10_000: 1.0, 100_000: 1.0, 1_000_000: 0.5},
    "five iterations": {100_000: 6.0, 1_000_000: 6.0},
    # Half of the ratio of the first release, 16.8 s by 8.4 s and 18 s by 123 s.
    "map": {100_000: 1.0, 1_000_000: 0.075},
}
BARS = {  # seconds
    "map": {100_000: 8.4, 1_000_000: 9.0},  # half of the first release's
    "slider to labels": {10_000: 0.05, 100_000: 0.2, 1_000_000: 2.0},
    "vectors to tables": {1_000_000: 60.0},
    "first labels, fresh process": {200: 1.5},
    "export as hard links": {10_000: 5.0},
    "replay page": {100_000: 10.0},
    "decoding of a photograph": {1: 0.06},
}
MEMORY_BAR, PAGE_BAR = 5.0, 10.0  # gigabytes of a million images, megabytes of a replay page
WARM_UP = 2_500  # images: enough for the peer to compile everything
JUDGED = 1_000  # images that recall is measured on
GROWTH = (1_000, 3_000, 10_000, 30_000, 100_000, 1_000_000)  # images
PHOTOGRAPHS = 8  # of 12 megapixels

START = """
import sys, time
sys.modules["pandas"] = None  # of no base install; scikit-learn imports it where it is
import torch, numpy as np
start, used = time.perf_counter(), time.process_time()
import protolabel as pl
rng = np.random.default_rng(0)
quiet = lambda *step: None
text = np.linalg.qr(rng.normal(size=(512, 512)))[0][:5]
x = (text[rng.integers(5, size=200)] + rng.normal(scale=0.04, size=(200, 512))).astype("f4")
classes = pl.ClassVectors(list("abcde"), text.astype("f4"))
graph = pl.knn_graph(x)
clusters = pl.cluster(x, graph, progress=quiet)
pl.label(pl.refine(x, classes, clusters, graph=graph, progress=quiet)).label
print(time.perf_counter() - start, time.process_time() - used)
"""


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    images: int
    what: str
    seconds: Seconds
    peer: Seconds | None
    note: str

    def __str__(self) -> str:
        peer, ratio, bars, clock = "", "", [], self.seconds.clock
        if self.peer is not None:
            peer, ratio = f"{self.peer.clock:.3g} s", f"{clock / self.peer.clock:.2f}"
            bars.append((RATIO_BARS, clock / self.peer.clock, ""))
        bars.append((BARS, clock, " s"))
        met = ", ".join(
            f"{bar:g}{of} {'met' if measured <= bar else 'MISSED'}"
            for table, measured, of in bars
            if (bar := table.get(self.what, {}).get(self.images)) is not None
        )
        return (
            f"| {self.images:,} | {self.what} | {clock:.3g} s | {self.seconds.processor:.3g} s "
            f"| {peer} | {ratio} | {met} | {self.note} |"
        )


def in_turns(rounds: int, *steps: Callable[[], Any]) -> list[tuple[Seconds, Any]]:
    """Run the steps in turns; return the median seconds and the last result of each."""
    taken: list[list[Seconds]] = [[] for _ in steps]
    results: list[Any] = [None] * len(steps)
    for _ in range(rounds):
        for number, step in enumerate(steps):
            seconds, results[number] = timed(step)
            taken[number].append(seconds)
    return [(median(t), result) for t, result in zip(taken, results, strict=True)]


def recall(vectors: np.ndarray, indices: np.ndarray, k: int = 5) -> float:
    """Share of the `k` nearest neighbours that the graph has among its first `k`."""
    rows = np.random.default_rng(1).choice(len(vectors), min(JUDGED, len(vectors)), replace=False)
    unit = unit_rows(vectors[np.sort(rows)])
    best = np.full((len(rows), k), -np.inf, np.float32)
    near = np.zeros((len(rows), k), np.int64)
    for start in range(0, len(vectors), 20_000):
        cosine = unit @ unit_rows(vectors[start : start + 20_000]).T
        inside = (np.sort(rows) >= start) & (np.sort(rows) < start + 20_000)
        cosine[inside, np.sort(rows)[inside] - start] = -np.inf
        top = np.argpartition(-cosine, k, axis=1)[:, :k]
        value = np.column_stack([best, np.take_along_axis(cosine, top, axis=1)])
        where = np.column_stack([near, top + start])
        top = np.argsort(-value, axis=1)[:, :k]
        best, near = np.take_along_axis(value, top, 1), np.take_along_axis(where, top, 1)
    found = indices[np.sort(rows), :k, None] == near[:, None]
    return float(found.any(axis=2).mean())


@lru_cache
def simulated(folder: Path, n: int) -> tuple[Path, tuple[np.ndarray, np.ndarray, pl.ClassVectors]]:
    """Return the file of the vectors of `n` images, and their modes, truth and text."""
    path = folder / f"{n}.npy"
    return path, simulate(path, n, 10)


def measure(n: int, rounds: int, steps: list[str], folder: Path) -> list[Row]:
    """Measure one number of images."""
    from sklearn.metrics import adjusted_rand_score

    path, (modes, truth, classes) = simulated(folder, n)
    x = np.load(path, mmap_mode="r")
    k = choose_preset(None, n).neighbors

    def ours() -> tuple[pl.KnnGraph, pl.Clusters]:
        graph = pl.knn_graph(x, k)
        return graph, pl.cluster(x, graph, progress=silent)

    def peer() -> Any:
        from evoc import EVoC

        return EVoC(random_state=0).fit(np.asarray(x, np.float32))

    rows = []
    if {"graph", "map"} & set(steps):
        few = 1 if n >= 1_000_000 else rounds
        (seconds, (graph, clusters)), (theirs, model) = in_turns(few, ours, peer)
        score = adjusted_rand_score(modes, clusters.nearest)
        other = max(adjusted_rand_score(modes, layer) for layer in model.cluster_layers_)
        near = recall(x, graph.indices)
        note = f"ARI {score:.3f}, peer {other:.3f}; recall@5 {near:.3f}"
        rows.append(Row(n, "graph and clusters", seconds, theirs, note))
    elif {"labels", "slider"} & set(steps):
        graph, clusters = ours()
    if "map" in steps:
        ((taken, xy),) = in_turns(rounds, lambda: pl.project(x, graph, progress=silent))
        rows.append(Row(n, "map", taken, theirs, f"{same_class(xy, truth):.3f} beside their class"))
    if "labels" in steps:

        def zero_shot() -> np.ndarray:
            text = unit_rows(classes.vectors).T
            step = 20_000
            parts = (
                np.asarray(x[start : start + step], np.float32) @ text
                for start in range(0, n, step)
            )
            return np.concatenate([part.argmax(axis=1) for part in parts])

        (seconds, run), (once, first) = in_turns(
            rounds,
            lambda: pl.refine(x, classes, clusters, graph=graph, iterations=5, progress=silent),
            zero_shot,
        )
        label = pl.label(run).label
        note = f"accuracy {np.mean(label == truth):.3f}, zero-shot {np.mean(first == truth):.3f}"
        rows.append(Row(n, "five iterations", seconds, once, note))
    if "slider" in steps:
        # As in a session, which prepares the loop once for every place of the slider.
        loop = prepare(x, classes, clusters, graph=graph)
        places = iter(np.linspace(0.05, 0.3, rounds))
        ((taken, _),) = in_turns(rounds, lambda: pl.label(loop.refine(next(places), 5, silent)))
        rows.append(Row(n, "slider to labels", taken, None, ""))
    return rows


def whole(n: int, folder: Path) -> tuple[Row, float]:
    """Take a session from vectors to tables; return its row, and gigabytes."""
    path, (_, _, classes) = simulated(folder, n)
    text = folder / "text.npy"
    np.save(text, classes.vectors)
    script = Path(__file__).with_name("whole.py")
    done = subprocess.run(
        [sys.executable, script, path, text], stdout=subprocess.PIPE, text=True, check=True
    )
    found = json.loads(done.stdout.splitlines()[-1])
    clock, processor, peak = found["clock"], found["processor"], found["gigabytes"]
    total = Seconds(*(sum(took.values()) - took["slider"] for took in (clock, processor)))
    note = ", ".join(f"{step} {seconds:.1f}" for step, seconds in clock.items())
    limit = f" (5 GB {'met' if peak <= MEMORY_BAR else 'MISSED'})" if n == 1_000_000 else ""
    return Row(n, "vectors to tables", total, None, f"{note}; {peak:.1f} GB{limit}"), peak


def growth(grown: list[tuple[int, float, float]]) -> str:
    """Say whether time and memory grow faster than N log N over the largest sizes."""
    (few, fast, small), (many, slow, large) = grown[-2:]
    allowed = many * np.log(many) / (few * np.log(few))
    met = "met" if max(slow / fast, large / small) <= allowed else "MISSED"
    return (
        f"| {few:,} to {many:,} | growth | {slow / fast:.1f} times the time | | | "
        f"| {allowed:.1f} times (N log N) {met} | {large / small:.1f} times the memory |"
    )


def plot_growth(grown: list[tuple[int, float, float]], file: Path) -> None:
    """Draw seconds and gigabytes of a session by its number of images, beside N log N."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    n, seconds, gigabytes = (np.array(values, float) for values in zip(*grown, strict=True))
    line = n * np.log(n)
    figure, sides = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    for side, values, name in zip(
        sides, (seconds, gigabytes), ("seconds", "gigabytes"), strict=True
    ):
        side.loglog(n, values, "o-", label="a session")
        side.loglog(n, values[-1] * line / line[-1], "--", color="grey", label="N log N")
        side.set(xlabel="images", ylabel=name)
        side.legend()
    figure.savefig(file, dpi=110)


def same_class(xy: np.ndarray, truth: np.ndarray) -> float:
    """Share of images whose nearest image on the map is of their class."""
    from scipy.spatial import KDTree

    rows = np.random.default_rng(1).choice(len(xy), min(JUDGED, len(xy)), replace=False)
    near = KDTree(xy).query(xy[rows], 2)[1][:, 1]
    return float(np.mean(truth[near] == truth[rows]))


def first_labels(rounds: int) -> Row:
    """Time the first labels of 200 images in fresh processes, with no compiled code stored."""
    taken = []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as empty:
            done = subprocess.run(
                [sys.executable, "-c", START], capture_output=True, text=True, check=True,
                env=os.environ | {"NUMBA_CACHE_DIR": empty},
            )  # fmt: skip
            taken.append(Seconds(*map(float, done.stdout.split())))
    return Row(200, "first labels, fresh process", median(taken), None, "after torch is imported")


def decoding() -> Row:
    """Time the decoding of photographs of 12 megapixels for an encoder, on one core."""
    with tempfile.TemporaryDirectory() as folder:
        images = write_files(Path(folder) / "photos", SIZES["12 megapixels"], PHOTOGRAPHS)
        paths = [images.path(number) for number in range(PHOTOGRAPHS)]
        seconds, _ = timed(lambda: [read_image(path, short_side=2 * 224) for path in paths])
    each = Seconds(seconds.clock / PHOTOGRAPHS, seconds.processor / PHOTOGRAPHS)
    return Row(1, "decoding of a photograph", each, None, "12 megapixels, one core")


def main() -> None:
    """Read the command line, measure, print the table as it grows."""
    parser = argparse.ArgumentParser(
        prog="python tests/benchmarks/speed", description=__doc__.splitlines()[0]
    )
    parser.add_argument("sizes", nargs="*", type=int, default=[10_000, 100_000], metavar="SIZES")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--plot", type=Path, help="where to draw the growth")
    parser.add_argument("--steps", nargs="+", choices=STEPS, default=list(STEPS))
    options = parser.parse_args()
    threads = os.environ.get("OMP_NUM_THREADS", "as many threads as cores")
    print(
        f"{time.strftime('%-d %B %Y')}, {platform.machine()} with {os.cpu_count()} cores, "
        f"{threads}. Medians of {options.rounds} rounds. Ratios and bars are of the clock.\n\n"
        "| images | step | clock | processor | peer's clock | ratio | bar | |\n"
        "|---|---|---|---|---|---|---|---|"
    )
    for row in rows(options.sizes, options.rounds, options.steps, options.plot):
        print(row, flush=True)


def rows(sizes: list[int], rounds: int, steps: list[str], plot: Path | None) -> Iterator[Row | str]:
    """Measure everything, and yield a line of the table after another."""
    if "start" in steps:
        yield first_labels(rounds)
    if "files" in steps:
        yield Row(10_000, "export as hard links", export_seconds(10_000), None, "")
        seconds, size = replay_page(100_000)
        met = "met" if size <= PAGE_BAR else "MISSED"
        yield Row(100_000, "replay page", seconds, None, f"{size:.1f} MB (10 MB {met})")
    if "decoding" in steps:
        yield decoding()
    with tempfile.TemporaryDirectory() as home:
        folder = Path(home)
        if "whole" in steps:
            grown = []
            smaller = GROWTH if plot is not None else ()
            for n in sorted({*sizes, *(size for size in smaller if size < max(sizes))}):
                row, peak = whole(n, folder)
                grown.append((n, row.seconds.clock, peak))
                yield row
            if len(grown) > 1:
                yield growth(grown)
            if plot is not None:
                plot_growth(grown, plot)
        if {"graph", "map", "labels", "slider"} & set(steps):
            measure(WARM_UP, 1, steps, folder)
            for n in sizes:
                yield from measure(n, rounds, steps, folder)


if __name__ == "__main__":
    main()

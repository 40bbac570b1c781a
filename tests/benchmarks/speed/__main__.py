"""Seconds from vectors to neighbours, clusters, labels and map, beside EVoC in the same run.

    python tests/benchmarks/speed [SIZES ...] [--rounds 3] [--plot growth.png]
        [--steps start graph map labels slider whole files]

For every number of images, protolabel and its peer take turns on the same simulated vectors
(`large_folder.py`: float16, 512 dimensions, a memory map on disk), so that a busy machine slows
both. The table has the median of each, their ratio, the aim and whether it is met, and how good
the result is. Seconds are of the processor: run it with ``OMP_NUM_THREADS=1 NUMBA_NUM_THREADS=1``,
and they are those of an idle machine's clock, nearly. The peer is EVoC (``pip install -e
'.[benchmarks]'``); the loop is compared with one zero-shot pass. A first round that compiles is not
counted, except for the first labels. The step "whole" takes a session from vectors to tables in a
process of its own (`whole.py`), and ``--plot`` draws how its time and memory grow.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from files import export_seconds, replay_page
from large_folder import simulate

import protolabel as pl
from protolabel.clustering.presets import choose_preset
from protolabel.common.progress import silent
from protolabel.common.vectors import unit_rows
from protolabel.refinement.loop import prepare

if TYPE_CHECKING:
    from collections.abc import Callable

STEPS = ("start", "graph", "map", "labels", "slider", "whole", "files")
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
}
MEMORY_BAR, PAGE_BAR = 5.0, 10.0  # gigabytes of a million images, megabytes of a replay page
WARM_UP = 2_500  # images: enough for the peer to compile everything
JUDGED = 1_000  # images that recall is measured on

MEMORY = """
import resource, sys
import numpy as np, protolabel as pl
from protolabel.clustering.presets import choose_preset
x = np.load(sys.argv[1], mmap_mode="r")
quiet = lambda *step: None
graph = pl.knn_graph(x, choose_preset(None, len(x)).neighbors)
pl.cluster(x, graph, progress=quiet)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20)
"""

START = """
import sys, time
sys.modules["pandas"] = None  # of no base install; scikit-learn imports it where it is
import torch, numpy as np
start = time.process_time()
import protolabel as pl
rng = np.random.default_rng(0)
quiet = lambda *step: None
text = np.linalg.qr(rng.normal(size=(512, 512)))[0][:5]
x = (text[rng.integers(5, size=200)] + rng.normal(scale=0.04, size=(200, 512))).astype("f4")
classes = pl.ClassVectors(list("abcde"), text.astype("f4"))
graph = pl.knn_graph(x)
clusters = pl.cluster(x, graph, progress=quiet)
pl.label(pl.refine(x, classes, clusters, graph=graph, progress=quiet)).label
print(time.process_time() - start)
"""


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    images: int
    what: str
    seconds: float
    peer: float | None
    note: str

    def __str__(self) -> str:
        peer, ratio, bars = "", "", []
        if self.peer is not None:
            peer, ratio = f"{self.peer:.2f} s", f"{self.seconds / self.peer:.2f}"
            bars.append((RATIO_BARS, self.seconds / self.peer, ""))
        bars.append((BARS, self.seconds, " s"))
        met = ", ".join(
            f"{bar:g}{of} {'met' if measured <= bar else 'MISSED'}"
            for table, measured, of in bars
            if (bar := table.get(self.what, {}).get(self.images)) is not None
        )
        return (
            f"| {self.images:,} | {self.what} | {self.seconds:.2f} s | {peer} "
            f"| {ratio} | {met} | {self.note} |"
        )


def in_turns(rounds: int, *steps: Callable[[], Any]) -> list[tuple[float, Any]]:
    """Run the steps in turns; return the median seconds and the last result of each."""
    taken: list[list[float]] = [[] for _ in steps]
    results: list[Any] = [None] * len(steps)
    for _ in range(rounds):
        for number, step in enumerate(steps):
            start = time.process_time()
            results[number] = step()
            taken[number].append(time.process_time() - start)
    return [(statistics.median(t), result) for t, result in zip(taken, results, strict=True)]


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


def measure(n: int, rounds: int, steps: list[str], folder: Path) -> list[Row]:
    """Measure one number of images."""
    from sklearn.metrics import adjusted_rand_score

    path = folder / f"{n}.npy"
    modes, truth, classes = simulate(path, n, 10)
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
        (seconds, (graph, clusters)), (theirs, model) = in_turns(rounds, ours, peer)
        score = adjusted_rand_score(modes, clusters.nearest)
        other = max(adjusted_rand_score(modes, layer) for layer in model.cluster_layers_)
        memory = subprocess.run(
            [sys.executable, "-c", MEMORY, str(path)], capture_output=True, text=True, check=True
        )
        note = (
            f"ARI {score:.3f}, peer {other:.3f}; recall@5 {recall(x, graph.indices):.3f}; "
            f"{float(memory.stdout):.1f} GB"
        )
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
    path, text = folder / f"{n}.npy", folder / "text.npy"
    np.save(text, simulate(path, n, 10)[2].vectors)
    script = Path(__file__).with_name("whole.py")
    done = subprocess.run(
        [sys.executable, script, path, text], stdout=subprocess.PIPE, text=True, check=True
    )
    found = json.loads(done.stdout.splitlines()[-1])
    took, peak = found["seconds"], found["gigabytes"]
    total = sum(took.values()) - took["slider"]
    note = ", ".join(f"{step} {seconds:.1f}" for step, seconds in took.items())
    limit = f" (5 GB {'met' if peak <= MEMORY_BAR else 'MISSED'})" if n == 1_000_000 else ""
    return Row(n, "vectors to tables", total, None, f"{note}; {peak:.1f} GB{limit}"), peak


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
            taken.append(float(done.stdout))
    return Row(200, "first labels, fresh process", statistics.median(taken), None, "")


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
    print(
        f"{time.strftime('%-d %B %Y')}, {platform.machine()} with {os.cpu_count()} cores, "
        f"{os.environ.get('OMP_NUM_THREADS', 'all')} threads; processor seconds, medians of "
        f"{options.rounds} rounds\n"
    )
    print("| images | step | protolabel | peer | ratio | bar | |\n|---|---|---|---|---|---|---|")
    if "start" in options.steps:
        print(first_labels(options.rounds), flush=True)
    if "files" in options.steps:
        print(Row(10_000, "export as hard links", export_seconds(10_000), None, ""), flush=True)
        seconds, size = replay_page(100_000)
        met = "met" if size <= PAGE_BAR else "MISSED"
        note = f"{size:.1f} MB (10 MB {met})"
        print(Row(100_000, "replay page", seconds, None, note), flush=True)
    grown = []
    with tempfile.TemporaryDirectory() as folder:
        if "whole" in options.steps:
            for n in options.sizes:
                row, peak = whole(n, Path(folder))
                grown.append((n, row.seconds, peak))
                print(row, flush=True)
        if options.plot is not None and len(grown) > 1:
            plot_growth(grown, options.plot)
        if {"graph", "map", "labels", "slider"} & set(options.steps):
            measure(WARM_UP, 1, options.steps, Path(folder))
            for n in options.sizes:
                for row in measure(n, options.rounds, options.steps, Path(folder)):
                    print(row, flush=True)


if __name__ == "__main__":
    main()

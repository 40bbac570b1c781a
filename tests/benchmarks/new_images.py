"""How well and how fast new images are labelled with what a run left behind.

    python tests/benchmarks/new_images.py [FEATURES.npz ...] [--simulated 1000000] [--draws 5]

Real features: a run over one half of a set labels the other half, several times over, and is
compared with a run over everything. Simulated vectors (`large_folder.py`): a run over a sample
labels all of them, and is compared with a run over all of them. A file of features holds what the
quality benchmark takes.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import protolabel as pl
from protolabel.clustering.presets import choose_preset
from protolabel.common.progress import silent

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parent / "quality")]

from large_folder import simulate  # noqa: E402 -- after the paths it lies on
from tasks import load  # noqa: E402

MOST_LOST, LEAST_GAIN = 0.3, -1.0  # points, of the real sets
MOST_LOST_SIMULATED = 0.2
ONE_IMAGE, ALL_IMAGES = 0.020, 120.0  # seconds


def run(vectors: np.ndarray, classes: pl.ClassVectors) -> pl.Labels:
    """Label vectors by the loop."""
    graph = pl.knn_graph(vectors, choose_preset(None, len(vectors)).neighbors)
    clusters = pl.cluster(vectors, graph, progress=silent)
    return pl.label(pl.refine(vectors, classes, clusters, graph=graph, progress=silent))


def verdict(met: bool) -> str:
    """Return how a bar went."""
    return "met" if met else "MISSED"


def real(files: list[Path], draws: int) -> None:
    """Fit on one half of each set, apply to the other."""
    print("| set | zero-shot | prototypes | each by itself | together | run over everything |")
    print("|---|---|---|---|---|---|")
    rows = []
    for file in files:
        task = load(file)
        whole, scores = run(task.vectors, task.classes), []
        for draw in range(draws):
            order = np.random.default_rng([draw, 0]).permutation(len(task.truth))
            old, new = np.sort(order[: len(order) // 2]), np.sort(order[len(order) // 2 :])
            x, truth = task.vectors[new], task.truth[new]
            labels = run(task.vectors[old], task.classes)
            alone = pl.PrototypeClassifier.from_labels(labels)
            classifier = pl.PrototypeClassifier.from_labels(labels, task.vectors[old])
            found = (
                whole.at(0).label[new],
                alone.label(x).label,
                classifier.label(x, together=False).label,
                classifier.label(x).label,
                whole.label[new],
            )
            scores.append([100 * np.mean(label == truth) for label in found])
        rows.append(np.mean(scores, axis=0))
        print(f"| {file.stem} | " + " | ".join(f"{score:.1f}" for score in rows[-1]) + " |")
    mean = np.mean(rows, axis=0)
    print("| mean | " + " | ".join(f"{score:.2f}" for score in mean) + " |")
    lost, gain = mean[4] - mean[3], min(row[3] - row[0] for row in rows)
    print(f"\nBehind a run over everything: {lost:.2f} points, bar {MOST_LOST}: ", end="")
    print(verdict(lost <= MOST_LOST))
    print(f"Against zero-shot, worst set: {gain:+.2f} points, bar {LEAST_GAIN:g}: ", end="")
    print(verdict(gain >= LEAST_GAIN))


def simulated(n: int, sample: int, folder: Path) -> None:
    """Fit on a sample of simulated vectors, label all of them."""
    path = folder / "vectors.npy"
    _, truth, classes = simulate(path, n, 10)
    vectors = np.load(path, mmap_mode="r")
    rows = np.sort(np.random.default_rng(1).choice(n, min(n, sample), replace=False))
    start = time.perf_counter()
    labels = run(vectors[rows], classes)
    classifier = pl.PrototypeClassifier.from_labels(labels, vectors[rows])
    fitted = time.perf_counter()
    classifier.save(folder / "classifier.npz")
    classifier = pl.PrototypeClassifier.load(folder / "classifier.npz")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    begun, busy = time.perf_counter(), time.process_time()
    found = classifier.label(vectors)
    taken, busy = time.perf_counter() - begun, time.process_time() - busy
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    ones = []
    for row in range(50):
        begun = time.perf_counter()
        classifier.label(vectors[row : row + 1])
        ones.append(time.perf_counter() - begun)
    one = float(np.median(ones))
    score = 100 * np.mean(found.label == truth)
    size = (folder / "classifier.npz").stat().st_size / 2**20
    print(f"\n{n:,} simulated vectors, fitted on {len(rows):,} in {fitted - start:.0f} s, the file")
    print(f"of the classifier {size:.0f} MB; accuracy of new labels {score:.2f} %")
    print(f"one image: {1000 * one:.1f} ms, bar {1000 * ONE_IMAGE:g}: {verdict(one <= ONE_IMAGE)}")
    bar = ALL_IMAGES * n / 1e6
    print(f"all images: {taken:.1f} s, bar {bar:g}: {verdict(taken <= bar)}; ", end="")
    print(f"{busy:.1f} s of processor time; ", end="")
    print(f"memory {before:.1f} GB before, {after:.1f} GB at most")
    whole = run(vectors, classes)
    wanted = 100 * np.mean(whole.label == truth)
    zero_shot = 100 * np.mean(whole.at(0).label == truth)
    lost = wanted - score
    print(f"a run over everything: {wanted:.2f} %, zero-shot {zero_shot:.2f} %")
    print(f"behind it: {lost:.2f} points, bar {MOST_LOST_SIMULATED}: ", end="")
    print(verdict(lost <= MOST_LOST_SIMULATED))


def main() -> None:
    """Read the command line, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("features", nargs="*", type=Path, metavar="FEATURES.npz")
    parser.add_argument("--simulated", type=int, default=1_000_000, metavar="N", help="0: none")
    parser.add_argument("--sample", type=int, default=100_000, help="images of the run")
    parser.add_argument("--draws", type=int, default=5)
    options = parser.parse_args()
    if options.features:
        real(options.features, options.draws)
    if options.simulated:
        with tempfile.TemporaryDirectory() as folder:
            simulated(options.simulated, options.sample, Path(folder))


if __name__ == "__main__":
    main()

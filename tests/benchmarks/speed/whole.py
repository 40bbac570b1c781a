"""From vectors to clusters, labels, map and tables in a process of its own: seconds and memory.

    python tests/benchmarks/speed/whole.py VECTORS.npy TEXT.npy

Prints one line of JSON: seconds of the clock and of the processor for every step, and the peak of
the memory in GB.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import protolabel as pl
from protolabel.common.progress import silent


def main() -> None:
    """Take the steps that a session takes, and print what each of them costs."""
    found = pl.load_embeddings(np.load(sys.argv[1], mmap_mode="r"))
    text = np.load(sys.argv[2])
    classes = pl.ClassVectors([f"class {number}" for number in range(len(text))], text)
    few = np.array(found.vectors[:2_500], np.float32)
    pl.project(few, pl.knn_graph(few), progress=silent)  # UMAP compiles
    clock, processor = {}, {}
    begun = time.perf_counter(), time.process_time()

    def done(step: str) -> None:
        nonlocal begun
        now = time.perf_counter(), time.process_time()
        clock[step], processor[step] = now[0] - begun[0], now[1] - begun[1]
        begun = now

    session = pl.Session(found, classes=classes)
    graph = session.graph
    done("graph")
    clusters = session.clusters
    done("clusters")
    labels = session.labels
    done("labels")
    session.temperature = 0.12
    again = session.labels
    done("slider")
    session.map  # noqa: B018 -- computed when it is first asked for
    done("map")
    with tempfile.TemporaryDirectory() as folder:
        session.export(Path(folder) / "dataset", formats=["csv"])
        done("tables")
    del graph, clusters, labels, again
    # The peak of getrusage would be that of the program that started this one, if it was larger.
    peak = int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]) / 2**20
    print(json.dumps({"clock": clock, "processor": processor, "gigabytes": peak}))


if __name__ == "__main__":
    main()

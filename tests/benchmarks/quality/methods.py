"""Every method of the benchmark as a function from a task to labels and confidence."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from peers import PEERS

import protolabel as pl
from protolabel.common.progress import silent

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from tasks import Task

__all__ = ["LONG", "METHODS", "OURS", "Outcome", "outcomes"]

OURS = "protolabel"
LONG = "20 iterations"  # ours, to see whether more iterations cost anything
METHODS = [*PEERS, "plain", LONG, OURS]
OWN: dict[str, dict] = {OURS: {}, LONG: {"iterations": 20}, "plain": {"method": "plain"}}


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a method says of a task.

    Attributes
    ----------
    method
        Its name.
    labels
        (N,) class index of every image.
    confidence
        (N,) in 0..1.
    seconds
        From vectors to labels; ours with neighbours and clusters.
    """

    method: str
    labels: np.ndarray
    confidence: np.ndarray
    seconds: float


def outcomes(task: Task, methods: list[str]) -> Iterator[Outcome]:
    """Run the named methods; those of protolabel share their neighbours and clusters."""
    for name, method in PEERS.items():
        if name in methods and not (name == "prompt ensemble" and task.prompts is None):
            start = time.perf_counter()
            share = method(task)
            seconds = time.perf_counter() - start
            yield Outcome(name, share.argmax(axis=1), share.max(axis=1), seconds)
    if not {OURS, LONG, "plain"} & set(methods):
        return
    start = time.perf_counter()
    graph = pl.knn_graph(task.vectors, 15)
    whole = graph if graph.k == 15 else None
    clusters = pl.cluster(task.vectors, whole, progress=silent)
    shared = time.perf_counter() - start
    for name, settings in OWN.items():
        if name in methods:
            start = time.perf_counter()
            run = pl.refine(
                task.vectors, task.classes, clusters, graph=graph, progress=silent, **settings
            )
            labels = pl.label(run)
            seconds = shared + time.perf_counter() - start
            yield Outcome(name, labels.label, labels.agreement, seconds)

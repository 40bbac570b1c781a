"""The methods that others have published: each a function of a task, written from the papers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from tasks import Task

from peers.baselines import centred_zero_shot, kmeans_hungarian, prompt_ensemble, zero_shot
from peers.stata import stata, stata_tempered
from peers.transclip import transclip, transclip_tempered
from peers.zlap import zlap

__all__ = ["PEERS", "Method"]

Method = Callable[[Task], np.ndarray]
"""A task in, (N, C) float32 class probabilities out: rows sum to 1, the label is the argmax."""

PEERS: dict[str, Method] = {
    "zero-shot": zero_shot,
    "prompt ensemble": prompt_ensemble,
    "centred zero-shot": centred_zero_shot,
    "k-means + Hungarian": kmeans_hungarian,
    "TransCLIP": transclip,
    "TransCLIP, tempered": transclip_tempered,
    "StatA": stata,
    "StatA, tempered": stata_tempered,
    "ZLaP": zlap,
}

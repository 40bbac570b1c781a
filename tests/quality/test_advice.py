"""What the guard advises was tried: pins on the names that it calls confused."""

from __future__ import annotations

import numpy as np
from pins import open_folder
from simulated import WORLDS, make

import protolabel as pl
from protolabel.evaluation.diagnostics import confused_pairs


def test_five_pins_of_each_confused_name_help_the_other_images_of_both():
    gains, told = [], []
    for seed in range(4):
        folder = open_folder(make(WORLDS["hard"], seed)[0])
        labels, truth = folder.labels({}), folder.task.truth
        first, second, _ = confused_pairs(labels)[0]
        pair = [labels.names.index(first), labels.names.index(second)]
        rng = np.random.default_rng(seed)
        pins = {int(i): c for c in pair for i in rng.permutation(np.flatnonzero(truth == c))[:5]}
        others = np.isin(truth, pair) & ~np.isin(np.arange(len(truth)), list(pins))
        before, after = (
            one.label[others] == truth[others] for one in (labels, folder.labels(pins))
        )
        gains.append(after.mean() - before.mean())
        text = " ".join(finding.text for finding in pl.diagnose(labels).findings)
        told.append(first in text and "pin five" in text)
    assert np.mean(gains) > 0.03
    assert np.mean(told) >= 0.75

"""What the guard advises was tried: pins on the names that it calls confused."""

from __future__ import annotations

import numpy as np
import pytest
from advice import Tried, confused, show, synonyms
from pins import open_folder
from simulated import WORLDS, make

import protolabel as pl
from protolabel.evaluation.diagnostics import confused_pairs


def test_five_pins_of_each_confused_name_help_the_other_images_of_both():
    gains, told = [], []
    for seed in range(12):
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


def test_names_are_confused_from_five_errors_between_them():
    truth = np.repeat([0, 1, 2, -1], 20)
    label = truth.copy()
    label[:3], label[20:22], label[40:44], label[60:] = 1, 0, 0, 0
    assert confused(label, truth) == {(0, 1)}


def test_a_synonym_is_near_its_name_and_nearer_to_no_other():
    text, words = np.eye(4, dtype=np.float32)[:2], np.array([[0.95, 0, 0.3, 0], [0.4, 0.3, 0, 0.9]])
    words = (words / np.linalg.norm(words, axis=1, keepdims=True)).astype(np.float32)
    changed = synonyms(text, np.array([0, 1]), words)
    assert changed[0] @ words[0] > text[0] @ words[0]
    np.testing.assert_array_equal(changed[1], text[1])
    assert synonyms(text, np.array([1]), words) is None


def test_the_table_counts_folders_and_pairs():
    rows = {"a": [Tried(2, 1, 1, 4.0, 1.0, 0.5), Tried(1, 0, 0), Tried(0, 1, 0, 2.0, 0.0, 0.0)]}
    last = show(rows).splitlines()[-1]
    assert last.startswith("| all | 2 of 3 | 1 | 1 of 1 | 2 | 1 | 1 of 3 | +3.0 of 2, worst +2.0 |")


@pytest.mark.slow
def test_the_command_prints_its_table(capsys):
    from advice import main

    main(["--draws", "1", "--settings", "5 classes x 4"])
    assert "| all | " in capsys.readouterr().out

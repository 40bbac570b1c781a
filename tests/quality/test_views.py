"""Second views of the benchmark."""

from __future__ import annotations

import numpy as np
from simulated import World, make
from views import accuracies, views


def test_a_view_is_compared_with_the_labels_without_it():
    task, _ = make(World(classes=4, per_class=30), 0)
    seen = views(task, 0)
    assert seen["12"].shape == (120, 12)
    rows = dict(accuracies(task.vectors, task.classes, task.truth, seen))
    zero_shot, alone, *_ = rows["noise"]
    assert zero_shot == np.mean((task.vectors @ task.text.T).argmax(axis=1) == task.truth)
    assert {row[1] for row in rows.values()} == {alone}
    assert rows["sharp"][3] > rows["noise"][3]

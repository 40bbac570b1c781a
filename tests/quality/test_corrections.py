from __future__ import annotations

from collections import defaultdict
from itertools import pairwise

import numpy as np
import pytest
from corrections import COUNTS, balanced_pins, measure, ordered_pins, show
from heads import HEADS
from orders import ORDERS
from pins import open_folder
from simulated import World, make


@pytest.fixture(scope="module")
def folder():
    return open_folder(make(World(classes=4, per_class=40), 0)[0])


@pytest.mark.parametrize("name", ORDERS)
def test_an_order_names_images_that_are_not_pinned_once(folder, name):
    labels = folder.labels({0: 1, 5: 2})
    chosen = ORDERS[name](folder, labels, 12)
    assert len(set(chosen.tolist())) == 12
    assert not set(chosen.tolist()) & {0, 5}


def test_more_pins_hold_the_fewer_and_are_true(folder):
    every = list(ordered_pins(folder, "ours"))
    assert [len(pins) for pins in every] == [4 * count for count in COUNTS]
    assert all(few.items() <= more.items() for few, more in pairwise(every))
    assert all(folder.task.truth[image] == label for image, label in every[-1].items())


@pytest.mark.parametrize("name", HEADS)
def test_heads_learn_classes_that_lie_apart(folder, name):
    *_, pins = balanced_pins(folder)
    assert np.mean(HEADS[name](folder.task, pins) == folder.task.truth) > 0.9


def test_the_tables_name_every_order_and_head(folder):
    rows = defaultdict(list)
    measure(folder, ["random", "ours"], rows)
    text = show(rows)
    assert all(name in text for name in (*HEADS, "the loop", "random", "ours"))

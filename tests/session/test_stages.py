"""Stages declare what they need, and what has to be computed again follows from that."""

from __future__ import annotations

import threading

import pytest

from protolabel.session.session import Session
from protolabel.session.stages import Stages, stage

DROPPED = {
    "classes": "text loop refinement all_labels fit labels prototype_map",
    "templates": "text loop refinement all_labels fit labels prototype_map",
    "preset": "graph visual_graph name_tree clusters first_clusters map loop refinement all_labels "
    "fit labels prototype_map",
    "seed": "graph visual_graph name_tree clusters first_clusters map loop refinement all_labels "
    "fit labels prototype_map",
    "visual": "visual visual_space visual_graph clusters first_clusters map loop refinement "
    "all_labels fit labels prototype_map",
    "min_cluster_size": "clusters first_clusters loop refinement all_labels fit labels "
    "prototype_map",
    "method": "loop refinement all_labels fit labels prototype_map",
    "temperature": "refinement all_labels fit labels prototype_map",
    "iterations": "refinement all_labels fit labels prototype_map",
    "units": "loop refinement all_labels fit labels prototype_map",
    "pins": "loop refinement all_labels fit labels prototype_map",
    "kept": "all_labels fit labels",
    "vocabulary": "vocabulary words name_tree fit labels",
    "none_of_these": "labels",
}


def test_a_setting_drops_the_stages_that_follow_from_it():
    stages = Stages(Session)
    assert set(DROPPED) == set(stages.feeds)
    every = {name: name for name in stages.follows}
    for setting, dropped in DROPPED.items():
        stages.put(**every)
        stages.changed(setting)
        assert set(every) - set(stages.names) == set(dropped.split()), setting


class Sums:
    """Doubles and adds, and counts how often."""

    def __init__(self) -> None:
        self._stages = Stages(Sums)
        self.number, self.other = 1, 10
        self.counts = {"double": 0, "total": 0}

    @stage(settings=("number",))
    def double(self) -> int:
        """Twice the number."""
        self.counts["double"] += 1
        return 2 * self.number

    @stage("double", settings=("other",))
    def total(self) -> int:
        """The sum."""
        self.counts["total"] += 1
        return self.double + self.other

    @stage()
    def _absent(self) -> None:
        return None


def test_a_stage_is_computed_once_and_again_after_a_change():
    sums = Sums()
    assert [sums.total, sums.total] == [12, 12]
    sums.other = 20
    sums._stages.changed("other")
    assert sums.total == 22
    assert sums.counts == {"double": 1, "total": 2}
    sums.number = 2
    sums._stages.changed("number")
    assert sums.total == 24
    assert sums.counts == {"double": 2, "total": 3}
    assert sums._stages.settings_of("total") == ("number", "other")
    assert sums._stages.settings_of("double") == ("number",)


def test_a_stage_has_the_docstring_of_its_method():
    assert Sums.double.__doc__ == "Twice the number."
    assert Sums.double.needs == ()
    assert Sums.total.needs == ("double",)


def test_a_stage_that_does_not_apply_is_not_at_hand():
    sums = Sums()
    assert sums._absent is None
    assert sums._stages.names == ()


def test_a_stage_cannot_be_set():
    with pytest.raises(AttributeError):
        Sums().total = 3


def test_many_threads_get_one_value():
    sums, got = Sums(), []
    threads = [threading.Thread(target=lambda: got.append(sums.total)) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == [12] * 16
    assert sums.counts == {"double": 1, "total": 1}

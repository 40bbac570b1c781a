from __future__ import annotations

from dataclasses import replace

import pytest

from protolabel.clustering.presets import PRESETS, choose_preset
from protolabel.errors import InputError


@pytest.mark.parametrize(
    ("n", "name"),
    [(1, "small"), (999, "small"), (1_000, "medium"), (50_000, "large"), (1_000_000, "large")],
)
def test_the_number_of_images_chooses(n, name):
    assert choose_preset(None, n).name == name


def test_a_name_overrules_the_number():
    assert choose_preset("small", 10**6) is PRESETS["small"]


def test_a_preset_of_ones_own_is_kept():
    own = replace(PRESETS["medium"], min_cluster_size=9)
    assert choose_preset(own, 5) is own


def test_an_unknown_name_lists_the_known():
    with pytest.raises(InputError, match="small, medium, large, got 'huge'"):
        choose_preset("huge", 10)


@pytest.mark.parametrize("preset", [5, [], {}])
def test_what_is_no_name_is_refused(preset):
    with pytest.raises(InputError, match="Expected a preset"):
        choose_preset(preset, 10)


def test_clusters_grow_with_the_preset():
    sizes = [PRESETS[name].min_cluster_size for name in ("small", "medium", "large")]
    assert sizes == sorted(sizes)
    assert all(preset.min_samples <= preset.min_cluster_size for preset in PRESETS.values())

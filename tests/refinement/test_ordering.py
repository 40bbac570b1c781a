from __future__ import annotations

import numpy as np
import pytest
from worlds import make_world, visual_view

import protolabel as pl
from protolabel.common.progress import silent
from protolabel.refinement import ordering


@pytest.mark.parametrize("second", [False, True])
def test_the_order_in_memory_changes_no_label(monkeypatch, second):
    world = make_world()
    graph = pl.knn_graph(world.vectors)
    clusters = pl.cluster(world.vectors, graph, progress=silent)
    options = {"graph": graph, "pins": {7: 1, 3: 0}, "progress": silent}
    if second:
        visual = visual_view(world.truth, "sharp")
        options |= {"visual": visual, "visual_graph": pl.knn_graph(visual)}
        options |= {"first_clusters": clusters}
        clusters = pl.cluster(world.vectors, options["visual_graph"], progress=silent)
    run = pl.refine(world.vectors, world.classes, clusters, **options)
    monkeypatch.setattr(ordering, "FEWEST", 1)
    again = pl.refine(world.vectors, world.classes, clusters, **options)
    for before, after in zip(run.iterations, again.iterations, strict=True):
        np.testing.assert_array_equal(after.labels, before.labels)
        np.testing.assert_array_equal(after.runner_up, before.runner_up)
        np.testing.assert_allclose(after.agreement, before.agreement, atol=1e-4)
        np.testing.assert_allclose(after.prototypes, before.prototypes, atol=1e-4)
        assert after.further.shape == before.further.shape
    np.testing.assert_array_equal(again.pins, run.pins)
    np.testing.assert_allclose(again.micro_alignment, run.micro_alignment, atol=1e-4)

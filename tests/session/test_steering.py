"""How pins steer the anchored loop: the images around them, and names that they contradict."""

from __future__ import annotations

import numpy as np
import pytest
from worlds import World, clustered_world, make_world

import protolabel as pl
from protolabel.clustering.clusters import Clusters
from protolabel.clustering.image_space import image_space
from protolabel.common.progress import silent
from protolabel.common.vectors import log_softmax, unit_rows
from protolabel.refinement import anchored
from protolabel.refinement.prototypes import confused_votes


def labels(world: World, pins: dict[int, int] | None = None, **options) -> np.ndarray:
    run = pl.refine(world.vectors, world.classes, pins=pins, progress=silent, **options)
    return run.iterations[-1].labels


def true_pins(world: World, count: int, seed: int = 0) -> dict[int, int]:
    """Pins of `count` images of every class, with their true label; more hold the fewer."""
    rng = np.random.default_rng(seed)
    order = [rng.permutation(np.flatnonzero(world.truth == c)) for c in np.unique(world.truth)]
    return {int(i): int(world.truth[i]) for rows in order for i in rows[:count]}


def free_accuracy(world: World, got: np.ndarray, pins: dict[int, int]) -> float:
    free = np.setdiff1d(np.arange(len(world.truth)), list(pins))
    return float(np.mean(got[free] == world.truth[free]))


def misnamed_world(seed: int = 0) -> World:
    """Six classes, of which the first has a name that says something else."""
    world = make_world(absent=1, seed=seed)
    text = world.classes.vectors.copy()
    text[0] = text[6]
    return named(world, text)


def rightly_named_world(seed: int = 0) -> World:
    """The same images with the right names."""
    world = make_world(absent=1, seed=seed)
    return named(world, world.classes.vectors)


def named(world: World, text: np.ndarray) -> World:
    return World(world.vectors, pl.ClassVectors(world.classes.names[:6], text[:6]), world.truth)


def gains(world: World, seed: int) -> list[float]:
    """What 1, 2, 5 and 10 true pins a class gain over the images that are not pinned."""
    before = labels(world)
    every = [true_pins(world, count, seed) for count in (1, 2, 5, 10)]
    return [
        free_accuracy(world, labels(world, pins), pins) - free_accuracy(world, before, pins)
        for pins in every
    ]


def test_true_pins_cost_nothing_where_names_are_right_already():
    got = np.array([gains(make_world(seed=seed), seed) for seed in range(3)])
    assert (got > -0.01).all()  # 2 of 240 images
    assert (got[:, -1] >= 0).all()


def test_true_pins_gain_where_a_name_is_wrong_and_more_pins_gain_more():
    got = np.array([gains(misnamed_world(seed), seed) for seed in range(3)])
    assert (got > 0.02).all()
    assert (np.diff(got.mean(axis=0)) > 0).all()


@pytest.mark.parametrize(
    ("seed", "right"), [(0, {5: 192, 10: 167}), (1, {5: 192, 10: 164}), (2, {5: 200, 10: 171})]
)
def test_five_or_ten_true_pins_mend_most_of_what_a_wrong_name_costs(seed, right):
    """`right`: free images that were right when labels without pins were 1 to 3 points worse."""
    world, meant = misnamed_world(seed), rightly_named_world(seed)
    before, best = (free_accuracy(some, labels(some), {}) for some in (world, meant))
    for count, least in right.items():
        pins = true_pins(world, count, seed)
        after = free_accuracy(world, labels(world, pins), pins)
        assert round(after * (len(world.truth) - len(pins))) >= least
        assert after - before > 0.7 * (best - before)


@pytest.mark.parametrize("seed", range(3))
def test_pins_of_a_misnamed_class_bring_it_back_and_leave_the_others(seed):
    world = misnamed_world(seed)
    own = world.truth == 0
    before = labels(world)
    rows = np.random.default_rng(seed).permutation(np.flatnonzero(own))
    for count, gain, level in ((2, 0.15, 0.65), (5, 0.2, 0.76)):
        got = labels(world, dict.fromkeys(rows[:count].tolist(), 0))
        free = rows[count:]
        assert np.mean(got[free] == 0) > max(np.mean(before[free] == 0) + gain, level)
        lost = (before == world.truth)[~own].mean() - (got == world.truth)[~own].mean()
        assert lost < 0.02


def test_new_images_of_that_class_are_known_too():
    world = misnamed_world()
    half = np.arange(len(world.truth)) % 2 == 0
    folder = World(world.vectors[half], world.classes, world.truth[half])
    pins = dict.fromkeys(np.flatnonzero(folder.truth == 0)[:5].tolist(), 0)
    new = world.vectors[~half][world.truth[~half] == 0]

    def found(pins: dict[int, int] | None) -> float:
        run = pl.refine(folder.vectors, folder.classes, pins=pins, progress=silent)
        return float(np.mean(run.iterations[-1].model.scores(new).argmax(axis=1) == 0))

    assert found(pins) > found(None) + 0.15


def test_one_wrong_pin_is_harmless():
    world, graph, clusters = clustered_world()
    before = pl.refine(world.vectors, world.classes, clusters, graph=graph, progress=silent)
    right = before.iterations[-1].labels == world.truth
    rng = np.random.default_rng(0)
    for image in rng.choice(len(world.truth), 12, replace=False):
        wrong = int((world.truth[image] + rng.integers(1, 6)) % 6)
        run = pl.refine(
            world.vectors, world.classes, clusters, graph=graph,
            pins={int(image): wrong}, progress=silent,
        )  # fmt: skip
        still = run.iterations[-1].labels == world.truth
        assert right.sum() - still.sum() <= 4  # of 240: its own, and a few


def test_a_cluster_follows_several_pins():
    world, graph, clusters = clustered_world()
    free = pl.refine(world.vectors, world.classes, clusters, graph=graph, progress=silent)
    last = free.iterations[-1]
    before, after = [], []
    for cluster in np.unique(clusters.micro[clusters.micro >= 0]):
        inside = np.flatnonzero(clusters.micro == cluster)
        second = int(np.bincount(last.runner_up[inside]).argmax())
        pinned, rest = inside[::2], inside[1::2]
        run = pl.refine(
            world.vectors, world.classes, clusters, graph=graph,
            pins=dict.fromkeys(pinned.tolist(), second), progress=silent,
        )  # fmt: skip
        before.append(np.mean(last.labels[rest] == second))
        after.append(np.mean(run.iterations[-1].labels[rest] == second))
    assert np.mean(after) > np.mean(before) + 0.3
    assert (np.array(after) >= np.array(before)).all()


def test_unpinning_restores_every_number():
    world, graph, clusters = clustered_world()
    vectors = image_space(world.vectors)  # shared by the runs

    def run(pins: dict[int, int] | None) -> pl.Refinement:
        return pl.refine(vectors, world.classes, clusters, graph=graph, pins=pins, progress=silent)

    before = run(None)
    run({3: 1, 50: 2})
    after = run({})
    for a, b in zip(before.iterations, after.iterations, strict=True):
        for name in ("labels", "agreement", "margin", "runner_up", "prototypes", "class_mass"):
            np.testing.assert_array_equal(getattr(a, name), getattr(b, name))
    np.testing.assert_array_equal(before.micro_alignment, after.micro_alignment)


def test_permuted_images_and_classes_with_pins():
    world = misnamed_world()
    pins = true_pins(world, 3)
    got = labels(world, pins)
    images = np.random.default_rng(1).permutation(len(world.truth))
    order = np.array([3, 0, 5, 1, 4, 2])
    names = [world.classes.names[c] for c in order]
    turned = World(
        world.vectors[images], pl.ClassVectors(names, world.classes.vectors[order]), world.truth
    )
    place, rank = np.argsort(images), np.argsort(order)
    moved = {int(place[i]): int(rank[c]) for i, c in pins.items()}
    np.testing.assert_array_equal(order[labels(turned, moved)], got[images])


# --- the parts ----------------------------------------------------------------------------------


def test_pins_that_contradict_their_name_say_how_the_class_reads():
    share = np.array([[0.9, 0.1, 0], [0.2, 0.2, 0.6], [0.0, 0.5, 0.5], [0, 0, 1.0]], np.float32)
    votes = np.log(np.maximum(share, 1e-30))
    pins = np.array([[0, 0], [1, 1], [2, 1]])
    confused_classes, confusion = anchored._confusion(votes, pins)
    np.testing.assert_array_equal(confused_classes, [0, 1])
    first = (0.1 / 3) ** 2  # one pin, a tenth of it against its name
    second = (1.3 / 4) ** 2  # two pins: 0.2 as class 0, 1.1 as class 2
    wanted = [[1 - first, first, 0], [0.2 / 1.3 * second, 1 - second, 1.1 / 1.3 * second]]
    np.testing.assert_allclose(confusion, wanted, atol=1e-6)


def test_without_pins_the_text_is_read_as_it_is():
    votes = log_softmax(np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32))
    confused_classes, confusion = anchored._confusion(votes, np.empty((0, 2), np.int64))
    assert len(confused_classes) == len(confusion) == 0
    assert confused_votes(votes, confused_classes, confusion) is votes


def test_a_pin_that_reads_as_its_class_changes_no_text():
    votes = np.log(np.array([[1.0, 1e-30], [0.3, 0.7]], np.float32))
    confused_classes, confusion = anchored._confusion(votes, np.array([[0, 0]]))
    np.testing.assert_allclose(confused_votes(votes, confused_classes, confusion), votes, atol=1e-4)


def test_reread_votes_stay_finite_where_the_text_is_sure():
    votes = log_softmax(np.array([[0.0, -500.0, -600.0]], np.float32))
    got = confused_votes(votes, np.array([1]), np.array([[0.0, 1.0, 0.0]], np.float32))
    assert np.isfinite(got).all()
    np.testing.assert_allclose(np.exp(got).sum(), 1.0, rtol=1e-5)


def test_a_pin_counts_in_its_cluster_as_in_its_prototype():
    g = np.array([[1.0, 0.0], [0.5, 0.5], [0.0, 1.0], [0.3, 0.7]], np.float32)
    micro = np.array([0, 0, 0, -1], np.int32)
    centroids = unit_rows(np.eye(1, 3, dtype=np.float32))
    clusters = Clusters(micro, np.zeros(4, np.int32), centroids, np.zeros(1, int), centroids)
    weight = np.array([[4.0], [1.0], [1.0], [1.0]], np.float32)
    got = anchored._ClusterVotes(clusters, weight)(g)
    wanted = [[0.25, 0.75], [0.8, 0.2], [0.9, 0.1], [0.0, 0.0]]
    np.testing.assert_allclose(got, wanted, atol=1e-6)


def test_a_saved_classifier_keeps_what_pins_taught(tmp_path):
    world = misnamed_world()
    pins = true_pins(world, 3)
    run = pl.refine(world.vectors, world.classes, pins=pins, progress=silent)
    classifier = pl.PrototypeClassifier.from_labels(pl.label(run))
    read = pl.PrototypeClassifier.load(classifier.save(tmp_path / "classifier.npz"))
    assert len(read.model_.confused_classes) == 6
    wanted = run.iterations[-1].model.scores(world.vectors)
    np.testing.assert_array_equal(read.decision_function(world.vectors), wanted)

"""Visual vectors: a second view of the same images, by hand, in a session, on the command line."""

from __future__ import annotations

import json

import numpy as np
import pytest
import safetensors.torch
import timm
import torch
from fakes import ColourEncoder, draw
from scipy.sparse import csr_array
from worlds import clustered_world, make_world, visual_view

import protolabel as pl
from protolabel import cli
from protolabel.clustering.image_space import image_space
from protolabel.common.progress import silent
from protolabel.common.vectors import log_softmax, unit_rows
from protolabel.embedding.visual import embed_visual
from protolabel.evaluation.calibration import error_auroc
from protolabel.refinement.second_view import (
    autocorrelation,
    mixed_classes,
    new_information,
    visual_weight,
)


def accuracy(run, world, iteration=-1):
    return float(np.mean(run.iterations[iteration].labels == world.truth))


def refine(world, clusters=None, **options):
    return pl.refine(world.vectors, world.classes, clusters, progress=silent, **options)


def seen(kind, world=None):
    """A world, a second view of it, and its run with clusters of that view."""
    world = clustered_world()[0] if world is None else world
    visual = visual_view(world.truth, kind)
    clusters = pl.cluster(world.vectors, visual=visual, progress=silent)
    return world, visual, refine(world, clusters, visual=visual)


class TestTrust:
    def test_closed_forms(self):
        g = np.repeat(np.eye(2, dtype=np.float32), 200, axis=0)
        ring = lambda step: (np.arange(400) + step) % 400  # noqa: E731
        ones = np.ones(400, np.float32)
        same = csr_array((ones, (np.arange(400), np.arange(400))))
        assert visual_weight(same, same, g) == pytest.approx(1 / (1 + 0.05**2 + 1 / 200))
        other = csr_array((ones, (np.arange(400), ring(200))))
        assert visual_weight(other, same, g) == 0  # every neighbour is of the other class
        half = csr_array((ones, (np.arange(400), ring(100))))
        assert visual_weight(half, same, g) == pytest.approx(0, abs=1e-6)
        assert visual_weight(same, same, np.full((400, 2), 0.5, np.float32)) == 0  # no vote

    @pytest.mark.parametrize(("relative", "weight"), [(0.1, 0), (0.275, 0.5), (0.4, 1), (1, 1)])
    def test_what_it_knows_is_compared_with_the_first_view(self, relative, weight):
        g = np.repeat(np.eye(2, dtype=np.float32), 200, axis=0)
        here = (np.arange(400), np.arange(400))
        first = csr_array((np.ones(400, np.float32), here))
        far = (np.arange(400), (np.arange(400) + 100) % 400)  # no better than strangers
        mixed = csr_array((np.full(400, relative, np.float32), here))
        mixed = mixed + csr_array((np.full(400, 1 - relative, np.float32), far))
        alone = relative**2 / (relative**2 + 0.05**2 + 2 / mixed.nnz)
        assert visual_weight(mixed, first, g) == pytest.approx(weight * alone, abs=1e-4)

    def test_a_small_folder_is_trusted_less(self):
        few, many = np.eye(2, dtype=np.float32), np.tile(np.eye(2, dtype=np.float32), (500, 1))
        eye = lambda n: csr_array((np.ones(n, "f4"), (np.arange(n), np.arange(n))))  # noqa: E731
        assert visual_weight(eye(2), eye(2), few) < 0.55
        assert visual_weight(eye(1000), eye(1000), many) > 0.99

    @pytest.mark.parametrize("seed", range(3))
    def test_what_it_knows_is_compared_with_what_a_noisy_copy_would_know(self, seed):
        world = make_world((60,) * 8, seed=seed)
        votes = 100 * world.vectors @ world.classes.vectors.T
        g = np.exp(log_softmax(votes.astype(np.float32)))
        random, first = np.random.default_rng(seed), image_space(world.vectors)
        copy = (world.vectors - world.vectors.mean(axis=0)) @ random.normal(size=(64, 96))
        copy = copy / copy.std() + random.normal(size=copy.shape)
        for kind in ("sharp", "plain"):
            assert (
                new_information(image_space(visual_view(world.truth, kind, seed)), first, g, 5) == 1
            )
        for nothing in (copy, random.normal(size=copy.shape), world.vectors):
            assert new_information(image_space(nothing.astype(np.float32)), first, g, 5) == 0

    @pytest.mark.parametrize("seed", range(3))
    @pytest.mark.parametrize("axes", [4, 12])
    def test_the_luckiest_copy_of_a_small_folder_carries_no_information(self, axes, seed):
        world = make_world((7,) * 7, seed=seed)
        votes = 100 * world.vectors @ world.classes.vectors.T
        g = np.exp(log_softmax(votes.astype(np.float32)))
        random, first = np.random.default_rng(seed), image_space(world.vectors)

        def agreement(copy):
            return autocorrelation(pl.knn_graph(copy, 3).weights(3), g)

        copies = [
            unit_rows((world.vectors @ random.normal(size=(64, axes))).astype(np.float32))
            for _ in range(100)
        ]
        luckiest = image_space(max(copies, key=agreement))
        assert new_information(luckiest, first, g, 3) == 0
        own = image_space(visual_view(world.truth, "plain", seed))
        assert new_information(own, first, g, 3) == 1

    def test_classes_that_look_the_same_to_it_share_what_it_is_told(self):
        g = np.repeat(np.eye(3, dtype=np.float32), 200, axis=0)
        ones, here = np.ones(600, np.float32), np.arange(600)
        apart = csr_array((ones, (here, here)))
        other = np.concatenate([np.arange(200, 400), np.arange(200), np.arange(400, 600)])
        halves = csr_array((0.5 * np.tile(ones, 2), (np.tile(here, 2), np.r_[here, other])))
        assert mixed_classes(apart, apart, g) is None
        assert mixed_classes(halves, halves, g) is None  # so does the first view
        got = mixed_classes(halves, apart, g).toarray()
        want = np.array([[1, 0.6, 0], [0.6, 1, 0], [0, 0, 1]])
        np.testing.assert_allclose(got, want / want.sum(axis=1, keepdims=True), rtol=1e-6)

    @pytest.mark.parametrize(("kind", "low", "high"), [("sharp", 0.9, 1), ("style", 0, 0.2)])
    def test_it_is_found_without_the_truth(self, kind, low, high):
        assert low <= seen(kind)[2].visual_weight <= high


class TestRefine:
    @pytest.mark.parametrize("kind", ["sharp", "plain"])
    def test_a_second_view_that_knows_classes_helps(self, kind):
        world, graph, clusters = clustered_world()
        alone = refine(world, clusters, graph=graph)
        _, _, run = seen(kind)
        assert accuracy(run, world) > accuracy(alone, world) + 0.02

    def test_a_second_view_that_knows_pairs_of_classes_helps_and_never_costs(self):
        """In some worlds the first view already tells the pairs apart."""
        gains = []
        for seed in range(8):
            world = make_world(seed=seed)
            alone = refine(world, pl.cluster(world.vectors, progress=silent))
            _, _, run = seen("pairs", world)
            gains.append(accuracy(run, world) - accuracy(alone, world))
        assert min(gains) >= 0
        assert np.mean(gains) > 0.02

    @pytest.mark.parametrize("kind", ["style", "noise"])
    def test_one_that_knows_none_does_not_wreck_the_labels(self, kind):
        world, graph, clusters = clustered_world()
        alone = refine(world, clusters, graph=graph)
        _, _, run = seen(kind)
        assert accuracy(run, world) > accuracy(alone, world, 0)
        assert accuracy(run, world) > accuracy(alone, world) - 0.04

    @pytest.mark.parametrize("seed", range(3))
    def test_raw_pixels_and_random_vectors_cost_next_to_nothing(self, seed):
        """Of pixels, a quarter of the nearest neighbours share the class; few axes hold it all."""
        world = make_world((60,) * 8, seed=seed)
        graph = pl.knn_graph(world.vectors, 15)
        rng = np.random.default_rng(seed)
        mean = world.vectors.mean(axis=0)
        poor = (world.vectors - mean) @ rng.normal(size=(world.vectors.shape[1], 5))
        noise = rng.normal(size=(len(world.truth), 32))
        alone = accuracy(refine(world, graph=graph), world)
        for visual in (poor / poor.std() + rng.normal(size=poor.shape), noise):
            run = refine(world, graph=graph, visual=visual.astype(np.float32))
            assert accuracy(run, world) > alone - 0.005

    @pytest.mark.parametrize("axes", [12, 32])
    def test_a_blurred_copy_of_the_first_view_costs_next_to_nothing(self, axes):
        """A projection knows classes, and shares the errors of the vectors that it is made of."""
        world = make_world((60,) * 8, seed=1)
        graph = pl.knn_graph(world.vectors, 15)
        rng = np.random.default_rng(0)
        blurred = world.vectors @ rng.normal(size=(world.vectors.shape[1], axes))
        alone = refine(world, graph=graph)
        run = refine(world, graph=graph, visual=blurred.astype(np.float32))
        assert accuracy(run, world) > accuracy(alone, world) - 0.005

    def test_names_without_images_stay_without(self):
        world = make_world((60, 50, 40, 30), absent=6, seed=2)
        _, _, run = seen("sharp", world)
        inside = run.iterations[-1].labels < 4
        assert inside.mean() > 0.98
        assert accuracy(run, world) > accuracy(run, world, 0) + 0.05

    def test_iteration_0_is_zero_shot_and_takes_no_part_of_it(self):
        world, _, run = seen("sharp")
        alone = refine(world)
        np.testing.assert_array_equal(run.iterations[0].labels, alone.iterations[0].labels)
        np.testing.assert_array_equal(run.iterations[0].agreement, alone.iterations[0].agreement)
        assert run.iterations[-1].prototypes.shape == world.classes.vectors.shape
        assert alone.visual_weight is None

    @pytest.mark.parametrize("kind", ["sharp", "pairs"])
    def test_errors_have_less_agreement(self, kind):
        world = make_world((70, 60, 50, 40, 30, 30, 20, 20), seed=4)
        _, _, run = seen(kind, world)
        state = run.iterations[-1]
        right = state.labels == world.truth
        if not right.all():
            assert error_auroc(state.agreement, right) > 0.75

    def test_of_no_weight_it_leaves_the_run_as_it_is(self, monkeypatch):
        from protolabel.refinement import anchored

        monkeypatch.setattr(anchored, "visual_weight", lambda *_: 0.0)
        world = clustered_world()[0]
        run = refine(world, visual=visual_view(world.truth, "sharp"))
        alone = refine(world)
        for one, other in zip(run.iterations, alone.iterations, strict=True):
            np.testing.assert_allclose(one.agreement, other.agreement, atol=1e-6)
            np.testing.assert_array_equal(one.labels, other.labels)

    def test_the_same_vectors_twice_are_no_harm(self):
        world, graph, clusters = clustered_world()
        alone = refine(world, clusters, graph=graph)
        twice = refine(world, clusters, graph=graph, visual=world.vectors, visual_graph=graph)
        assert accuracy(twice, world) > accuracy(alone, world) - 0.02
        assert np.mean(twice.iterations[-1].labels == alone.iterations[-1].labels) > 0.95

    @pytest.mark.parametrize("kind", ["a projection", "random vectors", "style"])
    def test_a_view_that_knows_nothing_more_changes_no_label(self, kind):
        world, graph, clusters = clustered_world()
        random = np.random.default_rng(3)
        visual = {
            "a projection": world.vectors @ random.normal(size=(world.vectors.shape[1], 12)),
            "random vectors": random.normal(size=(len(world.vectors), 32)),
            "style": visual_view(world.truth, "style"),
        }[kind].astype(np.float32)
        alone = refine(world, clusters, graph=graph)
        groups = pl.cluster(world.vectors, visual=visual, progress=silent)
        run = refine(world, groups, graph=graph, visual=visual)
        assert run.visual_weight < 1e-3
        np.testing.assert_array_equal(run.iterations[-1].labels, alone.iterations[-1].labels)

    @pytest.mark.parametrize("noise", [0.3, 0.5, 1.0])
    @pytest.mark.parametrize("axes", [16, 64])
    def test_a_noisy_copy_of_the_first_view_changes_no_label(self, axes, noise):
        world, graph, clusters = clustered_world()
        random = np.random.default_rng(4)
        away = world.vectors - world.vectors.mean(axis=0)
        blurred = away @ random.normal(size=(world.vectors.shape[1], axes))
        blurred += random.normal(scale=noise * blurred.std(), size=blurred.shape)
        alone = refine(world, clusters, graph=graph)
        run = refine(world, clusters, graph=graph, visual=blurred.astype(np.float32))
        assert run.visual_weight == 0
        np.testing.assert_array_equal(run.iterations[-1].labels, alone.iterations[-1].labels)

    @pytest.mark.parametrize("merged", ["every two classes", "one pair"])
    def test_a_view_that_merges_classes_costs_none_of_them_its_images(self, merged):
        for seed in range(3):
            world = make_world((60,) * 8, seed=seed)
            truth = (
                world.truth if merged != "one pair" else np.where(world.truth == 1, 0, world.truth)
            )
            kind = "pairs" if merged != "one pair" else "sharp"
            visual = visual_view(truth, kind, seed)
            graph = pl.knn_graph(world.vectors, 15)
            alone = refine(world, graph=graph)
            groups = pl.cluster(world.vectors, visual=visual, progress=silent)
            run = refine(world, groups, graph=graph, visual=visual)
            assert accuracy(run, world) >= accuracy(alone, world) - 0.005

    def test_clusters_of_the_first_view_need_not_be_found_again(self):
        world, graph, _ = clustered_world()
        visual = visual_view(world.truth, "plain")
        groups = pl.cluster(world.vectors, visual=visual, progress=silent)
        run = refine(world, groups, graph=graph, visual=visual)
        own = pl.cluster(world.vectors, graph, progress=silent)
        other = refine(world, groups, graph=graph, visual=visual, first_clusters=own)
        np.testing.assert_array_equal(run.iterations[-1].agreement, other.iterations[-1].agreement)

    def test_a_permuted_folder_gives_permuted_labels(self):
        world = clustered_world()[0]
        visual = visual_view(world.truth, "plain")
        order = np.random.default_rng(0).permutation(len(visual))
        run = refine(world, visual=visual)
        moved = pl.refine(
            world.vectors[order], world.classes, visual=visual[order], progress=silent
        )
        state, other = run.iterations[-1], moved.iterations[-1]
        assert np.mean(state.labels[order] == other.labels) > 0.995
        assert moved.visual_weight == pytest.approx(run.visual_weight, abs=1e-5)

    def test_half_precision_on_disk_and_rows_of_any_length(self, tmp_path):
        world = clustered_world()[0]
        visual = visual_view(world.truth, "plain")
        np.save(tmp_path / "visual.npy", (3 * visual).astype(np.float16))
        mapped = np.load(tmp_path / "visual.npy", mmap_mode="r")
        run, other = refine(world, visual=visual), refine(world, visual=mapped)
        assert np.mean(run.iterations[-1].labels == other.iterations[-1].labels) > 0.99

    def test_pins_hold_and_count_in_both_views(self):
        world = clustered_world()[0]
        run = refine(world, visual=visual_view(world.truth, "sharp"), pins={0: 1, 5: 2})
        labels = pl.label(run)
        assert labels.label[0] == 1
        assert labels.label[5] == 2

    def test_plain_ignores_it(self):
        world, _, clusters = clustered_world()
        visual = visual_view(world.truth, "sharp")
        run = refine(world, clusters, visual=visual, method="plain")
        alone = refine(world, clusters, method="plain")
        np.testing.assert_array_equal(run.iterations[-1].labels, alone.iterations[-1].labels)
        assert run.visual_weight is None

    def test_tiny_folders(self):
        world = make_world((1, 1), seed=1)
        run = refine(world, visual=visual_view(world.truth, "sharp"))
        assert len(run.iterations) == 6
        assert run.visual_weight == 0

    def test_errors_say_what_to_do(self):
        world, graph, _ = clustered_world()
        visual = visual_view(world.truth, "sharp")
        n = len(visual)
        with pytest.raises(pl.InputError, match=f"same {n} images.*{n - 1} rows.*embed the images"):
            refine(world, visual=visual[:-1])
        with pytest.raises(pl.InputError, match="Expected visual of shape \\(N, d\\)"):
            refine(world, visual=visual[0])
        with pytest.raises(pl.InputError, match="got the graph alone"):
            refine(world, visual_graph=graph)
        with pytest.raises(pl.InputError, match="a visual_graph of"):
            refine(world, visual=visual, visual_graph=pl.knn_graph(visual, 1))
        with pytest.raises(pl.InputError, match=f"same {n} images"):
            pl.cluster(world.vectors, visual=visual[1:], progress=silent)


def test_clusters_of_the_view_have_centroids_among_the_first_vectors():
    world = clustered_world()[0]
    visual = visual_view(world.truth, "sharp")
    clusters = pl.cluster(world.vectors, visual=visual, progress=silent)
    alone = pl.cluster(visual, progress=silent)
    np.testing.assert_array_equal(clusters.micro, alone.micro)
    for number in range(clusters.n_micro):
        mean = world.vectors[clusters.micro == number].mean(axis=0)
        wanted = mean / np.linalg.norm(mean)
        np.testing.assert_allclose(clusters.centroids[number], wanted, atol=1e-5)
    assert clusters.meta_centroids.shape[1] == world.vectors.shape[1]


def test_useless_vectors_are_told():
    _, _, run = seen("noise")
    assert any("visual vectors know little" in one.text for one in pl.diagnose(run).findings)
    assert not any("visual" in one.text for one in pl.diagnose(seen("sharp")[2]).findings)


class TestClassifier:
    def test_it_scores_as_the_run_but_for_neighbours_and_clusters(self):
        world, visual, run = seen("sharp")
        classifier = pl.PrototypeClassifier.from_labels(pl.label(run))
        labels = classifier.label(world.vectors, visual)
        model = run.iterations[-1].model
        np.testing.assert_array_equal(
            labels.label, model.scores(world.vectors, visual).argmax(axis=1)
        )
        assert np.mean(labels.label == run.iterations[-1].labels) > 0.85
        both = np.hstack([world.vectors, visual])
        assert classifier.n_features_in_ == both.shape[1]
        np.testing.assert_array_equal(
            classifier.predict(both), np.array(world.classes.names)[labels.label]
        )

    @pytest.mark.parametrize("iteration", [0, 5])
    def test_save_and_load(self, tmp_path, iteration):
        world, visual, run = seen("sharp")
        classifier = pl.PrototypeClassifier.from_labels(pl.label(run, iteration))
        loaded = pl.PrototypeClassifier.load(classifier.save(tmp_path / "c.npz"))
        one, other = classifier.label(world.vectors, visual), loaded.label(world.vectors, visual)
        np.testing.assert_array_equal(one.label, other.label)
        np.testing.assert_array_equal(one.agreement, other.agreement)

    def test_vectors_that_are_missing_too_many_or_of_another_encoder(self):
        world, visual, run = seen("sharp")
        classifier = pl.PrototypeClassifier.from_labels(pl.label(run))
        with pytest.raises(pl.InputError, match=r"Expected \(N, 96\) visual vectors.*got none"):
            classifier.label(world.vectors)
        with pytest.raises(pl.InputError, match="96 columns, got 50"):
            classifier.label(world.vectors, visual[:, :50])
        alone = pl.PrototypeClassifier.from_labels(pl.label(refine(world)))
        with pytest.raises(pl.InputError, match="Expected none beside"):
            alone.label(world.vectors, visual)


COLOURS = ["red", "green", "blue"]


class Shades(ColourEncoder):
    """A second encoder: of other numbers, and without words."""

    name = "shades"
    dim = 4

    def encode_images(self, images):
        self.batches.append(len(images))
        rows = np.array([np.asarray(image) for image in images])
        return self._unit(np.concatenate([rows[:, :3] + 0.5, np.ones((len(rows), 1))], axis=1))

    def encode_texts(self, texts):
        raise pl.EncoderError("no words")


@pytest.fixture
def options(encoder, tmp_path):
    return {"encoder": encoder, "store": tmp_path / "store", "progress": silent}


class TestSession:
    def test_a_second_encoder_end_to_end(self, image_folder, options, tmp_path):
        shades = Shades()
        session = pl.Session(image_folder, COLOURS, visual=shades, **options)
        truth = [name.split("/")[0] for name in session.embeddings.images.names]
        assert session.visual_embeddings.vectors.shape == (15, 4)
        assert session.evaluate(truth).accuracy == 1
        assert session.labels.model.visual_dim == 4
        assert session.parameters["visual"] == "shades"
        session.export(tmp_path / "data")
        about = json.loads((tmp_path / "data" / "metadata.json").read_text())
        assert about["encoder"]["name"] == "mean-colour"
        assert about["visual_encoder"]["name"] == "shades"
        assert 0 <= about["visual_weight"] <= 1

    def test_the_second_store_is_its_own_and_goes_on(self, image_folder, options):
        shades = Shades()
        first = pl.Session(image_folder, COLOURS, visual=shades, **options)
        _ = first.visual_embeddings
        draw("red", 99).save(image_folder / "red" / "9999.png")
        again = pl.Session(image_folder, COLOURS, visual=shades, **options)
        assert len(again.visual_embeddings) == 16
        assert shades.seen == 16  # the new one alone
        assert options["encoder"].seen == 16

    def test_only_what_depends_on_it_is_computed_again(self, image_folder, options):
        session = pl.Session(image_folder, COLOURS, **options)
        _ = session.labels, session.map
        kept = {name: getattr(session, name) for name in ("embeddings", "graph", "text")}
        assert session.visual_embeddings is session.visual_graph is None
        session.visual = Shades()
        assert not {"clusters", "map", "refinement", "labels"} & session.computed
        _ = session.labels, session.map
        for name, value in kept.items():
            assert getattr(session, name) is value
        visual = session.visual_embeddings
        session.temperature = 0.2
        assert {"clusters", "map", "visual", "visual_graph"} <= session.computed
        session.seed = 1
        assert session.visual_embeddings is visual
        assert not {"graph", "visual_graph", "clusters"} & session.computed
        session.visual = None
        assert session.labels.model.visual is None

    def test_arrays_embeddings_and_files(self, image_folder, options, tmp_path):
        session = pl.Session(image_folder, COLOURS, **options)
        images = session.embeddings.images
        rows = np.random.default_rng(0).normal(size=(15, 6)).astype(np.float32)
        session.visual = rows
        assert session.visual_embeddings.encoder.name == "unknown"
        revision = session.revision
        session.visual = rows  # the same array is no change
        assert session.revision == revision
        np.save(tmp_path / "rows.npy", rows)
        session.visual = str(tmp_path / "rows.npy")
        np.testing.assert_array_equal(session.visual_embeddings.vectors, rows)
        shades = pl.embed_images(images, Shades(), progress=silent)
        order = np.arange(15)[::-1]
        turned = pl.Embeddings(shades.vectors[order], images.take(order), shades.encoder)
        turned.save(tmp_path / "shades")
        for source in (turned, tmp_path / "shades", shades):
            session.visual = source  # matched by path
            np.testing.assert_array_equal(session.visual_embeddings.vectors, shades.vectors)

    def test_what_does_not_fit_is_told(self, image_folder, options, tmp_path):
        session = pl.Session(image_folder, COLOURS, **options)
        images = session.embeddings.images
        for wrong in (3, [1.0, 2.0], {}):
            with pytest.raises(pl.InputError, match="Expected visual vectors as an array"):
                session.visual = wrong
        assert session.visual is None
        session.visual = np.ones((14, 3), np.float32)
        with pytest.raises(pl.InputError, match=r"same 15 images.*got 14 rows"):
            _ = session.labels
        few = pl.embed_images(images.take(range(13)), Shades(), progress=silent)
        with pytest.raises(pl.InputError, match="but 2 have none"):
            embed_visual(few, images)
        (tmp_path / "bad.npy").write_bytes(b"no array")
        with pytest.raises(pl.StoreError, match="cannot be read as one"):
            embed_visual(tmp_path / "bad.npy", images)

    def test_save_and_load(self, image_folder, options, tmp_path):
        shades = Shades()
        session = pl.Session(image_folder, COLOURS, visual=shades, **options)
        labels, xy = session.labels, session.map
        session.save(tmp_path / "saved")
        seen = shades.seen
        loaded = pl.Session.load(tmp_path / "saved", encoder=options["encoder"], progress=silent)
        assert {"visual", "visual_graph", "graph", "clusters", "map"} <= loaded.computed
        np.testing.assert_array_equal(loaded.labels.label, labels.label)
        np.testing.assert_allclose(loaded.labels.agreement, labels.agreement, atol=1e-6)
        np.testing.assert_array_equal(loaded.map, xy)
        assert shades.seen == seen
        session.visual = None
        session.save(tmp_path / "saved")
        loaded = pl.Session.load(tmp_path / "saved", encoder=options["encoder"], progress=silent)
        assert loaded.visual is None

    def test_annotate_passes_it_on(self, image_folder, options, tmp_path):
        session = pl.annotate(
            image_folder, COLOURS, tmp_path / "data", visual=Shades(), formats=["csv"], **options
        )
        assert session.labels.model.visual_dim == 4

    def test_an_unreadable_file_drops_out_of_both(self, image_folder, options):
        (image_folder / "red" / "broken.png").write_bytes(b"no picture")
        session = pl.Session(image_folder, COLOURS, visual=Shades(), **options)
        assert len(session.embeddings) == len(session.visual_embeddings) == 15
        assert session.visual_embeddings.images.names == session.embeddings.images.names


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    return pl.write_sample_pictures(
        tmp_path_factory.mktemp("pictures"), classes=("cat", "giraffe"), per_class=6
    )


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("network") / "tiny.safetensors"
    safetensors.torch.save_file(
        timm.create_model("vit_tiny_patch16_224", num_classes=0).state_dict(), path
    )
    return path


class TestCommandLine:
    def run(self, *words):
        return cli.main([str(word) for word in words])

    def test_run_and_apply_with_a_vision_transformer(self, pictures, network, tmp_path, capsys):
        common = ["--store", tmp_path / "store", "--device", "cpu"]
        made = self.run(
            "run", pictures.folder, "--classes", "cat", "giraffe", "--encoder", "sample",
            "--visual", "vit_tiny_patch16_224", "--visual-pretrained", network,
            "--output", tmp_path / "data", *common,
        )  # fmt: skip
        assert made == 0, capsys.readouterr().err
        about = json.loads((tmp_path / "data" / "metadata.json").read_text())
        assert about["visual_encoder"]["name"].startswith("vit_tiny_patch16_224/sha256-")
        assert about["visual_encoder"]["dim"] == 192
        assert "vit_tiny_patch16_224" in (tmp_path / "data" / "report.txt").read_text()
        # The second encoder comes back by itself, and both see the new images.
        applied = self.run(
            "apply", tmp_path / "data", pictures.folder, "--output", tmp_path / "new", *common
        )
        assert applied == 0, capsys.readouterr().err
        new = json.loads((tmp_path / "new" / "metadata.json").read_text())
        assert new["visual_encoder"] == about["visual_encoder"]
        classifier = pl.PrototypeClassifier.load(tmp_path / "data" / "classifier.npz")
        images = pl.find_images(pictures.folder)
        first = pl.embed_images(images, pl.load_encoder("sample"), progress=silent)
        second = pl.load_encoder("vit_tiny_patch16_224", network, device="cpu")
        visual = pl.embed_images(images, second, progress=silent)
        wanted = classifier.label(first.vectors, visual.vectors)
        written = [one["label"] for one in new["images"]]
        assert written == [wanted.names[index] for index in wanted.label]

    def test_vectors_from_a_file(self, pictures, tmp_path, capsys):
        rows = np.random.default_rng(0).normal(size=(12, 5)).astype(np.float16)
        np.save(tmp_path / "rows.npy", rows)
        common = ["--store", tmp_path / "store"]
        arguments = [
            "run", pictures.folder, "--classes", "cat", "giraffe", "--encoder", "sample",
            "--visual", tmp_path / "rows.npy", "--output", tmp_path / "data", *common,
        ]  # fmt: skip
        assert self.run(*arguments) == 0, capsys.readouterr().err
        again = ["apply", tmp_path / "data", pictures.folder, "--output", tmp_path / "new"]
        assert self.run(*again, *common) == 1
        assert "--visual NAME or FILE.npy" in capsys.readouterr().err
        assert self.run(*again, *common, "--visual", tmp_path / "rows.npy") == 0

    def test_an_encoder_of_images_alone_cannot_read_class_names(self, pictures, network, capsys):
        folder = pictures.folder.parent / "none"
        arguments = [
            "run", pictures.folder, "--classes", "cat", "giraffe", "--output", folder,
            "--encoder", "vit_tiny_patch16_224", "--pretrained", network,
            "--store", folder.with_name("store"),
        ]  # fmt: skip
        assert self.run(*arguments) == 1
        assert "encodes only images" in capsys.readouterr().err

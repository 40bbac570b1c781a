from __future__ import annotations

import io

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.utils.estimator_checks import parametrize_with_checks
from worlds import clustered_world, make_world, visual_view

import protolabel as pl
from protolabel import PrototypeClassifier
from protolabel.common.progress import silent


@parametrize_with_checks([PrototypeClassifier()])
def test_scikit_learn_accepts_it(estimator, check):
    check(estimator)


def labels_of(**options) -> pl.Labels:
    world, graph, clusters = clustered_world()
    run = pl.refine(world.vectors, world.classes, clusters, graph=graph, progress=silent, **options)
    return pl.label(run)


@pytest.mark.parametrize("options", [{}, {"method": "plain"}])
def test_zero_shot_labels_come_back_exactly(options):
    labels = labels_of(**options).at(0)
    world = clustered_world()[0]
    got = PrototypeClassifier.from_labels(labels).label(world.vectors)
    np.testing.assert_array_equal(got.label, labels.label)
    np.testing.assert_array_equal(got.runner_up, labels.runner_up)
    np.testing.assert_allclose(got.agreement, labels.agreement, atol=1e-6)
    assert got.names == labels.names
    assert got.run is None
    assert not got.pinned.any()


def test_labels_of_the_plain_loop_come_back_exactly():
    labels = labels_of(method="plain")
    got = PrototypeClassifier.from_labels(labels).label(clustered_world()[0].vectors)
    np.testing.assert_array_equal(got.label, labels.label)


def test_anchored_prototypes_label_images_that_the_run_did_not_see():
    gains = []
    for seed in range(8):
        world = make_world((100,) * 6, seed=seed)
        seen, new = np.arange(0, 600, 2), np.arange(1, 600, 2)
        run = pl.refine(world.vectors[seen], world.classes, progress=silent)
        classifier = PrototypeClassifier.from_labels(pl.label(run))
        got = classifier.label(world.vectors[new])
        zero_shot = (world.vectors[new] @ world.classes.vectors.T).argmax(axis=1)
        truth = world.truth[new]
        gains.append(np.mean(got.label == truth) - np.mean(zero_shot == truth))
        assert (classifier.predict(world.vectors[new]) == np.array(got.names)[got.label]).all()
    assert np.mean(gains) > 0.01
    assert np.mean(np.array(gains) > 0) >= 0.75


def test_memory_maps_and_float16_label_alike(tmp_path):
    classifier = PrototypeClassifier.from_labels(labels_of())
    x = clustered_world()[0].vectors
    np.save(tmp_path / "x.npy", x)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    np.testing.assert_array_equal(classifier.label(mapped).label, classifier.label(x).label)
    assert np.mean(classifier.predict(x.astype(np.float16)) == classifier.predict(x)) > 0.99


def test_probabilities_are_the_agreement():
    classifier = PrototypeClassifier.from_labels(labels_of())
    x = clustered_world()[0].vectors
    shares = classifier.predict_proba(x)
    np.testing.assert_allclose(shares.sum(axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(shares.max(axis=1), classifier.label(x).agreement, atol=1e-6)


@pytest.mark.parametrize("wrong", [np.ones((2, 5)), np.ones((2, 65))])
def test_vectors_of_another_encoder_are_refused(wrong):
    classifier = PrototypeClassifier.from_labels(labels_of())
    with pytest.raises(pl.InputError, match="same encoder"):
        classifier.label(wrong)
    with pytest.raises(ValueError, match="features"):
        classifier.predict(wrong)


def test_fit_learns_what_labels_say():
    world = make_world((60, 60, 60), seed=5)
    names = np.array(["ant", "bee", "cat"])
    classifier = PrototypeClassifier().fit(world.vectors, names[world.truth])
    assert classifier.score(world.vectors, names[world.truth]) > 0.9
    np.testing.assert_array_equal(classifier.classes_, names)
    assert classifier.label(world.vectors).names == ("ant", "bee", "cat")


def test_only_the_direction_of_a_vector_counts():
    world = make_world((30, 30))
    classifier = PrototypeClassifier().fit(world.vectors, world.truth)
    lengths = np.linspace(0.1, 50, 60)[:, None]
    other = PrototypeClassifier().fit(world.vectors * lengths, world.truth)
    np.testing.assert_allclose(
        other.decision_function(3 * world.vectors), classifier.decision_function(world.vectors),
        rtol=1e-2, atol=1e-3,
    )  # fmt: skip


def test_prior_weight_prefers_common_classes():
    world = make_world((200, 10), seed=1)
    even = PrototypeClassifier(prior_weight=0.0).fit(world.vectors, world.truth)
    prior = PrototypeClassifier(prior_weight=5.0).fit(world.vectors, world.truth)
    gap = even.decision_function(world.vectors) - prior.decision_function(world.vectors)
    np.testing.assert_allclose(gap, 5 * np.log(201 / 11), rtol=1e-3)


@pytest.mark.parametrize("temperature", [0.0, -1.0, float("nan")])
def test_temperature_is_checked_when_it_is_fitted(temperature):
    with pytest.raises(pl.InputError, match="temperature above 0"):
        PrototypeClassifier(temperature=temperature).fit(np.eye(4), [0, 0, 1, 1])


def test_a_clone_is_not_fitted():
    with pytest.raises(NotFittedError):
        clone(PrototypeClassifier.from_labels(labels_of())).predict(np.ones((1, 64)))


@pytest.mark.parametrize("iteration", [0, 5])
def test_save_and_load(tmp_path, iteration):
    classifier = PrototypeClassifier.from_labels(labels_of().at(iteration))
    path = classifier.save(str(tmp_path / "classifier.npz"))
    assert path == tmp_path / "classifier.npz"
    assert list(tmp_path.iterdir()) == [path]
    loaded = PrototypeClassifier.load(path)
    x = clustered_world()[0].vectors
    np.testing.assert_array_equal(loaded.classes_, classifier.classes_)
    np.testing.assert_array_equal(loaded.decision_function(x), classifier.decision_function(x))
    assert loaded.n_features_in_ == 64


@pytest.mark.parametrize("dtype", [int, object, str])
def test_save_keeps_the_kind_of_the_labels(tmp_path, dtype):
    y = np.array(["3", "3", "7", "7"]).astype(dtype)
    classifier = PrototypeClassifier().fit(np.eye(4), y)
    classifier.save(tmp_path / "c.npz")
    loaded = PrototypeClassifier.load(tmp_path / "c.npz")
    np.testing.assert_array_equal(loaded.predict(np.eye(4)), y)


def content(name: str) -> bytes:
    buffer = io.BytesIO()
    if name == "npy":
        np.save(buffer, np.ones(3))
    elif name == "other npz":
        np.savez(buffer, a=np.ones(3))
    elif name == "cut":
        np.savez(buffer, format=np.int64(1), classes=np.array(["a"]))
        return buffer.getvalue()[:-30]
    elif name == "pickle":
        np.savez(buffer, format=np.array([object()], dtype=object))
    return buffer.getvalue() if name != "text" else b"no array at all"


@pytest.mark.parametrize("name", ["npy", "other npz", "cut", "pickle", "text", "empty"])
def test_other_files_are_refused(tmp_path, name):
    path = tmp_path / "classifier.npz"
    path.write_bytes(content(name))
    with pytest.raises(pl.StoreError, match=r"saved classifier .* which is not one"):
        PrototypeClassifier.load(path)


@pytest.mark.parametrize("how", ["shorter", "words", "no number", "none"])
def test_arrays_that_do_not_fit_are_refused_or_make_no_difference(tmp_path, how):
    """A stranger's classifier is refused when it is loaded, or labels as any other does."""
    classifier, _, world = remembering(120, pins={3: 1, 9: 2})
    with np.load(classifier.save(tmp_path / "c.npz")) as stored:
        fields = dict(stored)
    for name, values in fields.items():
        changed = {
            "shorter": values.ravel()[:-1],
            "words": values.astype(str),
            "no number": np.full(values.shape, np.nan),
            "none": np.zeros(0, values.dtype),
        }[how]
        np.savez(tmp_path / "odd.npz", **{**fields, name: changed})
        try:
            odd = PrototypeClassifier.load(tmp_path / "odd.npz")
            assert np.isfinite(odd.label(world.vectors[120:140], together=False).agreement).all()
        except pl.StoreError:
            pass


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(pl.StoreError, match=r"saved classifier .* which is not one"):
        PrototypeClassifier.load(tmp_path / "nothing.npz")


def test_a_later_format_says_so(tmp_path):
    path = PrototypeClassifier.from_labels(labels_of()).save(tmp_path / "c.npz")
    with np.load(path) as stored:
        fields = {**stored, "format": np.int64(2)}
    np.savez(path, **fields)
    with pytest.raises(pl.StoreError, match="another version"):
        PrototypeClassifier.load(path)


def test_a_classifier_that_the_first_release_saved_still_loads(tmp_path):
    world, graph, clusters = clustered_world()
    run = pl.refine(
        world.vectors, world.classes, clusters, graph=graph, pins={3: 1, 9: 2}, progress=silent
    )
    classifier = PrototypeClassifier.from_labels(pl.label(run))
    with np.load(classifier.save(tmp_path / "c.npz")) as stored:
        fields = dict(stored)
    fields["reread"] = fields.pop("confused_classes")
    fields["readings"] = fields.pop("confusion")
    np.savez(tmp_path / "old.npz", **fields)
    old = PrototypeClassifier.load(tmp_path / "old.npz")
    np.testing.assert_array_equal(
        old.decision_function(world.vectors), classifier.decision_function(world.vectors)
    )


def remembering(n: int = 400, **options) -> tuple[PrototypeClassifier, pl.Labels, object]:
    """A classifier of the first `n` of 600 images, and the world of all."""
    world = make_world((100,) * 6, seed=2)
    run = pl.refine(world.vectors[:n], world.classes, progress=silent, **options)
    labels = pl.label(run)
    return PrototypeClassifier.from_labels(labels, world.vectors[:n]), labels, world


def test_neighbours_among_the_remembered_images_vote_on_new_ones():
    gains = []
    for seed in range(4):
        world = make_world((100,) * 6, seed=seed)
        run = pl.refine(world.vectors[:400], world.classes, progress=silent)
        new, truth = world.vectors[400:], world.truth[400:]
        with_votes = PrototypeClassifier.from_labels(pl.label(run), world.vectors[:400])
        found = with_votes.label(new, together=False).label
        alone = PrototypeClassifier.from_labels(pl.label(run)).label(new).label
        gains.append(np.mean(found == truth) - np.mean(alone == truth))
    assert np.mean(gains) > 0


def test_the_label_of_an_image_judged_by_itself_does_not_depend_on_what_comes_with_it():
    classifier, _, world = remembering()
    new = world.vectors[400:]
    whole = classifier.label(new, together=False)
    parts = [classifier.label(new[i : i + 7], together=False) for i in range(0, 200, 7)]
    np.testing.assert_array_equal(np.concatenate([part.label for part in parts]), whole.label)
    np.testing.assert_allclose(
        np.concatenate([part.agreement for part in parts]), whole.agreement, atol=1e-5
    )
    np.testing.assert_array_equal(classifier.predict(new), np.array(whole.names)[whole.label])


def test_many_new_images_are_labelled_as_in_a_run_over_everything():
    classifier, _, world = remembering(pins={3: 1, 9: 2})
    graph = pl.knn_graph(world.vectors, 10)
    run = pl.refine(
        world.vectors, world.classes, pl.cluster(world.vectors, graph, progress=silent),
        graph=graph, pins={3: 1, 9: 2}, progress=silent,
    )  # fmt: skip
    found = classifier.label(world.vectors[400:])
    assert np.mean(found.label == pl.label(run).label[400:]) > 0.99
    assert len(found) == 200
    assert found.run is None
    assert not found.pinned.any()


def test_few_new_images_are_judged_by_themselves():
    classifier, _, world = remembering()
    few = world.vectors[400:430]
    np.testing.assert_array_equal(
        classifier.label(few).agreement, classifier.label(few, together=False).agreement
    )


def test_more_new_images_than_can_join_are_labelled_too(monkeypatch):
    monkeypatch.setattr("protolabel.refinement.classifier.TOGETHER_LIMIT", 480)
    classifier, _, world = remembering()
    found = classifier.label(world.vectors[400:])
    assert np.mean(found.label == world.truth[400:]) > 0.9


def test_new_images_join_the_loop_also_where_no_more_can_be_remembered(monkeypatch):
    monkeypatch.setattr("protolabel.refinement.memory.MEMORY_LIMIT", 200)
    monkeypatch.setattr("protolabel.refinement.classifier.TOGETHER_LIMIT", 400)
    classifier, _, world = remembering()
    assert len(classifier.memory_) == 200
    assert classifier.joining(200) == 200
    richer, labels = classifier.join(world.vectors[400:])
    assert np.mean(labels.label == world.truth[400:]) > 0.9
    assert len(richer.memory_) == 200
    assert classifier.joining(10_000) == 200


def test_no_more_images_are_remembered_than_the_limit_and_pinned_ones_always(monkeypatch):
    monkeypatch.setattr("protolabel.refinement.memory.MEMORY_LIMIT", 50)
    world = make_world((100,) * 6, seed=2)
    pins = {image: int(world.truth[image]) for image in range(100, 140)}
    run = pl.refine(world.vectors, world.classes, pins=pins, progress=silent)
    memory = PrototypeClassifier.from_labels(pl.label(run), world.vectors).memory_
    assert len(memory) == 50
    assert memory.pinned.sum() == 40


def test_a_saved_memory_gives_the_same_labels(tmp_path):
    classifier, _, world = remembering()
    loaded = PrototypeClassifier.load(classifier.save(tmp_path / "c.npz"))
    new = world.vectors[400:]
    for together in (True, False):
        one, other = classifier.label(new, together=together), loaded.label(new, together=together)
        np.testing.assert_array_equal(one.label, other.label)
        np.testing.assert_array_equal(one.agreement, other.agreement)


def test_flipped_bits_in_a_saved_memory_are_found(tmp_path):
    path = remembering()[0].save(tmp_path / "c.npz")
    content = path.read_bytes()
    for place in range(2000, len(content), len(content) // 15):
        changed = bytearray(content)
        changed[place] ^= 4
        path.write_bytes(changed)
        try:
            loaded = PrototypeClassifier.load(path)
        except pl.StoreError:
            continue
        for name, value in vars(loaded.memory_.index).items():  # a bit that no array holds
            np.testing.assert_array_equal(value, vars(remembering()[0].memory_.index)[name])


def test_a_memory_that_was_saved_without_the_trust_in_names_measures_it(tmp_path):
    classifier, _, world = remembering()
    path = classifier.save(tmp_path / "c.npz")
    with np.load(path) as stored:
        fields = dict(stored)
    del fields["memory_class_odds"]
    np.savez(path, **fields)
    new = world.vectors[400:]
    one = classifier.label(new, together=False)
    other = PrototypeClassifier.load(path).label(new, together=False)
    np.testing.assert_allclose(one.agreement, other.agreement, atol=1e-6)


@pytest.mark.parametrize(
    "change", ["label", "odds", "class_odds", "numbers", "starts", "preferred", "vectors"]
)
def test_a_memory_whose_arrays_do_not_fit_is_refused(tmp_path, change):
    path = remembering()[0].save(tmp_path / "c.npz")
    with np.load(path) as stored:
        fields = dict(stored)
    if change == "label":
        fields["memory_label"][0] = 6
    elif change.endswith("odds"):
        fields[f"memory_{change}"] = fields[f"memory_{change}"][:-1]
    else:
        fields[f"memory_index_{change}"] = fields[f"memory_index_{change}"] * 0 - 1
        if change == "vectors":
            fields["memory_index_vectors"][:] = np.nan
    np.savez(path, **fields)
    with pytest.raises(pl.StoreError, match="a saved classifier"):
        PrototypeClassifier.load(path)


def test_zero_shot_labels_and_those_of_the_plain_loop_remember_nothing():
    vectors = clustered_world()[0].vectors
    for labels in (labels_of().at(0), labels_of(method="plain")):
        assert PrototypeClassifier.from_labels(labels, vectors).memory_ is None


def test_vectors_of_other_images_are_not_remembered():
    with pytest.raises(pl.InputError, match="vectors of the 240 labelled images, got 10"):
        PrototypeClassifier.from_labels(labels_of(), clustered_world()[0].vectors[:10])


def test_visual_neighbours_vote_as_far_as_they_are_trusted():
    world = make_world((100,) * 6, seed=2)
    visual = visual_view(world.truth, "sharp")
    old, new = slice(None, 400), slice(400, None)
    run = pl.refine(world.vectors[old], world.classes, visual=visual[old], progress=silent)
    classifier = PrototypeClassifier.from_labels(pl.label(run), world.vectors[old], visual[old])
    truth = world.truth[new]
    for together in (True, False):
        found = classifier.label(world.vectors[new], visual[new], together=together)
        assert np.mean(found.label == truth) > 0.97

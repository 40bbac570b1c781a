from __future__ import annotations

import math
from dataclasses import replace
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from worlds import clustered_world

import protolabel as pl
from protolabel.common.progress import silent


def labels(names: list[str], label: list[int], agreement: list[float] | None = None) -> pl.Labels:
    text = np.eye(len(names), dtype=np.float32)
    run = pl.refine(
        text[np.array(label)], pl.ClassVectors(names, text), iterations=0, progress=silent
    )
    made = pl.label(run)
    assert list(made.label) == label
    return made if agreement is None else replace(made, agreement=np.array(agreement, np.float32))


def test_closed_form():
    made = labels(["cat", "dog", "owl"], [0, 0, 1, 1, 1], [0.5, 0.9, 0.6, 0.7, 0.8])
    got = pl.evaluate(made, ["cat", "dog", "dog", "cat", "fox"])
    assert got.accuracy == 0.5
    assert (got.judged, got.outside) == (4, 1)
    np.testing.assert_array_equal(got.confusion, [[1, 1, 0], [1, 1, 0], [0, 0, 0]])
    np.testing.assert_array_equal(got.precision, [0.5, 0.5, np.nan])
    np.testing.assert_array_equal(got.recall, [0.5, 0.5, np.nan])
    np.testing.assert_array_equal(got.wrong, [1, 3])
    assert got.names == ("cat", "dog", "owl")


def test_the_most_certain_mistakes_come_first():
    made = labels(["cat", "dog"], [0, 0, 0], [0.6, 0.9, 0.7])
    np.testing.assert_array_equal(pl.evaluate(made, ["dog"] * 3).wrong, [1, 2, 0])


@pytest.mark.parametrize("truth", ["CAT", " cat ", "Cat"])
def test_letter_case_and_spaces_do_not_count(truth):
    assert pl.evaluate(labels(["cat", "dog"], [0]), [truth]).accuracy == 1


def test_decomposed_folder_names_are_the_same_name():
    assert pl.evaluate(labels(["b\u00e4r", "dog"], [0]), ["ba\u0308r"]).accuracy == 1


def test_without_a_known_truth_there_is_no_accuracy():
    got = pl.evaluate(labels(["cat", "dog"], [0, 1]), ["fox", "owl"])
    assert math.isnan(got.accuracy)
    assert (got.judged, got.outside) == (0, 2)
    assert not got.confusion.any()
    assert not len(got.wrong)


def test_the_number_of_names_must_fit():
    with pytest.raises(pl.InputError, match=r"each of 2 images .*, got 1"):
        pl.evaluate(labels(["cat", "dog"], [0, 1]), ["cat"])


def test_a_part_of_the_truth_is_enough():
    made = labels(["cat", "dog"], [0, 0, 1, 1], [0.5, 0.9, 0.6, 0.7])
    got = pl.evaluate(made, [None, "dog", "dog", None])
    assert (got.accuracy, got.judged, got.unknown, got.outside) == (0.5, 2, 2, 0)
    np.testing.assert_array_equal(got.wrong, [1])
    np.testing.assert_array_equal(got.true, [-2, 1, 1, -2])


def test_truth_by_image_name():
    made = labels(["cat", "dog"], [0, 1, 1])
    images = pl.ImageSet.from_paths([f"/photos/{name}.png" for name in "abc"])
    assert pl.evaluate(made, {"b.png": "dog"}, images).accuracy == 1
    with pytest.raises(pl.InputError, match="the images together with a truth by image name"):
        pl.evaluate(made, {"b.png": "dog"})
    with pytest.raises(pl.InputError, match="the 3 images of the labels, got 2"):
        pl.evaluate(made, {"b.png": "dog"}, images.take([0, 1]))


def test_means_over_the_classes():
    # cat: 3 of 4 right and nothing else called cat; dog: right; owl has no image.
    got = pl.evaluate(labels(["cat", "dog", "owl"], [0, 0, 0, 1, 1]), ["cat"] * 4 + ["dog"])
    np.testing.assert_array_equal(got.support, [4, 1, 0])
    np.testing.assert_allclose(got.f1, [6 / 7, 2 / 3, np.nan])
    assert got.macro_accuracy == pytest.approx((3 / 4 + 1) / 2)
    assert got.macro_f1 == pytest.approx((6 / 7 + 2 / 3) / 2)


def test_the_interval_is_wilsons():
    # Wilson's 95 % interval of 9 in 10 is 0.5958 to 0.9821; of a large folder it is just that.
    label = [0] * 10 + [0, 1] * 5000
    truth = ["cat"] * 9 + ["dog"] + [None] * 10_000
    got = pl.evaluate(labels(["cat", "dog"], label), truth)
    np.testing.assert_allclose(got.interval, [0.5958, 0.9821], atol=2e-3)


def test_of_a_folder_that_is_judged_to_the_last_image_the_accuracy_is_known():
    made = labels(["cat", "dog"], [0, 1, 1])
    assert pl.evaluate(made, ["cat", "dog", "cat"]).interval == (2 / 3, 2 / 3)
    low, high = pl.evaluate(made, ["cat", "dog", None]).interval
    assert 0 < low < high <= 1


def test_which_images():
    got = pl.evaluate(labels(["cat", "dog"], [0, 1, 1, 0]), ["cat", "cat", "dog", "cat"])
    np.testing.assert_array_equal(got.images("cat", "dog"), [1])
    np.testing.assert_array_equal(got.images("Cat", "cat"), [0, 3])
    with pytest.raises(pl.InputError, match="got 'fox'"):
        got.images("cat", "fox")


def test_pinned_images_count_as_right_but_say_nothing_of_the_agreement():
    made = labels(["cat", "dog"], [0, 1, 0, 1], [1.0, 0.6, 0.9, 0.8])
    made = replace(made, pinned=np.array([True, False, False, False]))
    got = pl.evaluate(made, ["cat", "cat", "cat", "dog"])
    assert got.accuracy == 0.75
    assert got.error_auroc == 1
    assert got.calibration_error == pytest.approx((0.6 + 0.1 + 0.2) / 3)


def test_images_that_are_set_aside_are_not_judged_but_counted():
    made = labels(["cat", "dog"], [0, 0, 1, 1, 0, 0])
    made = made.set_aside(np.array([True, False, True, False, True, False]))
    got = pl.evaluate(made, ["cat", "cat", "fox", "cat", None, None])
    assert (got.accuracy, got.judged, got.outside, got.unknown) == (0.5, 2, 0, 1)
    assert (got.set_aside, got.set_aside_named) == (3, 1)
    np.testing.assert_array_equal(got.label, [-1, 0, -1, 1, -1, 0])
    np.testing.assert_array_equal(got.wrong, [3])
    np.testing.assert_array_equal(got.confusion, [[1, 1], [0, 0]])
    assert got.by_iteration.tolist() == [0.5]
    assert "3 images set aside as none of these, left out: 1 of a class here" in str(got)


def test_with_every_image_set_aside_nothing_is_judged():
    made = labels(["cat", "dog"], [0, 1]).set_aside(np.array([True, True]))
    got = pl.evaluate(made, ["cat", "cat"])
    assert math.isnan(got.accuracy)
    assert (got.judged, got.set_aside, got.set_aside_named) == (0, 2, 2)
    assert "2 images set aside" in got._repr_html_()


@pytest.fixture(scope="module")
def made():
    world, graph, clusters = clustered_world()
    run = pl.refine(world.vectors, world.classes, clusters, graph=graph, progress=silent)
    return pl.label(run), [world.classes.names[one] for one in world.truth]


def test_every_iteration_has_its_accuracy(made):
    made, truth = made
    got = pl.evaluate(made, truth)
    want = [pl.evaluate(made.at(step), truth).accuracy for step in range(6)]
    np.testing.assert_allclose(got.by_iteration, want)
    assert got.by_iteration[-1] == got.accuracy
    classifier = pl.PrototypeClassifier.from_labels(made)
    assert len(pl.evaluate(classifier.label(clustered_world()[0].vectors), truth).by_iteration) == 0


def test_against_scikit_learn(made):
    from sklearn import metrics

    made, truth = made
    said = [made.names[one] for one in made.label]
    got = pl.evaluate(made, truth)
    table = metrics.precision_recall_fscore_support(truth, said, labels=made.names)
    for mine, theirs in zip((got.precision, got.recall, got.f1, got.support), table, strict=True):
        np.testing.assert_allclose(mine, theirs)
    np.testing.assert_array_equal(
        got.confusion, metrics.confusion_matrix(truth, said, labels=made.names)
    )
    right = got.label == got.true
    assert got.error_auroc == pytest.approx(metrics.roc_auc_score(right, made.agreement))
    assert got.macro_accuracy == pytest.approx(metrics.balanced_accuracy_score(truth, said))


class TestCompare:
    def test_closed_form(self):
        before = labels(["cat", "dog"], [0, 0, 1, 1, 0])
        after = labels(["cat", "dog"], [0, 1, 1, 0, 1])
        got = pl.compare(before, after, ["cat", "dog", "dog", "dog", None])
        np.testing.assert_array_equal(got.changed, [1, 3, 4])
        np.testing.assert_array_equal(got.mended, [1])
        np.testing.assert_array_equal(got.broken, [3])
        assert (got.judged, got.accuracy_before, got.accuracy_after) == (4, 0.75, 0.75)
        assert got.p_value == 1
        assert "3 of 5 labels changed: 1 mended, 1 broken" in str(got)

    def test_without_truth(self):
        got = pl.compare(labels(["cat", "dog"], [0, 1]), labels(["cat", "dog"], [1, 1]))
        assert got.changed.tolist() == [0]
        assert (len(got.mended), len(got.broken), got.judged) == (0, 0, 0)
        assert math.isnan(got.accuracy_after)
        assert str(got) == "1 of 2 labels changed."

    def test_classes_are_compared_by_name(self):
        before = labels(["cat", "dog"], [0, 1, 1])
        after = labels(["dog", "fox", "cat"], [2, 0, 1])
        got = pl.compare(before, after, ["cat", "dog", "fox"])
        np.testing.assert_array_equal(got.changed, [2])
        np.testing.assert_array_equal(got.mended, [2])

    def test_mcnemars_exact_test(self):
        # 8 mended, 1 broken: P(at most 1 or at least 8 of 9 heads) = 2 (1 + 9) / 2^9.
        before, after = [0] * 8 + [1], [1] * 8 + [0]
        got = pl.compare(labels(["cat", "dog"], before), labels(["cat", "dog"], after), ["dog"] * 9)
        assert got.p_value == pytest.approx(20 / 512)

    def test_iterations(self, made):
        made, truth = made
        got = pl.compare(made.at(0), made, truth)
        gained = (len(got.mended) - len(got.broken)) / got.judged
        assert got.accuracy_after - got.accuracy_before == pytest.approx(gained)
        assert set(got.mended) | set(got.broken) <= set(got.changed)

    def test_the_images_must_be_the_same(self):
        with pytest.raises(pl.InputError, match="got 1 and 2"):
            pl.compare(labels(["cat", "dog"], [0]), labels(["cat", "dog"], [0, 1]))


class TestAsAPersonReadsIt:
    def test_text(self):
        made = labels(["cat", "dog", "owl"], [0, 0, 1, 1, 1], [0.5, 0.9, 0.6, 0.7, 0.8])
        text = str(pl.evaluate(made, ["cat", "dog", "dog", "cat", "fox"]))
        assert "Accuracy 0.500 of 4 judged images" in text
        assert "1 image of no class here" in text
        assert "chosen at random" not in text
        lines = text.splitlines()
        assert next(one for one in lines if one.startswith("cat")).split() == [
            "cat", "2", "2", "0.500", "0.500", "0.500", "dog", "(1)",
        ]  # fmt: skip
        assert next(one for one in lines if one.startswith("iteration")).split() == [
            "iteration", "0",
        ]  # fmt: skip

    def test_a_partial_truth_is_reported_with_an_interval(self):
        made = labels(["cat", "dog"], [0] * 30)
        text = str(pl.evaluate(made, ["cat"] * 10 + [None] * 20))
        assert "for all 30 with 95 % confidence" in text

    def test_nothing_to_judge(self):
        made = pl.evaluate(labels(["cat", "dog"], [0, 1]), ["fox", None])
        assert str(made).startswith("No image could be judged")
        assert "No image could be judged" in made._repr_html_()

    def test_names_of_any_origin(self):
        name = "<b onclick='x()'>cat\u202e"
        made = pl.evaluate(labels([name, "dog"], [0, 1]), [name, name])
        html = made._repr_html_()
        assert "<b " not in html
        assert "'x()'" not in html
        assert "\u202e" not in str(made) + html
        assert "&lt;b" in html

    def test_html_tables_hold_the_numbers(self, made):
        made, truth = made
        got = pl.evaluate(made, truth)
        html = got._repr_html_()
        tables = ET.fromstring(html.replace("<br>", "<br/>")).findall("table")
        assert len(tables) == 3
        cells = [[cell.text for cell in row] for row in tables[2].find("tbody")]
        assert [row[0] for row in cells] == list(got.names)
        counts = [[int(cell or 0) for cell in row[1:]] for row in cells]
        np.testing.assert_array_equal(counts, got.confusion)

    def test_of_many_classes_the_worst_are_shown(self):
        names = [f"class {i}" for i in range(100)]
        made = labels(names, list(range(100)))
        truth = list(names)
        truth[70], truth[80] = truth[80], truth[70]
        text = str(pl.evaluate(made, truth))
        assert "class 70 " in text
        assert "class 99" not in text
        assert "and 60 classes that went better" in text

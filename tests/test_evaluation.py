from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

import protolabel as pl
from protolabel.progress import silent


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
    with pytest.raises(pl.InputError, match="2 labels, 1 names"):
        pl.evaluate(labels(["cat", "dog"], [0, 1]), ["cat"])

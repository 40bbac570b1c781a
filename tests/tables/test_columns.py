"""Columns of vectors between Arrow and numpy."""

from __future__ import annotations

import numpy as np
import pytest

from protolabel.tables.columns import list_column, read_vectors

pa = pytest.importorskip("pyarrow")


@pytest.mark.parametrize("kind", ["list", "fixed", "chunked"])
def test_vectors_come_back_as_they_were_written(kind):
    x = np.arange(12, dtype=np.float16).reshape(4, 3) + 1
    column = list_column(x, np.ones(4, bool))
    if kind == "fixed":
        column = pa.FixedSizeListArray.from_arrays(pa.array(x.ravel()), 3)
    elif kind == "chunked":
        column = pa.chunked_array([column[:1], column[1:]])
    vectors, usable = read_vectors(column, 3)
    assert usable.all()
    np.testing.assert_array_equal(vectors, x.astype(np.float32))


def test_rows_that_hold_no_vector_are_told_apart():
    rows = [[1.0, 2.0], None, [1.0], [0.0, 0.0], [float("nan"), 1.0], [3.0, 4.0]]
    vectors, usable = read_vectors(pa.array(rows, pa.list_(pa.float32())), 2)
    assert usable.tolist() == [True, False, False, False, False, True]
    np.testing.assert_array_equal(vectors[usable], [[1, 2], [3, 4]])
    assert not vectors[~usable].any()


def test_unusable_vectors_are_null():
    column = list_column(np.ones((3, 2), np.float16), np.array([True, False, True]))
    assert column.to_pylist() == [[1, 1], None, [1, 1]]


def test_no_rows_are_no_vectors():
    vectors, usable = read_vectors(pa.array([], pa.list_(pa.float16())), 5)
    assert vectors.shape == (0, 5)
    assert usable.shape == (0,)

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_array

from protolabel.common import vectors as module
from protolabel.common.vectors import (
    as_vectors,
    blocks,
    column_sums,
    held_unit_rows,
    is_whole_number,
    log_mixed,
    log_softmax,
    row_argmax,
    sparse_product,
    unit_blocks,
    unit_rows,
)
from protolabel.errors import InputError


def test_unit_rows_have_length_one():
    rows = unit_rows(np.array([[3.0, 4.0], [0.0, -2.0]]))
    np.testing.assert_allclose(rows, [[0.6, 0.8], [0.0, -1.0]], rtol=1e-6)
    assert rows.dtype == np.float32


def test_a_zero_row_stays_zero():
    np.testing.assert_array_equal(unit_rows(np.zeros((2, 3))), np.zeros((2, 3)))


def test_float16_rows_are_scaled_again():
    half = unit_rows(np.random.default_rng(0).normal(size=(50, 300))).astype(np.float16)
    np.testing.assert_allclose(np.linalg.norm(unit_rows(half), axis=1), 1.0, atol=1e-6)


@pytest.mark.parametrize("rows", [1, 7, 8, 9])
def test_blocks_cover_every_row_once_in_order(monkeypatch, rows):
    x = np.random.default_rng(rows).normal(size=(rows, 5))
    monkeypatch.setattr(module, "_BLOCK_BYTES", 4 * 5 * 4)  # four rows
    parts = list(unit_blocks(x))
    assert [part.start for part, _ in parts] == list(range(0, rows, 4))
    assert parts[-1][0].stop == rows
    np.testing.assert_array_equal(np.concatenate([block for _, block in parts]), unit_rows(x))


def test_a_block_is_never_empty_however_wide_the_rows(monkeypatch):
    monkeypatch.setattr(module, "_BLOCK_BYTES", 1)
    assert len(list(unit_blocks(np.ones((3, 100))))) == 3


def test_lists_of_floats_are_vectors():
    assert as_vectors([[0.5, 1.0]]).shape == (1, 2)


def test_arrays_pass_untouched(tmp_path):
    stored = np.lib.format.open_memmap(tmp_path / "x.npy", "w+", np.float16, (4, 3))
    stored[:] = 1
    assert as_vectors(stored) is stored


@pytest.mark.parametrize(
    "bad", [np.zeros((0, 4)), np.ones((4, 0)), np.ones(4), np.ones((2, 2, 2)), 1.0, []]
)
def test_other_shapes_are_refused_with_their_shape(bad):
    with pytest.raises(InputError, match=r"shape \(N, d\).*got shape \("):
        as_vectors(bad)


@pytest.mark.parametrize("bad", [[[1, 2]], np.ones((2, 3), np.int8), np.array([["a"]])])
def test_other_types_are_refused_with_their_type(bad):
    with pytest.raises(InputError, match="floating-point numbers, got dtype"):
        as_vectors(bad)


@pytest.mark.parametrize("bad", [0.0, np.nan, np.inf])
def test_rows_without_a_direction_are_counted(bad):
    x = np.ones((70_000, 2), np.float16)
    x[[3, 69_999]] = bad
    with pytest.raises(InputError, match=r"Expected features .* got 2 of 70000 rows"):
        as_vectors(x, what="features")


def test_wrong_dimension_names_both():
    with pytest.raises(InputError, match="with 512 columns, got 3"):
        as_vectors(np.ones((2, 3)), dim=512)


def test_log_softmax_closed_form():
    got = log_softmax(np.log(np.array([[1.0, 3.0], [2.0, 2.0]], np.float32)))
    np.testing.assert_allclose(np.exp(got), [[0.25, 0.75], [0.5, 0.5]], rtol=1e-6)


@pytest.mark.parametrize("columns", [1, 2, 32, 33, 200])
def test_log_softmax_of_any_width_is_that_of_each_row(columns):
    x = np.random.default_rng(columns).normal(scale=9.0, size=(50, columns)).astype(np.float32)
    expected = x - np.log(np.exp(x.astype(np.float64)).sum(axis=1, keepdims=True))
    np.testing.assert_allclose(log_softmax(x), expected, atol=3e-6)
    again = log_softmax(np.concatenate([x[::-1], x]))
    np.testing.assert_array_equal(again[:50][::-1], again[50:])  # a row's place changes nothing


def test_log_softmax_survives_huge_scores():
    got = log_softmax(np.array([[1e30, 0.0, -1e30]], np.float32))
    np.testing.assert_array_equal(got, np.array([[0.0, -1e30, -2e30]], np.float32))


@pytest.mark.parametrize(
    ("value", "right"),
    [(2, True), (np.int8(3), True), (1, False), (2.0, False), ("2", False), (None, False)],
)
def test_counts_are_whole_numbers(value, right):
    assert is_whole_number(value, 2) is right


def test_held_rows_are_scaled_once_and_give_the_same_blocks():
    rows = np.random.default_rng(0).normal(size=(300, 40)).astype(np.float16)
    held = held_unit_rows(rows)
    assert held_unit_rows(held) is held
    assert not held.flags.writeable
    whole = np.concatenate([block for _, block in unit_blocks(rows)])
    parts = [block for _, block in blocks(held)]
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    assert all(np.shares_memory(block, held) for block in parts)


def test_rows_of_another_length_are_scaled_even_if_they_are_float32():
    rows = np.array([[3.0, 4.0], [0.0, 1.0]], np.float32)
    np.testing.assert_allclose(held_unit_rows(rows), [[0.6, 0.8], [0, 1]])


def test_a_memory_map_of_unit_rows_is_read_into_memory_once(tmp_path):
    np.save(tmp_path / "x.npy", np.eye(3, dtype=np.float32))
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    assert type(held_unit_rows(mapped)) is np.ndarray


def test_rows_that_would_fill_memory_are_not_held(monkeypatch):
    monkeypatch.setattr(module, "_HELD_BYTES", 100)
    assert held_unit_rows(np.ones((30, 4), dtype=np.float16)) is None


def test_many_float16_rows_are_widened_exactly(monkeypatch):
    rows = np.random.default_rng(0).normal(size=(300, 40)).astype(np.float16)
    rows[0, :3] = [6e-8, -0.0, 65504]  # subnormal, signed zero, largest
    monkeypatch.setattr(module, "_HELD_BYTES", 0)
    whole = np.concatenate([block for _, block in blocks(rows)])
    np.testing.assert_array_equal(whole, rows.astype(np.float32))
    assert np.signbit(whole[0, 1])


@pytest.mark.parametrize("columns", [1, 2, 32, 33])
def test_the_first_of_the_largest_in_every_row_is_found(columns):
    x = np.random.default_rng(0).integers(4, size=(50, columns)).astype(np.float32)
    x[3] = -np.inf
    x[4, columns // 2] = np.inf
    np.testing.assert_array_equal(row_argmax(x), x.argmax(axis=1))


@pytest.mark.parametrize("rows", [0, 5, 1_024, 3_000])
def test_sums_of_columns_lose_no_small_terms(rows):
    x = np.full((rows, 2), 0.1, np.float32)
    np.testing.assert_allclose(column_sums(x), x.sum(axis=0, dtype=np.float64), rtol=1e-5)
    assert column_sums(x).dtype == np.float64


@pytest.mark.parametrize("fraction", [1e-3, 0.25, 0.5, 0.9])
def test_a_mixture_of_logarithms_is_the_logarithm_of_the_mixture(fraction):
    rng = np.random.default_rng(3)
    first, second = (rng.normal(scale=9, size=(50, 4)).astype(np.float32) for _ in range(2))
    first[0], first[1, 2], second[2, 1] = -np.inf, -1e4, -1e4
    wanted = np.logaddexp(
        first.astype(np.float64) + np.log(1 - fraction),
        second.astype(np.float64) + np.log(fraction),
    )
    got = log_mixed(first, second, fraction)
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, wanted, rtol=1e-6, atol=1e-5)


@pytest.mark.parametrize("many", [0, 2**40])
@pytest.mark.parametrize("order", ["C", "F"])
def test_a_sparse_product_is_the_product_however_large(monkeypatch, many, order):
    rng = np.random.default_rng(0)
    dense = rng.normal(size=(60, 40)).astype(np.float32) * (rng.random((60, 40)) < 0.1)
    dense[7] = 0.0  # an image without neighbours
    x = np.asarray(rng.normal(size=(40, 5)), np.float32, order=order)
    monkeypatch.setattr(module, "_MANY", many)
    product = sparse_product(csr_array(dense), x)
    np.testing.assert_allclose(product, dense @ x, atol=1e-5)
    assert product.dtype == np.float32

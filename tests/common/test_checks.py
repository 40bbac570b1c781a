from __future__ import annotations

import inspect
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from protolabel.common.checks import as_indices, as_numbers, as_path, as_seed, checked
from protolabel.errors import InputError

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from numpy.typing import ArrayLike


@pytest.mark.parametrize("seed", [0, 7, np.int64(7), np.uint32(2**32 - 1)])
def test_a_seed_becomes_an_integer_of_python(seed):
    assert type(as_seed(seed)) is int
    assert as_seed(seed) == seed


@pytest.mark.parametrize("seed", [-1, 2**32, 1.0, "1", None, [1], np.array([1, 2])])
def test_what_is_no_seed_is_refused(seed):
    with pytest.raises(InputError, match=r"seed from 0 to 2\*\*32 - 1"):
        as_seed(seed)


def test_indices_keep_their_shape_and_become_int32():
    got = as_indices(np.array([[0, 2], [1, 1]], np.uint8), 3, "rows")
    assert (got.shape, got.dtype) == ((2, 2), np.int32)
    assert as_indices(np.empty(0, int), 0, "rows").size == 0


@pytest.mark.parametrize("indices", [[0, 3], [-2, 0], [2**40], [0.0], ["0"], [None]])
def test_indices_that_refer_to_no_row_are_refused(indices):
    with pytest.raises(InputError, match="Expected rows"):
        as_indices(np.array(indices), 3, "rows", least=-1)


@checked
def _example(
    path: str | os.PathLike[str],
    values: ArrayLike,
    *,
    names: Sequence[str] = (),
    count: int | None = None,
    plain: Any = None,
) -> int:
    return np.asarray(values).size


def test_arguments_that_fit_their_annotations_pass():
    assert _example("a", [1.0, 2.0], names=["a"], count=np.int64(3), plain=object()) == 2
    assert _example(Path("a"), np.zeros(0), names=np.array(["a", "b"])) == 0
    assert _example("a", []) == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((3, [1]), "Expected path to be text or a path, got int 3"),
        (("a", [[1, 2], [3]]), "Expected values to be an array of numbers"),
        (("a", ["x"]), "Expected values to be an array of numbers"),
        (("a", {"b": 1}), "Expected values to be an array of numbers"),
    ],
)
def test_arguments_of_another_kind_are_refused_by_name(arguments, said):
    with pytest.raises(InputError, match=said):
        _example(*arguments)


@pytest.mark.parametrize(
    "options", [{"names": "abc"}, {"names": ["a", 1]}, {"count": 1.5}, {"count": True}]
)
def test_text_is_no_list_of_texts_and_a_fraction_is_no_count(options):
    with pytest.raises(InputError, match=rf"Expected {next(iter(options))} to be .*help\(_example"):
        _example("a", [1], **options)


def test_a_checked_function_keeps_its_name_and_signature():
    assert _example.__name__ == "_example"
    assert list(inspect.signature(_example).parameters)[:2] == ["path", "values"]


@pytest.mark.parametrize(
    "path", ["", "a\0b", "x" * 5000, "~nobody-of-this-name/x", 3, None, b"\xff"]
)
def test_what_can_be_no_path_is_refused(path):
    with pytest.raises(InputError, match="Expected the path of a dataset"):
        as_path(path, "a dataset")


def test_numbers_have_the_shape_that_is_asked_for_and_are_finite():
    assert as_numbers([[1, 2]], "xy", None, 2).shape == (1, 2)
    for values, shape in (([1, 2], (3,)), ([[1]], (None,)), ([np.nan], (None,)), (["a"], (None,))):
        with pytest.raises(InputError, match="Expected xy"):
            as_numbers(values, "xy", *shape)

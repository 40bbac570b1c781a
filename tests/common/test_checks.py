from __future__ import annotations

import numpy as np
import pytest

from protolabel.common.checks import as_indices, as_seed
from protolabel.errors import InputError


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

from __future__ import annotations

import numpy as np
import pytest

from protolabel.common.wording import shown


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.09999999976974147, "0.1"),
        (np.float32(0.1), "0.1"),
        (0.12345678, "0.1235"),
        (5, "5"),
        (np.int64(123456), "123456"),
        (True, "True"),
        (None, "None"),
        ("clusters", "clusters"),
        ([1, 2], "[1, 2]"),
    ],
)
def test_a_setting_is_shown_as_people_write_it(value: object, text: str) -> None:
    assert shown(value) == text

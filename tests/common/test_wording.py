from __future__ import annotations

import numpy as np
import pytest

from protolabel.common.wording import escape, printable, shown, unicode_text, visible


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


def test_spaces_and_joined_emoji_are_shown_and_what_controls_a_display_is_not() -> None:
    name = "Bildschirmfoto\u202f1\u00a0\u3000 \U0001f468\u200d\U0001f469.png"
    assert printable(name) == escape(name) == name
    assert printable("a\nb\x1b\u2028\u202e\udce9") == r"a\nb\x1b\u2028\u202e\udce9"
    assert escape("<\x1b>") == "&lt;\ufffd&gt;"
    assert not visible("\u202e")


def test_text_for_other_programs_is_changed_only_where_it_is_no_text() -> None:
    assert unicode_text("a\tb\n\u202e\udce9") == "a\tb\n\u202e\\udce9"

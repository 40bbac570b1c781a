from __future__ import annotations

import pytest

from protolabel import errors


@pytest.mark.parametrize("name", errors.__all__)
def test_one_root_catches_everything(name):
    assert issubclass(getattr(errors, name), errors.ProtolabelError)


@pytest.mark.parametrize(
    ("name", "builtin"),
    [
        ("InputError", ValueError),
        ("VocabularyError", ValueError),
        ("ImageReadError", ValueError),
        ("StoreError", ValueError),
        ("EncoderError", RuntimeError),
        ("ExportError", OSError),
    ],
)
def test_code_that_knows_only_python_can_catch_them(name, builtin):
    assert issubclass(getattr(errors, name), builtin)


def test_an_unknown_word_is_an_input_error():
    assert issubclass(errors.VocabularyError, errors.InputError)


def test_a_stop_is_not_taken_for_a_bad_value():
    assert not issubclass(errors.Stopped, ValueError | OSError | RuntimeError)


def test_all_is_every_class_of_the_module():
    defined = [name for name, thing in vars(errors).items() if isinstance(thing, type)]
    assert sorted(defined) == errors.__all__


def test_messages_come_through_whole():
    assert str(errors.ExportError("Expected this, got that.")) == "Expected this, got that."

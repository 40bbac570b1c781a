"""Edits of the classes keep what belongs to each class."""

from __future__ import annotations

import numpy as np
import pytest

import protolabel as pl
from protolabel.session import class_edits

TEMPLATES = {" RED": ["a {} thing"], "Gre\u0301en": ["some {}"]}


@pytest.fixture
def given():
    classes = pl.ClassPrompts.parse({"red": ["scarlet"], "gr\u00e9en": [], "blue": []}, TEMPLATES)
    return classes, TEMPLATES


def sentences(classes: pl.ClassPrompts, templates) -> dict[str, tuple[str, ...]]:
    parsed = pl.ClassPrompts.parse(classes, templates)
    return dict(zip(parsed.names, parsed.templates, strict=True))


def test_templates_keyed_in_another_letter_case_stay_with_their_class(given):
    before = sentences(*given)
    added = class_edits.add_class(*given, "yellow")
    assert sentences(*added) == {**before, "yellow": pl.DEFAULT_TEMPLATES}
    removed = class_edits.remove_class(*given, "BLUE")
    assert sentences(*removed) == {n: t for n, t in before.items() if n != "blue"}
    worded = class_edits.set_synonyms(*given, "Red", ["crimson"])
    assert sentences(*worded) == before
    assert worded[0].synonyms[0] == ("red", "crimson")
    renamed = class_edits.rename_class(*given, "red", "rose")
    assert sentences(*renamed)["rose"] == ("a {} thing",)
    assert renamed[0].synonyms[0] == ("rose", "scarlet")
    assert set(sentences(*renamed)) == {"rose", "gr\u00e9en", "blue"}


def test_an_edit_leaves_what_it_was_given(given):
    words = given[0].to_dict()
    class_edits.rename_class(*given, "red", "rose")
    assert given[0].to_dict() == words
    assert given[1] is TEMPLATES


def test_templates_for_all_classes_stay_as_they_are():
    classes = pl.ClassPrompts.parse(["red", "blue"])
    assert class_edits.add_class(classes, ("{}",), "green")[1] == ("{}",)


def test_a_name_that_is_taken_is_refused_in_any_form(given):
    for taken in ("RED", "gre\u0301en"):
        with pytest.raises(pl.InputError, match="is a class already"):
            class_edits.add_class(*given, taken)
        with pytest.raises(pl.InputError, match="is a class already"):
            class_edits.rename_class(*given, "blue", taken)


def test_a_class_may_change_its_letter_case(given):
    classes, templates = class_edits.rename_class(*given, "red", "Red")
    assert classes.names[0] == "Red"
    assert sentences(classes, templates)["Red"] == ("a {} thing",)


def test_vectors_are_renamed_and_removed_but_have_no_words():
    vectors = pl.ClassVectors(["a", "b", "c"], np.eye(3, dtype=np.float32))
    renamed, _ = class_edits.rename_class(vectors, (), "b", "d")
    assert renamed.names == ("a", "d", "c")
    fewer, _ = class_edits.remove_class(renamed, (), "d")
    np.testing.assert_array_equal(fewer.vectors, np.eye(3)[[0, 2]])
    with pytest.raises(pl.InputError, match="are vectors, so you cannot add a class"):
        class_edits.add_class(vectors, (), "d")
    with pytest.raises(pl.InputError, match="is a class already"):
        class_edits.rename_class(vectors, (), "a", "B")


def test_a_session_keeps_templates_in_another_letter_case(image_folder, encoder):
    session = pl.Session(
        image_folder, ["red", "green"], encoder=encoder, templates={"Red": ["a {} thing"]}
    )
    session.add_class("blue")
    assert session.templates == {"red": ["a {} thing"]}


def test_a_class_moves_with_its_words_and_templates(given):
    before = sentences(*given)
    moved = class_edits.move_class(*given, "blue", 0)
    assert moved[0].names == ("blue", "red", "gr\u00e9en")
    assert sentences(*moved) == before
    vectors = pl.ClassVectors(("a", "b", "c"), np.eye(3, dtype=np.float32))
    back, _ = class_edits.move_class(vectors, None, "a", 2)
    assert back.names == ("b", "c", "a")
    assert back.vectors.argmax(axis=1).tolist() == [1, 2, 0]
    with pytest.raises(pl.InputError, match="from 0 to 2"):
        class_edits.move_class(vectors, None, "a", 3)


def test_merged_classes_keep_all_their_words(given):
    merged = class_edits.merge_classes(*given, "red", "blue")
    assert merged[0].names == ("gr\u00e9en", "blue")
    assert merged[0].synonyms[1] == ("blue", "red", "scarlet")
    with pytest.raises(pl.InputError, match="twice"):
        class_edits.merge_classes(*given, "red", "RED")

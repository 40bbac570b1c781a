from __future__ import annotations

import numpy as np
import pytest

from protolabel.embedding.prompts import (
    DEFAULT_TEMPLATES,
    ClassPrompts,
    ClassVectors,
    embed_classes,
)
from protolabel.encoders import load_encoder
from protolabel.errors import EncoderError, InputError


class TestParse:
    def test_names_become_their_own_only_synonym_in_the_default_templates(self):
        prompts = ClassPrompts.parse(["dog", "cat"])
        assert prompts.names == ("dog", "cat")
        assert prompts.synonyms == (("dog",), ("cat",))
        assert prompts.templates == (DEFAULT_TEMPLATES, DEFAULT_TEMPLATES)
        assert len(prompts) == 2

    def test_the_order_given_is_kept(self):
        assert ClassPrompts.parse(["zebra", "ant", "Moose"]).names == ("zebra", "ant", "Moose")

    def test_synonyms_include_the_name_first_and_each_once(self):
        prompts = ClassPrompts.parse({"dog": ["puppy", "Dog", "puppy", "hound"], "cat": []})
        assert prompts.synonyms == (("dog", "puppy", "hound"), ("cat",))

    def test_prompts_are_every_synonym_in_every_template(self):
        prompts = ClassPrompts.parse({"dog": ["puppy"]}, ["a {}", "the {}."])
        assert prompts.of(0) == ("a dog", "the dog.", "a puppy", "the puppy.")

    def test_a_class_may_have_templates_of_its_own(self):
        prompts = ClassPrompts.parse(["dog", "cat"], {"DOG": ["my {}"]})
        assert prompts.templates == (("my {}",), DEFAULT_TEMPLATES)

    def test_braces_in_a_name_are_only_letters(self):
        prompts = ClassPrompts.parse(["set {}", "{x}", "{0!r}", "100%"], ["a {} here"])
        assert [prompts.of(i) for i in range(4)] == [
            ("a set {} here",), ("a {x} here",), ("a {0!r} here",), ("a 100% here",),
        ]  # fmt: skip

    def test_other_braces_in_a_template_are_only_letters(self):
        assert ClassPrompts.parse(["dog"], ["a {} {x}"]).of(0) == ("a dog {x}",)

    def test_names_are_stripped_and_normalised(self):
        assert ClassPrompts.parse(["  cafe\u0301 "]).names == ("café",)

    def test_any_iterable_of_names_will_do(self):
        assert ClassPrompts.parse(np.array(["dog", "cat"])).names == ("dog", "cat")
        assert ClassPrompts.parse(name for name in ("dog", "cat")).names == ("dog", "cat")

    def test_parsing_twice_changes_nothing(self):
        prompts = ClassPrompts.parse({"dog": ["puppy"]}, ["my {}"])
        assert ClassPrompts.parse(prompts) is prompts

    def test_templates_of_parsed_prompts_can_be_replaced(self):
        prompts = ClassPrompts.parse(ClassPrompts.parse({"dog": ["puppy"]}), ["my {}"])
        assert prompts.of(0) == ("my dog", "my puppy")

    def test_a_round_trip_through_plain_lists(self):
        prompts = ClassPrompts.parse({"dog": ["puppy"], "cat": []}, {"dog": ["my {}"]})
        again = ClassPrompts.from_dict(prompts.to_dict())
        assert (again.names, again.synonyms, again.templates) == (
            prompts.names, prompts.synonyms, prompts.templates,
        )  # fmt: skip

    @pytest.mark.parametrize(
        ("classes", "says"),
        [
            ("dog, cat", r"list of class names.*\['dog', 'cat'\]"),
            (b"dog", "list of class names"),
            (7, "list of class names"),
            ({"dog", "cat"}, "fixed order"),
            ([], "at least one class name"),
            ({}, "at least one class name"),
            (["dog", "  "], "at least one character"),
            (["dog", 3], "is a string, got 3"),
            (["dog", None], "is a string, got None"),
            (["dog\ncat"], "line breaks"),
            (["dog\u2028cat"], "line breaks"),
            (["do\x00g"], "control characters"),
            (["do\udcffg"], "printable"),
            (["dog", "Dog"], "'dog' and 'Dog'"),
            (["dog", "dog "], "got 'dog' twice"),
            (["straße", "STRASSE"], "upper and lower"),
            (["dog", "cat", "dog"], "got 'dog' twice"),
            (["caf\u00e9", "cafe\u0301"], "got 'caf\u00e9' twice"),
            ({"dog": "puppy"}, "list of synonyms of 'dog'"),
            ({"dog": [""]}, "at least one character"),
            ({"dog": None}, "list of synonyms"),
        ],
    )
    def test_names_that_cannot_be_used(self, classes, says):
        with pytest.raises(InputError, match=says):
            ClassPrompts.parse(classes)

    @pytest.mark.parametrize(
        ("templates", "says"),
        [
            ("a photo of a {}", "list of templates"),
            ([], "at least one template"),
            (["a photo"], "exactly one"),
            (["{} and {}"], "exactly one"),
            (["a {0}"], "exactly one"),
            (["a {name}"], "exactly one"),
            ({"dog": "a {}"}, "list of templates"),
            ({"cow": ["a {}"]}, "'cow'"),
            ([3], "string"),
        ],
    )
    def test_templates_that_cannot_be_used(self, templates, says):
        with pytest.raises(InputError, match=says):
            ClassPrompts.parse(["dog", "cat"], templates)

    @pytest.mark.parametrize("fields", [{}, {"names": ["a"], "synonyms": [], "templates": []}])
    def test_damaged_fields(self, fields):
        with pytest.raises(InputError, match="to_dict"):
            ClassPrompts.from_dict(fields)


class TestClassVectors:
    def test_rows_become_float32_of_length_one(self):
        vectors = ClassVectors(["a", "b"], np.array([[3.0, 4.0], [0.0, -2.0]]))
        np.testing.assert_allclose(vectors.vectors, [[0.6, 0.8], [0.0, -1.0]])
        assert vectors.vectors.dtype == np.float32
        assert vectors.names == ("a", "b")
        assert vectors.logit_scale == 100.0
        assert len(vectors) == 2

    @pytest.mark.parametrize(
        ("names", "rows", "says"),
        [
            (["a"], np.ones((2, 3)), r"\(1, d\)"),
            (["a"], np.ones(3), r"\(1, d\)"),
            (["a"], np.ones((1, 0)), r"\(1, d\)"),
            (["a"], np.ones((1, 3), int), "floating-point"),
            (["a"], np.zeros((1, 3)), "non-zero"),
            (["a"], np.full((1, 3), np.nan), "finite"),
            (["a", "A"], np.ones((2, 3)), "upper and lower"),
            ("ab", np.ones((2, 3)), "list of class names"),
        ],
    )
    def test_what_does_not_fit(self, names, rows, says):
        with pytest.raises(InputError, match=says):
            ClassVectors(names, rows)

    @pytest.mark.parametrize("scale", [0, -1, float("nan"), float("inf")])
    def test_a_scale_that_cannot_be_used(self, scale):
        with pytest.raises(InputError, match="logit_scale"):
            ClassVectors(["a"], np.ones((1, 3)), scale)


class TestEmbedClasses:
    def test_closed_form_mean_of_unit_vectors(self):
        table = {
            "a cat": [2.0, 0.0],
            "the cat": [0.0, 5.0],
            "a dog": [-1.0, 0.0],
            "the dog": [-3.0, 0.0],
        }
        encoder = _text_encoder(table)
        found = embed_classes(["cat", "dog"], encoder, ["a {}", "the {}"])
        half = np.sqrt(0.5)
        np.testing.assert_allclose(found.vectors, [[half, half], [-1.0, 0.0]], atol=1e-6)
        assert found.prompts.names == ("cat", "dog")
        assert found.logit_scale == 30.0

    def test_synonyms_and_own_templates_pool_into_their_own_class(self):
        table = {"a cat": [1, 0, 0], "a kitten": [0, 1, 0], "my dog": [0, 0, 1]}
        found = embed_classes(
            {"cat": ["kitten"], "dog": []},
            _text_encoder(table),
            {"cat": ["a {}"], "dog": ["my {}"]},
        )
        half = np.sqrt(0.5)
        np.testing.assert_allclose(found.vectors, [[half, half, 0], [0, 0, 1]], atol=1e-6)

    def test_all_prompts_go_in_one_call(self, encoder, monkeypatch):
        calls = []
        encode = encoder.encode_texts
        monkeypatch.setattr(
            encoder, "encode_texts", lambda texts: calls.append(len(texts)) or encode(texts)
        )
        embed_classes(["red", "blue"], encoder)
        assert calls == [2 * len(DEFAULT_TEMPLATES)]

    def test_the_word_decides_and_not_the_order(self, encoder):
        one = embed_classes(["red", "blue", "green"], encoder)
        two = embed_classes(["green", "red", "blue"], encoder)
        np.testing.assert_allclose(one.vectors, two.vectors[[1, 2, 0]], atol=1e-6)
        images = encoder.encode_images([_solid((200, 40, 40)), _solid((40, 60, 200))])
        assert (images @ one.vectors.T).argmax(1).tolist() == [0, 1]

    def test_an_encoder_without_text_side_says_so(self):
        encoder = load_encoder(lambda images: np.ones((len(images), 3)), name="mine")
        with pytest.raises(EncoderError, match=r"'mine' without one.*encode_texts"):
            embed_classes(["dog"], encoder)

    @pytest.mark.parametrize("rows", [np.ones(2), np.ones((1, 2)), np.zeros((7, 2))])
    def test_an_encoder_that_returns_nonsense(self, rows):
        class Broken:
            logit_scale = 100.0

            def encode_texts(self, texts):
                return rows

        with pytest.raises(EncoderError, match="encode_texts"):
            embed_classes(["dog"], Broken())


def _text_encoder(table):
    class Table:
        logit_scale = 30.0

        def encode_texts(self, texts):
            return np.array([table[text] for text in texts], float)

    return Table()


def _solid(colour):
    from PIL import Image

    return Image.new("RGB", (8, 8), colour)


def test_underscores_are_spaces_in_the_prompt_and_stay_in_the_name():
    prompts = ClassPrompts.parse({"hot_dog": ["corn__dog"]}, ["a photo of a {}"])
    assert prompts.names == ("hot_dog",)
    assert prompts.of(0) == ("a photo of a hot dog", "a photo of a corn dog")
    assert ClassPrompts.parse(["_"], ["{}"]).of(0) == ("_",)


@pytest.mark.parametrize(
    ("vectors", "scale"),
    [
        ([[1.0], [1.0, 2.0]], 100.0),
        ([["a"], ["b"]], 100.0),
        ([[1.0], [2.0]], "x"),
        ([[1.0], [2.0]], np.array([1.0, 2.0])),
        ([[1.0], [2.0]], None),
    ],
)
def test_class_vectors_that_are_none_are_an_input_error(vectors, scale):
    with pytest.raises(InputError):
        ClassVectors(["a", "b"], vectors, scale)

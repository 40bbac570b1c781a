"""The sample encoder's words."""

import pytest

from protolabel.errors import InputError, VocabularyError
from protolabel.samples import ANIMALS, SampleTokenizer
from protolabel.samples.captions import COLOURS, SYNONYMS, TEMPLATES, colour_name, vocabulary
from protolabel.samples.encoder import MODEL_FOLDER


@pytest.fixture(scope="module")
def tokenizer():
    return SampleTokenizer.from_file(MODEL_FOLDER / "vocabulary.txt")


def test_the_file_holds_the_words_of_the_captions(tokenizer):
    assert list(tokenizer.words) == vocabulary()


def test_ids_end_with_the_largest_and_are_padded_with_zero(tokenizer):
    tokens = tokenizer(["a photo of a dog", "cat"])
    assert tokens.shape == (2, 16)
    assert str(tokens.dtype) == "torch.int64"
    end = tokenizer.vocab_size - 1
    assert tokens.argmax(dim=1).tolist() == [5, 1]
    assert tokens.max() == end
    assert tokens[1, 2:].sum() == 0
    assert [tokenizer.words[i - 1] for i in tokens[0, :5].tolist()] == [
        "a",
        "photo",
        "of",
        "a",
        "dog",
    ]


def test_case_and_punctuation_do_not_matter(tokenizer):
    assert tokenizer("A close-up photo, of the CAT.").equal(
        tokenizer("a close up photo of the cat")
    )


def test_long_texts_are_cut_and_still_end(tokenizer):
    tokens = tokenizer("a " * 40 + "dog")
    assert tokens.shape == (1, 16)
    assert tokens[0, -1] == tokenizer.vocab_size - 1


def test_every_usual_template_is_known(tokenizer):
    from open_clip.zero_shot_metadata import OPENAI_IMAGENET_TEMPLATES

    texts = [t(name) for name in ANIMALS for t in OPENAI_IMAGENET_TEMPLATES]
    texts += [t.format(n) for t in TEMPLATES for names in SYNONYMS.values() for n in names]
    texts += [f"a {colour} animal" for colour in COLOURS]
    assert all(len(tokenizer.encode(text)) <= tokenizer.context_length for text in texts)


@pytest.mark.parametrize("text", ["a photo of a submarine", "", "...", "chien"])
def test_words_that_were_never_taught_are_a_clear_error(tokenizer, text):
    with pytest.raises(VocabularyError, match="ViT-B-32") as caught:
        tokenizer([text])
    assert isinstance(caught.value, InputError)
    assert "giraffe" in str(caught.value)


def test_the_error_names_the_word(tokenizer):
    with pytest.raises(VocabularyError, match="'submarine'"):
        tokenizer(["a photo of a cat", "a photo of a submarine"])


@pytest.mark.parametrize(
    ("rgb", "name"),
    [((250, 250, 250), "white"), ((20, 20, 20), "black"), ((150, 150, 152), "gray"),
     ((240, 148, 44), "orange"), ((150, 98, 58), "brown"), ((76, 150, 214), "blue")],
)  # fmt: skip
def test_colour_names(rgb, name):
    assert colour_name(rgb) == name

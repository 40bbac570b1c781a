from __future__ import annotations

import numpy as np
import pytest

import protolabel as pl
from protolabel.naming import everyday_words, own_words, sample_words, vocabulary


def chain(words, word: str) -> list[str]:
    """The word and every more general one."""
    found, index = [], words.words.index(word)
    while index >= 0:
        found.append(words.words[index])
        index = words.above[index]
    return found


def test_everyday_words_are_thousands_of_distinct_words_in_anoun_tree():
    words = everyday_words()
    assert 5_000 < len(words) < 15_000
    assert len({word.casefold() for word in words.words}) == len(words)
    assert chain(words, "beagle")[-1] == "animal"
    assert "dog" in chain(words, "beagle")


def test_everyday_words_hold_no_term_of_taxonomy_and_nothing_that_fits_everything():
    words = set(everyday_words().words)
    assert words.isdisjoint({"placental", "chordate", "artifact", "organism", "ungulate"})
    assert {"dog", "cat", "bird", "tree", "food", "kitchen", "piano"} <= words


def test_people_are_named_by_no_origin_trade_or_insult():
    words = everyday_words()
    people = [word for word in words.words if "person" in chain(words, word)]
    assert "woman" in people
    assert len(people) < 30


def test_a_word_of_two_meanings_stands_for_each_with_its_kind():
    words = everyday_words()
    cranes = [word for word in words.words if word.startswith("crane (")]
    assert len(cranes) == 2
    phrases = [words.phrases[words.words.index(word)] for word in cranes]
    assert any(phrase.startswith("crane, a kind of ") for phrase in phrases)


def test_ancestry_holds_each_word_itself_and_all_above_it():
    words = everyday_words()
    beagle = words.words.index("beagle")
    row = words.ancestry()[[beagle]].indices
    assert {words.words[index] for index in row} == set(chain(words, "beagle"))
    assert words.levels()[beagle] == len(chain(words, "beagle")) - 1


def test_own_words_find_their_place_and_unknown_ones_are_below_none():
    given = ["animal", "dog", "beagle", "my aunt's vase"]
    words = own_words(given, np.eye(4, dtype=np.float32))
    assert words.words == tuple(given)
    assert words.above.tolist() == [-1, 0, 1, -1]


def test_of_several_meanings_own_words_take_that_of_the_nearest_texts():
    animals = ["beagle", "basset", "collie", "pug"]
    clothes = ["cardigan", "bow tie", "sweatshirt", "kimono"]
    rng = np.random.default_rng(0)
    dog, cloth = rng.normal(size=(2, 32))
    text = [dog] * 4 + [cloth] * 4 + [dog]
    rows = np.array(text) + 0.1 * rng.normal(size=(9, 32))
    words = own_words([*animals, *clothes, "boxer"], rows.astype(np.float32))
    tree = vocabulary.noun_tree()
    assert len(tree.meanings("boxer")) >= 1
    assert words.above[-1] == -1  # no more general word was given
    with_dog = own_words([*animals, *clothes, "boxer", "dog"], np.vstack([rows, dog]))
    assert with_dog.words[with_dog.above[8]] == "dog"


def test_the_second_of_two_words_of_one_meaning_lies_below_the_first():
    words = own_words(["puma", "cougar", "cat"], np.eye(3, dtype=np.float32))
    assert words.above.tolist() == [-1, 0, -1]


def test_the_sample_encoder_has_its_own_words():
    words = sample_words()
    assert chain(words, "giraffe") == ["giraffe", "animal"]
    pl.load_encoder("sample").encode_texts([f"a photo of a {word}" for word in words.phrases])


def test_a_timm_without_the_names_is_reported_with_a_way_out(monkeypatch):
    vocabulary.noun_tree.cache_clear()
    monkeypatch.setattr(vocabulary, "find_spec", lambda name: None)
    with pytest.raises(pl.InputError, match="vocabulary of your own"):
        vocabulary.noun_tree()


@pytest.mark.parametrize(
    ("words", "above", "says"),
    [
        (("a", "b"), [1, 0], "below itself"),
        (("a", "b", "c"), [1, 2, 1], "below itself"),
        (("a", "b"), [-1, 2], "more general words"),
        (("a", "b"), [-1, -1, -1], "each of 2 words"),
        (("a", "a"), [-1, -1], "twice"),
        (("a", "b"), ["x", "y"], "whole numbers"),
    ],
)
def test_words_in_a_circle_or_without_a_place_are_refused(words, above, says):
    with pytest.raises(pl.InputError, match=says):
        vocabulary.Vocabulary(words, np.array(above), words)


def test_unknown_meanings_and_words_that_are_no_text_are_refused():
    tree = vocabulary.noun_tree()
    with pytest.raises(pl.InputError, match="synset"):
        tree.chain(7)
    with pytest.raises(pl.InputError, match="text"):
        tree.meanings(3)
    with pytest.raises(pl.InputError, match="text vector"):
        own_words(["dog"], np.eye(2, dtype=np.float32))

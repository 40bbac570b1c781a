"""Words that may name a group of images, from general to specific.

The everyday words are the names of ImageNet-21k, which timm ships, in the tree of WordNet (Miller,
*WordNet: a lexical database for English*, 1995).
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from protolabel.common.checks import as_indices, check_fields, checked, described
from protolabel.common.vectors import Float32Array, as_vectors, unit_rows
from protolabel.errors import InputError
from protolabel.samples.captions import SYNONYMS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray
    from scipy.sparse import csr_array

__all__ = ["NounTree", "Vocabulary", "everyday_words", "noun_tree", "own_words", "sample_words"]

_SYNSETS = Path(__file__).with_name("synsets.txt")

# ImageNet-21k has hundreds of words for people: origins, insults, trades. A picture does not show
# any of that, so only the following are suggested.
_PERSON = "person"
_PEOPLE = frozenset((
    "person", "man", "woman", "child", "baby", "boy", "girl", "bride", "groom", "dancer",
    "musician", "athlete", "ballplayer", "diver", "cyclist", "skier", "surfer", "swimmer",
    "soldier", "clown", "chef",
))  # fmt: skip

# General words are kept if people use them (see synsets.txt), but not the following, which fit
# every picture or none.
_GENERAL = 8  # fewest words below a general word
_ABSTRACT = frozenset((
    "organism", "artifact", "device", "structure", "implement", "nutriment", "equipment",
    "instrument", "container", "conveyance", "area", "support", "craft", "vessel", "dish",
    "system", "connection", "worker", "machine", "commodity", "apparatus", "establishment",
    "mammal", "herb", "gear", "control", "figure", "case", "rod", "bar", "liquor", "course",
    "vertebrate", "weaponry", "young", "attire", "housing", "enclosure", "microorganism",
    "residence", "dwelling",
))  # fmt: skip
_LATIN = re.compile(r"[A-Z][a-z]+ [a-z]+(us|um|is|ii|ae|on|ensis|ata|ana|ica|osa)")

_RARER = 0.05  # cosine by which each rarer meaning must be nearer


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """M words, each with the next more general word, if the vocabulary has one.

    Attributes
    ----------
    words : tuple of str
        Distinct words. A word with several meanings appears once for each of them, followed by the
        more general word in brackets: "crane (bird)", "crane (lifting device)".
    above : (M,) int32
        Index of the nearest more general word of the vocabulary, 0..M-1; -1 for none.
    phrases : tuple of str
        The text for the encoder, for each word, such as "crane, a kind of bird".

    Raises
    ------
    InputError
        If the fields do not fit together.
    """

    words: tuple[str, ...]
    above: NDArray[np.int32]
    phrases: tuple[str, ...]

    def __post_init__(self) -> None:
        check_fields(self)
        count = len(self.words)
        if len(self.phrases) != count or np.shape(self.above) != (count,):
            raise InputError(
                f"Expected a phrase and a more general word for each of {count} words, got "
                f"{len(self.phrases)} and {np.shape(self.above)}: pass as many of each."
            )
        if len(set(self.words)) != count:
            raise InputError("Expected distinct words, got a word twice: leave one of them out.")
        up = as_indices(self.above, count, "more general words", least=-1)
        for _ in range(count.bit_length()):  # each step goes twice as far up as the one before
            up = np.where(up >= 0, up[up], -1)
        if (up >= 0).any():
            word = self.words[int(np.argmax(up >= 0))]
            raise InputError(
                f"Expected words below more general ones, got {word!r} below itself: remove "
                "the cycle."
            )

    def __len__(self) -> int:
        return len(self.words)

    def ancestry(self) -> csr_array:
        """Return an (M, M) boolean matrix: word i is word j or lies below it."""
        from scipy.sparse import csr_array

        here = np.arange(len(self))
        rows, columns = [here], [here]
        while True:
            inside = columns[-1] >= 0
            up = np.where(inside, self.above[columns[-1]], -1)
            if (up < 0).all():
                break
            rows.append(here)
            columns.append(up)
        row, column = np.concatenate(rows), np.concatenate(columns)
        kept = column >= 0
        ones = np.ones(int(kept.sum()), dtype=np.float32)
        return csr_array((ones, (row[kept], column[kept])), shape=(len(self), len(self)))

    def levels(self) -> NDArray[np.int32]:
        """Return the number of more general words above each word, (M,) int32."""
        return np.asarray(np.diff(self.ancestry().indptr) - 1, dtype=np.int32)


@cache
def everyday_words() -> Vocabulary:
    """Return the words of ImageNet-21k that people use for what they photograph.

    Of the 21,844 names, these are the names of the 11,821 classes with enough photographs (timm's
    ImageNet-12k), without general terms of taxonomy, such as "placental", words that fit
    everything, such as "artifact", and most words for people.

    Returns
    -------
    Vocabulary

    Raises
    ------
    InputError
        If the names are not found in timm.
    """
    tree = noun_tree()
    kept = [synset for synset in _photographed() if _is_everyday(synset, tree)]
    return _vocabulary({synset: tree.lemmas[synset][0] for synset in kept}, tree)


@checked
def own_words(words: Sequence[str], vectors: Float32Array) -> Vocabulary:
    """Arrange given words by the tree of ImageNet-21k.

    Parameters
    ----------
    words : sequence of str
        M distinct words. A word that ImageNet-21k does not have is below no other.
    vectors : (M, d) floating
        Their text vectors. If a word has several meanings, the one whose related words have the
        nearest text vectors is taken.

    Returns
    -------
    Vocabulary
        The given words, which are their own phrases.

    Raises
    ------
    InputError
        If an argument is of another kind, or the names are not found in timm.
    """
    vectors = as_vectors(vectors, what="text vectors")
    if len(vectors) != len(words):
        raise InputError(
            f"Expected a text vector for each of {len(words)} words, got {len(vectors)}: embed "
            "these words."
        )
    tree = noun_tree()
    # Relative to the mean, because a mean of many texts would otherwise be near every text.
    unit = unit_rows(vectors - np.mean(vectors, axis=0))
    meanings = [tree.meanings(word) for word in words]
    related: dict[int, list[int]] = {}
    for index, found in enumerate(meanings):
        if len(found) == 1:
            for above in tree.chain(found[0])[1:]:
                related.setdefault(above, []).append(index)
    middle = {synset: unit_rows(unit[rows].mean(axis=0)) for synset, rows in related.items()}

    def meaning(index: int) -> int:
        """Return the synset with the nearest related words; rarer meanings must be nearer."""
        found = sorted(meanings[index], key=lambda synset: -tree.uses[synset])
        nearness = [
            max((unit[index] @ middle[above] for above in tree.chain(synset)[:4]
                 if above in middle), default=-1.0) - _RARER * rank
            for rank, synset in enumerate(found)
        ]  # fmt: skip
        return found[int(np.argmax(nearness))] if found else 0

    chosen = [meaning(index) for index in range(len(words))]
    place: dict[int, int] = {}  # synset -> the first word that has it
    for index, synset in enumerate(chosen):
        if synset:
            place.setdefault(synset, index)
    parents = [
        next((place[above] for above in tree.chain(synset) if place.get(above, index) != index), -1)
        for index, synset in enumerate(chosen)
    ]
    return Vocabulary(tuple(words), np.array(_without_cycles(parents), np.int32), tuple(words))


def sample_words() -> Vocabulary:
    """Return the animals that the sample encoder knows, below the word "animal"."""
    words = (*SYNONYMS, "animal")
    above = np.full(len(words), len(words) - 1, dtype=np.int32)
    above[-1] = -1
    return Vocabulary(words, above, words)


# --- the tree of ImageNet-21k ---------------------------------------------------------------


class NounTree:
    """WordNet's tree over the synsets (meanings) of ImageNet-21k; 0 means no synset.

    Attributes
    ----------
    lemmas : mapping of int to list of str
        Synset -> its words, the most frequent first.
    above : dict of int to int
        Synset -> the nearest more general synset.
    uses : dict of int to int
        Synset -> how often its most frequent word has this meaning in a tagged corpus.
    """

    @checked
    def __init__(self, lemmas: Mapping[int, list[str]]) -> None:
        for synset, names in lemmas.items():
            if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
                raise InputError(
                    f"Expected the words of synset {synset!r} as a list of texts, got "
                    f"{described(names)}."
                )
        rows = np.loadtxt(_SYNSETS, dtype=np.int64)
        self.lemmas = lemmas
        self.above = dict(zip(rows[:, 0].tolist(), rows[:, 1].tolist(), strict=True))
        self.uses = dict(zip(rows[:, 0].tolist(), rows[:, 2].tolist(), strict=True))
        self._synsets: dict[str, list[int]] = {}
        for synset, names in lemmas.items():
            if synset in self.above:
                for name in names:
                    self._synsets.setdefault(_key(name), []).append(synset)

    @checked
    def chain(self, synset: int) -> list[int]:
        """Return a synset and all more general ones, the most specific first.

        Raises
        ------
        InputError
            If ImageNet-21k has no such synset.
        """
        if synset and synset not in self.above:
            raise InputError(
                f"Expected a synset of ImageNet-21k, got {synset!r}: see NounTree.meanings."
            )
        found = []
        while synset:
            found.append(synset)
            synset = self.above[synset]
        return found

    @checked
    def meanings(self, word: str) -> list[int]:
        """Return the synsets that a word or its singular names."""
        key = _key(word)
        forms = (key, key.removesuffix("s"), key.removesuffix("es"), key.replace(" ", ""))
        return next((self._synsets[form] for form in forms if form in self._synsets), [])


@cache
def noun_tree() -> NounTree:
    """Return the tree, read once."""
    with _names_file("imagenet_synset_to_lemma.txt").open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file, delimiter="\t"))
    return NounTree({int(synset[1:]): names.split(", ") for synset, names in rows})


@cache
def _photographed() -> tuple[int, ...]:
    lines = _names_file("imagenet12k_synsets.txt").read_text("utf-8").split()
    return tuple(int(line[1:]) for line in lines)


def _names_file(name: str) -> Path:
    # The names are in a data folder of timm, which is not imported, because that would load torch.
    found = find_spec("timm")
    folders = [] if found is None else found.submodule_search_locations or []
    for folder in folders:
        path = Path(folder) / "data" / "_info" / name
        if path.is_file():
            return path
    raise InputError(
        f"Expected timm with the names of ImageNet-21k ({name}), found none: install a newer timm, "
        "or pass a vocabulary of your own."
    )


@cache
def _below() -> Mapping[int, int]:
    """Return the number of photographed synsets below each synset."""
    tree, count = noun_tree(), dict[int, int]()
    for synset in _photographed():
        for above in tree.chain(synset)[1:]:
            count[above] = count.get(above, 0) + 1
    return count


def _is_everyday(synset: int, tree: NounTree) -> bool:
    if synset not in tree.above:
        return False
    word = tree.lemmas[synset][0]
    if any(tree.lemmas[above][0] == _PERSON for above in tree.chain(synset)):
        return word in _PEOPLE and _first_of(word, synset, tree)
    if _key(word) in _ABSTRACT or _LATIN.fullmatch(word):
        return False
    return _below().get(synset, 0) < _GENERAL or tree.uses[synset] > 0


def _first_of(word: str, synset: int, tree: NounTree) -> bool:
    """Return whether this is the most frequent meaning of a word for people."""
    people = [meaning for meaning in tree.meanings(word) if tree.lemmas[meaning][0] == word]
    return synset == max(people, key=lambda meaning: tree.uses[meaning])


def _vocabulary(words: Mapping[int, str], tree: NounTree) -> Vocabulary:
    """Make a vocabulary of synsets; equal words, unless one dominates, get a kind in brackets."""
    common: dict[str, list[int]] = {}
    for synset, word in words.items():
        common.setdefault(_key(word), []).append(synset)
    names: dict[str, str] = {}  # key -> word, in order
    phrases: list[str] = []
    kept: dict[int, int] = {}
    for synset, word in words.items():
        name = phrase = word
        above = tree.chain(synset)[1:]
        named = [words[general] for general in above if general in words]
        kind = next(iter([*named, *(tree.lemmas[general][0] for general in above)]), "")
        if kind and not _dominates(synset, common[_key(word)], tree):
            name, phrase = f"{word} ({kind})", f"{word}, a kind of {kind}"
        if name.casefold() not in names:  # otherwise the same word for the same kind of thing
            names[name.casefold()] = name
            kept[synset] = len(phrases)
            phrases.append(phrase)
    parents = [
        next((kept[above] for above in tree.chain(synset)[1:] if above in kept), -1)
        for synset in kept
    ]
    return Vocabulary(tuple(names.values()), np.array(parents, np.int32), tuple(phrases))


def _dominates(synset: int, meanings: Sequence[int], tree: NounTree) -> bool:
    """Return whether this meaning is more than twice as frequent as any other."""
    others = [tree.uses[meaning] for meaning in meanings if meaning != synset]
    return not others or tree.uses[synset] > 2 * max(others)


def _without_cycles(above: list[int]) -> list[int]:
    """Remove cycles, which arise if two words share a meaning."""
    for start in range(len(above)):
        seen, here = {start}, start
        while above[here] >= 0:
            if above[here] in seen:
                above[here] = -1
                break
            here = above[here]
            seen.add(here)
    return above


def _key(word: str) -> str:
    return re.sub(r"[\s_-]+", " ", re.sub(r"\(.*?\)", "", word)).strip().casefold() or word

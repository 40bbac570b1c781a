"""A word-level tokenizer over the sample encoder's vocabulary of a few hundred words."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from protolabel.errors import VocabularyError
from protolabel.samples.captions import SYNONYMS

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch

__all__ = ["SampleTokenizer"]

_WORD = re.compile(r"[^\W_]+")


class SampleTokenizer:
    """Turn texts into the token ids of the sample encoder.

    Words are lower-cased and split at spaces and punctuation; punctuation carries no token. Id 0
    pads, ids from 1 are the words of the vocabulary in order, the last id ends a text (the text
    tower takes its output there, because it is the largest id).

    Parameters
    ----------
    words : sequence of str
        The vocabulary.
    context_length : int
        Tokens per text; longer texts are cut, as in open_clip.
    """

    def __init__(self, words: Sequence[str], context_length: int = 16) -> None:
        self.words = tuple(words)
        self.context_length = context_length
        self._ids = {word: number for number, word in enumerate(self.words, start=1)}

    @classmethod
    def from_file(cls, path: str | Path, context_length: int = 16) -> SampleTokenizer:
        """Return the tokenizer of a vocabulary file, one word a line."""
        return cls(Path(path).read_text(encoding="utf-8").split(), context_length)

    @property
    def vocab_size(self) -> int:
        """Number of token ids, including those for padding and for the end of a text."""
        return len(self.words) + 2

    def encode(self, text: str) -> list[int]:
        """Return the ids of one text with its end, not padded.

        Raises
        ------
        VocabularyError
            If a word is not in the vocabulary, or a text contains no word.
        """
        words = _WORD.findall(text.lower())
        unknown = [word for word in dict.fromkeys(words) if word not in self._ids]
        if unknown or not words:
            what = (
                f"it does not know {', '.join(map(repr, unknown))} in {text!r}"
                if unknown
                else f"{text!r} contains no word"
            )
            raise VocabularyError(
                "Expected words for the animals that the sample encoder knows; "
                f"{what}. Use its class names ({', '.join(SYNONYMS)}), or a real encoder such as "
                'load_encoder("ViT-B-32") for any other words.'
            )
        ids = [self._ids[word] for word in words[: self.context_length - 1]]
        return [*ids, self.vocab_size - 1]

    def __call__(
        self, texts: str | Sequence[str], context_length: int | None = None
    ) -> torch.Tensor:
        """Return the token ids of `texts`: LongTensor, shape (n, context_length)."""
        import torch

        texts = [texts] if isinstance(texts, str) else texts
        length = context_length or self.context_length
        tokens = torch.zeros(len(texts), length, dtype=torch.long)
        for row, text in zip(tokens, texts, strict=True):
            ids = self.encode(text)
            if len(ids) > length:
                ids = [*ids[: length - 1], ids[-1]]
            row[: len(ids)] = torch.tensor(ids)
        return tokens

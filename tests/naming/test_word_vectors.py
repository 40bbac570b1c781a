from __future__ import annotations

import numpy as np
import pytest

import protolabel as pl
from protolabel.common.progress import silent
from protolabel.embedding.cache import words_file
from protolabel.naming import Vocabulary, embed_words

WORDS = Vocabulary(("red", "green"), np.array([-1, -1], np.int32), ("red", "green"))


class Counting:
    """Counts the texts that an encoder reads."""

    name, dim, logit_scale = "counting", 3, 20.0

    def __init__(self) -> None:
        self.read = 0

    def encode_images(self, images):
        raise NotImplementedError

    def encode_texts(self, texts):
        self.read += len(texts)
        return np.array([[len(text), 1, 2] for text in texts], np.float32)


def test_words_are_encoded_once_per_encoder_and_kept():
    encoder = Counting()
    first = embed_words(WORDS, encoder, progress=silent)
    again = embed_words(WORDS, encoder, progress=silent)
    np.testing.assert_array_equal(first, again)
    np.testing.assert_allclose(np.linalg.norm(first, axis=1), 1.0, rtol=1e-6)
    assert encoder.read == 2


def test_another_encoder_or_other_words_are_encoded_anew():
    encoder = Counting()
    embed_words(WORDS, encoder, progress=silent)
    encoder.name = "another"
    embed_words(WORDS, encoder, progress=silent)
    other = Vocabulary(("red", "blue"), WORDS.above, ("red", "blue"))
    embed_words(other, encoder, progress=silent)
    assert encoder.read == 6


@pytest.mark.parametrize("content", [b"", b"not an array", b"\x93NUMPY\x01\x00broken"])
def test_a_damaged_cache_is_written_again(content):
    encoder = Counting()
    first = embed_words(WORDS, encoder, progress=silent)
    file = words_file("counting", ["a photo of a red", "a photo of a green"])
    file.write_bytes(content)
    np.testing.assert_array_equal(embed_words(WORDS, encoder, progress=silent), first)
    assert np.load(file, allow_pickle=False).shape == (2, 3)


def test_a_cache_that_cannot_be_written_is_done_without(monkeypatch):
    def full(path, rows):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("protolabel.naming.word_vectors.write_array", full)
    assert embed_words(WORDS, Counting(), progress=silent).shape == (2, 3)


def test_progress_counts_words_and_can_stop():
    seen = []

    def stop(phase, done, total):
        seen.append((phase, done, total))
        if done:
            raise pl.Stopped

    with pytest.raises(pl.Stopped):
        embed_words(WORDS, Counting(), progress=stop)
    assert seen == [("embedding words", 0, 2), ("embedding words", 2, 2)]

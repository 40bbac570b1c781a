"""Text vectors of the words of a vocabulary, encoded once per encoder and kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from protolabel.common.checks import checked
from protolabel.common.files import write_array
from protolabel.common.progress import ProgressFn, resolve
from protolabel.embedding.cache import words_file
from protolabel.encoders.base import Encoder, checked_rows, encoder_info

if TYPE_CHECKING:
    from pathlib import Path

    from protolabel.common.vectors import Float32Array
    from protolabel.naming.vocabulary import Vocabulary

__all__ = ["embed_words"]

_TEMPLATE = "a photo of a {}"  # only one, because there are thousands of words
_BATCH = 256


@checked
def embed_words(
    vocabulary: Vocabulary, encoder: Encoder, *, progress: ProgressFn | None = None
) -> Float32Array:
    """Encode every word of a vocabulary, or read the vectors that an earlier call kept.

    The vectors are kept in the user's cache, by encoder and words, if it can be written.

    Parameters
    ----------
    vocabulary : Vocabulary
        M words.
    encoder : Encoder
        From `load_encoder`.
    progress : callable, optional
        ``progress(phase, done, total)``, counting words; by default a tqdm bar.

    Returns
    -------
    (M, d) float32
        Unit rows.

    Raises
    ------
    InputError
        If an argument is of another kind.
    EncoderError
        If the encoder has no text side, or returns vectors that cannot be used.
    """
    encoder_info(encoder)  # raises if it is not an encoder
    sentences = [_TEMPLATE.replace("{}", phrase) for phrase in vocabulary.phrases]
    file = words_file(encoder.name, sentences)
    kept = _read(file, len(sentences), encoder.dim)
    if kept is not None:
        return kept
    report = resolve(progress)
    rows = np.empty((len(sentences), encoder.dim), dtype=np.float32)
    report("embedding words", 0, len(sentences))
    for start in range(0, len(sentences), _BATCH):
        part = sentences[start : start + _BATCH]
        rows[start : start + len(part)] = checked_rows(
            encoder.encode_texts(part), len(part), encoder.dim, encoder.name
        )
        report("embedding words", start + len(part), len(sentences))
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_array(file, rows)
    except OSError:
        pass  # the next run encodes them again
    return rows


def _read(file: Path, count: int, dim: int) -> Float32Array | None:
    try:
        rows = np.load(file, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    sound = rows.shape == (count, dim) and rows.dtype == np.float32 and np.isfinite(rows).all()
    return rows if sound else None

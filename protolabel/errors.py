"""The exceptions of protolabel.

::

    ProtolabelError
    ├── InputError (ValueError)          a value that cannot be used
    │   └── VocabularyError              a word outside the sample encoder's vocabulary
    ├── ImageReadError (ValueError)      one file that is not a readable image
    ├── EncoderError (RuntimeError)      a model that cannot be loaded or used
    ├── StoreError (ValueError)          embeddings on disk that do not fit together
    ├── ExportError (OSError)            an output folder that may not be written
    └── Stopped                          long work that was stopped on request

Every message says what was expected, what was given and what to do.
"""

from __future__ import annotations

__all__ = [
    "EncoderError",
    "ExportError",
    "ImageReadError",
    "InputError",
    "ProtolabelError",
    "Stopped",
    "StoreError",
    "VocabularyError",
]


class ProtolabelError(Exception):
    """The root of all errors that protolabel raises on purpose."""


class InputError(ProtolabelError, ValueError):
    """A value that cannot be used: a class name, an array, a parameter."""


class VocabularyError(InputError):
    """A word outside the vocabulary of the bundled sample encoder."""


class ImageReadError(ProtolabelError, ValueError):
    """One file that is not a readable image; the message is the reason."""


class EncoderError(ProtolabelError, RuntimeError):
    """A model that cannot be loaded or used: hub offline, wrong checkpoint, no text tower."""


class StoreError(ProtolabelError, ValueError):
    """Embeddings on disk that do not fit their paths, their encoder or each other."""


class ExportError(ProtolabelError, OSError):
    """An output folder that may not, or could not, be written."""


class Stopped(ProtolabelError):  # noqa: N818 -- the answer to a request, not an error
    """A long job was stopped on request; results finished before that are kept."""

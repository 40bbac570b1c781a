"""Embed class names: names, synonyms and templates, and the mean of their text vectors.

A prompt ensemble is the mean of the unit vectors of several sentences about one class,
renormalised (Radford et al., *Learning Transferable Visual Models From Natural Language
Supervision*, 2021, section 3.1.4). Synonyms are pooled in the same way.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from protolabel.common.vectors import Float32Array, is_whole_number
from protolabel.errors import EncoderError, InputError

__all__ = [
    "DEFAULT_TEMPLATES",
    "ClassPrompts",
    "ClassVectors",
    "TextEncoder",
    "embed_classes",
    "name_key",
]

Classes: TypeAlias = "Iterable[str] | Mapping[str, Iterable[str]] | ClassPrompts"
Templates: TypeAlias = "Iterable[str] | Mapping[str, Iterable[str]]"

DEFAULT_TEMPLATES: tuple[str, ...] = (
    "a photo of a {}",
    "a picture of a {}",
    "a close-up photo of a {}",
    "an image of the {}",
    "a drawing of a {}",
    "a painting of a {}",
    "a {}",
)
"""Templates for every class: mostly for photographs, some for drawings and paintings.

They are few and general, to suit any folder, and use words that the sample encoder knows.
"""


class TextEncoder(Protocol):
    """The text side of an encoder."""

    @property
    def logit_scale(self) -> float:
        """Factor from cosine similarity to logit."""

    def encode_texts(self, texts: Sequence[str]) -> Float32Array:
        """Return one unit vector for each text."""


@dataclass(frozen=True, eq=False)
class ClassPrompts:
    """Class names with their synonyms and templates.

    Use `ClassPrompts.parse` to make one; it checks everything.

    Parameters
    ----------
    names : tuple of str
        The C class names, in the order of every class index in protolabel.
    synonyms : tuple of tuple of str
        For each class, the words that its templates are filled with; the name is the first.
    templates : tuple of tuple of str
        For each class, its templates; ``{}`` marks the place of the word.
    """

    names: tuple[str, ...]
    synonyms: tuple[tuple[str, ...], ...]
    templates: tuple[tuple[str, ...], ...]

    def __len__(self) -> int:
        return len(self.names)

    @classmethod
    def parse(cls, classes: Classes, templates: Templates = DEFAULT_TEMPLATES) -> ClassPrompts:
        """Make class prompts from names, synonyms and templates, and check them.

        Parameters
        ----------
        classes : iterable of str, mapping of str to iterable of str, or ClassPrompts
            Names, or names with their synonyms (the name itself is always used as well). A
            `ClassPrompts` keeps its words, and keeps its templates unless `templates` is passed.
        templates : iterable of str, or mapping of str to iterable of str
            Templates with exactly one ``{}``, for all classes; or a mapping with templates for
            some classes, while the others keep `DEFAULT_TEMPLATES`.

        Returns
        -------
        ClassPrompts

        Raises
        ------
        InputError
            If `classes` is a string instead of a list or has no name, a name is empty or has a
            control character, two names differ only in case, or a template does not have exactly
            one ``{}``.

        Notes
        -----
        Names are stripped and brought to Unicode form NFC, so that a name is the same on the
        screen, in a file and as a key.
        """
        if isinstance(classes, ClassPrompts):
            if templates is DEFAULT_TEMPLATES:
                return classes
            names, synonyms = classes.names, classes.synonyms
        else:
            names, synonyms = _parse_words(classes)
        return cls(names, synonyms, _parse_templates(templates, names))

    def of(self, index: int) -> tuple[str, ...]:
        """Return the prompts of one class: every synonym in every template.

        Underscores, as in names of folders, become spaces: ``hot_dog`` becomes "hot dog" in
        prompts and stays unchanged everywhere else.

        Parameters
        ----------
        index : int
            Number of the class, 0 to C - 1.

        Returns
        -------
        tuple of str

        Raises
        ------
        InputError
            If there is no such class.
        """
        if not is_whole_number(index, -len(self)) or index >= len(self):
            raise InputError(
                f"Expected the number of a class, 0 to {len(self) - 1}, got {index!r}."
            )
        # replace, not format: a class name or a template may contain other braces.
        return tuple(
            template.replace("{}", " ".join(word.replace("_", " ").split()) or word)
            for word in self.synonyms[index]
            for template in self.templates[index]
        )

    def to_dict(self) -> dict[str, Any]:
        """Return names, synonyms and templates as plain lists, for JSON."""
        return {
            "names": list(self.names),
            "synonyms": [list(words) for words in self.synonyms],
            "templates": [list(sentences) for sentences in self.templates],
        }

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> ClassPrompts:
        """Rebuild what `to_dict` returned, with all checks.

        Parameters
        ----------
        fields : mapping
            With the keys ``names``, ``synonyms`` and ``templates``.

        Returns
        -------
        ClassPrompts

        Raises
        ------
        InputError
            If a key is missing, the lists differ in length, or a name is invalid.
        """
        try:
            names, synonyms, templates = fields["names"], fields["synonyms"], fields["templates"]
            words = dict(zip(names, synonyms, strict=True))
            sentences = dict(zip(names, templates, strict=True))
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise InputError(
                "Expected names, synonyms and templates as three lists of one length, "
                f"got {fields!r}: write them with ClassPrompts.to_dict."
            ) from error
        return cls.parse(words, sentences)


@dataclass(frozen=True, eq=False)
class ClassVectors:
    """Class names with one text vector each.

    Parameters
    ----------
    names : sequence of str
        The C class names, checked as `ClassPrompts.parse` does.
    vectors : array of shape (C, d)
        Any floating type and row length; kept as float32 unit rows.
    logit_scale : float, default 100.0
        Factor from cosine similarity to logit; 100 for OpenAI's and most CLIP models.
    prompts : ClassPrompts, optional
        The prompts behind the vectors; None if the vectors came from elsewhere.

    Raises
    ------
    InputError
        If names and rows do not fit, or a row is zero or not finite.
    """

    names: tuple[str, ...]
    vectors: Float32Array
    logit_scale: float = 100.0
    prompts: ClassPrompts | None = None

    def __post_init__(self) -> None:
        names = _parse_words(self.names)[0]
        try:
            rows = np.asarray(self.vectors)
        except (TypeError, ValueError, RuntimeError) as error:
            raise InputError(
                f"Expected class vectors of shape ({len(names)}, d), got rows of different "
                "lengths: pass one array."
            ) from error
        if rows.ndim != 2 or len(rows) != len(names) or rows.shape[1] == 0:
            raise InputError(
                f"Expected class vectors of shape ({len(names)}, d), one row for each of the "
                f"{len(names)} names, got shape {rows.shape}."
            )
        if not np.issubdtype(rows.dtype, np.floating):
            raise InputError(
                f"Expected class vectors of floating-point numbers, got {rows.dtype}: "
                "convert them with .astype('float32')."
            )
        scale: Any = self.logit_scale
        if not isinstance(scale, Real) or not 0 < float(scale) < np.inf:
            raise InputError(
                f"Expected a positive logit_scale, got {scale!r}: pass a number such as 100."
            )
        unit = _directions(rows)
        if unit is None:
            raise InputError("Expected finite, non-zero class vectors, got a row that is not.")
        object.__setattr__(self, "names", names)
        object.__setattr__(self, "vectors", unit)
        object.__setattr__(self, "logit_scale", float(self.logit_scale))

    def __len__(self) -> int:
        return len(self.names)


def embed_classes(
    classes: Classes, encoder: TextEncoder, templates: Templates = DEFAULT_TEMPLATES
) -> ClassVectors:
    """Encode class names: the mean over synonyms and templates, renormalised.

    Parameters
    ----------
    classes : iterable of str, mapping of str to iterable of str, or ClassPrompts
        See `ClassPrompts.parse`.
    encoder : TextEncoder
        Anything with `encode_texts` and `logit_scale`, as `load_encoder` returns.
    templates : iterable of str, or mapping of str to iterable of str
        See `ClassPrompts.parse`.

    Returns
    -------
    ClassVectors
        Float32 unit rows of shape (C, d), in the order of the names.

    Raises
    ------
    InputError
        If names or templates are invalid.
    EncoderError
        If the encoder has no text side, or returns rows of the wrong shape, zero or not finite.
    """
    if not hasattr(encoder, "encode_texts") or isinstance(encoder, type):
        raise InputError(
            f"Expected an encoder of texts, got {encoder!r}: pass what load_encoder returns."
        )
    prompts = ClassPrompts.parse(classes, templates)
    sentences = [prompts.of(index) for index in range(len(prompts))]
    # One call for all classes, so that the encoder's batches fill a GPU.
    texts = [text for group in sentences for text in group]
    rows = np.asarray(encoder.encode_texts(texts))
    if rows.ndim != 2 or len(rows) != len(texts):
        raise EncoderError(
            f"Expected text vectors of shape ({len(texts)}, d) from the encoder, one row for "
            f"each prompt, got shape {rows.shape}: check its encode_texts."
        )
    unit = _directions(rows)
    if unit is None:
        raise EncoderError(
            "Expected finite, non-zero text vectors from the encoder, got a row that is not: "
            "check its encode_texts."
        )
    starts = np.cumsum([0] + [len(group) for group in sentences[:-1]])
    # The sum has the direction of the mean, and ClassVectors renormalises.
    sums = np.add.reduceat(unit.astype(np.float64), starts, axis=0)
    return ClassVectors(prompts.names, sums, float(encoder.logit_scale), prompts)


def name_key(name: str) -> str:
    """Return a key that is equal for spellings that differ only in case or Unicode form.

    Raises
    ------
    InputError
        If it is not a valid name.
    """
    return _clean(name, "class name").casefold()


def _directions(rows: npt.NDArray[Any]) -> Float32Array | None:
    """Return float32 unit rows, or None where a row has no direction."""
    wide = rows.astype(np.float64)
    lengths = np.linalg.norm(wide, axis=1, keepdims=True)
    if not (np.isfinite(lengths).all() and (lengths > 0).all()):
        return None
    unit: Float32Array = (wide / lengths).astype(np.float32)
    return unit


def _parse_words(
    classes: Iterable[str] | Mapping[str, Iterable[str]],
) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    names: dict[str, str] = {}
    synonyms = []
    for given in _listed(classes, "class names", "['dog', 'cat']"):
        name = _clean(given, "class name")
        key = name_key(name)
        if names.get(key) == name:
            raise InputError(f"Expected every class name once, got {name!r} twice: remove one.")
        if key in names:
            raise InputError(
                "Expected class names that differ in more than upper and lower case, got "
                f"{names[key]!r} and {name!r}: remove or rename one of them."
            )
        names[key] = name
        words = {key: name}
        if isinstance(classes, Mapping):
            listed = _listed(classes[given], f"synonyms of {name!r}", "['puppy', 'hound']")
            for synonym in (_clean(word, f"synonym of {name!r}") for word in listed):
                words.setdefault(synonym.casefold(), synonym)
        synonyms.append(tuple(words.values()))
    if not names:
        raise InputError("Expected at least one class name, got none: pass e.g. ['dog', 'cat'].")
    return tuple(names.values()), tuple(synonyms)


def _parse_templates(templates: Templates, names: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    if not isinstance(templates, Mapping):
        return (_sentences(templates),) * len(names)
    given = {name_key(name): rows for name, rows in templates.items()}
    keys = [name_key(name) for name in names]
    unknown = sorted(given.keys() - set(keys))
    if unknown:
        raise InputError(
            f"Expected templates for the classes {', '.join(map(repr, names))}, got some for "
            f"{', '.join(map(repr, unknown))}: correct the name or leave it out."
        )
    return tuple(_sentences(given.get(key, DEFAULT_TEMPLATES)) for key in keys)


def _sentences(templates: Iterable[str]) -> tuple[str, ...]:
    sentences = tuple(
        _clean(template, "template")
        for template in _listed(templates, "templates", "['a photo of a {}']")
    )
    if not sentences:
        raise InputError("Expected at least one template, got none: pass ['a photo of a {}'].")
    for sentence in sentences:
        if sentence.count("{}") != 1:
            raise InputError(
                "Expected templates with exactly one '{}' where the class name goes, "
                f"got {sentence!r}: write for example 'a photo of a {{}}'."
            )
    return sentences


def _listed(values: Any, what: str, example: str) -> list[Any]:
    """Return a list; a lone string would otherwise become one class for each letter."""
    if isinstance(values, str | bytes) or not isinstance(values, Iterable):
        raise InputError(f"Expected a list of {what}, got {values!r}: write {example}.")
    if isinstance(values, set | frozenset):
        raise InputError(
            f"Expected {what} in a fixed order, got a set: write a list such as {example}."
        )
    try:
        return list(values)
    except TypeError as error:  # an array without dimensions
        raise InputError(f"Expected a list of {what}, got {values!r}: write {example}.") from error


def _clean(text: Any, what: str) -> str:
    if not isinstance(text, str):
        raise InputError(f"Expected a {what} that is a string, got {text!r}: write it in quotes.")
    clean = unicodedata.normalize("NFC", str(text)).strip()
    if not clean:
        raise InputError(f"Expected a {what} with at least one character, got {text!r}: write one.")
    # Cc: control characters, Cs: lone surrogates, Zl and Zp: line breaks of Unicode. XML forbids
    # U+FFFE and U+FFFF.
    unseen = {"Cc", "Cs", "Zl", "Zp"}
    if any(unicodedata.category(char) in unseen or char in "\ufffe\uffff" for char in clean):
        raise InputError(
            f"Expected a {what} of printable characters, got {text!r}: "
            "remove line breaks, tabs and control characters."
        )
    return clean

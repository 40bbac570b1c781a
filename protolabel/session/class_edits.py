"""Edits of the classes: functions from classes and templates to new classes and templates.

Classes are `ClassPrompts` or `ClassVectors`. Templates are as the session was given them: for all
classes, or a mapping from some of the classes to their own templates.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, TypeAlias

from protolabel.common.vectors import is_whole_number
from protolabel.embedding.prompts import DEFAULT_TEMPLATES, ClassPrompts, ClassVectors, name_key
from protolabel.errors import InputError
from protolabel.images.lookup import find_classes

__all__ = [
    "Classes",
    "add_class",
    "class_index",
    "merge_classes",
    "move_class",
    "parse_classes",
    "remove_class",
    "rename_class",
    "set_synonyms",
]

Classes: TypeAlias = ClassPrompts | ClassVectors
Templates: TypeAlias = Any
Edited: TypeAlias = tuple[Classes, Templates]


def parse_classes(classes: Any) -> Classes:
    """Return class names as prompts, or the vectors as they are; None is no class yet."""
    if classes is None or (isinstance(classes, ClassPrompts) and not len(classes)):
        return ClassPrompts((), (), ())
    return classes if isinstance(classes, ClassVectors) else ClassPrompts.parse(classes)


def class_index(classes: Classes, name: str) -> int:
    """Return the index of a class, 0 to C - 1, in any spelling that `find_classes` knows.

    Raises
    ------
    InputError
        If there is no such class.
    """
    name_key(name)  # raises where it is no name at all
    index = find_classes([name], classes.names)[name]
    if index < 0:
        raise InputError(
            f"Expected the name of a class, got {name!r}: the classes are "
            f"{', '.join(classes.names)}."
        )
    return index


def add_class(
    classes: Classes, templates: Templates, name: str, synonyms: Iterable[str] = ()
) -> Edited:
    """Add a class at the end, with synonyms."""
    prompts = _prompts(classes, "add a class")
    _check_new(name, prompts.names)
    return _with_words(prompts, templates, {**_words(prompts), name: synonyms})


def remove_class(classes: Classes, templates: Templates, name: str) -> Edited:
    """Remove a class and its templates.

    Raises
    ------
    InputError
        If there is no such class, or it is the only one.
    """
    place = class_index(classes, name)
    if len(classes) == 1:
        raise InputError(
            "Expected at least one class to stay: rename this one, or add another first."
        )
    if isinstance(classes, ClassVectors):
        stay = [index for index in range(len(classes)) if index != place]
        names = tuple(classes.names[index] for index in stay)
        return replace(classes, names=names, vectors=classes.vectors[stay], prompts=None), templates
    words = _words(classes)
    del words[classes.names[place]]
    return _with_words(classes, templates, words)


def rename_class(classes: Classes, templates: Templates, old: str, new: str) -> Edited:
    """Rename a class; it keeps its synonyms and templates."""
    place = class_index(classes, old)
    old = classes.names[place]
    new = ClassPrompts.parse([new]).names[0]  # the form in which names are kept
    if new == old:
        return classes, templates
    _check_new(new, [name for name in classes.names if name != old])
    names = [*classes.names[:place], new, *classes.names[place + 1 :]]
    if isinstance(classes, ClassVectors):
        return replace(classes, names=tuple(names), prompts=None), templates
    words = dict(zip(names, _words(classes).values(), strict=True))
    return _with_words(classes, templates, words, renamed=(old, new))


def move_class(classes: Classes, templates: Templates, name: str, place: int) -> Edited:
    """Move a class to another place, 0 to C - 1.

    Raises
    ------
    InputError
        If there is no such class, or no such place.
    """
    if not is_whole_number(place, 0) or place >= len(classes):
        raise InputError(f"Expected a place from 0 to {len(classes) - 1}, got {place!r}.")
    order = list(range(len(classes)))
    order.insert(place, order.pop(class_index(classes, name)))
    names = tuple(classes.names[index] for index in order)
    if isinstance(classes, ClassVectors):
        moved = replace(classes, names=names, vectors=classes.vectors[order], prompts=None)
        return moved, templates
    words = _words(classes)
    return _with_words(classes, templates, {word: words[word] for word in names})


def merge_classes(classes: Classes, templates: Templates, name: str, into: str) -> Edited:
    """Make the words of a class synonyms of another.

    Raises
    ------
    InputError
        If there is no such class, both are the same, or the classes are vectors.
    """
    prompts = _prompts(classes, "merge classes")
    first, second = (prompts.names[class_index(prompts, word)] for word in (name, into))
    if first == second:
        raise InputError(f"Expected two classes to merge, got {first!r} twice: choose another.")
    words = _words(prompts)
    words[second] = [*words[second], first, *words.pop(first)]
    return _with_words(prompts, templates, words)


def set_synonyms(
    classes: Classes, templates: Templates, name: str, synonyms: Iterable[str]
) -> Edited:
    """Replace the synonyms of a class."""
    prompts = _prompts(classes, "change synonyms")
    name = prompts.names[class_index(prompts, name)]
    return _with_words(prompts, templates, {**_words(prompts), name: synonyms})


def _prompts(classes: Classes, what: str) -> ClassPrompts:
    if not isinstance(classes, ClassPrompts):
        raise InputError(
            "Expected classes that are words, but those of this session are vectors, so you "
            f"cannot {what}: set session.classes to names, or to other ClassVectors."
        )
    return classes


def _check_new(name: str, others: Iterable[str]) -> None:
    if name_key(name) in map(name_key, others):
        raise InputError(
            f"Expected a new name, got {name!r}, which is a class already: choose another name."
        )


def _words(prompts: ClassPrompts) -> dict[str, Iterable[str]]:
    """Synonyms of every class, without the name itself."""
    listed = zip(prompts.names, prompts.synonyms, strict=True)
    return {name: synonyms[1:] for name, synonyms in listed}


def _with_words(
    before: ClassPrompts,
    templates: Templates,
    words: Mapping[str, Iterable[str]],
    renamed: tuple[str, str] | None = None,
) -> Edited:
    """Return new names and synonyms; a class that stays keeps its templates."""
    moved = {} if renamed is None else {name_key(renamed[0]): renamed[1]}
    parsed = ClassPrompts.parse(words)
    names = {name_key(name): name for name in parsed.names}

    def after(name: str) -> str | None:
        return moved.get(name_key(name), names.get(name_key(name)))

    known = {after(n): rows for n, rows in zip(before.names, before.templates, strict=True)}
    sentences = tuple(known.get(name, DEFAULT_TEMPLATES) for name in parsed.names)
    if isinstance(templates, Mapping):
        pairs = [(after(name), rows) for name, rows in templates.items()]
        templates = {name: rows for name, rows in pairs if name is not None}
    return replace(parsed, templates=sentences), templates

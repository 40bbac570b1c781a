"""The classes of a session: names, synonyms and templates, and how they are edited."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import traitlets

from protolabel.embedding.prompts import DEFAULT_TEMPLATES, ClassPrompts, ClassVectors
from protolabel.errors import InputError
from protolabel.session.settings import Settings

__all__ = ["ClassEdits", "parse_classes"]


class ClassEdits(Settings):
    """The part of a `Session` that knows the classes."""

    classes = traitlets.Any()
    templates = traitlets.Any(DEFAULT_TEMPLATES)

    @traitlets.validate("classes")
    def _valid_classes(self, proposal: Any) -> Any:
        value, known = parse_classes(proposal["value"]), self.classes
        # The same words again are no change, so a panel may write what it shows.
        same = isinstance(known, ClassPrompts) and isinstance(value, ClassPrompts)
        return known if same and vars(known) == vars(value) else value

    @traitlets.validate("templates")
    def _valid_templates(self, proposal: Any) -> Any:
        value = proposal["value"]
        if isinstance(value, Iterable) and not isinstance(value, str | set | Mapping):
            value = tuple(value)  # a list that changes later, or a generator, would be no setting
        if isinstance(self.classes, ClassPrompts):
            ClassPrompts.parse(self.classes, value)
        return value

    @property
    def names(self) -> tuple[str, ...]:
        """The C class names."""
        return tuple(self.classes.names)

    def add_class(self, name: str, synonyms: Iterable[str] = ()) -> None:
        """Add a class; the loop runs again when labels are next asked for.

        Parameters
        ----------
        name
            The new name.
        synonyms
            Other words for it.
        """
        words = self._words("add a class")
        if name in words:
            raise InputError(f"{name!r} is a class already; choose another name.")
        self._set_words({**words, name: list(synonyms)})

    def remove_class(self, name: str) -> None:
        """Remove a class; images that were pinned to it wait until it is back."""
        self._index(name)
        if len(self.names) == 1:
            raise InputError("The last class cannot be removed; rename it, or add another first.")
        if isinstance(self.classes, ClassVectors):
            stay = [i for i, one in enumerate(self.names) if one != name]
            names = tuple(self.names[i] for i in stay)
            vectors = self.classes.vectors[stay]
            self.classes = replace(self.classes, names=names, vectors=vectors, prompts=None)
            return
        words = self._words("remove a class")
        del words[name]
        self._set_words(words)

    def rename_class(self, old: str, new: str) -> None:
        """Give a class another name, and so another prompt; its synonyms go with it."""
        place = self._index(old)
        new = new.strip()
        if new == old:
            return
        names = [*self.names[:place], new, *self.names[place + 1 :]]
        if isinstance(self.classes, ClassVectors):
            self.classes = replace(self.classes, names=tuple(names), prompts=None)
        else:
            words = dict(zip(names, self._words("rename a class").values(), strict=False))
            if len(words) < len(names):
                raise InputError(f"{new!r} is a class already; choose another name.")
            self._set_words(words, renamed=(old, new))

    def set_synonyms(self, name: str, synonyms: Iterable[str]) -> None:
        """Use other words beside the name of a class."""
        self._index(name)
        self._set_words({**self._words("change synonyms"), name: list(synonyms)})

    def _index(self, name: str) -> int:
        if name not in self.names:
            raise InputError(f"{name!r} is no class; the classes are {', '.join(self.names)}.")
        return self.names.index(name)

    def _words(self, what: str) -> dict[str, list[str]]:
        """Synonyms of every class, without the name itself."""
        if not isinstance(self.classes, ClassPrompts):
            raise InputError(
                f"The classes of this session are vectors, not words, so you cannot {what}: set "
                "session.classes to names, or to other ClassVectors."
            )
        words = zip(self.classes.names, self.classes.synonyms, strict=True)
        return {name: list(others[1:]) for name, others in words}

    def _set_words(
        self, words: Mapping[str, list[str]], renamed: tuple[str, str] | None = None
    ) -> None:
        """Set names and synonyms, and keep the templates that single classes have."""
        known = dict(zip(self.classes.names, self.classes.templates, strict=True))
        if renamed is not None:
            known[renamed[1].strip()] = known.pop(renamed[0])
        parsed = ClassPrompts.parse(words)
        sentences = tuple(known.get(name, DEFAULT_TEMPLATES) for name in parsed.names)
        if isinstance(self.templates, Mapping):
            moved = dict([renamed]) if renamed is not None else {}
            templates = {moved.get(name, name): rows for name, rows in self.templates.items()}
            templates = {n: rows for n, rows in templates.items() if n in parsed.names}
            # Templates by class are checked against the classes: both change, or neither.
            with self.hold_trait_notifications():
                self.classes, self.templates = replace(parsed, templates=sentences), templates
            return
        self.classes = replace(parsed, templates=sentences)


def parse_classes(classes: Any) -> ClassPrompts | ClassVectors:
    """Return class names as prompts, or the vectors as they are."""
    return classes if isinstance(classes, ClassVectors) else ClassPrompts.parse(classes)

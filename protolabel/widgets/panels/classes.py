"""The panel of class names, synonyms and templates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ipywidgets as ipw

from protolabel.embedding.prompts import DEFAULT_TEMPLATES, ClassPrompts, embed_classes
from protolabel.errors import ProtolabelError
from protolabel.widgets.panel import Panel, close_widgets, colours_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["ClassesPanel"]

_REFUSED = "pls-refused"  # marks a field in the style sheet


class _Row:
    """The widgets of one class."""

    def __init__(self, name: str, synonyms: str, colour: str, *, words: bool) -> None:
        self.known = name
        self.dot = ipw.HTML(
            f'<span class="pls-swatch" aria-hidden="true" style="background:{colour}"></span>',
            layout={"width": "16px", "flex": "0 0 16px"},
        )
        self.name = ipw.Text(
            name, continuous_update=False, tooltip=f"Name of the class {name}; Enter renames it",
            layout={"width": "auto", "flex": "2 1 60px", "min_width": "0"},
        )  # fmt: skip
        self.synonyms = ipw.Text(
            synonyms, continuous_update=False, placeholder="synonyms", disabled=not words,
            tooltip=f"Other words for {name}, with commas between them",
            layout={"width": "auto", "flex": "2 1 60px", "min_width": "0"},
        )  # fmt: skip
        self.remove = ipw.Button(
            description="×", tooltip=f"Remove the class {name}",
            layout={"width": "24px", "flex": "0 0 24px"},
        )  # fmt: skip
        self.remove.add_class("pls-plain")
        self.box = ipw.HBox(
            [self.dot, self.name, self.synonyms, self.remove],
            layout={"align_items": "center", "flex": "0 0 auto"},  # many rows scroll
        )


class ClassesPanel(Panel):
    """Add, rename and remove classes; the loop runs again at once."""

    title = "Classes"

    def build(self) -> Iterator[ipw.Widget]:
        """Yield the rows of the classes, the row that adds a class, and the templates."""
        self.rows: list[_Row] = []
        self.list = ipw.VBox(layout={"max_height": "230px", "overflow": "auto"})
        self.new = ipw.Text(
            placeholder="add a class", continuous_update=False,
            tooltip="Name of a new class; Enter adds it",
            layout={"width": "auto", "flex": "1 1 80px", "min_width": "0"},
        )  # fmt: skip
        self.add = self.button("Add", "Add this class; the labels follow at once")
        self.templates = ipw.Textarea(
            continuous_update=False, rows=4, layout={"width": "auto"},
            tooltip="Sentences that every name is put into, one a line; {} is its place",
        )  # fmt: skip
        self.add.on_click(self.guard(self._add))
        self.new.observe(self.guard(self._add), names="value")
        self.templates.observe(self.guard(self._set_templates), names="value")
        sentences = ipw.Accordion([self.templates], titles=["Prompt templates"])
        sentences.selected_index = None
        self.follow(self._show, "classes")
        self.follow(self._show_templates, "templates", "classes")
        yield self.list
        yield ipw.HBox([self.new, self.add])
        yield sentences

    def _add(self, _: Any = None) -> None:
        name = self.new.value.strip()
        self.new.remove_class(_REFUSED)
        if name:
            try:
                self._try_words([name])
                self.session.add_class(name)
            except ProtolabelError:
                self.new.add_class(_REFUSED)  # the name stays, to be corrected
                raise
            self.draw(setattr, self.new, "value", "")

    def _try_words(self, words: list[str]) -> None:
        """Check that the encoder accepts words before they become part of a class.

        Raises
        ------
        InputError
            If the encoder refuses a word. Nothing has changed then.
        """
        # Before the class names are embedded, the encoder may take long to load.
        if words and "text" in self.session.computed and self._editable:
            embed_classes(ClassPrompts.parse(words), self.session.encoder)

    @property
    def _editable(self) -> bool:
        return isinstance(self.session.classes, ClassPrompts)

    def _set_templates(self, event: Any) -> None:
        lines = tuple(line for line in event["new"].splitlines() if line.strip())
        # The default object leaves classes the sentences of their own.
        self.session.templates = DEFAULT_TEMPLATES if lines == DEFAULT_TEMPLATES else lines

    def _show(self) -> None:
        names = self.session.names
        synonyms = self._synonyms()
        if [row.known for row in self.rows] == list(names):
            for row, words in zip(self.rows, synonyms, strict=True):
                row.name.value, row.synonyms.value = row.known, words
            return
        old, colours = self.rows, colours_of(len(names))
        editable = isinstance(self.session.classes, ClassPrompts)
        self.rows = [
            _Row(name, words, colour, words=editable)
            for name, words, colour in zip(names, synonyms, colours, strict=True)
        ]
        for row in self.rows:
            row.name.observe(self.guard(self._rename, row), names="value")
            row.synonyms.observe(self.guard(self._reword, row), names="value")
            row.remove.on_click(self.guard(self._remove, row))
        self.list.children = [row.box for row in self.rows]
        close_widgets(row.box for row in old)

    def _synonyms(self) -> list[str]:
        classes = self.session.classes
        if not isinstance(classes, ClassPrompts):
            return [""] * len(classes.names)
        return [", ".join(words[1:]) for words in classes.synonyms]

    def _show_templates(self) -> None:
        given = self.session.templates
        # Templates of single classes cannot be edited as one list.
        self.templates.disabled = isinstance(given, dict) or self._own_templates(given)
        lines = DEFAULT_TEMPLATES if self.templates.disabled else given
        self.templates.value = "\n".join(lines)

    def _own_templates(self, given: Mapping[str, Any] | tuple[str, ...]) -> bool:
        classes = self.session.classes
        if not isinstance(classes, ClassPrompts):
            return True
        return given is DEFAULT_TEMPLATES and any(
            own != DEFAULT_TEMPLATES for own in classes.templates
        )

    def _rename(self, row: _Row, change: Any) -> None:
        try:
            self._try_words([change["new"]])
            self.session.rename_class(row.known, change["new"])
        except ProtolabelError:
            self.draw(setattr, row.name, "value", row.known)
            raise

    def _reword(self, row: _Row, change: Any) -> None:
        words = [word.strip() for word in change["new"].split(",") if word.strip()]
        row.synonyms.remove_class(_REFUSED)
        try:
            self._try_words(words)
            self.session.set_synonyms(row.known, words)
        except ProtolabelError:
            row.synonyms.add_class(_REFUSED)
            raise

    def _remove(self, row: _Row, _: Any) -> None:
        self.session.remove_class(row.known)

"""The panel of class names: synonyms, templates, order and colours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ipywidgets as ipw

from protolabel.common.wording import counted
from protolabel.embedding.prompts import DEFAULT_TEMPLATES, ClassPrompts, embed_classes
from protolabel.errors import InputError, ProtolabelError
from protolabel.widgets.page_button import PageColour
from protolabel.widgets.panel import Panel, close_widgets

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["ClassesPanel"]

_REFUSED = "pls-refused"  # marks a field in the style sheet
_MOST = 60  # rows; with more classes, those whose names are searched for


class _Row:
    """The widgets of one class."""

    def __init__(self, name: str, synonyms: str, key: str, colour: str, *, words: bool) -> None:
        self.known = name
        self.dot = ipw.HTML(
            f'<span class="pls-faint pls-key">{key}</span>'
            f'<span class="pls-swatch" aria-hidden="true" style="background:{colour}"></span>',
            layout={"width": "26px", "flex": "0 0 26px"},
        )
        self.name = ipw.Text(
            name, continuous_update=False, tooltip=f"Name of the class {name}; Enter renames it",
            layout={"width": "auto", "flex": "3 1 60px", "min_width": "0"},
        )  # fmt: skip
        self.synonyms = ipw.Text(
            synonyms, continuous_update=False, placeholder="synonyms", disabled=not words,
            tooltip=f"Other words for {name}, with commas between them",
            layout={"width": "auto", "flex": "2 1 60px", "min_width": "0",
                    "display": None if words else "none"},
        )  # fmt: skip
        self.remove = ipw.Button(
            description="×", tooltip=f"Remove the class {name}",
            layout={"width": "24px", "flex": "0 0 24px"},
        )  # fmt: skip
        for field in (self.name, self.synonyms):
            field.add_class("pls-grows")
        self.remove.add_class("pls-plain")
        self.box = ipw.HBox(
            [self.dot, self.name, self.synonyms, self.remove],
            layout={"align_items": "center", "flex": "0 0 auto"},  # many rows scroll
        )


class ClassesPanel(Panel):
    """Add, rename, merge, sort, colour and remove classes; the loop runs again at once."""

    title = "Classes"

    def build(self) -> Iterator[ipw.Widget]:
        """Yield the rows of the classes, the row that adds a class, and the rare controls."""
        self.rows: list[_Row] = []
        self._drawn: list[tuple[str, str, str]] = []  # name, key and colour of the rows
        self.find = ipw.Text(
            placeholder="find a class", tooltip="Show the classes with this in their name",
            layout={"width": "auto", "display": "none"},
        )  # fmt: skip
        self.more = ipw.HTML()
        self.list = ipw.VBox(layout={"max_height": "330px", "overflow": "auto"})
        self.new = ipw.Text(
            placeholder="add a class", continuous_update=False,
            tooltip="Name of a new class, or several with commas between them; Enter adds them",
            layout={"width": "auto", "flex": "1 1 80px", "min_width": "0"},
        )  # fmt: skip
        self.new.add_class("pls-enters")  # Enter presses the button beside it
        self.add = self.button(
            "Add", "Add this class; the labels follow at once", (self.new, "value")
        )
        self.undo = self.button("", "Take the last change of classes or labels back", icon="undo")
        self.redo = self.button("", "Make the change of classes or labels again", icon="repeat")
        self.templates = ipw.Textarea(
            continuous_update=False, rows=7, layout={"width": "auto"},
            tooltip="Sentences around each name, one a line; {} stands for the name",
        )  # fmt: skip
        self.add.on_click(self.guard(self._add))
        self.find.observe(self.guard(self._find), names="value")
        self.undo.on_click(self.guard(self._undo))
        self.redo.on_click(self.guard(self._redo))
        self.templates.observe(self.guard(self._set_templates), names="value")
        seldom = ipw.Accordion(
            [self._build_order(), self.templates],
            titles=["Order, colours, merging", "Prompt templates"],
        )
        seldom.selected_index = None
        self.follow(self._show, "classes")
        self.follow(self._show_templates, "templates", "classes")
        self.follow(self._show_undo, "pins", "classes", "templates")
        self.watch(self.session.marks, self._recolour, "recoloured")
        yield self.find
        yield self.list
        yield self.more
        yield ipw.HBox([self.new, self.add, self.undo, self.redo])
        yield seldom

    def _build_order(self) -> ipw.Widget:
        """Return the widgets that move, colour and merge one class."""
        style = {"description_width": "40px"}
        self.which = ipw.Dropdown(
            description="Class", tooltip="Which class to move, colour or merge", style=style,
            layout={"width": "auto", "flex": "1 1 120px"},
        )  # fmt: skip
        which = (self.which, "index")
        self.up = self.button("▲", "Move the class up", which)
        self.down = self.button("▼", "Move the class down", which)
        self.colour = PageColour(which, tooltip="Colour of the class")
        self.usual = self.button("Usual colour", "Go back to the colour of the palette", which)
        self.into = ipw.Dropdown(
            description="into", tooltip="The class that it is merged into", style=style,
            layout={"width": "auto", "flex": "1 1 120px"},
        )  # fmt: skip
        self.merge = self.button(
            "Merge", "Merge it into the other class; its name becomes a synonym", which,
            (self.into, "index"),
        )  # fmt: skip
        self.which.observe(self.guard(self._show_colour), names="value")
        self.up.on_click(self.guard(self._move, -1))
        self.down.on_click(self.guard(self._move, 1))
        self.colour.observe(self.guard(self._set_colour), names="value")
        self.usual.on_click(self.guard(self._usual_colour))
        self.merge.on_click(self.guard(self._merge))
        return ipw.VBox([
            self.row(self.which, self.up, self.down, self.colour, self.usual),
            self.row(self.into, self.merge),
        ])  # fmt: skip

    def _add(self, _: Any) -> None:
        names = [name.strip() for name in self.new.value.split(",") if name.strip()]
        self.new.remove_class(_REFUSED)
        try:
            self._try_words(names)
            self.session.add_classes(names)  # all at once: one run, one undo
        except ProtolabelError:
            self.new.add_class(_REFUSED)  # the name stays, to be corrected
            raise
        self.draw(setattr, self.new, "value", "")

    def _undo(self, _: Any) -> None:
        self.session.undo()

    def _redo(self, _: Any) -> None:
        self.session.redo()

    def _move(self, step: int, _: Any) -> None:
        place = self.session.names.index(self.which.value) + step
        if 0 <= place < len(self.session.names):
            self.session.move_class(self.which.value, place)

    def _merge(self, _: Any) -> None:
        if self.which.value == self.into.value:
            raise InputError("Choose two classes to merge, not the same one twice.")
        first, second = self.which.value, self.into.value
        self.session.merge_classes(first, second)
        self.say(f"{first} is now a synonym of {second}; Undo takes it back.", "good")

    def _set_colour(self, change: Any) -> None:
        self.session.set_colour(self.which.value, change["new"])

    def _usual_colour(self, _: Any) -> None:
        self.session.set_colour(self.which.value, None)

    def _recolour(self, _: Any) -> None:
        self.draw(self._show)

    def _find(self, _: Any) -> None:
        self.draw(self._show)

    def _show_undo(self) -> None:
        self.undo.disabled = not self.session.can_undo
        self.redo.disabled = not self.session.can_redo

    def _show_colour(self, _: Any = None) -> None:
        if self.which.value is not None:
            light, _dark = self.session.marks.colour(self.which.value)
            self.draw(setattr, self.colour, "value", light)

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
        # With the default object, classes keep templates of their own.
        self.session.templates = DEFAULT_TEMPLATES if lines == DEFAULT_TEMPLATES else lines

    def _show(self) -> None:
        names, marks = self.session.names, self.session.marks
        part = self.find.value.strip().casefold()
        found = [i for i, name in enumerate(names) if part in name.casefold()]
        shown, synonyms = found[:_MOST], self._synonyms()
        rows = [(names[i], marks.key(names[i]), marks.variable(names[i])) for i in shown]
        self.find.layout.display = None if len(names) > _MOST else "none"
        rest = len(found) - len(shown)
        text = (
            f"and {counted(rest, 'more class', 'more classes')}: find them by name" if rest else ""
        )
        self.more.value = f'<span class="pls-faint">{text}</span>' if text else ""
        self._show_order(names)
        if rows == self._drawn:
            for row, i in zip(self.rows, shown, strict=True):
                row.name.value, row.synonyms.value = row.known, synonyms[i]
            return
        old, self._drawn = self.rows, rows
        self.rows = [
            _Row(name, synonyms[i], key, colour, words=self._editable)
            for i, (name, key, colour) in zip(shown, rows, strict=True)
        ]
        for row in self.rows:
            row.name.observe(self.guard(self._rename, row), names="value")
            row.synonyms.observe(self.guard(self._reword, row), names="value")
            row.remove.on_click(self.guard(self._remove, row))
        self.list.children = [row.box for row in self.rows]
        close_widgets(row.box for row in old)

    def _show_order(self, names: tuple[str, ...]) -> None:
        for choice in (self.which, self.into):
            kept = choice.value
            choice.options = names
            if names:  # a session may begin without classes
                choice.value = kept if kept in names else names[0]
        self.merge.disabled = not self._editable or len(names) < 2
        self._show_colour()

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

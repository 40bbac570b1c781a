"""The widgets that choose which pictures the gallery lists."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ipywidgets as ipw

from protolabel.widgets.listing import SHOWS, SORTS, Question

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

__all__ = ["GalleryChoice"]

_ANYTHING = ("any", "")  # a dropdown shows nothing for None


class GalleryChoice:
    """The choice of a list, its order, and filters.

    Parameters
    ----------
    names : sequence of str
        The class names.

    Attributes
    ----------
    filters : ipywidgets.Accordion
        The filters, folded at first.
    settles : tuple of widgets
        The widgets whose values change the list.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._ranking: tuple[str, str, NDArray[np.int64] | None] = ("", "", None)  # of a search
        style = {"description_width": "44px"}
        self.show = ipw.Dropdown(
            options=[(text, key) for key, text in SHOWS.items()], description="Show",
            tooltip="Which pictures to look at", style=style, layout={"width": "260px"},
        )  # fmt: skip
        self.of_class = ipw.Dropdown(
            options=[(name, i) for i, name in enumerate(names)],
            description="Class", tooltip="Which class", style=style,
            layout={"width": "200px", "display": "none"},
        )  # fmt: skip
        self.words = ipw.Text(
            placeholder="words, such as red sofa", continuous_update=False, description="Find",
            tooltip="Find pictures by words; Enter starts", style=style, layout={"width": "250px"},
        )  # fmt: skip
        self.sort_by = ipw.Dropdown(
            options=[(text, key) for key, text in SORTS.items()], description="Sort",
            tooltip="In which order", style=style, layout={"width": "240px"},
        )  # fmt: skip
        self.part = ipw.Text(
            placeholder="part of a file name", continuous_update=False, description="Name",
            tooltip="Only pictures with this in their file name", style=style,
            layout={"width": "210px"},
        )  # fmt: skip
        self.label = ipw.Dropdown(
            options=[_ANYTHING], description="Label", tooltip="Only pictures with this label",
            style=style, layout={"width": "190px"},
        )  # fmt: skip
        self.other = ipw.Dropdown(
            options=[_ANYTHING], description="Second choice", style={"description_width": "92px"},
            tooltip="Only pictures with this second choice", layout={"width": "240px"},
        )  # fmt: skip
        self.agreement = ipw.IntRangeSlider(
            value=(0, 100), min=0, max=100, description="Agreement, %", continuous_update=False,
            tooltip="Only pictures whose agreement in per cent lies between",
            style={"description_width": "92px"}, layout={"width": "282px"},
        )  # fmt: skip
        self.open_only = ipw.Checkbox(
            description="Not yet fixed", indent=False,
            tooltip="Only pictures that you have not fixed", layout={"width": "auto"},
        )  # fmt: skip
        self.unseen = ipw.Checkbox(
            description="Not yet looked at", indent=False, layout={"width": "auto"},
            tooltip="Only pictures that you have neither fixed, nor opened, nor turned a page on",
        )  # fmt: skip
        leaving_out = (
            self.part, self.label, self.other, self.agreement, self.open_only, self.unseen,
        )  # fmt: skip
        self.settles = (self.show, self.of_class, self.sort_by, *leaving_out)
        row = ipw.HBox(leaving_out, layout={"overflow": "visible"})
        row.add_class("pls-row")
        self.filters = ipw.Accordion([row], titles=["Filter"])
        self.filters.selected_index = None

    def offer(self, names: Sequence[str]) -> None:
        """Offer these classes, and keep the chosen ones."""
        place, name = self.of_class.value or 0, self.of_class.label
        self.of_class.options = [(name, i) for i, name in enumerate(names)]
        # The same class, wherever it is now; a renamed class has kept its place.
        if names:  # a session may begin without classes
            last = len(names) - 1
            self.of_class.value = names.index(name) if name in names else min(place, last)
        for choice in (self.label, self.other):
            kept = choice.value if choice.value in names else ""
            choice.options = [_ANYTHING, *((name, name) for name in names)]
            choice.value = kept

    def found(self, show: str, what: str, ranking: NDArray[np.int64]) -> None:
        """Show the result of a search, the best first."""
        self._ranking = show, what, ranking
        self.show.value, self.sort_by.value = show, ""

    def question(self, step: int, selection: tuple[int, ...]) -> Question:
        """Return the chosen list, and show only the widgets that matter for it.

        Parameters
        ----------
        step : int
            The iteration whose labels are shown.
        selection : tuple of int
            Images that are selected on the map.
        """
        show = self.show.value
        kind, what, ranking = self._ranking
        if show == "class":
            what = self.of_class.label or ""
        elif show != kind:
            what, ranking = "", None
        question = Question(
            show=show,
            what=what,
            step=step,
            images=selection if show == "selection" else (),
            ranking=ranking,
            sort=self.sort_by.value,
            name=self.part.value.strip(),
            label=self.label.value or None,
            other=self.other.value or None,
            agreement=self.agreement.value,
            unfixed=self.open_only.value,
            unseen=self.unseen.value,
        )
        self.of_class.layout.display = None if show == "class" else "none"
        self.filters.set_title(0, "Filter (on)" if question.filters else "Filter")
        return question

"""The panel of all runs, and of the pictures in which two of them differ."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ipywidgets as ipw
import numpy as np

from protolabel.common.wording import counted
from protolabel.errors import InputError
from protolabel.evaluation.scoring import compare
from protolabel.widgets.grid import ThumbGrid, Thumbnails
from protolabel.widgets.panel import Panel, colours_of, escape
from protolabel.widgets.run_table import RunTable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from protolabel.session.runs import Run

__all__ = ["RunsPanel"]

_MOST = 48  # pictures of a difference
_HEAD = ("Run", "Name", "Method", "Temperature", "Iteration", "Fixed", "Classes used", "Changed",
         "Last change", "Accuracy")  # fmt: skip
_HINT = "Every change makes a run. Change a setting or fix a label, then click two runs."


class RunsPanel(Panel):
    """A table of runs, and the comparison of two."""

    title = "Runs"

    def build(self) -> Iterator[ipw.Widget]:
        """Yield the table, the two runs to compare, and the pictures."""
        self._thumbnails: Thumbnails | None = None
        self._picked: list[int] = []  # the last two runs that were clicked
        self.table = RunTable(head=list(_HEAD))
        narrow: dict[str, Any] = {
            "layout": {"width": "180px"}, "style": {"description_width": "60px"},
        }  # fmt: skip
        self.left = ipw.Dropdown(description="Compare", tooltip="One run", **narrow)
        self.right = ipw.Dropdown(description="with", tooltip="The other run", **narrow)
        self.again = self.button(
            "Use these settings again", "Go back to the settings of the first run",
            (self.left, "index"),
        )  # fmt: skip
        self.result = ipw.HTML()
        self.sides = ipw.HTML()
        self.grid = ThumbGrid(size=132)  # room for two names
        for choice in (self.left, self.right):
            choice.observe(self.guard(self._compare), names="value")
        self.again.on_click(self.guard(self._go_back))
        self.table.on_msg(self.guard(self._on_message))
        self.follow_work(self._show, "settled")
        self.follow(self._show, "truth")
        yield self.table
        yield self.row(self.left, self.right, self.again)
        yield self.result
        self.sides.layout.flex, self.grid.layout.flex = "0 0 auto", "1 1 300px"
        yield ipw.HBox([self.sides, self.grid], layout={"grid_gap": "18px"})

    def _runs(self) -> dict[int, Run]:
        return {run.number: run for run in self.session.runs.distinct}

    def _on_message(self, _: Any, message: Any, __: Any) -> None:
        if "pick" in message:
            self._pick(int(message["pick"]))
        elif "name" in message:
            self.session.runs.call(int(message["number"]), str(message["name"]).strip())
            self.draw(self._show)

    def _pick(self, number: int) -> None:
        """Compare the run with the one that was clicked before, or with the newest."""
        if number not in self._runs():  # the page shows the table from before
            raise InputError("That run is no longer in the table: click another one.")
        self._picked = [*self._picked, number][-2:]
        if len(self._picked) == 2:
            left, right = sorted(self._picked)
            with self.follower.drawing:
                self.draw(setattr, self.left, "value", left)
                self.right.value = right
        else:
            self.left.value = number

    def _show(self) -> None:
        runs = list(self._runs().values())
        self.table.rows = [
            {"number": run.number, "name": run.name, "cells": list(_cells(run))}
            for run in reversed(runs)
        ]
        numbers = [run.number for run in runs]
        for choice, default in ((self.left, numbers[-2:-1]), (self.right, numbers[-1:])):
            known = choice.value
            follows = choice is self.right or known not in numbers
            wanted = (default or numbers[-1:]) if follows else [known]
            with choice.hold_sync():
                choice.options = [(_called(run), run.number) for run in runs]
                choice.value = wanted[0] if wanted else None
        self._compare()

    def _compare(self, _: Any = None) -> None:
        runs = self._runs()
        a, b = runs.get(self.left.value), runs.get(self.right.value)
        self.table.chosen = sorted({run.number for run in (a, b) if run is not None})
        if a is None or b is None or a is b:
            self.result.value = f'<span class="pls-faint">{_HINT}</span>'
            self.sides.value = ""
            self.grid.show(b"", [])
            return
        images = self.session.embeddings.images
        between = compare(a, b, self.session.truth or images.truth)
        differ = between.changed
        self.result.value = (
            f"<b>{len(differ):,}</b> of {len(a.label):,} images have another label"
            + (f"; the first {_MOST} are shown" if len(differ) > _MOST else "")
            + (
                f"; <b>{len(between.mended):,}</b> became right, "
                f"<b>{len(between.broken):,}</b> wrong"
                if between.judged
                else ""
            )
            + "."
        )
        self.sides.value = _side_by_side(a, b)
        colours = colours_of(self.session, b.names)
        tiles = [
            {
                "id": int(i),
                "name": images.names[i].encode("utf-8", "replace").decode("utf-8"),
                "text": f"{a.names[a.label[i]]} → {b.names[b.label[i]]}",
                "note": "",
                "colour": colours[b.label[i]],
                "pinned": False,
            }
            for i in differ[:_MOST]
        ]
        if self._thumbnails is None:
            self._thumbnails = Thumbnails(images)
        thumbnails, pair = self._thumbnails, (a.number, b.number)

        def fetch() -> None:
            sheet = thumbnails.sheet([tile["id"] for tile in tiles])
            with self.follower.drawing:
                if (self.left.value, self.right.value) == pair:
                    self.grid.show(sheet, tiles)

        self.submit(fetch)

    def _go_back(self, _: Any) -> None:
        run = self._runs().get(self.left.value)
        if run is None:
            return
        with self.session.hold_trait_notifications():  # all at once: one run
            for name, value in run.settings.items():
                setattr(self.session, name, value)
        fixed = len(self.session.pins)
        if fixed != run.pins:
            self.say(
                f"The settings are those of run {run.number}. Labels that you fixed stay: "
                f"{counted(fixed, 'label')} now, {run.pins} then."
            )


def _called(run: Run) -> str:
    return f"run {run.number}" + (f": {run.name}" if run.name else "")


def _cells(run: Run) -> Iterator[str]:
    settings = run.settings
    yield str(settings["method"])
    yield f"{settings['temperature']:.3g}"
    yield f"{run.iteration} of {settings['iterations']}"
    yield str(run.pins)
    yield f"{run.classes_used} of {len(run.names)}"
    yield f"{run.changed:,}"
    yield f"{100 * run.churn:.1f} %"
    yield "unknown" if run.accuracy is None else f"{100 * run.accuracy:.1f} %"


def _side_by_side(a: Run, b: Run) -> str:
    """Describe what differs between two runs: figures, and how many images each class has."""
    pair = [dict(zip(_HEAD[2:], map(escape, _cells(run)), strict=True)) for run in (a, b)]
    for run, facts in zip((a, b), pair, strict=True):
        counts = np.bincount(run.label, minlength=len(run.names))
        for name, count in zip(run.names, counts, strict=True):
            facts[f"images of {escape(name)}"] = f"{count:,}"
    body = "".join(
        f'<tr><td class="word">{what}</td><td>{left}</td><td>{right}</td></tr>'
        for what in dict.fromkeys((*pair[0], *pair[1]))
        for left, right in [[facts.get(what, "–") for facts in pair]]
        if left != right
    )
    return (
        '<table class="pls-table"><thead><tr><th class="word">What differs</th>'
        f"<th>run {a.number}</th><th>run {b.number}</th></tr></thead><tbody>{body}</tbody></table>"
        if body
        else ""
    )

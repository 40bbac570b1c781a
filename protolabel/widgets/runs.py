"""Every run so far, and the pictures in which two of them differ."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ipywidgets as ipw

from protolabel.evaluation import compare
from protolabel.widgets.base import Panel, escape
from protolabel.widgets.grid import ThumbGrid, Thumbnails

if TYPE_CHECKING:
    from collections.abc import Iterator

    from protolabel.runs import Run

__all__ = ["RunsPanel"]

_MOST = 48  # pictures of a difference
_HEAD = ("Run", "Method", "Temperature", "Iteration", "Pins", "Classes used", "Last churn",
         "Changed", "Accuracy")  # fmt: skip


class RunsPanel(Panel):
    """A row for each run, and the difference of two."""

    title = "Runs"

    def build(self) -> Iterator[ipw.Widget]:
        """Give the table, two choices and the pictures."""
        self._thumbnails: Thumbnails | None = None
        self.table = ipw.HTML()
        narrow: dict[str, Any] = {
            "layout": {"width": "180px"}, "style": {"description_width": "60px"},
        }  # fmt: skip
        self.left = ipw.Dropdown(description="Compare", tooltip="One run", **narrow)
        self.right = ipw.Dropdown(description="with", tooltip="The other run", **narrow)
        self.again = self.button("Go back to the first", "Set its settings again")
        self.result = ipw.HTML()
        self.grid = ThumbGrid()
        for choice in (self.left, self.right):
            choice.observe(self.guard(self._compare), names="value")
        self.again.on_click(self.guard(self._go_back))
        self.follow_work(self._show, "labels")
        self.follow(self._show, "truth")
        row = {"flex_flow": "row wrap", "align_items": "center"}
        yield self.table
        yield ipw.HBox([self.left, self.right, self.again], layout=row)
        yield self.result
        yield self.grid

    def _runs(self) -> dict[int, Run]:
        return {run.number: run for run in self.session.runs}

    def _show(self) -> None:
        runs = list(self._runs().values())
        rows = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in _cells(run))}</tr>"
                       for run in reversed(runs))  # fmt: skip
        head = "".join(f'<th scope="col">{escape(name)}</th>' for name in _HEAD)
        self.table.value = (
            f'<div class="pls-scroll"><table class="pls-table"><thead><tr>{head}</tr></thead>'
            f"<tbody>{rows}</tbody></table></div>"
        )
        numbers = [run.number for run in runs]
        for choice, default in ((self.left, numbers[-2:-1]), (self.right, numbers[-1:])):
            known = choice.value
            choice.options = [(f"run {number}", number) for number in numbers]
            follows = choice is self.right or known not in numbers
            wanted = (default or numbers[-1:]) if follows else [known]
            choice.value = wanted[0] if wanted else None
        self._compare()

    def _compare(self, _: Any = None) -> None:
        runs = self._runs()
        a, b = runs.get(self.left.value), runs.get(self.right.value)
        if a is None or b is None or a is b:
            self.result.value = '<span class="pls-faint">Choose two different runs.</span>'
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
        tiles = [
            {
                "id": int(i),
                "name": images.names[i].encode("utf-8", "replace").decode("utf-8"),
                "text": f"{a.names[a.label[i]]} → {b.names[b.label[i]]}",
                "colour": "#D55E00",
                "pinned": False,
            }
            for i in differ[:_MOST]
        ]
        if self._thumbnails is None:
            self._thumbnails = Thumbnails(images)
        thumbnails, pair = self._thumbnails, (a.number, b.number)

        def fetch() -> None:
            sheet = thumbnails.sheet([one["id"] for one in tiles])
            with self.work.ui:
                if (self.left.value, self.right.value) == pair:
                    self.grid.show(sheet, tiles)

        self.work.run(fetch)

    def _go_back(self, _: Any) -> None:
        run = self._runs().get(self.left.value)
        if run is not None:
            kept = run.settings["kept"]
            for name, value in run.settings.items():
                if name != "kept":
                    setattr(self.session, name, value)
            self.session.kept = kept


def _cells(run: Run) -> Iterator[str]:
    settings = run.settings
    yield str(run.number)
    yield escape(settings["method"])
    yield f"{settings['temperature']:.3g}"
    yield f"{run.iteration} of {settings['iterations']}"
    yield str(run.pins)
    yield f"{run.classes_used} of {len(run.names)}"
    yield f"{100 * run.churn:.1f} %"
    yield f"{run.changed:,}"
    yield "unknown" if run.accuracy is None else f"{100 * run.accuracy:.1f} %"

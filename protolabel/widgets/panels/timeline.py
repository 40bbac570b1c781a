"""The run, iteration by iteration: scrub it, play it, keep one, and hear what the guard says."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import ipywidgets as ipw

from protolabel.common.palette import variable
from protolabel.evaluation.diagnostics import diagnose
from protolabel.widgets.charts import line_chart
from protolabel.widgets.panel import Panel, colours_of, escape

if TYPE_CHECKING:
    from collections.abc import Iterator

    from protolabel.refinement.labels import Labels

__all__ = ["TimelinePanel"]

_MARKS = {
    "warning": ("⚠", "Warning", "bad"),
    "note": ("ℹ", "Note", ""),
    "good": ("✓", "Good", "good"),
}
_SHOWN = 10  # classes that have a line in the chart


class TimelinePanel(Panel):
    """Iteration 0 is zero-shot; every iteration can be looked at and kept."""

    title = "Timeline"

    def build(self) -> Iterator[ipw.Widget]:
        """Give slider, player, charts and findings."""
        # The browser keeps what its End key means from the first maximum.
        most = max(1, self.session.iterations)
        self.slider = ipw.IntSlider(
            0, min=0, max=most, description="Iteration", style={"description_width": "64px"},
            tooltip="0 is zero-shot, before anything was learnt",
            layout={"flex": "1 1 200px", "width": "auto"},
        )  # fmt: skip
        self.slider.add_class("pls-iteration")
        self.play = ipw.Play(0, min=0, max=most, interval=700, show_repeat=False)
        self.play.tooltip = "Play the iterations"
        ipw.jslink((self.play, "value"), (self.slider, "value"))
        self.player = self.row(self.play, self.slider)
        self.keep = self.button("Keep this iteration", "Its labels are used and exported")
        self.last = self.button("Back to the last", "Use the labels of the last iteration again")
        self.keep.layout.display = self.last.layout.display = "none"
        self.kept = ipw.HTML()
        self.charts = ipw.HTML()
        self.findings = ipw.HTML()
        self.slider.observe(self.guard(self._look), names="value")
        self.keep.on_click(self.guard(self._keep))
        self.last.on_click(self.guard(self._keep_last))
        choice = self.row(self.kept, self.keep, self.last)
        choice.layout.min_height = "34px"
        self.verdict = ipw.VBox([self.findings, choice])
        self.follow_work(self._show, "settled", "iteration")
        self.follow(self._show, "kept")
        yield self.player
        yield self.verdict
        yield self.charts

    def _look(self, event: Any) -> None:
        self.work.iteration = event["new"]

    def _keep(self, _: Any) -> None:
        self.session.kept = self.slider.value

    def _keep_last(self, _: Any) -> None:
        self.session.kept = None

    def _show(self) -> None:
        labels: Labels | None = self.work.settled
        ready = labels is not None and labels.run is not None
        for widget in (self.slider, self.play):
            widget.disabled = not ready
        if labels is None or labels.run is None:
            self.findings.value = '<span class="pls-faint">The run appears here.</span>'
            return
        last = len(labels.run.iterations) - 1
        shown = min(self.work.iteration, last)
        for widget in (self.slider, self.play):
            widget.max = max(last, 1)
        self.slider.value = shown
        counts, kept = labels.iteration, self.session.kept
        self.keep.description = f"Keep {_name(shown)}"
        self.keep.layout.display = "none" if shown == counts else None
        self.last.layout.display = "none" if kept is None else None
        which = " (the last)" if kept is None else " (kept by you)"
        self.kept.value = (
            f'<span class="pls-faint" role="status">Labels in use: {_name(counts)}{which}.</span>'
        )
        self.findings.value = "".join(
            f'<div class="pls-say {kind}"><b>{mark} {word}.</b> {text}</div>'
            for finding in diagnose(labels.at(shown)).findings
            for mark, word, kind in [_MARKS[finding.severity]]
            for text in [escape(finding.text).replace(" %", "&nbsp;%")]
        )
        self.charts.value = self._draw(labels, shown)

    def _draw(self, labels: Labels, shown: int) -> str:
        run = labels.run
        if run is None:
            return ""
        colours = colours_of(len(labels.names))
        at = [labels.at(step) for step in range(len(run.iterations))]
        common = sorted(labels.counts.argsort()[::-1][:_SHOWN].tolist())
        counts = [
            (labels.names[c], [float(one.counts[c]) for one in at], colours[c]) for c in common
        ]
        shift = [state.shift for state in run.iterations[1:]]
        sure = [100 * float(one.agreement.mean()) for one in at]
        changed = [float((b.label != a.label).sum()) for a, b in pairwise(at)]
        charts = [
            line_chart("Labels that changed", [("changed", changed, variable("changed"))],
                       mark=shown, first=1),
            line_chart("Prototypes moved", [("moved", shift, variable("moved"))],
                       mark=shown, first=1),
            line_chart("Mean agreement", [("agreement", sure, variable("accent"))],
                       mark=shown, unit=" %", bottom=10.0 * (min(sure) // 10.0)),
            line_chart("Images of each class", counts, mark=shown, names=True),
        ]  # fmt: skip
        return f'<div class="pls-charts">{"".join(f"<div>{one}</div>" for one in charts)}</div>'


def _name(step: int) -> str:
    return "zero-shot" if step == 0 else f"iteration {step}"

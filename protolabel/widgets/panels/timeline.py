"""The panel of the iterations of a run: play them, keep one, read the findings."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import ipywidgets as ipw

from protolabel.common.palette import variable
from protolabel.evaluation.diagnostics import diagnose
from protolabel.evaluation.order import next_to_correct
from protolabel.widgets.charts import line_chart
from protolabel.widgets.page_button import PageButton
from protolabel.widgets.panel import Panel, colours_of, escape, live

if TYPE_CHECKING:
    from collections.abc import Iterator

    from protolabel.refinement.labels import Labels
    from protolabel.session.session import Session

__all__ = ["TimelinePanel"]

_MARKS = {
    "warning": ("⚠", "Warning", "bad"),
    "note": ("ℹ", "Note", ""),
    "good": ("✓", "Good", "good"),
}
_READINGS = (
    "Near 0 at the end, the loop has settled.",
    "Small steps at the end: more iterations would change little.",
    "How far the votes agree. It is no accuracy; Audit measures that.",
    "A line that falls to 0 is a class that lost its images.",
)
_PINS = 5  # images that a finding asks for
_SHOWN = 10  # classes that have a line in the chart


class TimelinePanel(Panel):
    """The iterations of a run, from 0 (zero-shot); each can be shown and kept.

    Parameters
    ----------
    session : Session
        What the panel shows and changes.
    player : bool
        Whether to show a slider and a play button; in the studio, the map has them.
    """

    title = "Timeline"

    def __init__(self, session: Session, *, player: bool = True) -> None:
        self._with_player = player
        super().__init__(session)

    def build(self) -> Iterator[ipw.Widget]:
        """Yield the player, the findings and the charts."""
        self.keep = PageButton(tooltip="Use and export the labels shown here")
        self.keep.layout.width = "auto"
        self.last = self.button("Back to the last", "Use the labels of the last iteration again")
        self.pin = self.button(
            f"Pin {_PINS} images", "Show the pictures whose labels help most, to fix them by keys"
        )
        self.last.layout.display = self.pin.layout.display = "none"
        self.kept = live()
        self.charts = ipw.HTML()
        self.findings = ipw.HTML()
        self.keep.on_click(self.guard(self._keep))
        self.last.on_click(self.guard(self._keep_last))
        self.pin.on_click(self.guard(self._offer_pins))
        choice = self.row(self.kept, self.keep, self.last, self.pin)
        choice.layout.min_height = "34px"
        self.verdict = ipw.VBox([self.findings, choice])
        if self._with_player:
            yield self._player()
        self.follow_work(self._show, "settled", "iteration")
        self.follow(self._show, "kept")
        yield self.verdict
        yield self.charts

    def _player(self) -> ipw.Widget:
        # The browser keeps the meaning of its End key from the first maximum.
        most = max(1, self.session.iterations)
        self.slider = ipw.IntSlider(
            0, min=0, max=most, description="Iteration", style={"description_width": "64px"},
            tooltip="0 is zero-shot, before refinement",
            layout={"flex": "1 1 200px", "width": "auto"},
        )  # fmt: skip
        self.slider.add_class("pls-iteration")
        self.play = ipw.Play(0, min=0, max=most, interval=700, show_repeat=False)
        self.play.tooltip = "Play the iterations"
        self.slider.observe(self.guard(self._look), names="value")
        self.keep.bring((self.slider, "value"))
        self._link = ipw.jslink((self.play, "value"), (self.slider, "value"))
        self._widgets.append(self._link)
        self.follow_work(self._show_place, "settled", "iteration")
        return self.row(self.play, self.slider)

    # --- handlers -----------------------------------------------------------------------------

    def _look(self, change: Any) -> None:
        self.follower.iteration = change["new"]

    def _keep(self, _: Any) -> None:
        self.session.kept = self.follower.iteration

    def _keep_last(self, _: Any) -> None:
        self.session.kept = None

    def _offer_pins(self, _: Any) -> None:
        self.follower.selection = ()  # so that the same selection is shown again
        if (labels := self.follower.settled) is not None:
            chosen = next_to_correct(labels, self.session.graph, _PINS)
            self.follower.selection = tuple(chosen.tolist())

    # --- drawing ------------------------------------------------------------------------------

    def _show_place(self) -> None:
        labels = self.follower.settled
        run = None if labels is None else labels.run
        for widget in (self.play, self.slider):
            widget.disabled = run is None
            if run is not None:
                widget.max = max(len(run.iterations) - 1, 1)
        if run is not None:
            self.slider.value = min(self.follower.iteration, len(run.iterations) - 1)

    def _show(self) -> None:
        labels: Labels | None = self.follower.settled
        if labels is None or labels.run is None:
            self.findings.value = '<span class="pls-faint">The run appears here.</span>'
            return
        shown = min(self.follower.iteration, len(labels.run.iterations) - 1)
        in_use, kept = labels.iteration, self.session.kept
        texts = [f"Keep {_name(step)}" for step in range(len(labels.run.iterations))]
        texts[in_use] = ""
        self.keep.texts, self.keep.description = texts, texts[shown]
        self.last.layout.display = "none" if kept is None else None
        which = " (the last)" if kept is None else " (kept by you)"
        self.kept.value = f'<span class="pls-faint">Labels in use: {_name(in_use)}{which}.</span>'
        findings = diagnose(labels.at(shown)).findings
        sound = all(finding.severity == "good" for finding in findings)
        self.pin.layout.display = "none" if sound or labels.pinned.all() else None
        self.findings.value = "".join(
            f'<div class="pls-say {kind}"><b>{mark} {word}.</b> {text}</div>'
            for finding in findings
            for mark, word, kind in [_MARKS[finding.severity]]
            for text in [escape(finding.text).replace(" %", "&nbsp;%")]
        )
        self.charts.value = self._charts(labels, shown)

    def _charts(self, labels: Labels, shown: int) -> str:
        run = labels.run
        if run is None:
            return ""
        colours = colours_of(self.session, labels.names)
        at = [labels.at(step) for step in range(len(run.iterations))]
        common = sorted(labels.counts.argsort()[::-1][:_SHOWN].tolist())
        counts = [
            (labels.names[c], [float(step.counts[c]) for step in at], colours[c]) for c in common
        ]
        shift = [state.shift for state in run.iterations[1:]]
        agreement = [100 * float(step.agreement.mean()) for step in at]
        changed = [float((b.label != a.label).sum()) for a, b in pairwise(at)]
        charts = [
            line_chart("Labels that changed", [("changed", changed, variable("changed"))],
                       mark=shown, first=1),
            line_chart("Prototypes moved", [("moved", shift, variable("moved"))],
                       mark=shown, first=1),
            line_chart("Mean agreement", [("agreement", agreement, variable("accent"))],
                       mark=shown, unit=" %", bottom=10.0 * (min(agreement) // 10.0)),
            line_chart("Images of each class", counts, mark=shown, names=True),
        ]  # fmt: skip
        figures = "".join(
            f'<div>{chart}<p class="pls-faint">{reading}</p></div>'
            for chart, reading in zip(charts, _READINGS, strict=True)
        )
        return f'<div class="pls-charts">{figures}</div>'


def _name(step: int) -> str:
    return "zero-shot" if step == 0 else f"iteration {step}"

"""The panel of progress, with a summary of the session."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ipywidgets as ipw

from protolabel.widgets.panel import Panel, escape, live

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from protolabel.images.image_set import Skipped

__all__ = ["ProgressPanel"]

_TOLD = 25  # per cent between two reports to a screen reader
_LISTED = 20  # skipped files that are named
_SHOWN = ("busy", "phase", "fraction", "detail", "background", "stopped")  # traits of the jobs


class ProgressPanel(Panel):
    """The current step, its progress, a Stop button, and a summary of the session."""

    def build(self) -> Iterator[ipw.Widget]:
        """Yield the summary, the bar and the buttons."""
        self.summary = ipw.HTML(layout={"flex": "1 1 300px"})
        self.phase = ipw.HTML()
        self.told = live()  # the same for a screen reader, which is not told of every picture
        self.told.add_class("pls-unseen")
        self.bar = ipw.FloatProgress(0.0, min=0.0, max=1.0, layout={"width": "140px"})
        self.stop = self.button("Stop", "Stop the work under way; nothing finished is lost")
        self.go_on = self.button("Go on", "Continue where it was stopped", button_style="primary")
        self.again = self.button("Try again", "Start the work again that failed")
        self.again.layout.display = "none"
        self.again.on_click(self.guard(self._try_again))
        self.stop.on_click(self.guard(self._stop, at_once=True))  # a drawing may take its time
        self.go_on.on_click(self.guard(self._resume))
        self.watch(self.jobs, self._show_work, *_SHOWN)
        self.follow_work(self._show, "embeddings", "settled", "problem")
        self._show_work()
        line = self.row(
            self.summary, self.phase, self.told, self.bar, self.stop, self.go_on, self.again
        )
        line.layout.min_height = "32px"
        yield line

    def _stop(self, _: Any) -> None:
        self.jobs.stop()

    def _resume(self, _: Any) -> None:
        self.jobs.resume()

    def _try_again(self, _: Any) -> None:
        self.follower.retry()

    def _show_work(self, _: Any = None) -> None:
        # Called in the working thread, which must never wait for a drawing.
        jobs = self.jobs
        hidden, shown = "none", None
        self.bar.value = jobs.fraction
        self.bar.layout.display = shown if jobs.busy else hidden
        self.stop.layout.display = shown if jobs.busy or jobs.background else hidden
        self.go_on.layout.display = shown if jobs.stopped else hidden
        doing = (jobs.phase or "working") if jobs.busy else jobs.background
        doing = doing or ("stopped" if jobs.stopped else "")
        detail = f": {jobs.detail}" if jobs.busy and jobs.detail else ""
        self.phase.value = f'<span class="pls-faint">{escape(doing + detail)}&nbsp;</span>'
        self._tell(doing, _TOLD * int(100 * jobs.fraction / _TOLD))

    def _tell(self, doing: str, percent: int) -> None:
        """Report a step to a screen reader when it begins, now and then, and when it is done."""
        idle = "ready" if self.told.value else ""
        self.told.value = escape(f"{doing}: {percent} %" if doing and percent else doing or idle)

    def _show(self) -> None:
        labels, embedded = self.follower.settled, self.follower.embeddings
        self.again.layout.display = None if self.follower.problem else "none"
        if self.follower.problem:
            self.say(self.follower.problem, "bad")
        elif labels is not None:
            self.say("")
        facts, skipped = [], ""
        if embedded is not None:
            skipped = _skipped(embedded.images.skipped)
            facts = [_count(len(embedded), "image")]
        if labels is not None:
            changed = int((labels.label != labels.at(0).label).sum())
            facts += [
                _count(len(labels.names), "class", "classes"),
                _count(changed, "label") + " changed by refinement",
                f"<b>{int(labels.pinned.sum()):,}</b> fixed by you" + self._waiting(),
            ]
        elif not facts and not self.follower.problem:
            facts = ["Reading the images …"]
        if embedded is not None and embedded.encoder.model == "sample":
            facts.append("sample encoder: for drawings, not photographs")
        chips = "".join(f'<span class="pls-chip">{fact}</span>' for fact in facts)
        brand = '<span class="pls-brand" role="heading" aria-level="2">protolabel</span>'
        self.summary.value = brand + chips + skipped

    def _waiting(self) -> str:
        waiting = sum(name not in self.session.names for name in self.session.pins.values())
        return f", <b>{waiting:,}</b> waiting for a class that was removed" if waiting else ""


def _count(number: int, noun: str, plural: str = "") -> str:
    return f"<b>{number:,}</b> {noun if number == 1 else plural or noun + 's'}"


def _skipped(files: Sequence[Skipped]) -> str:
    """Return how many files were skipped, as a line that opens to their names and reasons."""
    if not files:
        return ""
    lines = [f"<li>{escape(file.name)}: {escape(file.reason)}</li>" for file in files[:_LISTED]]
    if len(files) > _LISTED:
        rest = f"{len(files) - _LISTED:,} more, all in session.embeddings.images.skipped"
        lines.append(f"<li>and {rest}</li>")
    head = f'<summary class="pls-chip">{_count(len(files), "file")} skipped</summary>'
    return f'<details class="pls-skipped">{head}<ul>{"".join(lines)}</ul></details>'

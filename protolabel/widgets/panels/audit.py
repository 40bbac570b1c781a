"""The panel of the audit: a random sample to check by keys, with the running interval."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ipywidgets as ipw

from protolabel.browser.atlas import large_picture
from protolabel.common.wording import counted
from protolabel.widgets.audit_view import AuditView
from protolabel.widgets.panel import Panel, classes_of, colours_of, escape

if TYPE_CHECKING:
    from collections.abc import Iterator

    from protolabel.evaluation.audit import Audit, AuditEstimate
    from protolabel.refinement.labels import Labels

__all__ = ["AuditPanel"]

_HINT = (
    "Check a random sample of the labels, and learn how many of all labels are right. "
    "Do not skip what is hard to tell: the sample would no longer be random."
)


class AuditPanel(Panel):
    """A random sample of labels to check picture by picture, and the estimate for all labels."""

    title = "Audit"

    def build(self) -> Iterator[ipw.Widget]:
        """Yield the size of the sample, the picture to check, and the estimate."""
        self.audit: Audit | None = None
        self._estimating = False
        self.size = ipw.BoundedIntText(
            40, min=1, max=100_000, description="Check", tooltip="Number of pictures to check",
            style={"description_width": "44px"}, layout={"width": "120px"},
        )  # fmt: skip
        size = (self.size, "value")
        self.start = self.button(
            "Draw a sample", "Draw this many labels at random", size, button_style="primary"
        )
        self.more = self.button(
            "Check more", "Draw as many further pictures, for a shorter interval", size
        )
        self.fix = self.button(
            "Fix the checked labels", "Fix each checked picture as the class that you gave"
        )
        self.view = AuditView()
        self.result = ipw.HTML()
        self.start.on_click(self.guard(self._start))
        self.more.on_click(self.guard(self._more))
        self.fix.on_click(self.guard(self._fix))
        self.view.on_msg(self.guard(self._on_message))
        self.follow(self._offer, "classes")
        self.watch(self.session.marks, self._recolour, "recoloured")
        self.follow_work(self._look, "settled")
        yield ipw.HTML(f'<span class="pls-faint">{_HINT}</span>')
        yield self.row(self.size, ipw.HTML("pictures"), self.start, self.more, self.fix)
        yield self.view
        yield self.result

    def _start(self, _: Any) -> None:
        count = self.size.value
        self.say("Drawing a sample …")

        def draw() -> None:
            audit = self.jobs.run(lambda: self.session.audit(count))
            self.draw(self._begin, audit)

        self.submit(draw)

    def _more(self, _: Any) -> None:
        if self.audit is not None:
            self.audit.extend(self.size.value)
            self._begin(self.audit)

    def _begin(self, audit: Audit) -> None:
        self.audit = audit
        self.say("")
        images = self.session.embeddings.images
        texts = [audit.names[int(audit.label[image])] for image in audit.images]
        colours = colours_of(self.session, texts)
        self.view.items = [
            {
                "id": int(image),
                "name": images.names[image].encode("utf-8", "replace").decode("utf-8"),
                "text": text,
                "colour": colour,
                "answer": audit.answers.get(int(image)),
            }
            for image, text, colour in zip(audit.images, texts, colours, strict=True)
        ]
        self._look()
        self._estimate()

    def _fix(self, _: Any) -> None:
        """Pin the answers that are classes."""
        before = len(self.session.pins)
        self.session.pin_audited()
        fixed = len(self.session.pins) - before
        self.say(f"{counted(fixed, 'label')} fixed; Undo takes it back.", "good")

    def _on_message(self, _: Any, message: Any, __: Any) -> None:
        if "ask" in message:
            self._send(int(message["ask"]))
        elif "answer" in message and self.audit is not None:
            self.audit.correct(int(message["answer"]), str(message["name"]) or None)
            self._estimate()

    def _send(self, image: int) -> None:
        path = self.session.embeddings.images.path(image)

        def send() -> None:
            self.view.show_picture(image, large_picture(path))

        self.jobs.submit(send, self.show_failure, lane="large pictures")

    def _estimate(self) -> None:
        """Compute the interval in the background, so that a fast user need not wait for it."""
        if self._estimating:
            return
        self._estimating = True

        def estimate() -> None:
            self._estimating = False
            if self.audit is not None:
                self.draw(self._show, self.audit.estimate())

        self.submit(estimate)

    # --- drawing --------------------------------------------------------------------------------

    def _offer(self) -> None:
        self.view.classes = classes_of(self.session)

    def _recolour(self, _: Any) -> None:
        self.draw(self._offer)

    def _look(self) -> None:
        """Show whether the audit is still about these labels."""
        labels: Labels | None = self.follower.settled
        known = self.session.last_audit  # may come from a saved session
        if labels is not None and known is not None and known is not self.audit:
            self._begin(known)
            return
        for button in (self.more, self.fix):
            button.layout.display = "none" if self.audit is None else None
        self.start.disabled = labels is None
        if self.audit is None or labels is None:
            return
        if not self.audit.is_of(labels.names, labels.label, labels.unfit):
            self.more.layout.display = "none"
            self.say(
                "The labels have changed since this sample was drawn, so the estimate is about the "
                "earlier labels. Draw a new sample to check the new ones."
            )

    def _show(self, estimate: AuditEstimate) -> None:
        self.fix.disabled = not estimate.checked
        self.result.value = _sentence(estimate) + _table(estimate)


def _sentence(estimate: AuditEstimate) -> str:
    if not estimate.checked:
        return '<p class="pls-faint">No picture is checked yet.</p>'
    low, high = (100 * end for end in estimate.interval)
    more = (
        f" About {counted(estimate.to_halve, 'more picture')} would halve the interval."
        if estimate.to_halve
        else ""
    )
    return (
        f'<p role="status"><b>{100 * estimate.fraction:.0f} %</b> of the '
        f"{estimate.population:,} labels are right; 95 % interval <b>{low:.0f} to {high:.0f} %</b> "
        f'<span class="pls-faint">({counted(estimate.checked, "picture")} checked).{more}'
        "</span></p>"
    )


def _table(estimate: AuditEstimate) -> str:
    if not estimate.classes:
        return ""
    rows = "".join(
        f'<tr><td class="word">{escape(found.name)}</td><td>{found.checked}</td>'
        f"<td>{100 * found.fraction:.0f} %</td>"
        f"<td>{100 * found.interval[0]:.0f} to {100 * found.interval[1]:.0f} %</td></tr>"
        for found in estimate.classes
    )
    head = (
        '<tr><th class="word">Class</th><th>Checked</th><th>Right</th><th>95 % interval</th></tr>'
    )
    return f'<table class="pls-table"><thead>{head}</thead><tbody>{rows}</tbody></table>'

"""The audit in a real browser: by keys alone, each answer for the picture that was up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from host import serious
from quick_hand import many_pictures

from protolabel.widgets.follower import follower_of
from protolabel.widgets.panels.audit import AuditPanel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from host import Host


@pytest.fixture
def panel(tmp_path: Path) -> Iterator[AuditPanel]:
    session = many_pictures(tmp_path, 300)
    made = AuditPanel(session)
    assert made.follower.wait(120)
    yield made
    follower_of(session).wait(120)
    session.close()


def test_a_sample_is_checked_by_keys_and_the_interval_follows(
    panel: AuditPanel, show: Callable[..., Host], settle: Any
) -> None:
    session, host = panel.session, show(panel.view)
    panel.size.value = 12
    panel.start.click()
    settle(panel)
    host.settle()
    audit, page = panel.audit, host.page
    assert audit is not None
    assert "No picture is checked yet" in panel.result.value
    drawn = audit.images.tolist()
    names = [audit.names[int(audit.label[image])] for image in drawn]
    page.locator(".pls-audit").focus()
    for k in range(12):  # as fast as a browser can
        assert f"Picture {k + 1} of 12" in page.locator(".pls-audit-count").inner_text()
        if k == 3:
            wrong = next(i for i, name in enumerate(session.names) if name != names[3])
            page.keyboard.press(str(wrong + 1))
        else:
            page.keyboard.press("0" if k == 5 else "Enter")
    host.settle()
    settle(panel)
    expected = dict(zip(drawn, names, strict=True)) | {drawn[3]: session.names[wrong], drawn[5]: ""}
    assert audit.answers == expected
    estimate = audit.estimate()
    low, high = estimate.fixed
    assert f"{100 * low:.0f} to {100 * high:.0f} %" in panel.result.value
    assert f"<b>{100 * estimate.fraction:.0f} %</b>" in panel.result.value
    assert not session.pins  # the person did not say so
    page.keyboard.press("z")
    assert "You said: right" in page.locator(".pls-audit-said").inner_text()
    page.keyboard.press("c")
    page.keyboard.type("fo")
    page.keyboard.press("Enter")
    host.settle()
    assert audit.answers[drawn[10]] == "fox"
    assert serious(page, ".pls-audit") == []


def test_checked_labels_become_fixed_when_the_person_says_so(
    panel: AuditPanel, settle: Any
) -> None:
    panel.size.value = 6
    panel.start.click()
    settle(panel)
    audit = panel.audit
    assert audit is not None
    first, second = (int(image) for image in audit.images[:2])
    other = next(name for name in panel.session.names if name != audit.names[audit.label[first]])
    panel._on_message(None, {"answer": first, "name": other}, [])
    panel._on_message(None, {"answer": second, "name": ""}, [])
    panel.fix.click()
    files = panel.session.embeddings.images.names
    assert dict(panel.session.pins) == {files[first]: other}
    settle(panel)
    assert "labels have changed" in panel.status.value
    panel.session.undo()
    settle(panel)


def test_more_pictures_are_checked_after_the_first(panel: AuditPanel, settle: Any) -> None:
    panel.size.value = 5
    panel.start.click()
    settle(panel)
    audit = panel.audit
    assert audit is not None
    for item in panel.view.items:
        panel._on_message(None, {"answer": item["id"], "name": item["text"]}, [])
    panel.more.click()
    settle(panel)
    assert [item["answer"] is None for item in panel.view.items] == [False] * 5 + [True] * 5
    assert panel.audit is audit

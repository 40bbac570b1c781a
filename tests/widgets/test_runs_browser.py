"""The table of runs in a real browser: click two to compare, write to name, no row twice."""

from __future__ import annotations

from typing import Any

from protolabel.widgets.panels.runs import RunsPanel


def test_runs_are_compared_by_clicks_and_named(show: Any, session: Any, settle: Any) -> None:
    panel = RunsPanel(session)
    settle(panel)
    for image, name in ((0, "blue"), (9, "red"), (1, "green")):
        session.pin(image, name)
        settle(panel)
    host = show(panel.table)
    rows = host.page.locator("tbody tr")
    assert [row["number"] for row in panel.table.rows] == [4, 3, 2, 1]
    rows.nth(3).click()
    host.settle()
    assert (panel.left.value, panel.right.value) == (1, 4)
    rows.nth(1).click()
    host.settle()
    assert (panel.left.value, panel.right.value) == (1, 3)
    assert panel.table.chosen == [1, 3]
    settle(panel)
    host.settle()
    assert host.page.locator("tr.chosen").count() == 2
    field = host.page.get_by_label("Name of run 3")
    field.fill("before the cats")
    field.press("Enter")
    host.settle()
    assert session.runs[2].name == "before the cats"
    assert ("run 3: before the cats", 3) in panel.right.options


def test_a_run_that_is_repeated_has_one_row(session: Any, settle: Any) -> None:
    panel = RunsPanel(session)
    settle(panel)
    session.temperature = 0.3
    settle(panel)
    session.temperature = 0.1
    settle(panel)
    numbers = [row["number"] for row in panel.table.rows]
    assert numbers == [run.number for run in reversed(session.runs.distinct)]
    assert len(numbers) == 2

"""Long work in threads, without any session: order, failures, Stop, and threads that end."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pytest

from protolabel.errors import Stopped
from protolabel.widgets.jobs import Jobs

if TYPE_CHECKING:
    from collections.abc import Callable


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not true():
        assert time.monotonic() < end
        time.sleep(0.005)


def our_threads() -> list[str]:
    return [one.name for one in threading.enumerate() if one.name.startswith("protolabel")]


def test_jobs_of_a_lane_run_in_order_and_their_thread_ends_with_the_last() -> None:
    jobs, done = Jobs(), []
    for number in range(20):
        jobs.submit(lambda number=number: done.append(number), failed=done.append)
    assert jobs.wait(60)
    assert done == list(range(20))
    until(lambda: not our_threads())


def test_a_job_that_fails_says_so_and_later_jobs_run() -> None:
    jobs, said, done = Jobs(), [], []

    def fail() -> None:
        raise RuntimeError("out of paper")

    def fail_to_say(error: Exception) -> None:
        raise ValueError("no panel any more")

    jobs.submit(fail, failed=said.append)
    jobs.submit(fail, failed=fail_to_say)
    jobs.submit(lambda: done.append("later"), failed=said.append)
    assert jobs.wait(60)
    assert [str(error) for error in said] == ["out of paper"]
    assert done == ["later"]


def test_stop_abandons_a_computation_at_once() -> None:
    jobs, free, outcome = Jobs(), threading.Event(), []

    def ask() -> None:
        try:
            jobs.run(lambda: free.wait(60))
        except Stopped as stopped:
            outcome.append(str(stopped))

    jobs.submit(ask, failed=outcome.append)
    until(lambda: jobs.busy)
    jobs.stop()
    assert jobs.wait(60)
    assert not free.is_set()
    assert not jobs.busy
    assert "what was finished is kept" in outcome[0]
    free.set()


def test_an_abandoned_computation_ends_at_its_next_report() -> None:
    jobs, free, reports = Jobs(), threading.Event(), []

    def compute() -> None:
        free.wait(60)
        try:
            jobs.report("clustering", 1, 2)
        except Stopped:
            reports.append("stopped")
            raise

    jobs.submit(lambda: jobs.run(compute), failed=lambda _: None)
    until(lambda: jobs.busy)
    jobs.stop()
    free.set()
    until(lambda: reports == ["stopped"])


def test_the_bar_shows_how_much_is_done_while_something_is() -> None:
    jobs, seen = Jobs(), []

    def work() -> None:
        with jobs.shown():
            jobs.report("images", 1, 4)
            seen.append((jobs.busy, jobs.phase, jobs.fraction))

    jobs.submit(work, failed=seen.append)
    assert jobs.wait(60)
    assert seen == [(True, "images", 0.25)]
    assert (jobs.busy, jobs.phase, jobs.fraction) == (False, "", 0.0)


def test_background_work_is_named_and_is_not_busy() -> None:
    jobs, free, found = Jobs(), threading.Event(), []
    waiting = threading.Thread(
        target=lambda: found.append(jobs.run(lambda: free.wait(60), background="Laying out"))
    )
    waiting.start()
    until(lambda: jobs.background == "Laying out")
    assert not jobs.busy
    free.set()
    waiting.join(60)
    assert (found, jobs.background) == ([True], "")


@pytest.mark.parametrize("how", ["raises", "returns"])
def test_run_hands_on_what_a_computation_raised_or_returned(how: str) -> None:
    jobs, seen = Jobs(), []

    def compute() -> str:
        if how == "raises":
            raise KeyError("returns")
        return how

    jobs.submit(lambda: seen.append(jobs.run(compute)), failed=lambda e: seen.append(e.args[0]))
    assert jobs.wait(60)
    assert seen == ["returns"]


def test_closed_jobs_take_no_more() -> None:
    jobs, done = Jobs(), []
    jobs.close()
    jobs.submit(lambda: done.append(1), failed=done.append)
    assert jobs.wait(1)
    assert done == []

from __future__ import annotations

import threading
import time
from concurrent.futures import CancelledError

import pytest

from protolabel.common.threads import Workers


def test_results_come_in_the_order_of_the_items():
    with Workers(4, "test") as workers:
        assert list(workers.map(lambda x: x * x, range(50))) == [x * x for x in range(50)]
    assert not [t for t in threading.enumerate() if t.name.startswith("protolabel-test")]


def test_an_error_is_raised_where_the_result_is_asked_for():
    with Workers(1, "test") as workers, pytest.raises(ZeroDivisionError):
        workers.submit(lambda: 1 / 0).result()


@pytest.mark.timeout(20)
def test_a_call_that_hangs_keeps_nobody_waiting():
    never, begun = threading.Event(), threading.Event()
    start = time.monotonic()
    with Workers(1, "test") as workers:
        workers.submit(lambda: begun.set() or never.wait(60))
        waiting = workers.submit(lambda: None)
        begun.wait(5)
    assert time.monotonic() - start < 5
    never.set()
    with pytest.raises(CancelledError):
        waiting.result(5)

from __future__ import annotations

import threading
import time
from concurrent.futures import CancelledError, ThreadPoolExecutor

import pytest
import torch

from protolabel.common.threads import (
    Workers,
    _matrix_library,
    in_threads,
    one_matrix_thread,
    one_torch_thread,
)


def test_results_come_in_the_order_of_the_items():
    with Workers(4, "test") as workers:
        assert list(workers.map(lambda x: x * x, range(50))) == [x * x for x in range(50)]
    assert not [t for t in threading.enumerate() if t.name.startswith("protolabel-test")]


def test_an_error_is_raised_where_the_result_is_asked_for():
    with Workers(1, "test") as workers, pytest.raises(ZeroDivisionError):
        workers.submit(lambda: 1 / 0).result()


def test_a_call_that_hangs_keeps_nobody_waiting():
    never, begun, ended = threading.Event(), threading.Event(), threading.Event()

    def hang() -> None:
        begun.set()
        never.wait(200)
        ended.set()

    with Workers(1, "test") as workers:
        workers.submit(hang)
        waiting = workers.submit(lambda: None)
        assert begun.wait(60)
    assert not ended.is_set()
    never.set()
    with pytest.raises(CancelledError):
        waiting.result(60)


def test_torch_has_its_threads_again_also_after_an_error_and_of_two_at_a_time() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(3)

    def inside(_: int) -> tuple[int, int]:
        with one_torch_thread() as elsewhere:
            time.sleep(0.01)
            return elsewhere, torch.get_num_threads()

    try:
        with ThreadPoolExecutor(4) as pool:
            assert set(pool.map(inside, range(8))) == {(3, 1)}
        with pytest.raises(ZeroDivisionError), one_torch_thread():
            _ = 1 / 0
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)


def test_numpy_and_torch_have_one_thread_within_a_call_and_theirs_again_after_it() -> None:
    numpy_too = _matrix_library()
    before = torch.get_num_threads(), numpy_too.info()
    torch.set_num_threads(3)

    def inside(number: int) -> tuple[int, int, set[int]]:
        time.sleep(0.01)
        return number, torch.get_num_threads(), {each["num_threads"] for each in numpy_too.info()}

    try:
        assert in_threads(inside, range(4)) == [(number, 1, {1}) for number in range(4)]
        torch.set_num_threads(2)
        assert in_threads(inside, [7])[0][:2] == (7, 1)
        assert torch.get_num_threads() == 2
        torch.set_num_threads(3)
        with pytest.raises(ZeroDivisionError):
            in_threads(lambda number: 1 / number, [1, 0])
        assert (torch.get_num_threads(), numpy_too.info()) == (3, before[1])
        with ThreadPoolExecutor(2) as pool:
            for found in pool.map(lambda _: in_threads(inside, range(4)), range(3)):
                assert [count for _, count, _ in found] == [1] * 4
        assert (torch.get_num_threads(), numpy_too.info()) == (3, before[1])
    finally:
        torch.set_num_threads(before[0])


def test_numpy_has_its_threads_again_also_after_an_error_and_of_two_at_a_time() -> None:
    def counts() -> set[int]:
        return {library["num_threads"] for library in _matrix_library().info()}

    before = counts()
    with one_matrix_thread() as elsewhere:
        assert (elsewhere, counts()) == (max(before), {1})
        with one_matrix_thread() as second:
            assert second is None
        assert counts() == {1}
    assert counts() == before
    with pytest.raises(ZeroDivisionError), one_matrix_thread():
        _ = 1 / 0
    assert counts() == before

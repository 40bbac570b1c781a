from __future__ import annotations

import copy
import gc
import pickle
import threading
import weakref

import numpy as np
import pytest

from protolabel.common.later import Later


def test_a_value_is_computed_once_when_it_is_asked_for():
    asked = []
    value = Later(lambda: asked.append(1) or len(asked))
    assert not asked
    assert (value(), value(), len(asked)) == (1, 1, 1)


def test_threads_that_ask_together_wait_for_one_computation():
    begun, go, asked = threading.Event(), threading.Event(), []

    def compute() -> int:
        asked.append(1)
        begun.set()
        go.wait(60)
        return 7

    value, seen = Later(compute), []
    threads = [threading.Thread(target=lambda: seen.append(value())) for _ in range(3)]
    for thread in threads:
        thread.start()
    assert begun.wait(60)
    go.set()
    for thread in threads:
        thread.join(60)
    assert (seen, asked) == ([7, 7, 7], [1])


def test_what_the_computation_held_is_released():
    held = np.zeros(3)
    gone = weakref.ref(held)
    value = Later(lambda held=held: float(held.sum()))
    del held
    assert gone() is not None
    assert value() == 0
    gc.collect()
    assert gone() is None


def test_a_failure_is_tried_again():
    answers = iter([ZeroDivisionError("not yet"), 5])

    def compute() -> int:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    value = Later(compute)
    with pytest.raises(ZeroDivisionError):
        value()
    assert value() == 5


def test_copies_and_pickles_hold_the_value():
    value = Later(lambda: [1, 2])
    assert pickle.loads(pickle.dumps(value))() == [1, 2]
    assert copy.deepcopy(value)() == [1, 2]

"""Threads that can be abandoned: stuck or slow calls never hold up the interpreter."""

from __future__ import annotations

import os
import queue
import sys
import threading
import time
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager, nullcontext
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, Self, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from threadpoolctl import ThreadpoolController

__all__ = ["Workers", "in_threads", "one_matrix_thread", "one_torch_thread"]

T = TypeVar("T")

_PATIENCE = 0.5  # seconds


class _TorchThreads:
    """How many calls need torch in one thread, and how many threads it has otherwise."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._otherwise = 1

    def enter(self, *, inner: bool = False) -> int:
        import torch

        with self._lock:
            # Asked in any case: the first question in a thread undoes what was set before it.
            count = torch.get_num_threads()
            if not self._inside and not inner:
                self._otherwise = count
            self._inside += 1
            torch.set_num_threads(1)
            return self._otherwise

    def leave(self) -> None:
        import torch

        with self._lock:
            self._inside -= 1
            torch.set_num_threads(self._otherwise)  # of this thread, and of those that begin


_TORCH = _TorchThreads()


@contextmanager
def one_torch_thread(*, inner: bool = False) -> Iterator[int]:
    """Let torch use one thread here and in threads that begin; yields how many it has elsewhere.

    Its threads wait in a loop for more work, which takes the processors from the threads of numpy.
    The count of an `inner` thread, which works for another one, says nothing of elsewhere.
    """
    count = _TORCH.enter(inner=inner)
    try:
        yield count
    finally:
        _TORCH.leave()


_COMPUTING = threading.Lock()  # the limit of numpy's threads is one for the whole process


@lru_cache
def _matrix_library() -> ThreadpoolController:
    """Return what sets the threads of numpy's matrix products; it takes milliseconds to find."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController().select(user_api="blas")


@contextmanager
def one_matrix_thread() -> Iterator[int | None]:
    """Let numpy and SciPy use one thread; yields how many they have elsewhere.

    Beside other programs, their threads wait for one another longer than a small problem takes. Of
    two at a time, the second changes nothing and gets None.
    """
    if not _COMPUTING.acquire(blocking=False):
        yield None
        return
    try:
        counts = [library["num_threads"] for library in _matrix_library().info()]
        with _matrix_library().limit(limits=1):
            yield max(counts, default=os.cpu_count() or 1)
    finally:
        _COMPUTING.release()


def in_threads(call: Callable[[Any], T], items: Iterable[Any]) -> list[T]:
    """Call a function for each item, in as many threads as torch or numpy use.

    Within a call both use one thread, so that the results are the same for any number of them.
    Threads that share every small product would wait for one another. While another call of
    `in_threads` is running, the items are computed one after another in this thread.

    Parameters
    ----------
    call : callable
        What it computes must not depend on the other items.
    items : iterable
        Arguments of the calls.

    Returns
    -------
    list
        A result for each item, in their order.
    """
    torch_too = "torch" in sys.modules

    def alone(item: Any, *, inner: bool = False) -> T:
        with one_torch_thread(inner=inner) if torch_too else nullcontext():
            return call(item)

    items = list(items)
    with ExitStack() as stack:
        # A single item needs no thread; while another call computes, that one has the processors.
        count = stack.enter_context(one_matrix_thread()) if len(items) > 1 else None
        if count is None:
            return [alone(item) for item in items]
        if torch_too:
            count = stack.enter_context(one_torch_thread())
        workers = stack.enter_context(Workers(count, "compute"))
        return list(workers.map(partial(alone, inner=True), items))


class Workers:
    """Daemon threads that run calls in order of submission; a context manager.

    Leaving the context cancels calls that have not begun and waits half a second at most for the
    others. ``concurrent.futures`` joins its threads there and at exit, so one call that hangs
    would hold up Ctrl-C and the end of the program.

    Parameters
    ----------
    count : int
        Number of threads, at least 1.
    name : str
        Their name in a debugger.
    """

    def __init__(self, count: int, name: str) -> None:
        self._calls: queue.SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None]
        self._calls = queue.SimpleQueue()
        self._left = threading.Event()
        self._threads = [
            threading.Thread(target=self._serve, name=f"protolabel-{name}-{number}", daemon=True)
            for number in range(count)
        ]
        for thread in self._threads:
            thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._left.set()
        for _thread in self._threads:
            self._calls.put(None)
        end = time.monotonic() + _PATIENCE
        for thread in self._threads:
            thread.join(max(0.0, end - time.monotonic()))

    def submit(self, call: Callable[..., T], *arguments: Any) -> Future[T]:
        """Queue a call and return its future."""
        future: Future[T] = Future()
        self._calls.put((future, lambda: call(*arguments)))
        return future

    def map(self, call: Callable[[Any], T], items: Iterable[Any]) -> Iterator[T]:
        """Queue a call for each item, and yield the results in the same order."""
        futures = [self.submit(call, item) for item in items]
        for future in futures:
            yield future.result()

    def _serve(self) -> None:
        while (queued := self._calls.get()) is not None:
            future, call = queued
            if self._left.is_set():
                future.cancel()
            if not future.set_running_or_notify_cancel():
                continue
            try:
                future.set_result(call())
            except BaseException as error:  # noqa: BLE001 -- raised again in the caller
                future.set_exception(error)

"""Run long jobs in threads, with progress and Stop; independent of sessions."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from concurrent.futures import CancelledError, Future, wait
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, cast

import traitlets

from protolabel.errors import Stopped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["Jobs", "how_far"]

T = TypeVar("T")

_Submitted: TypeAlias = "tuple[Callable[[], None], Callable[[Exception], None]]"

_log = logging.getLogger("protolabel")

_BRIEF = 0.25  # seconds before a bar appears, so that short jobs do not flicker

_EARLY = 2.0  # seconds before which the time left cannot be estimated

_STOPPED = "The work was stopped; what was finished is kept."


class Jobs(traitlets.HasTraits):
    """The jobs of one session: a queue, their progress, and Stop.

    A thread ends when its queue is empty, so idle jobs keep nothing alive.

    Attributes
    ----------
    busy : bool
        Whether a job is running that takes longer than a moment.
    phase : str
        Name of the current step.
    fraction : float
        Fraction of the step that is done, 0..1.
    detail : str
        The same in words, with the time left: "1,200 of 5,000, about 2 min left".
    background : str
        Name of work that no panel waits for, such as a layout; empty if there is none.
    stopped : bool
        Whether the user stopped the work; `resume` continues it.
    """

    busy = traitlets.Bool(default_value=False)
    phase = traitlets.Unicode("")
    fraction = traitlets.Float(0.0)
    detail = traitlets.Unicode("")
    background = traitlets.Unicode("")
    stopped = traitlets.Bool(default_value=False)

    def __init__(self) -> None:
        super().__init__()
        self._lanes: dict[str, deque[_Submitted]] = {}
        self._idle = threading.Condition()
        self._here = threading.local()  # `job`: the job of this thread
        self._cancellable: set[Future[Any]] = set()
        self._shown: dict[Future[Any], str] = {}  # phase of a background job, else empty
        self._showing = threading.RLock()
        self._closed = False
        self._began = ("", 0.0)  # the phase, and the time of its first report

    # --- running ------------------------------------------------------------------------------

    def submit(
        self,
        job: Callable[[], None],
        failed: Callable[[Exception], None],
        *,
        lane: str = "errands",
    ) -> None:
        """Run a function after those submitted before.

        Parameters
        ----------
        job : callable
            The function to run in a thread.
        failed : callable
            ``failed(error)`` shows why the job failed; later jobs still run.
        lane : str
            Jobs in one lane run one after the other; jobs in two lanes run in parallel.
        """
        with self._idle:
            if self._closed:
                return
            waiting = self._lanes.setdefault(lane, deque())
            waiting.append((job, failed))
            if len(waiting) == 1:  # otherwise this lane has a thread already
                self._thread(lambda: self._serve(waiting), lane)

    def run(self, compute: Callable[[], T], *, background: str = "") -> T:
        """Compute something that `stop` abandons at once; call it from a job's thread.

        Parameters
        ----------
        compute : callable
            The computation.
        background : str
            Name of the work if no panel waits for it. It runs to its end even if stopped, so that
            its result is available later.

        Returns
        -------
        object
            The result of `compute`.

        Raises
        ------
        Stopped
            If the work was stopped meanwhile. A fit of UMAP or HDBSCAN cannot be interrupted; its
            thread ends after the current step, but nothing waits for it.
        """
        job: Future[T] = Future()
        self._cancellable.add(job)
        self._thread(lambda: self._compute(job, compute, ends_early=not background), "job")
        try:
            wait([job], _BRIEF)
            if not job.done():
                self._show(job, background)
            return job.result()
        except CancelledError:
            raise Stopped(_STOPPED) from None
        finally:
            self._cancellable.discard(job)
            self._hide(job)

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Show the bar and the Stop button while the current job runs."""
        job = self._here.job
        self._show(job)
        try:
            yield
        finally:
            self._hide(job)

    def report(self, phase: str, done: int, total: int) -> None:
        """Receive the progress of a job, in its own thread.

        Raises
        ------
        Stopped
            If this job was stopped, which ends it here.
        """
        job = getattr(self._here, "job", None)
        if (self.stopped or self._closed) and job is not None and job.cancelled():
            raise Stopped(_STOPPED)
        if self.busy:
            now = time.monotonic()
            if phase != self._began[0]:
                self._began = phase, now
            with self.hold_trait_notifications():  # a new phase has not the old one's progress
                self.detail = how_far(done, total, now - self._began[1])
                self.phase = phase
                self.fraction = done / total if total else 0.0

    # --- stopping -----------------------------------------------------------------------------

    def stop(self) -> None:
        """Abandon running work and leave the panels usable."""
        self.stopped = True
        for job in tuple(self._cancellable):
            job.cancel()

    def resume(self) -> None:
        """Continue after `stop`. The result of a step that is still running is used."""
        self.stopped = False

    def wait(self, timeout: float | None = 60.0) -> bool:
        """Wait until every submitted job has ended; return False if the time ran out."""
        with self._idle:
            return self._idle.wait_for(lambda: not any(self._lanes.values()), timeout)

    def close(self) -> None:
        """Abandon all work and accept no more jobs."""
        with self._idle:
            self._closed = True
            for waiting in self._lanes.values():
                while len(waiting) > 1:  # the first is under way
                    waiting.pop()
        for job in tuple(self._cancellable):
            job.cancel()

    # --- threads ------------------------------------------------------------------------------

    @staticmethod
    def _thread(target: Callable[[], None], name: str) -> None:
        threading.Thread(target=target, name=f"protolabel {name}", daemon=True).start()

    def _serve(self, waiting: deque[_Submitted]) -> None:
        more = True
        while more:
            job, failed = waiting[0]
            self._here.job = future = Future[None]()
            self._cancellable.add(future)
            try:
                job()
            except Exception as error:  # noqa: BLE001 -- it ends in a message, never in a dead lane
                self._tell(failed, error)
            self._cancellable.discard(future)
            del job, failed  # an idle thread must not keep a panel
            with self._idle:
                waiting.popleft()
                more = bool(waiting)
                self._idle.notify_all()

    @staticmethod
    def _tell(failed: Callable[[Exception], None], error: Exception) -> None:
        try:
            failed(error)
        except Exception:  # noqa: BLE001 -- the lane goes on
            _log.exception("The failure of a job could not be shown: %r", error)

    def _compute(self, job: Future[T], compute: Callable[[], T], *, ends_early: bool) -> None:
        if ends_early:
            self._here.job = job
        value: T | None = None
        problem: Exception | None = None
        try:
            value = compute()
        except Exception as error:  # noqa: BLE001 -- raised again where the result is waited for
            problem = error
        if job.set_running_or_notify_cancel():  # otherwise it was abandoned
            if problem is None:
                job.set_result(cast("T", value))
            else:
                job.set_exception(problem)

    # --- progress -----------------------------------------------------------------------------

    def _show(self, job: Future[Any], background: str = "") -> None:
        with self._showing:
            self._shown[job] = background
            self._announce()

    def _hide(self, job: Future[Any]) -> None:
        with self._showing:
            if self._shown.pop(job, None) is not None:
                self._announce()

    def _announce(self) -> None:
        self.background = next(filter(None, self._shown.values()), "")
        self.busy = not all(self._shown.values())
        if not self.busy:
            self.phase, self.fraction, self.detail = "", 0.0, ""
            self._began = "", 0.0


def how_far(done: int, total: int, seconds: float) -> str:
    """Describe progress and the time left: "1,200 of 5,000, about 2 min left"."""
    if total <= 1:
        return ""
    text = f"{done:,} of {total:,}"
    if seconds < _EARLY or not 0 < done < total:
        return text
    left = seconds * (total - done) / done
    if left < 90:
        return f"{text}, about {max(5, 5 * round(left / 5))} s left"
    return f"{text}, about {round(left / 60)} min left"

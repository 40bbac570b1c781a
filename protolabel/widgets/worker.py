"""Work in the background, so that no panel ever waits: what follows from a change, and errands."""

from __future__ import annotations

import queue
import threading
import time
from concurrent.futures import CancelledError, Future, wait
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar, cast
from weakref import WeakKeyDictionary

import traitlets

from protolabel.errors import ProtolabelError, Stopped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from protolabel.refinement.labels import Labels
    from protolabel.session.session import Session

__all__ = ["Work", "work_of"]

T = TypeVar("T")

_PASSING = 0.8  # seconds: a run that a slider only passed through is no run to compare

_FRAMES = 0.04  # seconds that a browser has for the map before the charts come

_BRIEF = 0.25  # seconds: a bar that comes and goes within them would flicker, and cost frames

_known: WeakKeyDictionary[Session, Work] = WeakKeyDictionary()


def work_of(session: Session) -> Work:
    """Return the one background worker of a session, and start it."""
    if session not in _known:
        _known[session] = Work(session)
    return _known[session]


class Work(traitlets.HasTraits):
    """Brings a session up to date whenever it changes, the newest state first.

    Attributes
    ----------
    embeddings
        The `Embeddings`; None until there are some.
    labels
        The newest `Labels`; None until there are some. The map draws these.
    settled
        The same, a moment later, for the other panels, which compute nothing: a browser that gets
        charts and thumbnails together with the map draws the map after them.
    busy
        Whether work is under way that is not done in a moment.
    phase, share
        What is being done, and how much of it is done, 0..1.
    behind
        What is computed behind the panels, which do not wait for it; empty for nothing.
    stopped
        Whether a person stopped the work; `resume` goes on.
    problem
        Why it failed, in words; empty where it did not.
    iteration
        The iteration that is looked at, 0 (zero-shot) to T.
    selection
        Indices of the images that are looked at.
    """

    embeddings = traitlets.Any(None, allow_none=True)
    labels = traitlets.Any(None, allow_none=True)
    settled = traitlets.Any(None, allow_none=True)
    busy = traitlets.Bool(default_value=False)
    phase = traitlets.Unicode("")
    share = traitlets.Float(0.0)
    behind = traitlets.Unicode("")
    stopped = traitlets.Bool(default_value=False)
    problem = traitlets.Unicode("")
    iteration = traitlets.Int(0)
    selection = traitlets.Tuple()

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session
        self.ui = threading.RLock()  # handlers and drawings take turns; computing never holds it
        self._stale = threading.Event()
        self._errands: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._attempt: Future[Labels] = Future()
        self._errand: Future[None] = Future()
        self._behind: set[Future[Any]] = set()
        self._going = threading.Event()  # not while stopped
        self._going.set()
        self._here = threading.local()  # what each thread works at
        self._waiting = 0
        self._idle = threading.Condition()
        self._at_work: set[Future[Any]] = set()  # what `busy` tells of: labels, errands, or both
        self._telling = threading.RLock()
        self._published = 0.0
        self._newest = 0  # number of the run that was published last
        self._closed = False
        self.touched = -_PASSING  # when a person last used a panel
        session.report_to(self._report)
        session.observe(self._wake, names=["revision"])
        threading.Thread(target=self._follow, name="protolabel work", daemon=True).start()
        threading.Thread(target=self._serve, name="protolabel errands", daemon=True).start()
        self._wake()

    def run(self, job: Callable[[], None]) -> None:
        """Do something that takes long, after what was asked before."""
        with self._idle:
            self._waiting += 1
        self._errands.put(job)

    @contextmanager
    def errand(self) -> Iterator[None]:
        """Show that the errand under way takes long: with a bar, and a button that stops it."""
        one = self._errand
        self._tell(one, busy=True)
        try:
            yield
        finally:
            self._tell(one, busy=False)

    def behind_panels(self, phase: str, compute: Callable[[], T]) -> T:
        """Return what takes long and what no panel waits for; the caller is a thread of its own.

        Who stops it is free of it at once, and panels go on; who goes on starts it again.
        """
        while not self._closed:
            self._going.wait()
            attempt: Future[T] = Future()
            self._behind.add(attempt)
            self._begin(attempt, compute)
            wait([attempt], _BRIEF)
            try:
                if not attempt.done():
                    self.behind = phase
                return attempt.result()
            except CancelledError:
                pass
            finally:
                self._behind.discard(attempt)
                self.behind = phase if self._behind else ""
        raise Stopped("The work was stopped; what was finished is kept.")

    def stop(self) -> None:
        """Stop the work under way and be free at once.

        A fit of UMAP or HDBSCAN cannot be interrupted: its thread ends with the step that it is
        in, and nobody waits for it. Who goes on before that uses what it found.
        """
        self._going.clear()
        self.stopped = True
        under_way: set[Future[Any]] = {self._attempt, self._errand, *self._behind}
        for one in under_way:
            one.cancel()

    def resume(self) -> None:
        """Go on after `stop`; what was finished is kept."""
        self.stopped = False
        self._going.set()
        self.session.revision += 1  # wakes everybody who follows

    def wait(self, timeout: float | None = 60.0) -> bool:
        """Wait until nothing is left to do; False if the time ran out."""
        with self._idle:
            return self._idle.wait_for(lambda: not self._waiting, timeout)

    def close(self) -> None:
        """Stop following the session and end the threads."""
        self.session.unobserve(self._wake, names=["revision"])
        _known.pop(self.session, None)
        self._closed = True
        self.stop()
        self._going.set()
        self._stale.set()
        self._errands.put(lambda: None)

    # --- threads ------------------------------------------------------------------------------

    def _wake(self, _: Any = None) -> None:
        with self._idle:
            if not self._stale.is_set():
                self._waiting += 1
                self._stale.set()

    def _done(self) -> None:
        with self._idle:
            self._waiting -= 1
            self._idle.notify_all()

    def _follow(self) -> None:
        while not self._closed:
            self._stale.wait()
            self._stale.clear()
            try:
                # Where only a layout or an export was stopped, labels go on following.
                if not (self._closed or (self.stopped and self._attempt.cancelled())):
                    self._update()
            finally:
                self._done()

    def _serve(self) -> None:
        while not self._closed:
            job = self._errands.get()
            self._here.attempt = self._errand = Future()
            try:
                job()
            finally:
                self._done()

    def _update(self) -> None:
        self.problem = ""
        attempt: Future[Labels] = Future()
        self._attempt = attempt
        self._begin(attempt, lambda: self._label(attempt))
        wait([attempt], _BRIEF)
        self._tell(attempt, busy=not attempt.done())
        try:
            labels = attempt.result()
        except (CancelledError, Stopped):
            pass  # `stop` has said so
        except ProtolabelError as error:
            self.problem = str(error)
        except Exception as error:  # noqa: BLE001 -- a thread's error would be lost in a log
            self.problem = f"{type(error).__name__}: {error}"
        else:
            self._publish(labels)
        finally:
            self._tell(attempt, busy=False)

    def _tell(self, one: Future[Any], *, busy: bool) -> None:
        with self._telling:
            if busy:
                self._at_work.add(one)
            else:
                self._at_work.discard(one)
            self.busy = bool(self._at_work)
            if not self.busy:
                self.phase, self.share = "", 0.0

    def _label(self, attempt: Future[Labels]) -> Labels:
        self._here.attempt = attempt
        self.embeddings = self.session.embeddings
        return self.session.labels

    @staticmethod
    def _begin(attempt: Future[T], compute: Callable[[], T]) -> None:
        """Compute in a thread that nobody has to wait for."""

        def work() -> None:
            value: T | None = None
            problem: Exception | None = None
            try:
                value = compute()
            except Exception as error:  # noqa: BLE001 -- raised again where the result is waited for
                problem = error
            if attempt.set_running_or_notify_cancel():  # else nobody waits any more
                if problem is None:
                    attempt.set_result(cast("T", value))
                else:
                    attempt.set_exception(problem)

        threading.Thread(target=work, name="protolabel loop", daemon=True).start()

    def _publish(self, labels: Labels) -> None:
        now, runs = time.monotonic(), self.session.runs
        newest = runs[-1].number if len(runs) else 0
        if newest != self._newest:
            if now - self._published < _PASSING and now - self.touched < _PASSING:
                runs.forget_passed()
            self._published, self._newest = now, newest
        with self.ui:
            if labels is not self.labels:
                seen, self.labels = self.labels, labels
                # Who looks at an iteration goes on looking at it; who looks at the one that
                # counts, goes with it.
                if seen is None or self.iteration == seen.iteration or seen.run is labels.run:
                    self.iteration = labels.iteration
                else:
                    assert labels.run is not None  # noqa: S101 -- a session's are from a run
                    self.iteration = min(self.iteration, len(labels.run.iterations) - 1)
        self._stale.wait(_FRAMES)  # not while a hand goes on dragging
        with self.ui:
            self.settled = labels

    def _report(self, phase: str, done: int, total: int) -> None:
        """Progress of every stage, in whatever thread it is computed."""
        attempt = getattr(self._here, "attempt", None)
        stopped = self.stopped and attempt is not None and attempt.cancelled()
        if stopped:
            raise Stopped("The work was stopped; what was finished is kept.")
        if self.busy:
            self.phase = phase
            self.share = done / total if total else 0.0

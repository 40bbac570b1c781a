"""Follow a session: compute its newest labels in the background whenever it changes."""

from __future__ import annotations

import threading
import time
import weakref
from typing import TYPE_CHECKING, Any

import traitlets

from protolabel.errors import ProtolabelError, Stopped
from protolabel.widgets.jobs import Jobs

if TYPE_CHECKING:
    from protolabel.refinement.labels import Labels
    from protolabel.session.session import Session

__all__ = ["Follower", "follower_of"]

_PASSING = 0.8  # seconds; a run that lasted less is one that a slider only passed through

_FRAMES = 0.04  # seconds for a browser to draw the map before it receives the charts

# A session holds its follower as an observer; weak references here let both be freed.
_followers: weakref.WeakKeyDictionary[Session, weakref.ref[Follower]] = weakref.WeakKeyDictionary()
_finding = threading.Lock()


def follower_of(session: Session) -> Follower:
    """Return the follower that all panels of a session share."""
    with _finding:
        known = _followers.get(session)
        follower = None if known is None else known()
        if follower is None or follower.closed:
            follower = Follower(session)
            _followers[session] = weakref.ref(follower)
        return follower


class Follower(traitlets.HasTraits):
    """Keeps labels up to date with a session; only the newest state matters.

    Parameters
    ----------
    session : Session
        The session to follow.

    Attributes
    ----------
    embeddings : Embeddings or None
        None until the images are embedded.
    labels : Labels or None
        The newest labels, which the map draws; None until there are any.
    settled : Labels or None
        The same labels a moment later, for the other panels; a browser that received charts and
        thumbnails together with the map would draw the map last.
    problem : str
        The reason why there are no new labels; empty if there was no error.
    iteration : int
        The iteration that the panels show, 0 (zero-shot) to T.
    selection : tuple of int
        Indices of the images that are selected on the map.
    jobs : Jobs
        Runs long computations.
    views : list
        Panels and studios of the session; they live as long as it does and close with this.
    seen : set of int
        Indices of the images that the user has fixed, opened, or paged past.
    drawing : threading.RLock
        Lock by which handlers and drawings take turns; no computation holds it.
    touched : float
        When the user last used a panel, by `time.monotonic`.
    closed : bool
        Whether it has stopped following.
    """

    embeddings = traitlets.Any(None, allow_none=True)
    labels = traitlets.Any(None, allow_none=True)
    settled = traitlets.Any(None, allow_none=True)
    problem = traitlets.Unicode("")
    iteration = traitlets.Int(0)
    selection = traitlets.Tuple()

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session
        self.jobs = Jobs()
        self.views: list[Any] = []
        self.seen: set[int] = set()
        self.drawing = threading.RLock()
        self.touched = -_PASSING
        self.closed = False
        self._outdated = threading.Event()  # an update is waiting
        self._halted = False  # the labels themselves were stopped, not only an export
        self._published = 0.0
        self._newest_run = 0
        session.report_to(self.jobs.report)
        session.on_close(self.close)
        session.observe(self._follow, names=["revision"])
        self.jobs.observe(self._go_on, names=["stopped"])
        self._follow()

    def wait(self, timeout: float | None = 60.0) -> bool:
        """Wait until labels and panels are up to date; return False if the time ran out."""
        return self.jobs.wait(timeout)

    def close(self) -> None:
        """Close the panels, abandon running work, and release labels and vectors."""
        if self.closed:
            return
        self.closed = True
        self.session.unobserve(self._follow, names=["revision"])
        self.jobs.close()
        for view in tuple(self.views):
            view.close()
        self.unobserve_all()
        self.embeddings = self.labels = self.settled = None

    # --- from a change to labels --------------------------------------------------------------

    def _follow(self, _: Any = None) -> None:
        if not self._outdated.is_set():
            self._outdated.set()
            self.jobs.submit(self._update, self._fail, lane="labels")

    def retry(self) -> None:
        """Compute the labels again after a problem, such as a lost network connection."""
        self.problem = ""
        self._follow()

    def _go_on(self, change: Any) -> None:
        if not change["new"]:
            self._halted = False
            self._follow()

    def _update(self) -> None:
        self._outdated.clear()
        if self._halted:
            return
        self.problem = ""
        try:
            labels = self.jobs.run(self._compute)
            if labels is None:
                return
        except Stopped:
            self._halted = self.jobs.stopped  # shown by `stopped`, so it is no problem
        else:
            if not self.closed:
                self._publish(labels)

    def _compute(self) -> Labels | None:
        self.embeddings = self.session.embeddings
        return self.session.labels if self.session.names else None  # no classes, no labels yet

    def _fail(self, error: Exception) -> None:
        known = isinstance(error, ProtolabelError)
        self.problem = str(error) if known else f"{type(error).__name__}: {error}"

    def _publish(self, labels: Labels) -> None:
        self._forget_passed_run()
        with self.drawing:
            if labels is not self.labels:
                seen, self.labels = self.labels, labels
                self.iteration = self._iteration_to_show(seen, labels)
        self._outdated.wait(_FRAMES)  # unless a slider moves on
        with self.drawing:
            self.settled = labels

    def _iteration_to_show(self, seen: Labels | None, labels: Labels) -> int:
        """Keep showing an iteration that the user chose; otherwise show the one in use."""
        if seen is None or self.iteration == seen.iteration or seen.run is labels.run:
            return labels.iteration
        assert labels.run is not None  # noqa: S101 -- labels of a session come from a run
        return min(self.iteration, len(labels.run.iterations) - 1)

    def _forget_passed_run(self) -> None:
        now, runs = time.monotonic(), self.session.runs
        newest = runs[-1].number if len(runs) else 0
        if newest == self._newest_run:
            return
        if now - self._published < _PASSING and now - self.touched < _PASSING:
            runs.forget_passed()
        self._published, self._newest_run = now, newest

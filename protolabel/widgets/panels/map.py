"""The panel of the map: a `MapView` that follows a `Session`."""

from __future__ import annotations

import base64
import io
import threading
import time
import weakref
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from protolabel.browser.atlas import ATLAS_LIMIT, make_atlas, sharp_picture
from protolabel.browser.still import still_png
from protolabel.clustering.projection import place_centroids, place_prototypes, project
from protolabel.errors import InputError, Stopped
from protolabel.refinement.labels import label_indices
from protolabel.widgets.cells import keep_for_cell
from protolabel.widgets.map_view import MapView
from protolabel.widgets.panel import SessionView

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from protolabel.clustering.clusters import Clusters
    from protolabel.embedding.embed import Embeddings
    from protolabel.refinement.labels import Labels
    from protolabel.refinement.loop import Refinement
    from protolabel.session.session import Session

__all__ = ["MapPanel"]


class MapPanel(SessionView):
    """The map of a session's images, which follows every change of the session.

    The principal components are shown as soon as there are vectors; labels, the UMAP layout, and
    the pictures under the pointer follow. If only labels change, only labels are sent.

    Parameters
    ----------
    session : Session
        The session to follow.
    umap : bool
        Whether to lay the images out by UMAP; otherwise the principal components stay.
    problems : bool
        Whether to show why there are no new labels; in the studio, the header does.
    **traits
        Initial values of the traits of `MapView`, such as ``height`` or ``color_by``.

    Attributes
    ----------
    widget : MapView
        The displayed widget.
    """

    title = "Map"

    def __init__(
        self, session: Session, *, umap: bool = True, problems: bool = True, **traits: Any
    ) -> None:
        super().__init__(session)
        this = weakref.ref(self)
        self.widget = MapView(
            thumbnail=lambda index: _thumbnail(this(), index),
            caption=lambda index: _caption(this(), index),
            relabels=True,
            **traits,
        )
        self.widget.on_msg(lambda _, message, buffers: _hear(this(), message, buffers))
        self._widgets.append(self.widget)
        self._umap = umap
        self._with_problems = problems
        self._points: NDArray[np.float32] | None = None
        self._run: Refinement | None = None
        self._clusters: Clusters | None = None
        self._laying_out = False
        self._shows_umap = False
        self._pictures = False
        self._failure = ""
        self._labelled = threading.Event()
        self._answered = threading.Event()  # there are labels, or a reason why not
        self._at_rest = threading.Event()  # no layout is running or due
        self.widget.observe(self.guard(self._tell_iteration), names="iteration")
        self.widget.observe(self.guard(self._tell_selection), names="selection")
        self.follow(self._show_kept, "kept")
        self.follow_work(self._show_iteration, "iteration")
        self.follow_work(self._show_selection, "selection")
        self.watch(self.session.marks, self._recolour, "recoloured")
        self.watch(self.jobs, self._show_work, "background", "stopped")
        self.follow_work(self._show, "embeddings", "labels", "problem")
        self.follow_work(self._show_agreement, "settled")

    @property
    def selected(self) -> NDArray[np.int64]:
        """Indices of the selected images."""
        return self.widget.selected

    def correct(self, message: Any, buffers: Any) -> None:
        """Apply a correction that the map sent: a label for images, undo or redo."""
        if "relabel" in message:
            images, name = self.widget.images_in(buffers[0]), str(message["relabel"])
            if name not in self.session.names:
                raise InputError(f"{name} is no class any more: choose another label.")
            self.session.pin(images.tolist(), name)
        elif "undo" in message:
            self.session.undo()
        elif "redo" in message:
            self.session.redo()

    def say(self, text: str, kind: str = "") -> None:  # noqa: ARG002 -- the map has one style
        """Show a line over the map; an empty text removes it."""
        self._failure = text
        self.widget.status = self._status()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the map is up to date; return False if the time ran out."""
        return self.follower.wait(timeout)

    def wait_for_labels(self, timeout: float | None = None) -> bool:
        """Wait for labels on the map; return False if the time ran out or there will be none."""
        self._answered.wait(timeout)
        return self._labelled.is_set()

    def wait_for_umap(self, timeout: float | None = None) -> bool:
        """Wait for UMAP and the pictures as well; return False if the time ran out."""
        end = None if timeout is None else time.monotonic() + timeout
        if not self.wait(timeout):
            return False
        return self._at_rest.wait(None if end is None else max(0.0, end - time.monotonic()))

    def close(self) -> None:
        """Stop following the session and remove the widget."""
        self._answered.set()
        self._at_rest.set()
        super().close()

    def png(self) -> bytes:
        """Return the present map as a small PNG; empty if there are no labels yet."""
        from protolabel.plots import plot_map

        with self.follower.drawing:  # run, labels and places of one state
            run, points = self._run, self._points
            if run is None or points is None or len(points) != run.n_images:
                return b""
            shown = min(self.widget.iteration, len(run.iterations) - 1)
            stars = np.frombuffer(self.widget.prototypes, np.float32)
            labels = np.frombuffer(self.widget.labels, f"<u{self.widget.label_bytes}")
        stars = stars.reshape(len(run.iterations), len(run.classes.names), 2)
        labels = labels.reshape(len(run.iterations), -1)[shown]
        figure = plot_map(
            points, labels, run.classes.names, stars, iteration=shown, colours=self.widget.colours
        )
        with io.BytesIO() as drawn:
            figure.savefig(drawn, format="png", dpi=100)
            return still_png(Image.open(drawn))

    def _repr_mimebundle_(self, **options: Any) -> Any:
        """Show the widget, with a picture of it for places where no kernel runs."""
        keep_for_cell(self)
        bundle = self.widget._repr_mimebundle_(**options)
        data = bundle[0] if isinstance(bundle, tuple) else bundle
        picture = self.png() if self.wait_for_labels(1.0) else b""
        if data is not None and picture:
            data["image/png"] = base64.b64encode(picture).decode("ascii")
        return bundle

    # --- following the session ----------------------------------------------------------------

    def _tell_iteration(self, change: Any) -> None:
        self.follower.iteration = change["new"]

    def _tell_selection(self, _: Any) -> None:
        self.follower.selection = tuple(self.selected.tolist())

    def _show_iteration(self) -> None:
        if self.follower.iteration <= self.widget.last:
            self.widget.iteration = self.follower.iteration

    def _show_selection(self) -> None:
        chosen = self.follower.selection
        if self.widget.n_images and not np.array_equal(self.selected, chosen):
            self.widget.select(chosen)

    def _show_kept(self) -> None:
        kept, last = self.session.kept, self.widget.last
        self.widget.kept = -1 if kept is None else kept
        self.widget.iteration = last if kept is None else min(kept, last)

    def _show_work(self, _: Any = None) -> None:
        self.draw(self._show)

    def _show(self) -> None:
        work, view = self.follower, self.widget
        labels, embedded = work.labels, work.embeddings
        if labels is not None and embedded is not None and self._points is not None:
            if labels.run is not self._run:
                self._show_run(labels, embedded, self._points)
            view.set_unfit(labels.unfit)
        self._lay_out()
        if work.problem or self.jobs.stopped:
            self._answered.set()
        view.status = self._status()

    def _status(self) -> str:
        work, jobs = self.follower, self.jobs
        if self._failure:
            return self._failure
        if work.problem:
            return work.problem if self._with_problems else "The work did not finish"
        if jobs.stopped:
            return "Stopped"
        if jobs.background:
            return f"{jobs.background} …"
        if work.embeddings is None:
            return "Reading the images …"
        return "" if self._labelled.is_set() else "Looking for clusters …"

    def _show_run(self, labels: Labels, embedded: Embeddings, points: NDArray[np.float32]) -> None:
        view, run = self.widget, labels.run
        assert run is not None  # noqa: S101 -- labels of a session come from a run
        table = np.stack([label_indices(run, t) for t in range(len(run.iterations))])
        names = run.classes.names
        with view.hold_sync():
            view.set_run(table, None, names, keys=[self.session.marks.key(name) for name in names])
            # Only that of the iteration shown, which takes half the time of the labels already.
            view.set_agreement(run.iterations[view.iteration].agreement[None], view.iteration)
            self._colour(names)
            view.set_pinned(labels.pinned)
            if run.clusters is not None and run.clusters is not self._clusters:
                self._show_clusters(run.clusters, points)
        # The labels are sent already; finding the images near the prototypes takes longer.
        view.set_prototypes(place_prototypes(run, embedded.unit, points))
        self._run = run
        self._labelled.set()
        self._answered.set()

    def _show_agreement(self) -> None:
        """Show how far the votes of every iteration agree, once the labels are on the map."""
        labels: Labels | None = self.follower.settled
        run = None if labels is None else labels.run
        if run is not None and run is self._run:
            self.widget.set_agreement([state.agreement for state in run.iterations])

    def _colour(self, names: Sequence[str]) -> None:
        both = [self.session.marks.colour(name) for name in names]
        self.widget.colours = [light for light, _ in both]
        self.widget.dark_colours = [dark for _, dark in both]

    def _recolour(self, _: Any) -> None:
        with self.follower.drawing, self.widget.hold_sync():
            self._colour(self.widget.names)

    def _show_clusters(self, clusters: Clusters, points: NDArray[np.float32]) -> None:
        centroids = place_centroids(clusters, points)
        self.widget.set_clusters(clusters.micro, clusters.meta_of_images, centroids)
        self._clusters = clusters

    # --- the layout, which takes longer -------------------------------------------------------

    def _lay_out(self) -> None:
        """Start the next step of the layout, if any: components, then UMAP, then pictures."""
        if self._laying_out or self.jobs.stopped or self.follower.closed:
            return
        step = self._next_step()
        if step is None:
            if self._labelled.is_set() or self.follower.problem:
                self._at_rest.set()
            return
        self._laying_out = True
        self._at_rest.clear()
        threading.Thread(
            target=self._take, args=(step,), name="protolabel layout", daemon=True
        ).start()

    def _next_step(self) -> Callable[[], None] | None:
        # Passed to the step, because the follower has none if the session closes meanwhile.
        embedded = self.follower.embeddings
        if embedded is None:
            return None
        if self._points is None:
            return partial(self._lay_out_components, embedded)
        if not self._labelled.is_set():  # labels first, because the user waits for them
            return None
        if self._umap and not (self._shows_umap and "map" in self.session.computed):
            return partial(self._lay_out_umap, embedded)
        return None if self._pictures else partial(self._add_pictures, embedded)

    def _take(self, step: Callable[[], None]) -> None:
        try:
            step()
        except Stopped:
            pass  # the step is repeated when the work resumes
        except Exception as error:  # noqa: BLE001 -- an error in a thread would be lost in a log
            self._laying_out = False
            self.show_failure(error, "The map could not be laid out")
            self._at_rest.set()
            return
        self._laying_out = False
        if not self.follower.closed:
            self._show_work()

    def _lay_out_components(self, embedded: Embeddings) -> None:
        self._place(embedded, project(embedded.unit, method="pca"))

    def _lay_out_umap(self, embedded: Embeddings) -> None:
        session = self.session
        self._place(embedded, self.jobs.run(lambda: session.map, background="Laying out the map"))
        self._shows_umap = True

    def _place(self, embedded: Embeddings, points: NDArray[np.float32]) -> None:
        with self.follower.drawing, self.widget.hold_sync():
            self._points = points
            self.widget.set_points(points)
            run, clusters = self._run, self._clusters
            if run is not None:
                self.widget.set_prototypes(place_prototypes(run, embedded.unit, points))
            if clusters is not None:
                self._show_clusters(clusters, points)

    def _add_pictures(self, embedded: Embeddings) -> None:
        if len(embedded) <= ATLAS_LIMIT:
            atlas = make_atlas(embedded.images.paths)
            with self.widget.hold_sync():
                self.widget.captions = [_text(name) for name in embedded.images.names]
                self.widget.atlas = atlas
        self._pictures = True


def _hear(panel: MapPanel | None, message: Any, buffers: Any) -> None:
    # Requests for pictures are answered by the widget, without waiting for a drawing.
    if panel is not None and "thumb" not in message:
        panel.take_turn(panel.correct, message, buffers)


def _thumbnail(panel: MapPanel | None, index: int) -> bytes:
    embedded = None if panel is None else panel.follower.embeddings
    return b"" if embedded is None else sharp_picture(embedded.images.path(index))


def _caption(panel: MapPanel | None, index: int) -> str:
    embedded = None if panel is None else panel.follower.embeddings
    return "" if embedded is None else _text(embedded.images.names[index])


def _text(name: str) -> str:
    # JSON in UTF-8 cannot carry bytes of a file name that are not text.
    return name.encode("utf-8", "replace").decode("utf-8")

"""The map panel: a `MapView` that follows a `Session`."""

from __future__ import annotations

import base64
import io
import threading
import time
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from protolabel.browser.atlas import ATLAS_LIMIT, make_atlas, sharp_picture
from protolabel.browser.still import still_png
from protolabel.clustering.projection import place_centroids, place_prototypes, project
from protolabel.errors import ProtolabelError
from protolabel.widgets.map_view import MapView
from protolabel.widgets.worker import work_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from protolabel.clustering.clusters import Clusters
    from protolabel.refinement.labels import Labels
    from protolabel.refinement.loop import Refinement
    from protolabel.session.session import Session

__all__ = ["MapPanel"]

_FOLLOWED = ["embeddings", "labels", "behind", "stopped", "problem"]  # of the worker


class MapPanel:
    """The images of a session on a plane, following every change of it.

    The principal components are shown as soon as there are vectors, labels when there is a run,
    UMAP when it is laid out, then pictures for the pointer. A change of the labels alone sends
    labels alone.

    Parameters
    ----------
    session
        What to follow.
    umap
        Lay the images out with UMAP; otherwise the principal components stay.
    **traits
        Initial values of the traits of `MapView`, such as ``height`` or ``color_by``.

    Attributes
    ----------
    widget
        The `MapView` that is displayed.
    session
        As passed.
    """

    def __init__(self, session: Session, *, umap: bool = True, **traits: Any) -> None:
        self.session = session
        self.work = work_of(session)
        self.widget = MapView(thumbnail=self._thumbnail, caption=self._caption, **traits)
        self._umap = umap
        self._points: NDArray[np.float32] | None = None
        self._run: Refinement | None = None
        self._clusters: Clusters | None = None
        self._closed = False
        self._pictures = False
        self._labelled = threading.Event()
        self._answered = threading.Event()  # by labels, or by why there are none
        self._laying = threading.Thread()  # none yet
        self.work.observe(self._draw, names=_FOLLOWED)
        self.work.observe(self._show_place, names=["iteration", "selection"])
        session.observe(self._show_kept, names=["kept"])
        self.widget.observe(self._tell_place, names=["iteration", "selection"])
        self._draw()

    @property
    def selected(self) -> NDArray[np.int64]:
        """Indices of the selected images."""
        return self.widget.selected

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the map shows the session as it is now; False if the time ran out."""
        return self.work.wait(timeout)

    def wait_for_labels(self, timeout: float | None = None) -> bool:
        """Wait until there are labels on the map; False if the time ran out, or none will come."""
        self._answered.wait(timeout)
        return self._labelled.is_set()

    def wait_for_umap(self, timeout: float | None = None) -> bool:
        """Wait until UMAP and the pictures are there too; False if the time ran out."""
        end = None if timeout is None else time.monotonic() + timeout
        if not self.wait(timeout):
            return False
        if self._laying.ident is not None:
            self._laying.join(None if end is None else max(0.0, end - time.monotonic()))
        return not self._laying.is_alive()

    def close(self) -> None:
        """Stop following the session and remove the widget."""
        self._closed = True
        self._labelled.set()
        self.work.unobserve(self._draw, names=_FOLLOWED)
        self.work.unobserve(self._show_place, names=["iteration", "selection"])
        self.session.unobserve(self._show_kept, names=["kept"])
        self.widget.close()

    def png(self) -> bytes:
        """Return the map as it stands as a small PNG; empty where there are no labels yet."""
        from protolabel.plots import plot_map

        with self.work.ui:  # run, labels and places of one state
            run, points = self._run, self._points
            if run is None or points is None or len(points) != run.n_images:
                return b""
            shown = min(self.widget.iteration, len(run.iterations) - 1)
            stars = np.frombuffer(self.widget.prototypes, np.float32)
            labels = np.frombuffer(self.widget.labels, f"<u{self.widget.label_bytes}")
        stars = stars.reshape(len(run.iterations), len(run.classes.names), 2)
        labels = labels.reshape(len(run.iterations), -1)[shown]
        figure = plot_map(points, labels, run.classes.names, stars, iteration=shown)
        with io.BytesIO() as drawn:
            figure.savefig(drawn, format="png", dpi=100)
            return still_png(Image.open(drawn))

    def _repr_mimebundle_(self, **options: Any) -> Any:
        """Show the widget, with a picture of it for places where no kernel runs."""
        bundle = self.widget._repr_mimebundle_(**options)
        data = bundle[0] if isinstance(bundle, tuple) else bundle
        picture = self.png() if self.wait_for_labels(1.0) else b""
        if data is not None and picture:
            data["image/png"] = base64.b64encode(picture).decode("ascii")
        return bundle

    # --- following the session ----------------------------------------------------------------

    def _show_kept(self, _: Any = None) -> None:
        kept = self.session.kept
        self.widget.kept = -1 if kept is None else kept
        self.widget.iteration = self.widget.last if kept is None else min(kept, self.widget.last)

    def _tell_place(self, change: Any) -> None:
        """Tell the other panels what is looked at here."""
        with self.work.ui:
            if change["name"] == "iteration":
                self.work.iteration = change["new"]
            else:
                self.work.selection = tuple(self.selected.tolist())

    def _show_place(self, change: Any) -> None:
        """Look at what the other panels look at."""
        if change["name"] == "iteration":
            if change["new"] <= self.widget.last:
                self.widget.iteration = change["new"]
        elif self.widget.n_images and not np.array_equal(self.selected, change["new"]):
            self.widget.select(change["new"])

    def _draw(self, _: Any = None) -> None:
        """Show what there is; called in whatever thread it came to be."""
        try:
            with self.work.ui:
                self._show()
        except Exception as error:  # noqa: BLE001 -- a thread's error would be lost in a log
            self.widget.status = f"The map could not be drawn: {type(error).__name__}: {error}"

    def _show(self) -> None:
        work, view = self.work, self.widget
        if work.embeddings is None:
            view.status = "Reading the images …"
        elif not self._laying.is_alive() and (self._points is None or self._outdated()):
            self._laying = threading.Thread(
                target=self._lay_out, name="protolabel layout", daemon=True
            )
            self._laying.start()
        if (
            work.labels is not None
            and self._points is not None
            and work.labels.run is not self._run
        ):
            self._show_run(work.labels, self._points)
            view.kept = -1 if self.session.kept is None else self.session.kept
        if work.labels is not None and work.labels.run is self._run:
            view.set_unfit(work.labels.unfit)
        if work.problem or work.stopped:
            view.status = work.problem or "Stopped"
            self._answered.set()
        elif work.behind:
            view.status = f"{work.behind} …"
        elif work.labels is not None and not self._laying.is_alive():
            view.status = ""

    def _outdated(self) -> bool:
        """Say whether the session wants another layout than the one that is shown."""
        return self._umap and self.work.labels is not None and "map" not in self.session.computed

    def _show_run(self, labels: Labels, points: NDArray[np.float32]) -> None:
        view, run = self.widget, labels.run
        assert run is not None  # noqa: S101 -- a session's labels are from a run
        table = np.stack([labels.at(t).label for t in range(len(run.iterations))])
        sure = np.stack([state.agreement for state in run.iterations])
        names = run.classes.names
        with view.hold_sync():
            view.set_run(table, sure, names)
            view.set_pinned(labels.pinned)
            if run.clusters is not None and run.clusters is not self._clusters:
                self._show_clusters(run.clusters, points)
        # The labels are on their way: finding the nearest images of the prototypes takes longer.
        view.set_prototypes(place_prototypes(run, self.work.embeddings.unit, points))
        self._run = run
        self._labelled.set()
        self._answered.set()

    def _show_clusters(self, clusters: Clusters, points: NDArray[np.float32]) -> None:
        centroids = place_centroids(clusters, points)
        self.widget.set_clusters(clusters.micro, clusters.meta_of_images, centroids)
        self._clusters = clusters

    # --- what takes longer, in a thread of its own -----------------------------------------------

    def _lay_out(self) -> None:
        session, embedded, view = self.session, self.work.embeddings, self.widget
        try:
            if self._points is None:
                self._place(project(embedded.unit, method="pca"))
                view.status = "Looking for clusters …"
                self._draw()
            self._labelled.wait()  # what the person waits for comes first
            if self._umap and not self._closed:
                self._place(self.work.behind_panels("Laying out the map", lambda: session.map))
            if not self._pictures and not self._closed:
                self._pictures = True
                self._add_pictures()
            if not (self.work.problem or self.work.stopped):
                view.status = ""
        except ProtolabelError as error:
            view.status = str(error)
        except Exception as error:  # noqa: BLE001 -- as above
            view.status = f"The map could not be laid out: {type(error).__name__}: {error}"

    def _place(self, points: NDArray[np.float32]) -> None:
        with self.work.ui, self.widget.hold_sync():
            self._points = points
            self.widget.set_points(points)
            run, clusters = self._run, self._clusters
            if run is not None:
                self.widget.set_prototypes(place_prototypes(run, self.work.embeddings.unit, points))
            if clusters is not None:
                self._show_clusters(clusters, points)

    def _add_pictures(self) -> None:
        embedded = self.work.embeddings
        if len(embedded) > ATLAS_LIMIT:
            return
        atlas = make_atlas(embedded.images.paths)
        if not self._closed:
            with self.widget.hold_sync():
                self.widget.captions = [_text(name) for name in embedded.images.names]
                self.widget.atlas = atlas

    def _thumbnail(self, index: int) -> bytes:
        return sharp_picture(self.work.embeddings.images.path(index))

    def _caption(self, index: int) -> str:
        return _text(self.work.embeddings.images.names[index])


def _text(name: str) -> str:
    # Bytes of a file name that are no text cannot travel as JSON in UTF-8.
    return name.encode("utf-8", "replace").decode("utf-8")

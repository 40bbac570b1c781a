"""The map panel: a `MapView` that follows a `Session`."""

from __future__ import annotations

import base64
import io
import threading
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from protolabel.errors import ImageReadError, ProtolabelError
from protolabel.images import thumbnail
from protolabel.projection import place_centroids, place_prototypes, project
from protolabel.replay import ATLAS_LIMIT, make_atlas
from protolabel.widgets.map_view import MapView

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from protolabel.clustering import Clusters
    from protolabel.embedding import Embeddings
    from protolabel.labeling import Labels
    from protolabel.refinement import Refinement
    from protolabel.session import Session

__all__ = ["MapPanel"]


class MapPanel:
    """The images of a session on a plane, following every change of it.

    All work runs in one background thread, the newest state first: the principal components are
    shown as soon as there are vectors, labels when there is a run, UMAP when it is laid out, then
    pictures for the pointer. A change of the labels alone sends labels alone.

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
        self.widget = MapView(thumbnail=self._thumbnail, caption=self._caption, **traits)
        self._umap = umap
        self._embedded: Embeddings | None = None
        self._points: NDArray[np.float32] | None = None
        self._run: Refinement | None = None
        self._clusters: Clusters | None = None
        self._stale = threading.Event()
        self._closed = False
        self._caught_up = threading.Condition()
        self._pending = True
        self._extras: threading.Thread | None = None
        session.observe(self._follow, names=["revision", "kept"])
        self._stale.set()
        self._worker = threading.Thread(target=self._work, name="protolabel map", daemon=True)
        self._worker.start()

    @property
    def selected(self) -> NDArray[np.int64]:
        """Indices of the selected images."""
        return self.widget.selected

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the map shows the session as it is now; False if the time ran out."""
        with self._caught_up:
            return self._caught_up.wait_for(lambda: not self._pending, timeout)

    def wait_for_umap(self, timeout: float | None = None) -> bool:
        """Wait until UMAP and the pictures are there too; False if the time ran out."""
        end = None if timeout is None else time.monotonic() + timeout
        if not self.wait(timeout):
            return False
        extras = self._extras
        if extras is not None:
            extras.join(None if end is None else max(0.0, end - time.monotonic()))
            if extras.is_alive():
                return False
        return self.wait(None if end is None else max(0.0, end - time.monotonic()))

    def close(self) -> None:
        """Stop following the session and remove the widget."""
        self._closed = True
        self.session.unobserve(self._follow, names=["revision", "kept"])
        self._stale.set()
        self.widget.close()

    def png(self) -> bytes:
        """Return the map as it stands as a small PNG; empty where there are no labels yet."""
        run, points = self._run, self._points
        if run is None or points is None or len(points) != run.n_images:
            return b""
        from protolabel.plots import plot_map

        shown = min(self.widget.iteration, len(run.iterations) - 1)
        stars = np.frombuffer(self.widget.prototypes, np.float32)
        stars = stars.reshape(len(run.iterations), len(run.classes.names), 2)
        labels = np.frombuffer(self.widget.labels, f"<u{self.widget.label_bytes}")
        labels = labels.reshape(len(run.iterations), -1)[shown]
        figure = plot_map(points, labels, run.classes.names, stars, iteration=shown)
        with io.BytesIO() as file:
            figure.savefig(file, format="png", dpi=64)
            return file.getvalue()

    def _repr_mimebundle_(self, **options: Any) -> Any:
        """Show the widget, with a picture of it for places where no kernel runs."""
        bundle = self.widget._repr_mimebundle_(**options)
        data = bundle[0] if isinstance(bundle, tuple) else bundle
        picture = self.png() if self.wait(1.0) else b""
        if data is not None and picture:
            data["image/png"] = base64.b64encode(picture).decode("ascii")
        return bundle

    # --- following the session ----------------------------------------------------------------

    def _follow(self, change: Any) -> None:
        if change["name"] == "kept":
            self._show_kept()
        with self._caught_up:
            self._pending = True
        self._stale.set()

    def _show_kept(self) -> None:
        kept = self.session.kept
        self.widget.kept = -1 if kept is None else kept
        self.widget.iteration = self.widget.last if kept is None else min(kept, self.widget.last)

    def _work(self) -> None:
        while True:
            self._stale.wait()
            self._stale.clear()
            if self._closed:
                return
            try:
                self._refresh()
            except ProtolabelError as error:
                self.widget.status = str(error)
            except Exception as error:  # noqa: BLE001 -- a thread's error would be lost in a log
                self.widget.status = f"{type(error).__name__}: {error}"
            with self._caught_up:
                if not self._stale.is_set():
                    self._pending = False
                    self._caught_up.notify_all()

    def _refresh(self) -> None:
        session, view = self.session, self.widget
        if self._embedded is None:
            view.status = "Embedding the images …"
        embedded = session.embeddings
        if embedded is not self._embedded:
            self._embedded, self._run, self._clusters = embedded, None, None
            self._points = project(embedded.vectors, method="pca")
            view.set_points(self._points)
        if self._run is None:
            view.status = "Looking for clusters …"
        labels = session.labels
        assert labels.run is not None  # noqa: S101 -- a session's labels are from a run
        self._show(labels, labels.run)
        view.status = ""
        view.kept = -1 if session.kept is None else session.kept
        self._start_extras()

    def _show(self, labels: Labels, run: Refinement) -> None:
        view, embedded, points = self.widget, self._embedded, self._points
        assert embedded is not None  # noqa: S101 -- for the type checker
        assert points is not None  # noqa: S101
        if run is self._run:
            return
        table = np.stack([labels.at(t).label for t in range(len(run.iterations))])
        sure = np.stack([state.agreement for state in run.iterations])
        stars = place_prototypes(run, embedded.unit, points)
        with view.hold_sync():
            view.set_run(table, sure, stars, run.classes.names, _colours(len(run.classes.names)))
            view.set_pinned(labels.pinned)
            if run.clusters is not None and run.clusters is not self._clusters:
                self._show_clusters(run.clusters, points)
        self._run = run

    def _show_clusters(self, clusters: Clusters, points: NDArray[np.float32]) -> None:
        centroids = place_centroids(clusters, points)
        self.widget.set_clusters(clusters.micro, clusters.meta_of_images, centroids)
        self._clusters = clusters

    # --- what takes longer ----------------------------------------------------------------------

    def _start_extras(self) -> None:
        if self._extras is None:
            self._extras = threading.Thread(
                target=self._add_extras, name="protolabel layout", daemon=True
            )
            self._extras.start()

    def _add_extras(self) -> None:
        try:
            if self._umap:
                self._lay_out()
            self._add_pictures()
        except ProtolabelError as error:
            self.widget.status = str(error)
        except Exception as error:  # noqa: BLE001 -- as above
            self.widget.status = f"The map could not be laid out: {error}"

    def _lay_out(self) -> None:
        """Lay the images out outside the session's lock, so that nothing waits for it."""
        session, embedded = self.session, self._embedded
        assert embedded is not None  # noqa: S101 -- for the type checker
        stages = session._stages  # noqa: SLF001 -- work outside its gate
        graph = session.graph
        points = stages.peek("map")
        if points is None:
            self.widget.status = "Laying out the map …"
            points = project(
                embedded.vectors,
                graph,
                preset=session.preset,
                seed=session.seed,
                progress=self._layout_progress,
            )
            if stages.peek("graph") is graph:
                points = stages.get("map", lambda: points)
        if self._closed or self._embedded is not embedded:
            return
        with self.widget.hold_sync():
            self._points = points
            self.widget.set_points(points)
            run, clusters = self._run, self._clusters
            if run is not None:
                stars = place_prototypes(run, embedded.unit, points)
                self.widget.prototypes = np.ascontiguousarray(stars, np.float32).tobytes()
            if clusters is not None:
                self._show_clusters(clusters, points)
        self.widget.status = ""

    def _layout_progress(self, phase: str, done: int, total: int) -> None:
        """Say nothing: the status line says that the layout is under way."""

    def _add_pictures(self) -> None:
        embedded = self._embedded
        if embedded is None or len(embedded) > ATLAS_LIMIT or self._closed:
            return
        atlas = make_atlas(embedded.images.paths)
        if embedded is self._embedded and not self._closed:
            with self.widget.hold_sync():
                self.widget.captions = [_text(name) for name in embedded.images.names]
                self.widget.atlas = atlas

    def _thumbnail(self, index: int) -> bytes:
        if self._embedded is None:
            return b""
        try:
            picture = thumbnail(self._embedded.images.path(index), 128)
        except ImageReadError:
            return b""
        with io.BytesIO() as file:
            picture.save(file, "JPEG", quality=85)
            return file.getvalue()

    def _caption(self, index: int) -> str:
        return "" if self._embedded is None else _text(self._embedded.images.names[index])


def _text(name: str) -> str:
    # Bytes of a file name that are no text cannot travel as JSON in UTF-8.
    return name.encode("utf-8", "replace").decode("utf-8")


def _colours(count: int) -> list[str]:
    from matplotlib.colors import to_hex

    from protolabel.plots import class_colours

    return [to_hex(one) for one in class_colours(count)]

"""The map as a widget: it shows plain arrays and reports what the user hovers and selects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anywidget
import numpy as np
import traitlets

from protolabel.browser.atlas import TILE
from protolabel.browser.bundle import module, style
from protolabel.common.palette import CLASS_COLOURS, class_colours, legible
from protolabel.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from numpy.typing import ArrayLike, NDArray

__all__ = ["COLOURINGS", "MapView"]

COLOURINGS = ("label", "agreement", "changed", "micro", "meta")


def _down(default: bytes = b"") -> Any:
    """Return a trait for a large array that is sent to the browser and never back."""
    return traitlets.Bytes(default).tag(sync=True, echo_update=False)


class MapView(anywidget.AnyWidget):
    """N images as points on a plane, with labels that can be played iteration by iteration.

    Arrays are set with `set_points`, `set_run` and `set_clusters`; scrubbing, hovering,
    selecting, filtering and zooming happen in the browser. It is independent of sessions.

    Parameters
    ----------
    thumbnail : callable, optional
        ``thumbnail(index)`` returns one picture as JPEG or PNG bytes; called when the pointer rests
        on an image, whose tile of the `atlas` is shown until the answer comes.
    caption : callable, optional
        ``caption(index)`` returns the text under that picture.
    **traits
        Initial values of the traits below.

    Attributes
    ----------
    iteration : int
        Iteration shown, 0 (zero-shot) to T.
    playing : bool
        Whether the iterations run by themselves.
    color_by : str
        One of `COLOURINGS`.
    hidden : list of int
        Indices of classes that the legend filters out.
    selection : bytes
        One bit per image, the lowest first; use `selected` and `select`.
    hovered : int
        Image under the pointer, -1 for none.
    kept : int
        Iteration that is marked on the slider, -1 for none.
    atlas : bytes
        One JPEG of square tiles, row by row, or nothing.
    tile : int
        Side of the tiles of the atlas in pixels.
    captions : list of str
        N texts for the hover card, or nothing.
    height : int
        Height of the map in CSS pixels.
    theme : str
        ``"auto"`` follows the notebook or the system.
    summary : str
        Text for screen readers; if empty, it is generated.
    status : str
        A short line over the map about running work.
    number_keys : list of str
        The number key of each class, or "".
    relabels : bool
        Whether the map sends corrections: ``{"relabel": class name}`` with the selection in a
        buffer, for `images_in`; ``{"undo": True}`` and ``{"redo": True}``.
    """

    _esm = module("map_widget")
    _css = style("map")

    xy = _down()
    labels = _down()
    label_bytes = traitlets.Enum((1, 2), 1).tag(sync=True)
    agreement = _down()
    agreement_from = traitlets.Int(0, min=0).tag(sync=True)
    micro = _down()
    meta = _down()
    prototypes = _down()
    centroids = _down()
    pinned = _down()
    unfit = _down()
    names = traitlets.List(traitlets.Unicode()).tag(sync=True)
    colours = traitlets.List(traitlets.Unicode()).tag(sync=True)
    dark_colours = traitlets.List(traitlets.Unicode()).tag(sync=True)
    number_keys = traitlets.List(traitlets.Unicode()).tag(sync=True)
    atlas = _down()
    tile = traitlets.Int(TILE, min=1).tag(sync=True)
    captions = traitlets.List(traitlets.Unicode()).tag(sync=True)
    iteration = traitlets.Int(0).tag(sync=True)
    kept = traitlets.Int(-1).tag(sync=True)
    playing = traitlets.Bool(default_value=False).tag(sync=True)
    color_by = traitlets.Enum(COLOURINGS, "label").tag(sync=True)
    hidden = traitlets.List(traitlets.Int()).tag(sync=True)
    # Buffers from the browser arrive as memoryview, which Bytes silently rejects.
    selection = traitlets.CBytes(b"").tag(sync=True, echo_update=False)
    hovered = traitlets.Int(-1).tag(sync=True)
    height = traitlets.Int(440, min=160).tag(sync=True)
    relabels = traitlets.Bool(default_value=False).tag(sync=True)
    theme = traitlets.Enum(("auto", "light", "dark"), "auto").tag(sync=True)
    summary = traitlets.Unicode("").tag(sync=True)
    status = traitlets.Unicode("").tag(sync=True)

    def __init__(
        self,
        *,
        thumbnail: Callable[[int], bytes] | None = None,
        caption: Callable[[int], str] | None = None,
        **traits: Any,
    ) -> None:
        self.thumbnail = thumbnail
        self.caption = caption
        super().__init__(**traits)
        self.on_msg(self._answer)

    @traitlets.observe("colours")
    def _lighten(self, change: Any) -> None:
        self.dark_colours = [legible(colour, dark=True) for colour in change["new"]]

    @property
    def n_images(self) -> int:
        """Number of images, N."""
        return len(self.xy) // 8

    @property
    def last(self) -> int:
        """Number of the last iteration, T."""
        n = self.n_images
        return max(0, len(self.labels) // (n * self.label_bytes) - 1) if n else 0

    @property
    def selected(self) -> NDArray[np.int64]:
        """Indices of the selected images, ascending."""
        return self.images_in(self.selection)

    def images_in(self, bits: bytes) -> NDArray[np.int64]:
        """Return the indices of images, ascending, from one bit per image, the lowest first."""
        flags = np.unpackbits(np.frombuffer(bits, np.uint8), bitorder="little")
        return np.flatnonzero(flags[: self.n_images])

    def select(self, indices: Iterable[int]) -> None:
        """Select these images and no others."""
        self.selection = self._bits(np.fromiter(indices, np.int64))

    def set_points(self, xy: ArrayLike) -> None:
        """Place the images.

        Parameters
        ----------
        xy : (N, 2) floating
            Coordinates. If their number is unchanged, points move smoothly to their new positions
            and labels and selection stay; otherwise everything else is cleared.
        """
        points = np.ascontiguousarray(xy, dtype=np.float32)
        if points.ndim != 2 or points.shape[1] != 2:
            raise InputError(
                f"Expected xy of shape (N, 2), got {points.shape}: pass the map of the images."
            )
        with self.hold_sync():
            if len(points) != self.n_images:
                self.hovered = -1
                for name in ("labels", "agreement", "micro", "meta", "prototypes", "centroids",
                             "pinned", "unfit", "selection", "atlas"):  # fmt: skip
                    setattr(self, name, b"")
                self.captions = []
            self.xy = points.tobytes()

    def set_run(
        self,
        labels: ArrayLike,
        agreement: ArrayLike | None,
        names: Sequence[str],
        colours: Sequence[str] = (),
        keys: Sequence[str] = (),
    ) -> None:
        """Show the labels of a run; the points must be placed already.

        Parameters
        ----------
        labels : (T + 1, N) integer
            Class index of every image at every iteration.
        agreement : (T + 1, N) floating or uint8, or None
            0..1, or 255ths; None where `set_agreement` follows.
        names : list of str
            The C class names.
        colours : list of str, optional
            C colours as ``#rrggbb``, lightened on a dark background. By default those of
            `protolabel.plots.class_colours`.
        keys : list of str, optional
            C number keys that label the selection, "" for a class without; by default 1 to 9.
        """
        table = np.asarray(labels)
        n, count = self.n_images, len(names)
        if table.ndim != 2 or table.shape[1] != n or not len(table):
            raise InputError(
                f"Expected labels of shape (T + 1, {n}), got {table.shape}: pass those of one run."
            )
        if table.size and not 0 <= int(table.min()) <= int(table.max()) < count:
            raise InputError(
                f"Expected labels as class indices from 0 to {count - 1}, got others: pass those "
                "of one run."
            )
        values = b"" if agreement is None else self._agreement(agreement, *table.shape)
        follows = not self.labels or self.iteration >= self.last
        with self.hold_sync():
            self.label_bytes = 1 if count <= 256 else 2
            kind = np.uint8 if count <= 256 else np.dtype("<u2")
            self.labels = np.ascontiguousarray(table, dtype=kind).tobytes()
            self.agreement, self.agreement_from = values, 0
            if not colours and count > len(CLASS_COLOURS):  # beyond those of the style sheet
                colours = class_colours(count)
            self.names, self.colours = list(names), list(colours)
            self.number_keys = list(keys) or [str(c + 1) if c < 9 else "" for c in range(count)]
            self.hidden = [c for c in self.hidden if c < count]
            # If the last iteration is shown, keep showing the last.
            self.iteration = self.last if follows else min(self.iteration, self.last)

    def set_agreement(self, agreement: ArrayLike, first: int = 0) -> None:
        """Show the agreement of some iterations of the run, and of no others.

        Parameters
        ----------
        agreement : (k, N) floating or uint8
            0..1, or 255ths, of the iterations from `first` on.
        first : int
            The iteration of the first row.
        """
        values = self._agreement(agreement, len(np.asarray(agreement)), self.n_images)
        with self.hold_sync():
            self.agreement, self.agreement_from = values, first

    @staticmethod
    def _agreement(agreement: ArrayLike, rows: int, n: int) -> bytes:
        values = np.asarray(agreement)
        if values.shape != (rows, n):
            raise InputError(
                f"Expected agreement of shape ({rows}, {n}), got {values.shape}: pass that of the "
                "labels."
            )
        if values.dtype != np.uint8:
            values = np.rint(255 * np.clip(values, 0, 1))
        return np.ascontiguousarray(values, dtype=np.uint8).tobytes()

    def set_prototypes(self, places: ArrayLike) -> None:
        """Show the prototypes on the map at every iteration, (T + 1, C, 2).

        They are hidden if the number of iterations or classes differs from that of the labels.
        """
        self.prototypes = np.ascontiguousarray(places, dtype=np.float32).tobytes()

    def set_clusters(self, micro: ArrayLike, meta: ArrayLike, centroids: ArrayLike) -> None:
        """Show clusters.

        Parameters
        ----------
        micro, meta : (N,) integer
            Cluster of every image, -1 for none.
        centroids : (K, 2) floating
            Coordinates of the centroids of the micro-clusters on the map.
        """
        groups = [np.ascontiguousarray(group, dtype=np.int32) for group in (micro, meta)]
        if any(group.shape != (self.n_images,) for group in groups):
            raise InputError(
                f"Expected micro and meta with one value for each of {self.n_images} images: pass "
                "the clusters of the same images."
            )
        with self.hold_sync():
            self.micro, self.meta = (group.tobytes() for group in groups)
            self.centroids = np.ascontiguousarray(centroids, dtype=np.float32).tobytes()

    def set_pinned(self, pinned: ArrayLike) -> None:
        """Ring the images that a person labelled: (N,) bool, or their indices."""
        self.pinned = self._bits(pinned)

    def set_unfit(self, unfit: ArrayLike) -> None:
        """Show the images that are set aside as grey circles: (N,) bool, or their indices."""
        bits = self._bits(unfit)
        self.unfit = bits if any(bits) else b""  # empty, so that the browser skips it

    def _bits(self, images: ArrayLike) -> bytes:
        """Return one bit per image, from (N,) bool or from indices."""
        n, chosen = self.n_images, np.asarray(images)
        chosen = np.flatnonzero(chosen) if chosen.dtype == bool else chosen.astype(np.int64)
        if chosen.size and not 0 <= int(chosen.min()) <= int(chosen.max()) < n:
            raise InputError(
                f"Expected image indices from 0 to {n - 1}, got others: choose among these."
            )
        flags = np.zeros(n, dtype=bool)
        flags[chosen] = True
        return np.packbits(flags, bitorder="little").tobytes()

    def _answer(self, _: Any, content: Any, _buffers: Any) -> None:
        index = content.get("thumb") if isinstance(content, dict) else None
        if not isinstance(index, int) or not 0 <= index < self.n_images:
            return
        caption = "" if self.caption is None else self.caption(index)
        picture = b"" if self.thumbnail is None else self.thumbnail(index)
        self.send({"thumb": index, "caption": caption}, [picture])

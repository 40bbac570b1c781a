"""The interactive lesson on the collapse of the plain loop: both loops side by side."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anywidget
import numpy as np
import traitlets

from protolabel.browser.bundle import module, style
from protolabel.browser.page import html_page, packed
from protolabel.common.files import write_text
from protolabel.common.system_errors import system_says
from protolabel.common.wording import counted
from protolabel.errors import ExportError, InputError
from protolabel.evaluation.sweep import sweep_temperatures
from protolabel.plots.lessons import plot_sweep

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from protolabel.evaluation.sweep import TemperatureSweep
    from protolabel.session.session import Session

__all__ = ["LoopLesson"]

_MOST_POINTS = 1_000  # images that are drawn; evenly spaced ones if there are more
_MOST_CLASSES = 40  # classes with distinct colours
_START = 0.1  # the default temperature of a session
_TEXT = (
    "Move the temperature, play the iterations. Both loops start from zero-shot on the same "
    "images. The plain loop moves every prototype (star) to the softmax-weighted mean of all "
    "images, which is a power iteration: above the limit, marked on the slider, all differences "
    "between prototypes die out, and those along the first principal axis last. The anchored loop "
    "keeps every name in its vote."
)


class LoopLesson(anywidget.AnyWidget):
    """The plain and the anchored loop side by side, with sliders for temperature and iteration.

    Both loops run at each temperature when the lesson is made; afterwards it needs no kernel, and
    `to_html` writes it as one file for a lecture.

    Parameters
    ----------
    session : Session
        The session whose images, classes, clusters and truth, if any, are used.
    temperatures : sequence of float, optional
        By default 13 from 0.0125 to 0.2.
    iterations : int
        Number of iterations of each loop, 1 or more.

    Attributes
    ----------
    sweep : TemperatureSweep
        The results of both loops.
    temperature : int
        Index of the temperature that is shown.
    iteration : int
        Iteration that is shown, 0 for zero-shot.
    playing : bool
        Whether the iterations run by themselves.

    Raises
    ------
    InputError
        If the session has fewer than 3 images or 2 classes, or more than 40 classes.

    Examples
    --------
    >>> pl.LoopLesson(session).to_html("lesson.html")
    """

    _esm = module("lesson_widget")
    _css = style("map", "lesson")

    content = traitlets.Dict().tag(sync=True)
    points = traitlets.Bytes(b"").tag(sync=True, echo_update=False)
    labels = traitlets.Bytes(b"").tag(sync=True, echo_update=False)
    prototypes = traitlets.Bytes(b"").tag(sync=True, echo_update=False)
    temperature = traitlets.Int(0).tag(sync=True)
    iteration = traitlets.Int(0).tag(sync=True)
    playing = traitlets.Bool(default_value=False).tag(sync=True)

    def __init__(
        self,
        session: Session,
        *,
        temperatures: Sequence[float] | None = None,
        iterations: int = 8,
    ) -> None:
        if len(session.names) > _MOST_CLASSES:
            raise InputError(
                f"Expected at most {_MOST_CLASSES} classes, got {len(session.names)}: make a "
                "session with some of them, so that each has a colour of its own."
            )
        self.sweep = sweep_temperatures(
            session.embeddings.vectors,
            session.text,
            session.clusters,
            graph=session.graph,
            truth=session.known_truth,
            temperatures=temperatures,
            iterations=iterations,
        )
        self._arrays = _arrays(self.sweep)
        super().__init__(
            content=_content(self.sweep, self._arrays["points"].shape[0]),
            temperature=int(np.abs(np.log(self.sweep.temperatures / _START)).argmin()),
            **{name: values.tobytes() for name, values in self._arrays.items()},
        )

    def _repr_mimebundle_(self, **options: Any) -> tuple[dict[str, Any], dict[str, Any]] | None:
        """Return the widget, and a picture for places where no kernel runs."""
        made = super()._repr_mimebundle_(**options)
        if made is None:
            return None
        shown = float(self.sweep.temperatures[self.temperature])
        with io.BytesIO() as file:
            plot_sweep(self.sweep, temperature=shown).savefig(file, format="png", dpi=90)
            picture = base64.b64encode(file.getvalue()).decode("ascii")
        return {**made[0], "image/png": picture}, made[1]

    def to_html(self, path: str | os.PathLike[str], *, title: str | None = None) -> Path:
        """Write the lesson as one HTML file that plays without a kernel and without a network.

        Parameters
        ----------
        path : str or path
            File to write, in a folder that exists; an earlier file is replaced.
        title : str, optional
            Title of the page; by default the number of images.

        Returns
        -------
        Path
            The file.

        Raises
        ------
        InputError
            If there is no such folder.
        ExportError
            If the file cannot be written.
        """
        target = Path(path).expanduser().absolute()
        if not target.parent.is_dir():
            raise InputError(f"Expected a file in a folder that exists, got {str(target)!r}.")
        heading = title or f"Why the plain loop collapses: {counted(self.content['n'], 'image')}"
        page = html_page(
            heading,
            {
                "title": heading,
                "text": _TEXT,
                "state": {
                    "content": self.content,
                    "temperature": self.temperature,
                    "iteration": 0,
                    "playing": False,
                },
                "arrays": {name: packed(values) for name, values in self._arrays.items()},
            },
            entry="lesson_page",
            sheets=("map", "lesson", "replay"),
        )
        try:
            write_text(target, page)
        except OSError as error:
            raise ExportError(
                f"Expected to write {str(target)!r}, but the system says: {system_says(error)}"
            ) from error
        return target


def _arrays(sweep: TemperatureSweep) -> dict[str, NDArray[Any]]:
    """Return the arrays to draw, in the types that the browser reads."""
    n = len(sweep.points)
    shown = np.unique(np.linspace(0, n - 1, min(n, _MOST_POINTS)).astype(int))
    return {
        "points": np.ascontiguousarray(sweep.points[shown], dtype=np.float32),
        "labels": np.ascontiguousarray(sweep.labels[..., shown], dtype=np.uint8),
        "prototypes": np.ascontiguousarray(sweep.prototypes, dtype=np.float32),
    }


def _content(sweep: TemperatureSweep, n: int) -> dict[str, Any]:
    count, start = len(sweep.names), float(sweep.spread[0, 0, 0])
    series: list[dict[str, Any]] = [
        {
            "title": "Share of the first axis",
            "note": "How much of the differences between prototypes lies along the first "
            "principal axis of the images; the line ends where no difference is left.",
            "values": _plain(sweep.first_axis),
            "low": 0,
            "high": 1,
            "top": "100 %",
            "unit": "%",
        },
        {
            "title": "Effective classes",
            "note": "The number of equally common classes that has the entropy of the labels.",
            "values": _plain(sweep.effective_classes),
            "low": 0,
            "high": count,
            "top": str(count),
            "unit": "",
        },
        {
            "title": "Distance of prototypes",
            "note": "Root mean square distance of the prototypes from their mean; zero-shot is 1.",
            "values": _plain(sweep.spread / start),
            "low": 0,
            "high": float(np.nanmax(sweep.spread) / start),
            "top": f"{np.nanmax(sweep.spread) / start:.2g} × zero-shot",
            "unit": "",
        },
    ]
    if sweep.accuracy is not None:
        series.append(
            {
                "title": "Labels that are right",
                "note": "Fraction of the images whose class is known.",
                "values": _plain(sweep.accuracy),
                "low": 0,
                "high": 1,
                "top": "100 %",
                "unit": "%",
            }
        )
    return {
        "names": list(sweep.names),
        "n": n,
        "last": sweep.labels.shape[2] - 1,
        "temperatures": sweep.temperatures.tolist(),
        "limit": sweep.limit,
        "collapse": sweep.collapse.tolist(),
        "classes": _plain(sweep.effective_classes),
        "right": None if sweep.accuracy is None else _plain(sweep.accuracy),
        "series": series,
    }


def _plain(values: NDArray[np.float64]) -> list[Any]:
    """Return nested lists, with None where there is no number."""
    rounded = np.round(values, 4).astype(object)
    rounded[~np.isfinite(values)] = None
    plain: list[Any] = rounded.tolist()
    return plain

"""The one object that changes: what the user has set, and what follows from it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from protolabel.clustering.clusters import Clusters, cluster
from protolabel.clustering.projection import place_prototypes, project
from protolabel.common.progress import ProgressFn, resolve
from protolabel.common.wording import did_you_mean
from protolabel.embedding.prompts import ClassVectors, embed_classes
from protolabel.errors import InputError
from protolabel.evaluation.diagnostics import Diagnostics, diagnose
from protolabel.refinement.loop import Refinement, refine
from protolabel.session.class_edits import parse_classes
from protolabel.session.fitting import Fitting
from protolabel.session.pins import PinHistory
from protolabel.session.runs import RunHistory
from protolabel.session.settings import FEEDS, FOLLOWS
from protolabel.session.stages import Stages

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from protolabel.embedding.embed import Embeddings
    from protolabel.exporting import ExportResult
    from protolabel.images.image_set import ImageSet
    from protolabel.widgets.studio import Studio

__all__ = ["Session"]


class Session(Fitting):
    """From images and class names to labels; a change recomputes only what it touches.

    Every stage is computed when it is first asked for and kept until a trait that it depends on
    changes: a new temperature runs the loop again, and embeds and clusters nothing.

    Parameters
    ----------
    source : path, ImageSet or Embeddings
        A folder of images; or images, or embeddings, that were made before.
    classes : list of str, mapping of str to list of str, ClassPrompts or ClassVectors
        The class names; with synonyms; or with text vectors of one's own.
    encoder : str, callable or Encoder, optional
        As for `load_encoder`; by default "ViT-B-32", or the encoder of the embeddings.
    pretrained : str or path, optional
        As for `load_encoder`.
    device : str, default "auto"
        As for `load_encoder`.
    store : path, optional
        Folder that keeps vectors from run to run; by default one in the user's cache.
    progress : callable, optional
        ``progress(phase, done, total)``; by default tqdm bars.
    **traits
        Initial values of the traits below.

    Raises
    ------
    InputError
        If there is no such folder, no such setting, or a value cannot be used.

    Attributes
    ----------
    classes, templates
        As for `embed_classes`.
    method, temperature, iterations, units
        As for `refine`.
    preset, min_cluster_size, seed
        As for `cluster`.
    visual : str, path, callable, Encoder, Embeddings or array of shape (N, d), optional
        A second encoder of the same images, such as DINOv2 through timm
        ("vit_small_patch14_dinov2"), or vectors of one's own: see `refine`. Clusters and map are
        those of the visual vectors, as that is where images that look alike are found.
    pins : dict of str to str
        Image name -> class name: labels that a person fixed; use `pin` and `unpin`.
    kept : int or None
        The iteration whose labels count; None is the last.
    none_of_these : float or None
        Strictness 0..1: images that fit their name less are set aside as fitting none of the
        names. None, the default, labels every image; see `fit` for the count at any strictness.
    vocabulary : list of str, ClassVectors or None
        Words for other things that may be in the images: they sharpen `fit`, and
        `missing_names` suggests some of them.
    truth : tuple of (str or None), optional
        True class name of every image, as far as a person knows it; set as for `evaluate`.
    revision : int
        Grows whenever a stage is invalidated: observe it to follow everything.
    """

    def __init__(
        self,
        source: str | os.PathLike[str] | ImageSet | Embeddings,
        classes: Any,
        *,
        encoder: Any = None,
        pretrained: str | os.PathLike[str] | None = None,
        device: str = "auto",
        store: str | os.PathLike[str] | None = None,
        progress: ProgressFn | None = None,
        **traits: Any,
    ) -> None:
        unknown = sorted(set(traits) - set(FEEDS))
        if unknown:
            raise _no_setting(unknown, FEEDS)
        self._stages = Stages(FOLLOWS)  # panels ask from threads while a cell runs
        self._studio: Studio | None = None
        self._runs = RunHistory()
        self._progress = resolve(progress)
        # Parsed first: traitlets checks traits in no fixed order, and templates need the names.
        super().__init__(
            source,
            (encoder, pretrained, device),
            store,
            classes=parse_classes(classes),
            **traits,
        )
        self._history = PinHistory(self.pins)
        self.observe(self._changed, names=list(FEEDS))

    def __repr__(self) -> str:
        done = ", ".join(self._stages.names) or "nothing yet"
        return f"Session({self._source!r}, classes={list(self.names)}, computed: {done})"

    # --- what the user may set -------------------------------------------------------------

    def __setattr__(self, name: str, value: Any) -> None:
        # A misspelt setting would change nothing and say nothing. Subclasses may add their own.
        if type(self) is Session and not name.startswith("_") and not hasattr(Session, name):
            raise _no_setting([name], [*FEEDS, "truth"])
        super().__setattr__(name, value)

    def _changed(self, change: Any) -> None:
        if change["name"] == "visual" and change["new"] is change["old"]:
            return  # arrays have no ==, so traitlets calls every one of them another
        if change["name"] == "iterations" and self.kept is not None and self.kept > self.iterations:
            self.kept = None
        if change["name"] == "pins":
            self._history.record(self.pins)
        self._stages.invalidate(FEEDS[change["name"]])
        self.revision += 1  # observers may take their time

    # --- what follows from it --------------------------------------------------------------

    @property
    def runs(self) -> RunHistory:
        """Every run so far, with its settings."""
        return self._runs

    @property
    def computed(self) -> frozenset[str]:
        """Names of the stages that are at hand: embeddings, graph, clusters, text, labels, ..."""
        vectors = {"text"} if isinstance(self.classes, ClassVectors) else set()
        return frozenset(self._stages.names) | vectors

    def report_to(self, progress: ProgressFn | None) -> None:
        """Tell another function how long work goes; None is tqdm bars."""
        self._progress = resolve(progress)

    def _report(self, phase: str, done: int, total: int) -> None:
        self._stages.check()
        self._progress(phase, done, total)

    @property
    def clusters(self) -> Clusters:
        """Micro- and meta-clusters."""
        visual = self.visual_embeddings
        return self._stages.get(
            "clusters",
            lambda: cluster(
                self.embeddings.vectors,
                self.visual_graph or self.graph,
                visual=None if visual is None else visual.vectors,
                preset=self.preset,
                min_cluster_size=self.min_cluster_size,
                seed=self.seed,
                progress=self._report,
            ),
        )

    @property
    def text(self) -> ClassVectors:
        """One text vector per class."""
        if isinstance(self.classes, ClassVectors):
            return self.classes
        return self._stages.get(
            "text", lambda: embed_classes(self.classes, self.encoder, self.templates)
        )

    @property
    def refinement(self) -> Refinement:
        """Every iteration of the loop."""
        return self._stages.get("refinement", self._refine)

    def _refine(self) -> Refinement:
        visual = self.visual_embeddings
        return refine(
            self.embeddings.unit,
            self.text,
            self.clusters,
            method=cast("Any", self.method),
            temperature=self.temperature,
            iterations=self.iterations,
            units=cast("Any", self.units),
            pins=self._pin_indices(),
            visual=None if visual is None else visual.unit,
            graph=self.graph,
            visual_graph=self.visual_graph,
            progress=self._report,
        )

    @property
    def map(self) -> NDArray[np.float32]:
        """(N, 2) place of every image; it does not move when labels change."""
        return self._stages.get(
            "map",
            lambda: project(
                (self.visual_embeddings or self.embeddings).vectors,
                self.visual_graph or self.graph,
                preset=self.preset,
                seed=self.seed,
                progress=self._report,
            ),
        )

    @property
    def prototype_map(self) -> NDArray[np.float32]:
        """(T + 1, C, 2) place of every prototype at every iteration."""
        return self._stages.get(
            "prototype_map",
            lambda: place_prototypes(self.refinement, self.embeddings.unit, self.map),
        )

    @property
    def diagnostics(self) -> Diagnostics:
        """What the run did up to the kept iteration, in numbers and plain words."""
        return diagnose(self.labels)

    @property
    def parameters(self) -> Mapping[str, Any]:
        """What the result depends on, as plain values; the pins as image name -> class name."""
        preset, words = self._preset, self.vocabulary
        visual = self.visual_embeddings
        return {
            "method": self.method,
            "temperature": self.temperature,
            "iterations": self.iterations,
            "units": self.units,
            "preset": preset.name,
            "min_cluster_size": self.min_cluster_size or preset.min_cluster_size,
            "seed": self.seed,
            "visual": None if visual is None else visual.encoder.name,
            "kept": self.kept,
            "none_of_these": self.none_of_these,
            "vocabulary": None if words is None else list(getattr(words, "names", words)),
            "pins": dict(self.pins),
            "corrections": self._history.records(),
        }

    # --- how it is shown ---------------------------------------------------------------------

    @property
    def widget(self) -> Studio:
        """The studio: every panel, bound to this session."""
        if self._studio is None:
            from protolabel.widgets.studio import Studio

            self._studio = Studio(self)
        return self._studio

    def _ipython_display_(self, **_: Any) -> None:
        self.widget.show()

    # --- what leaves it ----------------------------------------------------------------------

    def export(
        self,
        folder: str | os.PathLike[str],
        *,
        formats: Sequence[str] | None = None,
        link: str = "copy",
        shares: Sequence[float] = (0.7, 0.15, 0.15),
        overwrite: bool = False,
    ) -> ExportResult:
        """Write the labelled dataset; see `protolabel.export`."""
        from protolabel.exporting import DEFAULT_FORMATS, check_export, export

        formats = DEFAULT_FORMATS if formats is None else formats
        check_export(
            self._images, folder, formats=formats, link=link, shares=shares, overwrite=overwrite
        )
        visual = self.visual_embeddings
        return export(
            self.labels,
            self.embeddings,
            folder,
            formats=formats,
            link=link,
            shares=shares,
            seed=self.seed,
            overwrite=overwrite,
            parameters=self.parameters,
            projection=self.map,
            prototype_map=self.prototype_map,
            graph=self.graph,
            visual_encoder=None if visual is None else visual.encoder,
            progress=self._report,
        )

    def to_html(self, path: str | os.PathLike[str], **options: Any) -> Path:
        """Write the run as one page that plays without a kernel."""
        from protolabel.exporting import write_replay

        return write_replay(
            path,
            self.labels,
            self.embeddings.images,
            self.map,
            self.prototype_map,
            **{"progress": self._progress, **options},
        )

    def save(self, folder: str | os.PathLike[str]) -> Path:
        """Keep settings, vectors, clusters and map in a folder; `Session.load` brings them back.

        Raises
        ------
        StoreError
            If the folder holds something else, or cannot be written.
        """
        from protolabel.session.saving import SavedStages, save_session

        settings = {name: getattr(self, name) for name in FEEDS if name != "visual"}
        settings |= {"corrections": self._history.records(), "truth": self.truth}
        stages = SavedStages(
            self.graph,
            self.clusters,
            self._stages.peek("map"),
            self.visual_embeddings,
            self.visual_graph,
        )
        return save_session(Path(folder), settings, self.embeddings, stages, self.text)

    @classmethod
    def load(cls, folder: str | os.PathLike[str], **options: Any) -> Session:
        """Bring back a saved session: nothing is embedded, clustered or laid out again.

        Parameters
        ----------
        folder
            What `save` wrote.
        **options
            ``encoder``, ``pretrained``, ``device``, ``progress`` as for the constructor.

        Raises
        ------
        StoreError
            If the folder is no saved session.
        """
        from protolabel.session.saving import load_session

        settings, embeddings, stages, text = load_session(Path(folder))
        trail, truth = settings.pop("corrections", []), settings.pop("truth", None)
        session = cls(embeddings, **settings, visual=stages.visual, **options)
        session._history = PinHistory(session.pins, trail)
        session._stages.put(embeddings=embeddings, text=text, **stages.at_hand())
        session.truth = truth
        return session


def _no_setting(names: Sequence[str], known: Iterable[str]) -> InputError:
    return InputError(
        f"Session has no setting {', '.join(names)}; it has {', '.join(known)}."
        f"{did_you_mean(names[0], known, 1)}"
    )

"""The one object that changes: what the user has set, and what follows from it."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numpy as np
import traitlets

from protolabel.cache import cache_folder
from protolabel.clustering import Clusters, cluster
from protolabel.diagnostics import Diagnostics, diagnose
from protolabel.embedding import Embeddings, embed_images
from protolabel.encoders import DEFAULT_MODEL, Encoder, load_encoder
from protolabel.errors import InputError
from protolabel.evaluation import Evaluation, evaluate
from protolabel.images import ImageSet, find_images
from protolabel.labeling import Labels, label
from protolabel.neighbors import KnnGraph, knn_graph
from protolabel.pins import Correction, PinHistory
from protolabel.presets import PRESETS, Preset, choose_preset
from protolabel.progress import ProgressFn, resolve
from protolabel.projection import place_prototypes, project
from protolabel.prompts import DEFAULT_TEMPLATES, ClassPrompts, ClassVectors, embed_classes
from protolabel.refinement import METHODS, UNITS, Refinement, check_parameters, refine
from protolabel.runs import RunHistory

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from protolabel.exporting import ExportResult
    from protolabel.widgets.studio import Studio

__all__ = ["Session"]

T = TypeVar("T")

_FEEDS = {
    "classes": "text",
    "templates": "text",
    "preset": "graph",
    "seed": "graph",
    "min_cluster_size": "clusters",
    "method": "refinement",
    "temperature": "refinement",
    "iterations": "refinement",
    "all_present": "refinement",
    "units": "refinement",
    "pins": "refinement",
    "kept": "labels",
}
"""The first stage that each trait has a say in."""

_FOLLOWS: dict[str, tuple[str, ...]] = {
    "embeddings": ("graph", "text"),
    "graph": ("clusters", "map"),
    "clusters": ("refinement",),
    "text": ("refinement",),
    "refinement": ("labels", "prototype_map"),
    "map": ("prototype_map",),
    "labels": (),
    "prototype_map": (),
}
"""The stages that are computed from each stage."""


class Session(traitlets.HasTraits):
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

    Attributes
    ----------
    classes, templates
        As for `embed_classes`.
    method, temperature, iterations, all_present, units
        As for `refine`.
    preset, min_cluster_size, seed
        As for `cluster`.
    pins : dict of str to str
        Image name -> class name: labels that a person fixed; use `pin` and `unpin`.
    kept : int or None
        The iteration whose labels count; None is the last.
    revision : int
        Grows whenever a stage is invalidated: observe it to follow everything.
    """

    classes = traitlets.Any()
    templates = traitlets.Any(DEFAULT_TEMPLATES)
    method = traitlets.Enum(METHODS, "anchored")
    temperature = traitlets.Float(0.1)
    iterations = traitlets.Int(5)
    all_present = traitlets.Bool(default_value=False)
    units = traitlets.Enum(UNITS, "clusters")
    preset = traitlets.Enum(tuple(PRESETS), None, allow_none=True)
    min_cluster_size = traitlets.Int(None, allow_none=True)
    seed = traitlets.Int(0)
    pins = traitlets.Dict()
    kept = traitlets.Int(None, allow_none=True)
    revision = traitlets.Int(0)

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
        unknown = sorted(set(traits) - set(_FEEDS))
        if unknown:
            raise InputError(
                f"Session has no setting {', '.join(unknown)}; it has {', '.join(_FEEDS)}."
            )
        # Panels ask from threads while a cell runs. The lock is held for moments only; a stage
        # is computed behind its own gate, so a slider never waits for a clustering.
        self._lock = threading.RLock()
        self._gates = {stage: threading.RLock() for stage in (*_FOLLOWS, "encoder")}
        self._ages = dict.fromkeys(_FOLLOWS, 0)
        self._stages: dict[str, Any] = {}
        self._studio: Studio | None = None
        self.runs = RunHistory()
        self._source = source
        self._encoder_choice = (encoder, pretrained, device)
        self._encoder: Encoder | None = None
        self._store = store
        self._progress = resolve(progress)
        # Parsed first: traitlets checks traits in no fixed order, and templates need the names.
        super().__init__(classes=_prompts(classes), **traits)
        self._history = PinHistory(self.pins)
        self.observe(self._changed, names=list(_FEEDS))

    def __repr__(self) -> str:
        done = ", ".join(self._stages) or "nothing yet"
        return f"Session({self._source!r}, classes={list(self.names)}, computed: {done})"

    # --- what the user may set -------------------------------------------------------------

    @traitlets.validate("classes")
    def _valid_classes(self, proposal: Any) -> Any:
        value, known = _prompts(proposal["value"]), self.classes
        # The same words again are no change, so a panel may write what it shows.
        same = isinstance(known, ClassPrompts) and isinstance(value, ClassPrompts)
        return known if same and vars(known) == vars(value) else value

    @traitlets.validate("templates")
    def _valid_templates(self, proposal: Any) -> Any:
        value = proposal["value"]
        if isinstance(value, Iterable) and not isinstance(value, str | set | Mapping):
            value = tuple(value)  # a list that changes later, or a generator, would be no setting
        if isinstance(self.classes, ClassPrompts):
            ClassPrompts.parse(self.classes, value)
        return value

    @traitlets.validate("temperature", "iterations")
    def _valid_number(self, proposal: Any) -> Any:
        given = {"temperature": 0.1, "iterations": 0, proposal["trait"].name: proposal["value"]}
        check_parameters(method="anchored", units="images", **given)
        return proposal["value"]

    @traitlets.validate("kept", "min_cluster_size", "seed")
    def _valid_count(self, proposal: Any) -> Any:
        name, value = proposal["trait"].name, proposal["value"]
        least = 2 if name == "min_cluster_size" else 0
        most = self.iterations if name == "kept" else None
        if value is not None and (value < least or (most is not None and value > most)):
            limits = f"{least} or more" if most is None else f"{least} (zero-shot) to {most}"
            raise InputError(f"{name} must be {limits}; got {value}.")
        return value

    def _changed(self, change: Any) -> None:
        if change["name"] == "iterations" and self.kept is not None and self.kept > self.iterations:
            self.kept = None
        if change["name"] == "pins":
            with self._lock:
                self._history.record(self.pins)
        self._invalidate(_FEEDS[change["name"]])

    def _invalidate(self, stage: str) -> None:
        with self._lock:
            waiting = [stage]
            while waiting:
                current = waiting.pop()
                self._stages.pop(current, None)
                self._ages[current] += 1
                waiting.extend(_FOLLOWS[current])
            revision = self.revision + 1
        self.revision = revision  # outside the lock: observers may take their time

    def pin(self, images: int | Iterable[int], name: str) -> None:
        """Fix the label of images; the next run of the loop is steered by it.

        Parameters
        ----------
        images
            One image index, or several.
        name
            One of the class names.
        """
        if name not in self.names:
            raise InputError(f"{name!r} is no class; the classes are {', '.join(self.names)}.")
        files = self._files(images)
        self.pins = {**self.pins, **dict.fromkeys(files, name)}

    def unpin(self, images: int | Iterable[int]) -> None:
        """Let the loop decide about images again."""
        gone = set(self._files(images))
        self.pins = {file: name for file, name in self.pins.items() if file not in gone}

    def undo(self) -> None:
        """Take back the last change of the pins."""
        self.pins = self._history.undo()

    def redo(self) -> None:
        """Make the change again that `undo` took back."""
        self.pins = self._history.redo()

    @property
    def can_undo(self) -> bool:
        """Whether there is a correction to take back."""
        return self._history.can_undo

    @property
    def can_redo(self) -> bool:
        """Whether a correction was taken back."""
        return self._history.can_redo

    @property
    def corrections(self) -> tuple[Correction, ...]:
        """Every correction so far: when, which image, from what, to what."""
        return self._history.trail

    def add_class(self, name: str, synonyms: Iterable[str] = ()) -> None:
        """Add a class; the loop runs again when labels are next asked for.

        Parameters
        ----------
        name
            The new name.
        synonyms
            Other words for it.
        """
        words = self._words("add a class")
        if name in words:
            raise InputError(f"{name!r} is a class already; choose another name.")
        self._set_words({**words, name: list(synonyms)})

    def remove_class(self, name: str) -> None:
        """Remove a class; images that were pinned to it wait until it is back."""
        self._index(name)
        if len(self.names) == 1:
            raise InputError("The last class cannot be removed; rename it, or add another first.")
        if isinstance(self.classes, ClassVectors):
            stay = [i for i, one in enumerate(self.names) if one != name]
            names = tuple(self.names[i] for i in stay)
            vectors = self.classes.vectors[stay]
            self.classes = replace(self.classes, names=names, vectors=vectors, prompts=None)
            return
        words = self._words("remove a class")
        del words[name]
        self._set_words(words)

    def rename_class(self, old: str, new: str) -> None:
        """Give a class another name, and so another prompt; its pins and synonyms go with it."""
        place = self._index(old)
        new = new.strip()
        if new == old:
            return
        names = [*self.names[:place], new, *self.names[place + 1 :]]
        if isinstance(self.classes, ClassVectors):
            self.classes = replace(self.classes, names=tuple(names), prompts=None)
        else:
            words = dict(zip(names, self._words("rename a class").values(), strict=False))
            if len(words) < len(names):
                raise InputError(f"{new!r} is a class already; choose another name.")
            self._set_words(words, renamed=(old, new))
        with self._lock:
            self._history.rename(old, new)
        self.pins = {file: new if name == old else name for file, name in self.pins.items()}

    def set_synonyms(self, name: str, synonyms: Iterable[str]) -> None:
        """Use other words beside the name of a class."""
        self._index(name)
        self._set_words({**self._words("change synonyms"), name: list(synonyms)})

    def _index(self, name: str) -> int:
        if name not in self.names:
            raise InputError(f"{name!r} is no class; the classes are {', '.join(self.names)}.")
        return self.names.index(name)

    def _words(self, what: str) -> dict[str, list[str]]:
        """Synonyms of every class, without the name itself."""
        if not isinstance(self.classes, ClassPrompts):
            raise InputError(
                f"The classes of this session are vectors, not words, so you cannot {what}: set "
                "session.classes to names, or to other ClassVectors."
            )
        words = zip(self.classes.names, self.classes.synonyms, strict=True)
        return {name: list(others[1:]) for name, others in words}

    def _set_words(
        self, words: Mapping[str, list[str]], renamed: tuple[str, str] | None = None
    ) -> None:
        """Set names and synonyms, and keep the templates that single classes have."""
        known = dict(zip(self.classes.names, self.classes.templates, strict=True))
        if renamed is not None:
            known[renamed[1].strip()] = known.pop(renamed[0])
        parsed = ClassPrompts.parse(words)
        sentences = tuple(known.get(name, DEFAULT_TEMPLATES) for name in parsed.names)
        if isinstance(self.templates, Mapping):
            moved = dict([renamed]) if renamed is not None else {}
            templates = {moved.get(name, name): rows for name, rows in self.templates.items()}
            templates = {n: rows for n, rows in templates.items() if n in parsed.names}
            # Templates by class are checked against the classes: both change, or neither.
            with self.hold_trait_notifications():
                self.classes, self.templates = replace(parsed, templates=sentences), templates
            return
        self.classes = replace(parsed, templates=sentences)

    def _files(self, images: int | Iterable[int]) -> list[str]:
        names = self.embeddings.images.names
        try:
            given = list(cast("Iterable[int]", images))
        except TypeError:
            given = [cast("int", images)]
        if not given:
            return []
        chosen = np.asarray(given)
        whole = np.issubdtype(chosen.dtype, np.integer)
        if not whole or ((chosen < 0) | (chosen >= len(names))).any():
            raise InputError(
                f"Image indices are whole numbers from 0 to {len(names) - 1}; got {images!r}."
            )
        return [names[i] for i in chosen]

    # --- what follows from it --------------------------------------------------------------

    def _stage(self, name: str, compute: Callable[[], T]) -> T:
        while True:
            with self._gates[name]:
                with self._lock:
                    if name in self._stages:
                        return cast("T", self._stages[name])
                    age = self._ages[name]
                value = compute()
                with self._lock:
                    if self._ages[name] == age:
                        self._stages[name] = value
                        return value
            # A setting changed meanwhile: once more, with what it is now.

    @property
    def computed(self) -> frozenset[str]:
        """Names of the stages that are at hand: embeddings, graph, clusters, text, labels, ..."""
        with self._lock:
            vectors = {"text"} if isinstance(self.classes, ClassVectors) else set()
            return frozenset(self._stages) | vectors

    def report_to(self, progress: ProgressFn | None) -> None:
        """Tell another function how long work goes; None is tqdm bars."""
        self._progress = resolve(progress)

    def _report(self, phase: str, done: int, total: int) -> None:
        self._progress(phase, done, total)

    @property
    def names(self) -> tuple[str, ...]:
        """The C class names."""
        return tuple(self.classes.names)

    @property
    def encoder(self) -> Encoder:
        """The encoder, loaded when it is first needed."""
        with self._gates["encoder"]:
            if self._encoder is None:
                model, pretrained, device = self._encoder_choice
                if model is None and isinstance(self._source, Embeddings):
                    self._encoder = self._source.encoder.load(device=device)
                else:
                    self._encoder = load_encoder(
                        DEFAULT_MODEL if model is None else model, pretrained, device=device
                    )
            return self._encoder

    @property
    def embeddings(self) -> Embeddings:
        """One vector per readable image."""
        return self._stage("embeddings", self._embed)

    def _embed(self) -> Embeddings:
        if isinstance(self._source, Embeddings):
            return self._source
        images = self._source if isinstance(self._source, ImageSet) else find_images(self._source)
        store = self._store or cache_folder(images.root, self.encoder.name)
        return embed_images(images, self.encoder, store=store, progress=self._report)

    @property
    def graph(self) -> KnnGraph:
        """Nearest neighbours of every image."""
        return self._stage(
            "graph",
            lambda: knn_graph(self.embeddings.vectors, self._preset.neighbors, seed=self.seed),
        )

    @property
    def clusters(self) -> Clusters:
        """Micro- and meta-clusters."""
        return self._stage(
            "clusters",
            lambda: cluster(
                self.embeddings.vectors,
                self.graph,
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
        return self._stage(
            "text", lambda: embed_classes(self.classes, self.encoder, self.templates)
        )

    @property
    def refinement(self) -> Refinement:
        """Every iteration of the loop."""
        return self._stage("refinement", self._refine)

    def _refine(self) -> Refinement:
        return refine(
            self.embeddings.vectors,
            self.text,
            self.clusters,
            method=cast("Any", self.method),
            temperature=self.temperature,
            iterations=self.iterations,
            all_present=self.all_present,
            units=cast("Any", self.units),
            pins=self._pin_indices(),
            graph=self.graph,
            progress=self._report,
        )

    def _pin_indices(self) -> dict[int, int]:
        # A pin waits while its image or its class is away, and holds again when it is back.
        if not self.pins:
            return {}
        place = {name: i for i, name in enumerate(self.embeddings.images.names)}
        index = {name: i for i, name in enumerate(self.names)}
        return {
            place[file]: index[name]
            for file, name in self.pins.items()
            if file in place and name in index
        }

    @property
    def labels(self) -> Labels:
        """The labels of the kept iteration."""
        return self._stage("labels", self._label)

    def _label(self) -> Labels:
        kept = self.kept
        labels = label(self.refinement, kept)
        settings = {name: getattr(self, name) for name in _FEEDS if name != "pins"}
        self.runs.record(labels, settings, self.embeddings.images.truth)
        return labels

    @property
    def map(self) -> NDArray[np.float32]:
        """(N, 2) place of every image; it does not move when labels change."""
        return self._stage(
            "map",
            lambda: project(
                self.embeddings.vectors,
                self.graph,
                preset=self.preset,
                seed=self.seed,
                progress=self._report,
            ),
        )

    @property
    def prototype_map(self) -> NDArray[np.float32]:
        """(T + 1, C, 2) place of every prototype at every iteration."""
        return self._stage(
            "prototype_map",
            lambda: place_prototypes(self.refinement, self.embeddings.vectors, self.map),
        )

    @property
    def diagnostics(self) -> Diagnostics:
        """What the run did up to the kept iteration, in numbers and plain words."""
        return diagnose(self.labels)

    def evaluate(self, truth: Sequence[str] | None = None) -> Evaluation:
        """Compare the labels with the true class names.

        Parameters
        ----------
        truth
            One name per image of ``session.embeddings.images``; by default the class folders
            that ``find_images(folder, truth=True)`` found.
        """
        truth = self.embeddings.images.truth if truth is None else truth
        if truth is None:
            raise InputError(
                "No truth is known: pass one class name per image, or make the session from "
                "find_images(folder, truth=True)."
            )
        return evaluate(self.labels, truth)

    @property
    def _preset(self) -> Preset:
        return choose_preset(self.preset, len(self.embeddings))

    @property
    def parameters(self) -> Mapping[str, Any]:
        """What the result depends on, as plain values; the pins as image name -> class name."""
        preset = self._preset
        return {
            "method": self.method,
            "temperature": self.temperature,
            "iterations": self.iterations,
            "all_present": self.all_present,
            "units": self.units,
            "preset": preset.name,
            "min_cluster_size": self.min_cluster_size or preset.min_cluster_size,
            "seed": self.seed,
            "kept": self.kept,
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
        from protolabel.exporting import DEFAULT_FORMATS, export

        return export(
            self.labels,
            self.embeddings,
            folder,
            formats=DEFAULT_FORMATS if formats is None else formats,
            link=link,
            shares=shares,
            seed=self.seed,
            overwrite=overwrite,
            parameters=self.parameters,
            projection=self.map,
            prototype_map=self.prototype_map,
            graph=self.graph,
            progress=self._report,
        )

    def to_html(self, path: str | os.PathLike[str], **options: Any) -> Path:
        """Write the run as one page that plays without a kernel; see `protolabel.replay`."""
        from protolabel.replay import write_replay

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
        from protolabel.session_store import SavedStages, save_session

        settings = {name: getattr(self, name) for name in _FEEDS}
        settings["corrections"] = self._history.records()
        arrays = SavedStages(self.graph, self.clusters, self._stages.get("map"))
        return save_session(Path(folder), settings, self.embeddings, arrays, self.text)

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
        from protolabel.session_store import load_session

        settings, embeddings, arrays, text = load_session(Path(folder))
        trail = settings.pop("corrections", [])
        session = cls(embeddings, **settings, **options)
        session._history = PinHistory(session.pins, trail)
        session._stages.update(
            embeddings=embeddings, graph=arrays.graph, clusters=arrays.clusters, text=text
        )
        if arrays.map is not None:
            session._stages["map"] = arrays.map
        return session


def _prompts(classes: Any) -> ClassPrompts | ClassVectors:
    return classes if isinstance(classes, ClassVectors) else ClassPrompts.parse(classes)

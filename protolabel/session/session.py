"""`Session`: the settings of the user, and the stages computed from them."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self, TypeAlias, cast

import traitlets

from protolabel.clustering.clusters import Clusters, cluster
from protolabel.clustering.image_space import ImageSpace, image_space
from protolabel.clustering.neighbors import KnnGraph, knn_graph
from protolabel.clustering.presets import Preset, choose_preset
from protolabel.clustering.projection import place_prototypes, project
from protolabel.common.checks import as_path, checked
from protolabel.common.progress import ProgressFn, resolve
from protolabel.common.vectors import is_whole_number
from protolabel.common.wording import did_you_mean
from protolabel.embedding.prompts import (
    DEFAULT_TEMPLATES,
    ClassPrompts,
    ClassVectors,
    embed_classes,
)
from protolabel.embedding.search import most_similar, words_vector
from protolabel.encoders.base import EncoderInfo, encoder_info
from protolabel.encoders.loading import load_encoder
from protolabel.errors import InputError, StoreError
from protolabel.evaluation.audit import Audit
from protolabel.evaluation.diagnostics import Diagnostics, diagnose
from protolabel.evaluation.fit import DEFAULT_STRICTNESS, Fit, measure_fit
from protolabel.evaluation.missing import MissingName, missing_names
from protolabel.evaluation.order import next_to_correct
from protolabel.evaluation.scoring import Evaluation, evaluate
from protolabel.evaluation.truth import Truth, known_truth, matched_truth, renamed_truth
from protolabel.exporting.table import DEFAULT_BEST
from protolabel.images.lookup import ImageLookup
from protolabel.naming.groups import NameTree, Suggestions, group_images
from protolabel.naming.vocabulary import Vocabulary, everyday_words, own_words, sample_words
from protolabel.naming.word_vectors import embed_words
from protolabel.refinement.labels import Labels, label
from protolabel.refinement.loop import PreparedLoop, Refinement, prepare
from protolabel.session import class_edits
from protolabel.session.class_marks import ClassMarks
from protolabel.session.journal import Journal, SavedCorrections
from protolabel.session.pins import (
    Correction,
    HistoryState,
    ImageChoice,
    PinHistory,
    Pins,
    chosen_images,
    named_pins,
    pin_indices,
    renamed,
)
from protolabel.session.runs import RunHistory
from protolabel.session.settings import refusing, setting
from protolabel.session.source import Source, checked_record
from protolabel.session.stages import Stages, stage

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray
    from pandas import DataFrame

    from protolabel.embedding.embed import Embeddings
    from protolabel.encoders.base import Encoder
    from protolabel.evaluation.audit import AuditEstimate
    from protolabel.exporting import ExportResult
    from protolabel.exporting.duplicates import Groups
    from protolabel.images.image_set import ImageSet
    from protolabel.session.reopening import Reopened
    from protolabel.widgets.studio import Studio

__all__ = ["Session"]

Words: TypeAlias = "tuple[Vocabulary, NDArray[np.float32]]"
SharedEncoder: TypeAlias = "tuple[EncoderInfo, Source]"  # an encoder, and the source that loads it


class Session(traitlets.HasTraits):
    """Label images with class names; a change recomputes only the stages that depend on it.

    Every stage is computed when it is first needed and kept until a setting that it depends on
    changes. A new temperature, for example, runs the loop again but embeds and clusters nothing.

    Settings are traits that you can set and observe. An invalid value raises an `InputError` and
    leaves the setting unchanged.

    Parameters
    ----------
    source : path, ImageSet, Embeddings or another source of images
        A folder of images, or anything else that `find_images` takes, such as an archive, a table
        or a list of images; an ImageSet; or Embeddings.
    classes : list of str, mapping of str to list of str, ClassPrompts or ClassVectors, optional
        The class names, also with synonyms, or with your own text vectors. With None the session
        begins without classes; `suggest` proposes some, and the studio offers them.
    encoder : str, callable or Encoder, optional
        As for `load_encoder`; by default "ViT-B-32", or the encoder of the embeddings.
    pretrained : str or path, optional
        As for `load_encoder`.
    device : str, default "auto"
        As for `load_encoder`.
    store : path, optional
        Folder that keeps the vectors between runs; by default one in the user's cache.
    progress : callable, optional
        ``progress(phase, done, total)``; by default tqdm bars.
    **settings
        Initial values of the settings below.

    Raises
    ------
    InputError
        If the folder or a setting does not exist, or a value cannot be used.

    Examples
    --------
    >>> session = Session("photos", ["dog", "cat"])
    >>> session.labels.counts
    array([12, 30])
    >>> session.pin("holiday/0412.jpg", "cat")
    >>> session.temperature = 0.05
    """

    classes: Any = setting()
    """Class names, with their synonyms, as for `embed_classes`; stored as `ClassPrompts` or
    `ClassVectors`. With None there are no classes yet, and no labels."""

    templates: Any = setting(DEFAULT_TEMPLATES)
    """Templates for class names, for all classes or by class, as for `embed_classes`."""

    method: str = setting("anchored")
    """"anchored" or "plain", as for `refine`."""

    temperature: float = setting(0.1)
    """Softness of the loop's decisions, above 0, as for `refine`."""

    iterations: int = setting(5)
    """Number T of iterations of the loop, 0 or more, as for `refine`."""

    units: str = setting("clusters")
    """What the plain loop averages over: "clusters" or "images", as for `refine`."""

    preset: str | None = setting(None)
    """"small", "medium" or "large", as for `cluster`; None chooses by the number of images."""

    min_cluster_size: int | None = setting(None)
    """Smallest size of a micro-cluster in images, 2 or more; None takes that of the preset."""

    seed: int = setting(0)
    """Seed of neighbours, clusters, map and splits, 0 or more."""

    visual: Any = setting(None)
    """A second encoder of the same images, such as DINOv2 through timm
    ("vit_small_patch14_dinov2"), or your own vectors: `Embeddings`, a file, or an array of shape
    (N, d); see `refine`. Clusters and map are then computed from the visual vectors, in which
    similar images are closer. None uses no second encoder."""

    pins: Mapping[str, str] = setting(Pins({}))
    """Image name -> class name: labels that a person fixed, read-only; use `pin` and `unpin`."""

    kept: int | None = setting(None)
    """The iteration whose labels are used, 0 (zero-shot) to T; None is the last."""

    none_of_these: float | None = setting(None)
    """Strictness 0..1: images that fit their name less are set aside as fitting none of the
    names. None, the default, labels every image; see `fit` for the count at any strictness."""

    vocabulary: Any = setting(None)
    """Words for other things that may be in the images, as a list of str or as `ClassVectors`.
    They sharpen `fit`, and `missing_names` and `suggest` choose from them. With None, `suggest`
    chooses from everyday words, or from those of the sample encoder."""

    truth = traitlets.Any(None)
    """True class name of every image, None where it is unknown; set as for `evaluate`."""

    revision = traitlets.Int(0)
    """Increases whenever a setting changes; observe it to follow all settings."""

    def __init__(
        self,
        source: str | os.PathLike[str] | ImageSet | Embeddings,
        classes: Any = None,
        *,
        encoder: Any = None,
        pretrained: str | os.PathLike[str] | None = None,
        device: str = "auto",
        store: str | os.PathLike[str] | None = None,
        progress: ProgressFn | None = None,
        **settings: Any,
    ) -> None:
        self._stages = Stages(type(self))
        unknown = sorted(set(settings) - set(self._stages.feeds))
        if unknown:
            arguments = Session.__init__.__kwdefaults__ or ()
            raise _no_setting(unknown, [*self._stages.feeds, *arguments])
        store = None if store is None else as_path(store, "a folder for the vectors")
        self._source = Source(source, encoder, pretrained, device, store)
        self._runs = RunHistory()
        self._audit: Audit | None = None
        self._opened: Session | None = None
        self._progress = self._own_progress = resolve(progress)
        self._studio: Studio | None = None
        self._closing: list[Callable[[], None]] = []
        super().__init__(classes=classes, **settings)
        self._marks = ClassMarks(self.names)
        self._history = PinHistory(self.pins, (), self.classes, self.templates)
        self._journal = Journal(self._source.root, store)
        self.observe(self._changed, names=list(self._stages.feeds))

    def __repr__(self) -> str:
        done = ", ".join(self._stages.names) or "nothing yet"
        return f"Session({self._source!r}, classes={list(self.names)}, computed: {done})"

    # --- settings ----------------------------------------------------------------------------

    def __setattr__(self, name: str, value: Any) -> None:
        # Otherwise a misspelt setting would have no effect. Subclasses may add attributes.
        if type(self) is Session and not name.startswith("_") and not hasattr(Session, name):
            raise _no_setting([name], [*self._stages.feeds, "truth"])
        super().__setattr__(name, value)

    @traitlets.validate("classes")
    def _valid_classes(self, proposal: Any) -> Any:
        value, known = proposal["value"], self.classes
        if isinstance(value, ClassPrompts):
            with refusing():
                self._source.check_words(value)
        # Equal values are no change, so a panel may write back the value that it shows.
        same = isinstance(known, ClassPrompts) and isinstance(value, ClassPrompts)
        return known if same and vars(known) == vars(value) else value

    @traitlets.validate("vocabulary")
    def _valid_vocabulary(self, proposal: Any) -> Any:
        words = proposal["value"]
        if words is not None and not isinstance(words, ClassVectors):
            with refusing():
                self._source.check_words(ClassPrompts.parse(words))
        return words

    @traitlets.validate("templates")
    def _valid_templates(self, proposal: Any) -> Any:
        if isinstance(self.classes, ClassPrompts):
            with refusing():
                self._source.check_words(ClassPrompts.parse(self.classes, proposal["value"]))
        return proposal["value"]

    @traitlets.validate("kept")
    def _valid_kept(self, proposal: Any) -> Any:
        kept = proposal["value"]
        with refusing():
            if kept is not None and kept > self.iterations:
                raise InputError(
                    f"Expected kept to be an iteration from 0 (zero-shot) to {self.iterations}, "
                    f"got {kept}: set more iterations first, or None for the last."
                )
        return kept

    @traitlets.validate("truth")
    def _valid_truth(self, proposal: Any) -> Any:
        truth = proposal["value"]
        with refusing():
            return None if truth is None else known_truth(truth, self._lookup)

    @traitlets.observe("truth")
    def _judge_runs(self, _: Any) -> None:
        self._runs.judge(self.known_truth)

    def _changed(self, change: Any) -> None:
        if change["name"] == "visual" and change["new"] is change["old"]:
            return  # arrays have no ==, so traitlets takes the same array for a new value
        if change["name"] == "iterations" and self.kept is not None and self.kept > self.iterations:
            self.kept = None
        if change["name"] == "classes":
            self._marks.follow(self.names)
        if change["name"] in ("pins", "classes", "templates"):
            self._history.record(self.pins, self.classes, self.templates)
        self._stages.changed(change["name"])
        self._write_to_journal(change)
        self.revision += 1  # last, since observers may take their time

    def _write_to_journal(self, change: Any) -> None:
        name, value = change["name"], change["new"]
        if name == "pins":
            old = change["old"]
            gone = dict.fromkeys(old.keys() - value.keys())
            value = {image: label for image, label in value.items() if old.get(image) != label}
            value |= gone
        self._journal.write(name, value)

    # --- classes -----------------------------------------------------------------------------

    @property
    def names(self) -> tuple[str, ...]:
        """The C class names."""
        return tuple(self.classes.names)

    @property
    def marks(self) -> ClassMarks:
        """Number, key and colour of each class; they stay with it for the life of the session."""
        return self._marks

    @property
    def colours(self) -> tuple[str, ...]:
        """The colours of the C classes on a light background, as ``#rrggbb``.

        Panels, map, exports and replay page use these colours; pass them to plots as ``colours=``.
        """
        return tuple(self._marks.colour(name)[0] for name in self.names)

    @checked
    def set_colour(self, name: str, colour: str | None) -> None:
        """Choose the colour of a class in the panels and on the map.

        Parameters
        ----------
        name : str
            A class name.
        colour : str or None
            ``#rrggbb``; None takes that of the palette.

        Raises
        ------
        InputError
            If there is no such class, or `colour` is not of the form ``#rrggbb``.
        """
        self._marks.choose_colour(self.names[class_edits.class_index(self.classes, name)], colour)

    def add_class(self, name: str, synonyms: Iterable[str] = ()) -> None:
        """Add a class; the loop runs again when labels are next asked for.

        Parameters
        ----------
        name : str
            The new name.
        synonyms : iterable of str
            Other words for it.

        Raises
        ------
        InputError
            If the name exists already or cannot be used, or the classes are vectors.
        """
        self._set_classes(class_edits.add_class(self.classes, self.templates, name, synonyms))

    def add_classes(self, names: Iterable[str] | Mapping[str, Iterable[str]]) -> None:
        """Add several classes in one step, all or none.

        Parameters
        ----------
        names : iterable of str, or mapping of str to iterable of str
            The new names; or the new names with their synonyms.

        Raises
        ------
        InputError
            As for `add_class`.
        """
        try:
            listed = None if isinstance(names, str) else list(names)
        except TypeError:  # nothing that can be listed, such as an array without an axis
            listed = None
        if listed is None:
            raise InputError(
                f"Expected a list of class names, got {names!r}: write ['dog', 'cat']."
            )
        edited = self.classes, self.templates
        words = names.items() if isinstance(names, Mapping) else ((name, ()) for name in listed)
        for name, synonyms in words:
            edited = class_edits.add_class(*edited, name, synonyms)
        self._set_classes(edited)

    def remove_class(self, name: str) -> None:
        """Remove a class; its pins are kept, and apply again if the class comes back.

        Parameters
        ----------
        name : str
            A class name.

        Raises
        ------
        InputError
            If there is no such class, or it is the only one.
        """
        self._set_classes(class_edits.remove_class(self.classes, self.templates, name))

    def rename_class(self, old: str, new: str) -> None:
        """Rename a class, which also changes its prompts.

        It keeps its pins, synonyms and templates.

        Parameters
        ----------
        old, new : str
            The name of a class, and its new name.

        Raises
        ------
        InputError
            If there is no such class, or the new name exists already or cannot be used.
        """
        place = class_edits.class_index(self.classes, old)
        before = self.names[place]
        edited = class_edits.rename_class(self.classes, self.templates, old, new)
        after = edited[0].names[place]  # as classes spell it, whatever the Unicode form of `new`
        if after == before:
            return
        self._rename_beside(before, after)
        with self.hold_trait_notifications():
            self.classes, self.templates = edited
            self.pins = renamed(self.pins, before, after)
            self._history.record(self.pins, self.classes, self.templates, (before, after))

    def _rename_beside(self, before: str, after: str) -> None:
        """Rename a class in the marks, journal, runs and truth, which refer to it by name."""
        self._marks.rename(before, after)
        self._journal.write("rename", [before, after])
        self._runs.rename(before, after)
        known = self.known_truth if "embeddings" in self.computed else self.truth
        if known is not None:
            self.truth = renamed_truth(known, before, after)

    def move_class(self, name: str, place: int) -> None:
        """Move a class to another place among the classes; it keeps its number key and colour.

        Parameters
        ----------
        name : str
            A class name.
        place : int
            Its new index among the classes, 0 to C - 1.

        Raises
        ------
        InputError
            If there is no such class, or no such place.
        """
        self._set_classes(class_edits.move_class(self.classes, self.templates, name, place))

    def merge_classes(self, name: str, into: str) -> None:
        """Merge a class into another, as synonyms of it.

        The name, synonyms and pins of the first class go to the second. `undo` reverts all of it
        in one step.

        Parameters
        ----------
        name, into : str
            The class that disappears, and the class that takes it in.

        Raises
        ------
        InputError
            If there is no such class, both are the same, or the classes are vectors.
        """
        first, second = (class_edits.class_index(self.classes, word) for word in (name, into))
        edited = class_edits.merge_classes(self.classes, self.templates, name, into)
        before, after = self.names[first], self.names[second]
        with self.hold_trait_notifications():
            self.classes, self.templates = edited
            self.pins = renamed(self.pins, before, after)

    def set_synonyms(self, name: str, synonyms: Iterable[str]) -> None:
        """Replace the synonyms of a class.

        Parameters
        ----------
        name : str
            A class name.
        synonyms : iterable of str
            All other words for it.

        Raises
        ------
        InputError
            If there is no such class, a word cannot be used, or the classes are vectors.
        """
        self._set_classes(class_edits.set_synonyms(self.classes, self.templates, name, synonyms))

    def _set_classes(self, edited: tuple[Any, Any]) -> None:
        # Templates by class are checked against the classes: both change, or neither.
        with self.hold_trait_notifications():
            self.classes, self.templates = edited

    # --- pins --------------------------------------------------------------------------------

    def pin(self, images: ImageChoice, name: str) -> None:
        """Fix the label of images; the next run of the loop takes it into account.

        Parameters
        ----------
        images : int, str, path, or iterable of them
            One image or several, each by its index, 0 to N - 1; by its name, as in
            ``session.embeddings.images.names`` and in the column source of labels.csv; by the path
            of its file, on this machine or another; by its file name, if no other image has the
            same; or by its path in an export.
        name : str
            One of the class names.

        Raises
        ------
        InputError
            If there is no such image, or no such class.

        Examples
        --------
        >>> session.pin("holiday/0412.jpg", "cat")
        """
        name = self.names[class_edits.class_index(self.classes, name)]
        chosen = chosen_images(self._lookup, images)
        self.pins = {**named_pins(self.pins, self._lookup), **dict.fromkeys(chosen, name)}

    def unpin(self, images: ImageChoice) -> None:
        """Remove the pins of images, so that the loop decides again.

        Parameters
        ----------
        images : int, str, path, or iterable of them
            As for `pin`.

        Raises
        ------
        InputError
            If there is no such image.
        """
        gone = set(chosen_images(self._lookup, images))
        pins = named_pins(self.pins, self._lookup)
        self.pins = {image: name for image, name in pins.items() if image not in gone}

    def undo(self) -> None:
        """Undo the last change of the pins or the classes.

        Raises
        ------
        InputError
            If there is nothing to undo.
        """
        self._restore_state(*self._history.undo())

    def redo(self) -> None:
        """Redo the change that `undo` undid last.

        Raises
        ------
        InputError
            If there is nothing to redo.
        """
        self._restore_state(*self._history.redo())

    def _restore_state(self, state: HistoryState, names: tuple[str, str] | None) -> None:
        if names is not None:
            self._rename_beside(*names)
        with self.hold_trait_notifications():
            self.classes, self.templates = state.classes, state.templates
            self.pins = state.pins

    @property
    def can_undo(self) -> bool:
        """Whether there is a change of pins or classes to undo."""
        return self._history.can_undo

    @property
    def can_redo(self) -> bool:
        """Whether there is a change of pins or classes to redo."""
        return self._history.can_redo

    @property
    def corrections(self) -> tuple[Correction, ...]:
        """Every correction so far: when, which image, from what, to what."""
        return self._history.trail

    @property
    def saved_corrections(self) -> SavedCorrections | None:
        """Changes by earlier sessions over the same images that this one does not have, or None.

        Pins, class edits and settings are written to a journal beside the vectors as they are
        made, so that they outlive the kernel. A new session applies none of them unasked: a
        notebook that is run again gives the same result. `restore_corrections` applies them.
        """
        state = self._journal.read()
        current = {name: getattr(self, name) for name in self._stages.feeds}
        return None if state is None else state.beyond(self.pins, current)

    def restore_corrections(self) -> None:
        """Apply `saved_corrections`: pins, class edits and settings of earlier sessions.

        Pins that only this session has are kept. The journal holds no second view and no vectors
        of a vocabulary; a warning says if an earlier session had them and this one does not.

        Raises
        ------
        InputError
            If there is nothing to restore.

        Examples
        --------
        >>> session = Session("photos", ["dog", "cat"])
        >>> session.saved_corrections
        SavedCorrections(count=41, when='2026-11-25T17:03:12+00:00', images=40,
                         settings=('kept',), missing=())
        >>> session.restore_corrections()
        """
        state, saved = self._journal.read(), self.saved_corrections
        if state is None or saved is None:
            raise InputError(
                "Expected saved corrections that this session does not have, found none: nothing "
                "needs restoring."
            )
        settings = state.consistent(self.classes, self.iterations)
        with self.hold_trait_notifications():  # all or nothing
            for name, value in settings.items():
                setattr(self, name, value)
            self.pins = {**self.pins, **state.pins}
        if saved.missing:
            warnings.warn(
                f"Corrections are restored without {' and '.join(saved.missing)}, which an "
                "earlier session had and the journal does not keep: set it again for the same "
                "labels.",
                stacklevel=2,
            )

    def next_to_correct(self, count: int = 10) -> NDArray[np.int64]:
        """Choose the images that are most worth correcting, the most useful first.

        A correction helps most where an image and its neighbours are doubtful, and none of them
        is pinned yet. The gallery shows pictures in this order; see
        `protolabel.evaluation.next_to_correct`.

        Parameters
        ----------
        count : int, default 10
            Number of images, 0 or more.

        Returns
        -------
        ndarray
            (n,) int64 image indices, for `pin`, without the images that are pinned already.

        Raises
        ------
        InputError
            If `count` is not a whole number of 0 or more.

        Examples
        --------
        >>> for image in session.next_to_correct(5):
        ...     session.pin(image, "cat")  # what a person sees in it
        """
        return next_to_correct(self.labels, self.graph, count)

    # --- from images to vectors and clusters -------------------------------------------------

    @property
    def encoder(self) -> Encoder:
        """The encoder, loaded when it is first needed."""
        return self._source.encoder

    @stage()
    def _images(self) -> ImageSet:
        """All images found; `embeddings` has those whose pixels can be read."""
        return self._source.find()

    @stage("images")
    def embeddings(self) -> Embeddings:
        """One vector for each image that can be read."""
        return self._source.embed(self._images, self._report)

    @stage("embeddings")
    def _lookup(self) -> ImageLookup:
        """Finds images by name, path, file name, or their path in an export."""
        from protolabel.exporting.names import image_files

        images = self.embeddings.images
        return ImageLookup.of(images, lambda: image_files(images))

    @stage("embeddings", settings=("visual",), name="visual")
    def visual_embeddings(self) -> Embeddings | None:
        """One visual vector for each image of `embeddings`; None without a second encoder."""
        if self.visual is None:
            return None
        return self._source.embed_visual(self.visual, self.embeddings.images, self._report)

    @stage("embeddings")
    def _space(self) -> ImageSpace:
        """The image vectors, prepared once for all runs of the loop."""
        return image_space(self.embeddings.unit)

    @stage("visual")
    def _visual_space(self) -> ImageSpace | None:
        """The visual vectors, prepared likewise; None without a second encoder."""
        visual = self.visual_embeddings
        return None if visual is None else image_space(visual.unit)

    @stage("embeddings", settings=("preset", "seed"))
    def graph(self) -> KnnGraph:
        """Nearest neighbours of every image."""
        return self._neighbors(self.embeddings)

    @stage("visual", settings=("preset", "seed"))
    def visual_graph(self) -> KnnGraph | None:
        """Nearest neighbours by the visual vectors; None without a second encoder."""
        visual = self.visual_embeddings
        return None if visual is None else self._neighbors(visual)

    def _neighbors(self, embedded: Embeddings) -> KnnGraph:
        return knn_graph(embedded.vectors, self._preset.neighbors, seed=self.seed)

    @property
    def _preset(self) -> Preset:
        return choose_preset(self.preset, len(self.embeddings))

    @stage("visual", "graph", "visual_graph", settings=("preset", "min_cluster_size", "seed"))
    def clusters(self) -> Clusters:
        """Micro- and meta-clusters."""
        visual = self.visual_embeddings
        return cluster(
            self.embeddings.vectors,
            self.visual_graph or self.graph,
            visual=None if visual is None else visual.vectors,
            preset=self.preset,
            min_cluster_size=self.min_cluster_size,
            seed=self.seed,
            progress=self._report,
        )

    @stage("visual", "graph", settings=("preset", "min_cluster_size", "seed"))
    def _first_clusters(self) -> Clusters | None:
        """Clusters of the first view, which vote where the second is not trusted; else None."""
        if self.visual_embeddings is None:
            return None
        return cluster(
            self.embeddings.vectors,
            self.graph,
            preset=self.preset,
            min_cluster_size=self.min_cluster_size,
            seed=self.seed,
            progress=self._report,
        )

    # --- search ------------------------------------------------------------------------------

    def search(self, words: str) -> NDArray[np.int64]:
        """Rank the images by how well some words describe them.

        Parameters
        ----------
        words : str
            A description, such as "red sofa".

        Returns
        -------
        ndarray
            (N,) int64 indices of all images, the best first.

        Raises
        ------
        InputError
            If the encoder cannot read the words.
        EncoderError
            If the encoder cannot be loaded.

        Examples
        --------
        >>> session.embeddings.images.names[session.search("red sofa")[0]]
        'holiday/0412.jpg'
        """
        return most_similar(self.embeddings.vectors, words_vector(words, self.encoder))

    def similar(self, image: int) -> NDArray[np.int64]:
        """Rank the images by how much they look like one of them.

        Parameters
        ----------
        image : int
            Index, 0 to N - 1.

        Returns
        -------
        ndarray
            (N,) int64 indices of all images, the most similar first.

        Raises
        ------
        InputError
            If there is no such image.
        """
        vectors = (self.visual_embeddings or self.embeddings).vectors
        if not is_whole_number(image, 0) or image >= len(vectors):
            raise InputError(f"Expected an image from 0 to {len(vectors) - 1}, got {image!r}.")
        return most_similar(vectors, vectors[image])

    # --- from names to labels ----------------------------------------------------------------

    @stage(settings=("classes", "templates"))
    def text(self) -> ClassVectors:
        """One text vector for each class.

        Raises
        ------
        InputError
            If there are no class names yet, or as for `embed_classes`.
        """
        if isinstance(self.classes, ClassVectors):
            return self.classes
        if not self.names:
            raise InputError(
                "Expected class names, got none yet: set session.classes, for example to "
                "session.suggest().classes."
            )
        return embed_classes(self.classes, self.encoder, self.templates)

    @stage(
        "space", "visual_space", "clusters", "first_clusters", "text", "graph", "visual_graph",
        settings=("method", "units", "pins"),
    )  # fmt: skip
    def _loop(self) -> PreparedLoop:
        """The loop, prepared once for the many runs that a slider asks for."""
        text = self.text  # first: hours of embedding would be lost to a name that is refused
        return prepare(
            self._space,
            text,
            self.clusters,
            method=cast("Any", self.method),
            units=cast("Any", self.units),
            pins=pin_indices(self.pins, self._lookup, self.names),
            visual=self._visual_space,
            graph=self.graph,
            visual_graph=self.visual_graph,
            first_clusters=self._first_clusters,
        )

    @stage("loop", settings=("temperature", "iterations"))
    def refinement(self) -> Refinement:
        """Every iteration of the loop."""
        return self._loop.refine(self.temperature, self.iterations, self._report)

    @stage("refinement", settings=("kept",))
    def _all_labels(self) -> Labels:
        """The labels of the kept iteration for every image; each computation records a run."""
        names = set(self._stages.settings_of("all_labels")) - {"pins"}
        settings = {name: getattr(self, name) for name in names}
        labels = label(self.refinement, self.kept)
        self._stages.check()  # a run that a new setting has overtaken is not worth comparing
        self._runs.record(labels, settings, self.known_truth)
        return labels

    @stage("all_labels", "fit", settings=("none_of_these",))
    def labels(self) -> Labels:
        """The labels of the kept iteration; `none_of_these` sets aside images that fit no name."""
        if self.none_of_these is None:
            return self._all_labels
        return self._all_labels.set_aside(self.fit.unfit(self.none_of_these))

    # --- whether the names fit ---------------------------------------------------------------

    @stage("all_labels", "graph", "vocabulary")
    def fit(self) -> Fit:
        """How well each image fits its name; `Fit.count_at` counts those that fit none."""
        return measure_fit(
            self._all_labels,
            self.embeddings.unit,
            self.graph,
            background=self._vocabulary_vectors,
            progress=self._report,
        )

    @stage(settings=("vocabulary",), name="vocabulary")
    def _vocabulary_vectors(self) -> ClassVectors | None:
        words = self.vocabulary
        if words is None or isinstance(words, ClassVectors):
            return words
        # One sentence for each word: there may be thousands of them.
        return embed_classes(words, self.encoder, DEFAULT_TEMPLATES[:1])

    @stage("vocabulary")
    def words(self) -> Words:
        """The words that `suggest` chooses from, with their text vectors, (M, d) float32."""
        own = self._vocabulary_vectors
        if own is not None:
            return own_words(own.names, own.vectors), own.vectors
        info = encoder_info(self.encoder)
        vocabulary = sample_words() if info.model == "sample" else everyday_words()
        return vocabulary, embed_words(vocabulary, self.encoder, progress=self._report)

    @stage("embeddings", "graph", "words", settings=("seed",))
    def name_tree(self) -> NameTree:
        """The groups that `suggest` names, at every level."""
        vocabulary, vectors = self.words
        return group_images(
            self.embeddings.unit,
            self.graph,
            vocabulary,
            vectors,
            logit_scale=self.embeddings.encoder.logit_scale,
            seed=self.seed,
            progress=self._report,
        )

    def suggest(self, count: int | None = None) -> Suggestions:
        """Suggest class names for the folder: groups of similar images, and words for them.

        The words come from `vocabulary`; without it, they are the everyday words of ImageNet-21k,
        or the animals that the sample encoder knows. They are embedded once per encoder and kept.

        Parameters
        ----------
        count : int, optional
            Number of groups, 1 or more: few groups are coarse (dogs), many are fine (breeds of
            dogs). By default the number at which the words describe the images best.

        Returns
        -------
        Suggestions

        Raises
        ------
        InputError
            If `count` is not a positive whole number.
        EncoderError
            If the encoder has no text side.

        Examples
        --------
        >>> session = Session("photos")
        >>> session.classes = session.suggest().classes
        >>> session.names
        ('dog', 'cat', 'giraffe')
        """
        return self.name_tree.suggest(count)

    def missing_names(self, most: int = 5) -> tuple[MissingName, ...]:
        """Find micro-clusters that fit no name, with suggestions from `vocabulary`.

        Without a vocabulary, suggestions come from the words of `suggest`, after it was called.

        Parameters
        ----------
        most : int, default 5
            Number of suggestions for each cluster.

        Returns
        -------
        tuple of MissingName
            Clusters whose images have a mean fit below `none_of_these`, or below 0.5 if that is
            None; the largest first.

        Examples
        --------
        >>> session.vocabulary = ["zebra", "owl", "panda", "bicycle"]
        >>> [(len(missing), missing.suggestions[0][0]) for missing in session.missing_names()]
        [(38, 'zebra')]
        """
        strictness = DEFAULT_STRICTNESS if self.none_of_these is None else self.none_of_these
        words = self._vocabulary_vectors
        if words is None and "words" in self.computed:
            vocabulary, vectors = self.words
            words = ClassVectors(vocabulary.words, vectors)
        return missing_names(
            self._all_labels,
            self.embeddings.unit,
            self.fit,
            words,
            strictness=strictness,
            most=most,
        )

    # --- the map -----------------------------------------------------------------------------

    @stage("visual", "graph", "visual_graph", settings=("preset", "seed"))
    def map(self) -> NDArray[np.float32]:
        """(N, 2) coordinates of every image; they do not change with the labels."""
        return project(
            (self.visual_embeddings or self.embeddings).vectors,
            self.visual_graph or self.graph,
            preset=self.preset,
            seed=self.seed,
            progress=self._report,
        )

    @stage("refinement", "map")
    def prototype_map(self) -> NDArray[np.float32]:
        """(T + 1, C, 2) coordinates of every prototype at every iteration."""
        return place_prototypes(self.refinement, self.embeddings.unit, self.map)

    # --- runs, evaluation, audit -------------------------------------------------------------

    @property
    def runs(self) -> RunHistory:
        """Every run so far, with its settings."""
        return self._runs

    @property
    def diagnostics(self) -> Diagnostics:
        """Diagnostics of the run up to the kept iteration, in numbers and plain words."""
        return diagnose(self.labels)

    def evaluate(self, truth: Truth | None = None) -> Evaluation:
        """Compare the labels with the true classes, where known.

        The truth is kept in `truth`, and `runs` show the accuracy of every run.

        Parameters
        ----------
        truth : sequence of (str or None), mapping of str to str, or path, optional
            One name for each image of ``session.embeddings.images``, None where it is unknown; a
            mapping of image name to class name; a table; a folder of class folders, or the file
            of a table: see `protolabel.evaluation.read_truth`. By default the truth that was
            passed last, else the class folders that ``find_images(folder, truth=True)`` found.

        Returns
        -------
        Evaluation

        Raises
        ------
        InputError
            If no truth is known, or it does not fit the images.

        Examples
        --------
        >>> session.evaluate({"a.jpg": "cat", "b.jpg": "dog"}).accuracy
        1.0
        """
        unmatched: tuple[str, ...] = ()
        if truth is not None:
            self.truth, found = matched_truth(truth, self._lookup)
            unmatched = found.left
        known = self.known_truth
        if known is None:
            raise InputError(
                "Expected true classes of some or all images, but none are known: pass them, or "
                "make the session from find_images(folder, truth=True)."
            )
        return replace(evaluate(self.labels, known), unmatched=unmatched)

    def audit(self, images: int = 40, *, seed: int | None = None) -> Audit:
        """Draw a random sample of labels to check by eye, to estimate how many are right.

        The sample is stratified by class and agreement. The audit is about the current labels;
        as long as they stay the same, `export` writes its result into the dataset. Audited
        images become pins only if you pin them.

        Parameters
        ----------
        images : int
            Number of images to check, 1 or more.
        seed : int, optional
            Seed of the draw; by default `seed`.

        Returns
        -------
        Audit

        Raises
        ------
        InputError
            If `images` is not a positive whole number, or every label is pinned or set aside.

        Examples
        --------
        >>> audit = session.audit(40)
        >>> for image in audit.images:
        ...     audit.confirm(image)  # or audit.correct(image, "cat")
        >>> print(audit.estimate())
        """
        labels = self.labels
        self._audit = Audit(
            labels.names,
            labels.label,
            labels.agreement,
            images,
            pinned=labels.pinned,
            unfit=labels.unfit,
            seed=self.seed if seed is None else seed,
        )
        return self._audit

    @property
    def last_audit(self) -> Audit | None:
        """The audit that was drawn last, with its answers; `save` keeps it. None without one."""
        return self._audit

    def pin_audited(self) -> None:
        """Pin the images of the last audit to the classes that were answered.

        `undo` reverts it in one step. Answers that name no class are left out. The estimate of
        the audit is not about the labels that follow, so draw a new audit for those.

        Raises
        ------
        InputError
            If there is no audit, or it has no answer yet.
        """
        if self._audit is None or not self._audit.answers:
            raise InputError("Expected an audit with answers, got none: call audit(40) first.")
        files = self.embeddings.images.names
        answers = self._audit.answers.items()
        new = {files[image]: name for image, name in answers if name in self.names}
        self.pins = {**self.pins, **new}

    def _audited(self) -> AuditEstimate | None:
        """Return the estimate of the last audit if the labels have not changed since."""
        audit, labels = self._audit, self.labels
        if audit is None or not audit.is_of(labels.names, labels.label, labels.unfit):
            return None
        estimate = audit.estimate()
        return estimate if estimate.checked else None

    @property
    def known_truth(self) -> tuple[str | None, ...] | None:
        """The true class of each image, None where unknown: `truth`, or the class folders."""
        return self.embeddings.images.truth if self.truth is None else self.truth

    # --- progress, studio, closing -----------------------------------------------------------

    @property
    def computed(self) -> frozenset[str]:
        """Names of the stages already computed: embeddings, graph, clusters, text, labels, ..."""
        vectors = {"text"} if isinstance(self.classes, ClassVectors) else set()
        return frozenset(self._stages.names) | vectors

    def report_to(self, progress: ProgressFn | None) -> None:
        """Report progress to another function from now on.

        Parameters
        ----------
        progress : callable or None
            ``progress(phase, done, total)``; None shows tqdm bars.
        """
        self._progress = resolve(progress)

    def _report(self, phase: str, done: int, total: int) -> None:
        self._stages.check()
        self._progress(phase, done, total)

    @property
    def widget(self) -> Studio:
        """The studio: every panel, bound to this session."""
        if self._studio is None or self._studio.closed:
            from protolabel.widgets.studio import Studio

            self._studio = Studio(self)
        return self._studio

    def _ipython_display_(self, **_: Any) -> None:
        self.widget.show()

    def on_close(self, callback: Callable[[], None]) -> None:
        """Call a function when the session is closed.

        Parameters
        ----------
        callback : callable
            Takes no arguments. The callback that was registered last is called first.

        Raises
        ------
        InputError
            If it cannot be called.
        """
        if not callable(callback):
            raise InputError(f"Expected a function to call, got {callback!r}.")
        self._closing.append(callback)

    def close(self) -> None:
        """Close the studio and all background work of the session.

        Computed results stay, and the session remains usable: it can still compute labels, and
        `widget` creates a new studio. A second call does nothing.
        """
        while self._closing:
            self._closing.pop()()
        self._studio = None
        self._progress = self._own_progress

    def __enter__(self) -> Self:
        """Return the session itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the session."""
        self.close()

    # --- export, save, load ------------------------------------------------------------------

    @property
    def parameters(self) -> Mapping[str, Any]:
        """Everything the result depends on, as plain values; pins as image name -> class name."""
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

    def export(
        self,
        folder: str | os.PathLike[str],
        *,
        formats: Sequence[str] | None = None,
        link: str = "copy",
        shares: Sequence[float] = (0.7, 0.15, 0.15),
        groups: Groups | None = None,
        overwrite: bool = False,
        best: int = DEFAULT_BEST,
    ) -> ExportResult:
        """Write the labelled dataset.

        Parameters
        ----------
        folder, formats, link, shares, groups, overwrite, best
            As for `protolabel.export`.

        Returns
        -------
        ExportResult

        Raises
        ------
        InputError
            If an argument cannot be used.
        ExportError
            If the folder may not, or cannot, be written.

        Examples
        --------
        >>> session.export("annotated_dataset", formats=["folders", "csv"], link="hardlink")
        """
        from protolabel.exporting import DEFAULT_FORMATS, check_export, export

        options: dict[str, Any] = {
            "formats": DEFAULT_FORMATS if formats is None else formats,
            "link": link,
            "shares": shares,
            "groups": groups,
            "overwrite": overwrite,
            "best": best,
        }
        writers, *_ = check_export(self._images, folder, **options)  # before hours of embedding
        mapped = any(writer.needs_map for writer in writers)
        visual = self.visual_embeddings
        return export(
            self.labels,
            self.embeddings,
            folder,
            **options,
            seed=self.seed,
            parameters=self.parameters,
            projection=self.map if mapped else None,
            prototype_map=self.prototype_map if mapped else None,
            graph=self.graph,
            visual_encoder=None if visual is None else visual.encoder,
            visual=None if visual is None else visual.vectors,
            audit=self._audited(),
            colours=self.colours,
            progress=self._report,
        )

    def to_pandas(self, *, best: int = DEFAULT_BEST) -> DataFrame:
        """Return the labels as a table, one row an image, in the order of the images.

        Parameters
        ----------
        best : int
            Number of best classes of each image that get columns, 1 to 5.

        Returns
        -------
        pandas.DataFrame
            The columns of ``labels.csv``, and those of the user's table, but without ``file``,
            ``split`` and ``near_duplicates``, which only an export knows. Class names are
            categories in the order of the classes.

        Raises
        ------
        InputError
            If pandas is not installed, or `best` is not a whole number from 1 to 5.

        Examples
        --------
        >>> table = session.to_pandas()
        >>> table.sort_values("margin").head()
        """
        from protolabel.exporting.frame import to_pandas

        return to_pandas(self.labels, self.embeddings.images, best)

    def to_html(self, path: str | os.PathLike[str], **options: Any) -> Path:
        """Write the run as one HTML page that plays without a kernel.

        Parameters
        ----------
        path : path
            The file to write.
        **options
            ``title`` and the like, as for `protolabel.exporting.write_replay`.

        Returns
        -------
        Path
            The file.
        """
        from protolabel.exporting import write_replay

        return write_replay(
            path,
            self.labels,
            self.embeddings.images,
            self.map,
            self.prototype_map,
            **{"progress": self._progress, "colours": self.colours, **options},
        )

    def save(self, folder: str | os.PathLike[str]) -> Path:
        """Save the session to a folder, for `Session.load`.

        The folder holds the settings, the colours of the classes, vectors, clusters, map, audit,
        and the groups that `suggest` names.

        If the process dies, the folder holds either the earlier session or the new one, complete.

        Parameters
        ----------
        folder : path
            A new or empty folder, or that of a saved session, which this one replaces.

        Returns
        -------
        Path
            The folder.

        Raises
        ------
        StoreError
            If the folder holds something else, or cannot be written.
        """
        from protolabel.session.saving import SavedStages, save_session

        settings = {name: getattr(self, name) for name in self._stages.feeds if name != "visual"}
        settings |= {"corrections": self._history.records(), "truth": self.truth}
        stages = SavedStages(
            self.graph,
            self.clusters,
            self._stages.peek("map"),
            self.visual_embeddings,
            self.visual_graph,
            self._audit,
            self._stages.peek("name_tree"),
            self._marks.state(),
        )
        place = as_path(folder, "a folder to save to")
        return save_session(place, settings, self.embeddings, stages, self.text)

    @classmethod
    def load(
        cls,
        folder: str | os.PathLike[str],
        *,
        images: str | os.PathLike[str] | None = None,
        trust: bool = False,
        **options: Any,
    ) -> Session:
        """Load a saved session, or open an exported dataset as a session.

        A saved session is not embedded, clustered or laid out again. A dataset provides its
        images, classes, settings, pins and audit trail; vectors come from the store or the cache,
        or the images are embedded again.

        Parameters
        ----------
        folder : path
            A folder that `save` or `export` wrote.
        images : path, optional
            The folder of the images, if they have moved; images that moved together with
            `folder` are found without it. By default, the images of a dataset are those in the
            folder that it was exported from, if the files there are still the same; else its own
            copies, and the pins then have the names of the copies.
        trust : bool, default False
            Whether encoders that the folder names may be loaded from a hub or a file. Leave it
            off for folders from strangers. Encoders that you name are always loaded.
        **options
            ``encoder``, ``pretrained``, ``device``, ``store``, ``progress``, and for a dataset
            also ``classes`` and ``visual``, as for `Session`.

        Returns
        -------
        Session

        Raises
        ------
        StoreError
            If the folder is neither a saved session nor a dataset, or is damaged.
        EncoderError
            If a dataset needs an encoder that you do not name, and `trust` is off.

        Examples
        --------
        >>> session = Session.load("annotated_dataset", encoder="ViT-B-32")
        >>> session.pin("holiday/0412.jpg", "cat")
        >>> session.export("annotated_dataset", overwrite=True)
        """
        return cls._load(folder, images, options, trust=trust)

    @classmethod
    def _load(
        cls,
        folder: str | os.PathLike[str],
        images: str | os.PathLike[str] | None,
        options: dict[str, Any],
        *,
        trust: bool,
        shared: SharedEncoder | None = None,
    ) -> Session:
        from protolabel.session.reopening import is_dataset, reopen_dataset
        from protolabel.session.saving import is_session, load_session

        images = None if images is None else as_path(images, "a folder of images")
        folder = as_path(folder, "a saved session or a dataset")
        if is_dataset(folder) and not is_session(folder):
            return cls._of_dataset(
                reopen_dataset(folder, images), options, trust=trust, shared=shared
            )
        settings, embeddings, stages, text = load_session(folder)
        if images is not None:
            embeddings = replace(embeddings, images=embeddings.images.at(images))
        settings["visual"] = stages.visual
        at_hand = {"embeddings": embeddings, "text": text, **stages.at_hand()}
        return cls._restored(
            embeddings,
            settings,
            options,
            recorded=embeddings.encoder,
            trust=trust,
            shared=shared,
            stages=at_hand,
            audit=stages.audit,
            marks=stages.marks,
        )

    def reopen(
        self, folder: str | os.PathLike[str], *, images: str | os.PathLike[str] | None = None
    ) -> Session:
        """Load a saved session or a dataset as `load` does, with the store of this session.

        The encoder of this session is used as well, if the folder names the same encoder.

        Parameters
        ----------
        folder, images : path
            As for `load`.

        Returns
        -------
        Session
            A new session, which `opened` also returns from now on; this one does not change.

        Raises
        ------
        StoreError
            If the folder is neither a saved session nor a dataset, or is damaged.
        EncoderError
            If a dataset needs another encoder, which is not loaded unasked.
        """
        shared = self.embeddings.encoder, self._source
        made = self._load(folder, images, {"store": self._source.store}, trust=False, shared=shared)
        self._opened = made
        return made

    @property
    def opened(self) -> Session | None:
        """The session that `reopen`, or the studio's *Open*, returned last; None before."""
        return self._opened

    @classmethod
    def _of_dataset(
        cls,
        dataset: Reopened,
        options: dict[str, Any],
        *,
        trust: bool,
        shared: SharedEncoder | None,
    ) -> Session:
        settings = {"classes": dataset.classes, "visual": dataset.visual, **dataset.settings}
        marks = None if "classes" in options else dataset.marks
        settings |= {name: options.pop(name) for name in ("classes", "visual") if name in options}
        if settings["classes"] is None:
            raise StoreError(
                "Expected a dataset whose classes are words, got one whose classes were vectors: "
                "pass classes=, the ClassVectors that were used."
            )
        if isinstance(settings["visual"], EncoderInfo):
            named = checked_record(settings["visual"], trust=trust, option="visual")
            settings["visual"] = load_encoder(named, device=options.get("device", "auto"))
        recorded = dataset.encoder or EncoderInfo.unknown(1)
        if options.get("encoder") is None and (shared is None or shared[0] != recorded):
            checked_record(recorded, trust=trust)
        return cls._restored(
            dataset.images, settings, options, recorded=recorded, trust=trust, shared=shared,
            stages={}, marks=marks,
        )  # fmt: skip

    @classmethod
    def _restored(
        cls,
        source: ImageSet | Embeddings,
        settings: dict[str, Any],
        options: dict[str, Any],
        *,
        recorded: EncoderInfo,
        trust: bool,
        shared: SharedEncoder | None,
        stages: Mapping[str, Any],
        audit: Audit | None = None,
        marks: Any = None,
    ) -> Session:
        """Make a session from the contents of a folder."""
        trail, truth = settings.pop("corrections"), settings.pop("truth")
        try:
            session = cls(source, **settings, **options)
            session._stages.put(**stages)
            session.truth = truth
            if marks is not None:
                session._marks.restore(marks)
        except InputError as error:
            raise StoreError(
                f"Expected the settings of a session, got some that do not fit together: {error}"
            ) from error
        session._history = PinHistory(session.pins, trail, session.classes, session.templates)
        session._source.recorded, session._source.trusted = recorded, trust
        session._audit = audit
        if shared is not None and shared[0] == recorded:
            session._source.share(shared[1])
        return session


def _no_setting(names: Sequence[str], known: Iterable[str]) -> InputError:
    listed = sorted(known)
    return InputError(
        f"Session has no setting {', '.join(names)}; it has {', '.join(listed)}."
        f"{did_you_mean(names[0], listed, 1)}"
    )

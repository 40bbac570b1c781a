"""A scikit-learn classifier that labels new images as a run would have labelled them."""

from __future__ import annotations

import io
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from numbers import Real
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from protolabel.clustering.clusters import cluster
from protolabel.clustering.image_space import image_space
from protolabel.clustering.neighbors import NeighborIndex, knn_graph
from protolabel.clustering.presets import choose_preset
from protolabel.common.checks import as_path
from protolabel.common.files import DAMAGED, check_regular, write_bytes
from protolabel.common.progress import ProgressFn, silent
from protolabel.common.system_errors import system_says
from protolabel.common.vectors import (
    FloatArray,
    as_vectors,
    as_visual,
    log_softmax,
    unit_rows,
)
from protolabel.embedding.prompts import ClassVectors
from protolabel.errors import ExportError, InputError, StoreError
from protolabel.refinement.iteration import no_further, summarize
from protolabel.refinement.labels import Labels, label
from protolabel.refinement.loop import refine
from protolabel.refinement.memory import MEMORY_LIMIT, Memory, calibrated, remember
from protolabel.refinement.prototypes import PrototypeModel, Prototypes, fit_prototypes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from numpy.typing import ArrayLike, NDArray


__all__ = ["PrototypeClassifier"]

_FORMAT = 1
TOGETHER_LIMIT = 2 * MEMORY_LIMIT  # images of one loop, remembered and new ones
_BLOCK = 2**25  # numbers at a time: 128 MB of float32
_MANY = 0.1  # new images for each remembered one, from which the loop runs over both
_OLD_KEYS = {"reread": "confused_classes", "readings": "confusion"}  # of version 0.1


class PrototypeClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Nearest-prototype classifier with the distances, text, prior and neighbours of the loop.

    `from_labels` takes the prototypes of a run and, with its vectors, remembers up to 50,000 of
    its images; `fit` learns prototypes from labelled vectors instead (class means, and the spread
    within the classes along the strongest axes).

    Parameters
    ----------
    temperature : float
        Softness of the distances relative to the typical spread within a class, above 0.
    prior_weight : float
        Weight of the class prior, 0 or more; 0 ignores it.

    Attributes
    ----------
    classes_ : (C,) array
        Class labels; the class names where it comes from a run.
    model_ : PrototypeModel
        The fitted model.
    memory_ : Memory or None
        Images whose labels vote on new ones; None where only the prototypes do.
    n_features_in_ : int
        The d of the vectors; with visual vectors d + d2: X is then the two side by side.
    """

    def __init__(self, *, temperature: float = 0.1, prior_weight: float = 0.5) -> None:
        self.temperature = temperature
        self.prior_weight = prior_weight

    @classmethod
    def from_labels(
        cls, labels: Labels, vectors: FloatArray | None = None, visual: FloatArray | None = None
    ) -> Self:
        """Return the fitted classifier of the iteration that `labels` are from.

        Parameters
        ----------
        labels : Labels
            From `label`.
        vectors : (N, d) floating, optional
            The vectors that were labelled, so that their images can vote on new ones. Without them
            the prototypes decide alone, which is a few points worse.
        visual : (N, d2) floating, optional
            The visual vectors, where the run had some.

        Returns
        -------
        PrototypeClassifier

        Raises
        ------
        InputError
            If the vectors are not those of the labels.
        """
        memory = None
        if vectors is not None:
            vectors = as_vectors(vectors, dim=labels.model.dim)
            if len(vectors) != len(labels):
                raise InputError(
                    f"Expected the vectors of the {len(labels)} labelled images, got "
                    f"{len(vectors)}: pass those that were given to refine."
                )
            if visual is not None:
                visual = as_visual(visual, len(vectors), labels.model.visual_dim)
            memory = remember(labels, vectors, visual)
        return cls._fitted(np.array(labels.names), labels.model, memory)

    @classmethod
    def _fitted(cls, classes: NDArray[Any], model: PrototypeModel, memory: Memory | None) -> Self:
        classifier = cls()
        classifier.classes_, classifier.model_ = classes, model
        classifier.memory_ = memory
        classifier.n_features_in_ = model.dim + model.visual_dim
        return classifier

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Learn one prototype per class from labelled vectors.

        Parameters
        ----------
        X : array_like
            (N, d) vectors; only their direction counts.
        y : array_like
            (N,) labels.

        Returns
        -------
        PrototypeClassifier

        Raises
        ------
        InputError
            If the temperature is not above 0.
        """
        for name, least in (("temperature", 1e-9), ("prior_weight", 0.0)):
            value = getattr(self, name)
            if not isinstance(value, Real) or not least <= float(value) < np.inf:
                above = "0 or more" if least == 0.0 else "above 0"
                raise InputError(f"Expected a {name} {above}, got {value!r}: try 0.1.")
        with _refusing():
            X, y = validate_data(self, X, y)
            check_classification_targets(y)
        self.classes_, index = np.unique(y, return_inverse=True)
        self.model_ = fit_prototypes(
            unit_rows(np.asarray(X)),
            index,
            len(self.classes_),
            temperature=self.temperature,
            prior_weight=self.prior_weight,
        )
        self.memory_: Memory | None = None
        return self

    def decision_function(self, X: ArrayLike) -> NDArray[np.float32]:
        """Return the scores, (N, C) float32; of two classes, second minus first, (N,)."""
        scores = self._scores(X)
        if scores.shape[1] == 2:
            return np.asarray(scores[:, 1] - scores[:, 0])
        return scores

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float32]:
        """Return the softmax of the scores, (N, C) float32; unlike in `label`, not calibrated."""
        return np.exp(log_softmax(self._scores(X)))

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Return the class label of every vector, (N,)."""
        best = self._scores(X).argmax(axis=1)  # first: it checks that the classifier is fitted
        return np.asarray(self.classes_[best])

    def label(
        self,
        vectors: NDArray[np.floating],
        visual: NDArray[np.floating] | None = None,
        *,
        together: bool = True,
        progress: ProgressFn = silent,
    ) -> Labels:
        """Label new images, with agreement, margin and runner-up.

        Parameters
        ----------
        vectors : ndarray
            (N, d) image embeddings by the encoder of the run; may be a memory map.
        visual : ndarray or None
            (N, d2) by the second encoder of the run, where it had one.
        together : bool
            Many new images are also evidence about one another. Where they are a tenth of the
            remembered ones or more, the loop runs over both, or over 100,000 of them. False: every
            image is judged by itself, and its label does not depend on what comes with it.
        progress : callable
            ``progress(phase, done, total)``.

        Returns
        -------
        Labels

        Raises
        ------
        InputError
            If the vectors do not fit, or visual vectors are missing or not expected.
        """
        if together:
            return self.join(vectors, visual, progress=progress)[1]
        return self._label_each(*self._checked(vectors, visual), progress)

    def joining(self, n: int) -> int:
        """Return how many of `n` new images the loop would run over with the remembered ones.

        At most 100,000 with the remembered ones; 0 where they are less than a tenth of these, or
        none are remembered.
        """
        if self.memory_ is None:
            return 0
        count = min(n, TOGETHER_LIMIT - len(self.memory_))
        return count if count >= _MANY * len(self.memory_) else 0

    def join(
        self,
        vectors: FloatArray,
        visual: FloatArray | None = None,
        *,
        progress: ProgressFn = silent,
    ) -> tuple[Self, Labels]:
        """Label new images together with the remembered ones, and remember both.

        Parameters
        ----------
        vectors : (n, d) floating
            Embeddings by the encoder of the run; may be a memory map.
        visual : (n, d2) floating, optional
            By the second encoder of the run, where it had one.
        progress : callable
            ``progress(phase, done, total)``.

        Returns
        -------
        classifier : PrototypeClassifier
            Remembers the images that the loop ran over, old and new ones, or a random sample of
            50,000. This classifier itself where too few are new.
        labels : Labels
            Of the new images, as from `label`.

        Raises
        ------
        InputError
            If the vectors do not fit, or visual vectors are missing or not expected.
        """
        vectors, visual = self._checked(vectors, visual)
        n = len(vectors)
        count = self.joining(n)
        if not count or self.memory_ is None:
            return self, self._label_each(vectors, visual, progress)
        rows = np.sort(np.random.default_rng(0).permutation(n)[:count])
        also = None if visual is None else visual[rows]
        labels, both, beside = self._loop(self.memory_, vectors[rows], also, progress)
        richer = self.from_labels(labels, both, beside)
        if count == n:
            return richer, _rows(labels, slice(len(self.memory_), None))
        return richer, richer.label(vectors, visual, together=False, progress=progress)

    def _checked(
        self, vectors: NDArray[np.floating], visual: NDArray[np.floating] | None
    ) -> tuple[FloatArray, FloatArray | None]:
        """Check new vectors against those of the run."""
        check_is_fitted(self)
        model: PrototypeModel = self.model_
        vectors = as_vectors(vectors, dim=model.dim)
        if (visual is None) != (model.visual_dim == 0):
            need = f"(N, {model.visual_dim}) visual vectors" if model.visual_dim else "none"
            raise InputError(
                f"Expected {need} beside the vectors, as in the run that these prototypes are "
                f"from; got {'none' if visual is None else 'some'}."
            )
        if visual is not None:
            visual = as_visual(visual, len(vectors), model.visual_dim)
        return vectors, visual

    def _loop(
        self,
        memory: Memory,
        vectors: FloatArray,
        visual: FloatArray | None,
        progress: ProgressFn,
    ) -> tuple[Labels, FloatArray, FloatArray | None]:
        """Run the loop over the remembered images and, after them, new ones."""
        model: PrototypeModel = self.model_
        both = np.concatenate([memory.index.in_order(), vectors], dtype=np.float32)
        neighbors = choose_preset(None, len(both)).neighbors
        graph = knn_graph(both, neighbors)
        also = visual_graph = None
        if visual is not None and memory.visual is not None:
            also = np.concatenate([memory.visual.in_order(), visual], dtype=np.float32)
            visual_graph = knn_graph(also, neighbors)
        pinned = np.flatnonzero(memory.pinned)
        names = tuple(str(name) for name in self.classes_)
        run = refine(
            both,
            ClassVectors(names, model.text, logit_scale=model.text_scale),
            cluster(both, visual_graph or graph, visual=also, progress=progress),
            visual=also,
            temperature=memory.temperature,
            iterations=memory.iterations,
            pins=np.column_stack([pinned, memory.label[pinned]]),
            graph=graph,
            visual_graph=visual_graph,
            progress=progress,
        )
        return label(run), both, also

    def _label_each(
        self, vectors: FloatArray, visual: FloatArray | None, progress: ProgressFn
    ) -> Labels:
        """Label every image by itself, block by block."""
        model: PrototypeModel = self.model_
        memory: Memory | None = self.memory_
        n, n_classes = len(vectors), len(self.classes_)
        found = _no_labels(self.classes_, n, model)
        step = max(1, _BLOCK // max(n_classes, model.dim))
        for start in range(0, n, step):
            rows = slice(start, min(start + step, n))
            x, also = vectors[rows], None if visual is None else visual[rows]
            scores, around = self._votes(x, also)
            log_g, confidence = log_softmax(scores), None
            if memory is not None and around is not None:
                space = image_space(x, model.own.mean, model.own.axes)
                text = model.text_votes(space)
                near = model.prototype_votes(x, also)
                confidence = partial(memory.log_agreement, log_g, around, text, near)
            state = summarize(
                log_g, model.prototypes, shift=0.0, model=model, log_confidence=confidence
            )
            found.label[rows], found.agreement[rows] = state.labels, state.agreement
            found.runner_up[rows], found.margin[rows] = state.runner_up, state.margin
            found.further[rows] = state.further
            found.further_agreement[rows] = state.further_agreement
            progress("labelling", rows.stop, n)
        return found

    def save(self, path: str | Path) -> Path:
        """Write names and arrays to one ``.npz`` without pickle, completely or not at all.

        Raises
        ------
        ExportError
            If the file cannot be written.
        """
        check_is_fitted(self)
        path = as_path(path, "a file to save to")
        classes = self.classes_
        if classes.dtype.hasobject:  # an array of objects could only be pickled
            classes = np.array([str(name) for name in classes])
        buffer = io.BytesIO()
        fields = _flat(self.model_)
        if self.memory_ is not None:
            fields |= _flat(self.memory_, "memory_")
        np.savez(buffer, format=np.int64(_FORMAT), classes=classes, **fields)
        try:
            write_bytes(path, buffer.getvalue())
        except (OSError, ValueError) as error:  # a path without a name, such as ".."
            raise ExportError(
                f"Expected a file to save the classifier to, but for {str(path)!r} the system "
                f"says: {system_says(error)}"
            ) from error
        return path

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a classifier that `save` wrote.

        Raises
        ------
        StoreError
            If the file is not one of those.
        """
        path = as_path(path, "a saved classifier")
        try:
            check_regular(path)
            with np.load(path, allow_pickle=False) as stored:
                version = int(stored["format"])
                arrays = {_OLD_KEYS.get(name, name): stored[name] for name in stored.files}
            classes = arrays["classes"]
            model = _model(arrays)
            _check_sizes(model, classes)
            memory = _memory(arrays, model) if "memory_label" in arrays else None
        except DAMAGED as error:
            raise StoreError(
                "Expected a saved classifier (classifier.npz of an exported dataset), got "
                f"{path}, which is not one: choose another file."
            ) from error
        if version != _FORMAT:
            raise StoreError(
                "Expected a classifier of this version of protolabel, got another version in "
                f"{path}: export it again."
            )
        return cls._fitted(classes, model, memory)

    def _scores(self, X: ArrayLike) -> NDArray[np.float32]:
        check_is_fitted(self)
        with _refusing():
            X = validate_data(self, X, reset=False)
        model: PrototypeModel = self.model_
        X = np.asarray(X)
        visual = X[:, model.dim :] if model.visual_dim else None
        return self._votes(X[:, : model.dim], visual)[0]

    def _votes(
        self, vectors: FloatArray, visual: FloatArray | None
    ) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
        """Return the scores and how many neighbours have each class, (N, C)."""
        scores = self.model_.scores(vectors, visual)
        if self.memory_ is None:
            return scores, None
        votes, around = self.memory_.votes(vectors, visual, len(self.classes_))
        return scores + votes, around


class _KindError(InputError, TypeError):
    """Values of a wrong type, for which scikit-learn expects its estimators to raise TypeError."""


@contextmanager
def _refusing() -> Iterator[None]:
    """Raise the errors of scikit-learn about an array as `InputError`, which is a ValueError."""
    try:
        yield
    except TypeError as error:
        raise _KindError(str(error)) from error
    except ValueError as error:
        raise InputError(str(error)) from error


def _no_labels(classes: NDArray[Any], n: int, model: PrototypeModel) -> Labels:
    """Return labels of `n` images, to be filled in block by block."""
    further, further_agreement = no_further(n, len(classes))
    return Labels(
        names=tuple(str(name) for name in classes),
        label=np.zeros(n, np.int32),
        agreement=np.zeros(n, np.float32),
        margin=np.zeros(n, np.float32),
        runner_up=np.zeros(n, np.int32),
        further=further,
        further_agreement=further_agreement,
        pinned=np.zeros(n, dtype=bool),
        unfit=np.zeros(n, dtype=bool),
        iteration=0,
        prototypes=model.prototypes,
        model=model,
        run=None,
    )


def _rows(labels: Labels, rows: slice) -> Labels:
    """Return the labels of some images, without the run that they are from."""
    return replace(
        labels,
        label=labels.label[rows],
        agreement=labels.agreement[rows],
        margin=labels.margin[rows],
        runner_up=labels.runner_up[rows],
        further=labels.further[rows],
        further_agreement=labels.further_agreement[rows],
        pinned=labels.pinned[rows],
        unfit=labels.unfit[rows],
        iteration=0,
        run=None,
    )


def _flat(value: Any, prefix: str = "") -> dict[str, Any]:
    """Return every array and number by name; those of a part have its name as a prefix."""
    fields: dict[str, Any] = {}
    for name, part in vars(value).items():
        if isinstance(part, Prototypes | NeighborIndex):
            fields |= _flat(part, f"{prefix}{name}_")
        elif isinstance(value, NeighborIndex) and name == "vectors":
            fields[prefix + name] = part.astype(np.float16)
        elif part is not None:
            fields[prefix + name] = part
    return fields


def _model(arrays: Mapping[str, NDArray[Any]]) -> PrototypeModel:
    """Rebuild a model from the result of `_flat`."""
    # Classifiers of version 0.1 have no text bias.
    arrays = {"text_bias": np.zeros(len(arrays["text"]), np.float32), **arrays}
    known = set(PrototypeModel.__dataclass_fields__) - {"own", "visual", "taught"}
    fields: dict[str, Any] = {name: arrays[name] for name in known}
    fields["taught"] = arrays.get("taught")  # None without pins
    for name in ("text_scale", "text_weight"):
        fields[name] = float(fields[name])
    visual = _prototypes(arrays, "visual") if "visual_mean" in arrays else None
    return PrototypeModel(**fields, own=_prototypes(arrays, "own"), visual=visual)


def _check_sizes(model: PrototypeModel, classes: NDArray[Any]) -> None:
    """Raise a ValueError if the arrays of a file, which may be a stranger's, do not fit."""
    count, dim = len(classes), model.dim
    sizes: list[tuple[NDArray[Any], tuple[int, ...]]] = [
        (model.text, (count, dim)),
        (model.text_bias, (count,)),
        (model.confusion, (len(model.confused_classes), count)),
        (model.log_prior, (count,)),
    ]
    if model.taught is not None:
        sizes.append((model.taught, (count, dim)))
    for part in (model.own, model.visual):
        if part is not None:
            sizes += [
                (part.mean, (len(part.mean),)),
                (part.centres, (count, len(part.mean))),
                (part.axes, (len(part.axis_weights), len(part.mean))),
                (part.axis_weights, (len(part.axis_weights),)),
                (np.array(part.sharpness), ()),
            ]
    sizes += [(np.array([model.text_scale, model.text_weight]), (2,))]
    confused = model.confused_classes
    if (
        classes.ndim != 1
        or not count
        or len(np.unique(classes)) < count
        or any(values.shape != shape for values, shape in sizes)
        or any(values.dtype.kind != "f" or not np.isfinite(values).all() for values, _ in sizes)
        or confused.dtype.kind != "i"
        or (len(confused) and not (confused.min() >= 0 and confused.max() < count))
    ):
        raise ValueError("the arrays of the model do not fit together")


def _prototypes(arrays: Mapping[str, NDArray[Any]], prefix: str) -> Prototypes:
    names = Prototypes.__dataclass_fields__
    parts: dict[str, Any] = {name: arrays[f"{prefix}_{name}"] for name in names}
    return Prototypes(**parts | {"sharpness": float(parts["sharpness"])})


def _memory(arrays: Mapping[str, NDArray[Any]], model: PrototypeModel) -> Memory:
    """Rebuild a memory; a ValueError if its arrays do not fit together."""
    # Classifiers of earlier releases do not know how large their classes are and how clear their
    # names: this is measured again.
    known = "memory_class_odds" in arrays
    zeros = np.zeros(len(model.text), np.float32)
    arrays = {"memory_odds": zeros, "memory_class_odds": zeros, **arrays}
    named, pinned = arrays["memory_label"], arrays["memory_pinned"]
    has_visual = "memory_visual_vectors" in arrays
    memory = Memory(
        index=_index(arrays, "memory_index_", model.dim),
        visual=_index(arrays, "memory_visual_", model.visual_dim) if has_visual else None,
        visual_weight=float(arrays["memory_visual_weight"]),
        label=named,
        pinned=pinned,
        exponent=float(arrays["memory_exponent"]),
        text_fraction=float(arrays["memory_text_fraction"]),
        odds=arrays["memory_odds"],
        class_odds=arrays["memory_class_odds"],
        temperature=float(arrays["memory_temperature"]),
        iterations=int(arrays["memory_iterations"]),
    )
    sizes = {len(memory.index), len(named), len(pinned)} | (
        set() if memory.visual is None else {len(memory.visual)}
    )
    inside = len(named) and named.min() >= 0 and named.max() < len(model.text)
    sized = all(
        odds.shape == (len(model.text),) and np.isfinite(odds).all()
        for odds in (memory.odds, memory.class_odds)
    )
    numbers = (memory.visual_weight, memory.exponent, memory.text_fraction, memory.temperature)
    if (
        len(sizes) > 1
        or not inside
        or not sized
        or not np.isfinite(numbers).all()
        or named.dtype != np.int32
        or pinned.dtype != np.bool_
    ):
        raise ValueError("the remembered images and their labels do not fit together")
    return memory if known else calibrated(memory, model)


def _index(arrays: Mapping[str, NDArray[Any]], prefix: str, dim: int) -> NeighborIndex:
    names = NeighborIndex.__dataclass_fields__
    whole = ("numbers", "starts", "preferred")
    if any(arrays[prefix + name].dtype.kind != "i" for name in whole):
        raise ValueError("the index of the remembered images has fractions")
    as_vectors(arrays[prefix + "centres"])
    index = NeighborIndex(**{name: arrays[prefix + name] for name in names})
    count = len(index.centres)
    fits = (
        index.vectors.shape == (len(index.numbers), dim)
        and np.array_equal(np.sort(index.numbers), np.arange(len(index)))
        and index.centres.shape == (count, dim)
        and index.starts.shape == (count + 1,)
        and index.starts[0] == 0
        and index.starts[-1] == len(index)
        and (np.diff(index.starts) >= 0).all()
        and np.array_equal(np.sort(index.preferred, axis=1), np.tile(np.arange(count), (count, 1)))
    )
    if not fits:
        raise ValueError("the index of the remembered images does not fit together")
    as_vectors(index.vectors)
    return replace(index, vectors=index.vectors.astype(np.float32))

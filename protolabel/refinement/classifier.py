"""A scikit-learn classifier that labels new images by the prototypes of a run."""

from __future__ import annotations

import io
import zipfile
from contextlib import contextmanager
from numbers import Real
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from protolabel.common.checks import as_path
from protolabel.common.files import write_bytes
from protolabel.common.vectors import as_vectors, as_visual, log_softmax, unit_rows
from protolabel.errors import ExportError, InputError, StoreError
from protolabel.refinement.iteration import summarize
from protolabel.refinement.labels import Labels
from protolabel.refinement.prototypes import PrototypeModel, Prototypes, fit_prototypes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from numpy.typing import ArrayLike, NDArray

__all__ = ["PrototypeClassifier"]

_FORMAT = 1
_OLD_KEYS = {"reread": "confused_classes", "readings": "confusion"}  # of the first release


class PrototypeClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Nearest prototype with the loop's distances, text and prior.

    `from_labels` takes the prototypes of a run; `fit` learns them from labelled vectors instead
    (class means, and the spread within the classes along the strongest axes).

    Parameters
    ----------
    temperature
        Softness of the distances relative to the typical spread within a class, above 0.
    prior_weight
        Weight of the class prior, 0 or more; 0 ignores it.

    Attributes
    ----------
    classes_
        (C,) class labels; the class names where it comes from a run.
    model_
        The fitted `PrototypeModel`.
    n_features_in_
        The d of the vectors; with visual vectors d + d2: X is then the two side by side.
    """

    def __init__(self, *, temperature: float = 0.1, prior_weight: float = 0.5) -> None:
        self.temperature = temperature
        self.prior_weight = prior_weight

    @classmethod
    def from_labels(cls, labels: Labels) -> Self:
        """Return the fitted classifier of the iteration that `labels` are from."""
        return cls._fitted(np.array(labels.names), labels.model)

    @classmethod
    def _fitted(cls, classes: NDArray[Any], model: PrototypeModel) -> Self:
        classifier = cls()
        classifier.classes_, classifier.model_ = classes, model
        classifier.n_features_in_ = model.dim + model.visual_dim
        return classifier

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Learn one prototype per class from labelled vectors.

        Parameters
        ----------
        X
            (N, d) vectors; only their direction counts.
        y
            (N,) labels.

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
        return self

    def decision_function(self, X: ArrayLike) -> NDArray[np.float32]:
        """Scores: (N, C) float32, or (N,) for the second of two classes."""
        scores = self._scores(X)
        if scores.shape[1] == 2:
            return np.asarray(scores[:, 1] - scores[:, 0])
        return scores

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float32]:
        """Softmax of the scores, (N, C) float32: the agreement. Not fitted to be a probability."""
        return np.exp(log_softmax(self._scores(X)))

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Class label of every vector, (N,)."""
        best = self._scores(X).argmax(axis=1)  # first: it checks that the classifier is fitted
        return np.asarray(self.classes_[best])

    def label(
        self, vectors: NDArray[np.floating], visual: NDArray[np.floating] | None = None
    ) -> Labels:
        """Label new images, with agreement, margin and runner-up.

        Parameters
        ----------
        vectors
            (N, d) image embeddings by the encoder of the run; may be a memory map.
        visual
            (N, d2) by the second encoder of the run, where it had one.

        Raises
        ------
        InputError
            If the vectors do not fit, or visual vectors are missing or one too many.
        """
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
        state = summarize(
            log_softmax(model.scores(vectors, visual)), model.prototypes, shift=0.0, model=model
        )
        return Labels(
            names=tuple(str(name) for name in self.classes_),
            label=state.labels,
            agreement=state.agreement,
            margin=state.margin,
            runner_up=state.runner_up,
            pinned=np.zeros(len(vectors), dtype=bool),
            unfit=np.zeros(len(vectors), dtype=bool),
            iteration=0,
            prototypes=state.prototypes,
            model=model,
            run=None,
        )

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
        np.savez(buffer, format=np.int64(_FORMAT), classes=classes, **_flat(self.model_))
        try:
            write_bytes(path, buffer.getvalue())
        except (OSError, ValueError) as error:  # a path without a name, such as ".."
            raise ExportError(
                f"Expected a file to save the classifier to, but for {str(path)!r} the system "
                f"says: {getattr(error, 'strerror', None) or error}. Choose another place."
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
        try:
            with np.load(path, allow_pickle=False) as stored:
                version = int(stored["format"])
                arrays = {_OLD_KEYS.get(name, name): stored[name] for name in stored.files}
            classes = arrays["classes"]
            model = _model(arrays)
        # An .npy has no `with`; an empty or a cut file is an EOFError or a BadZipFile.
        except (KeyError, TypeError, ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
            raise StoreError(
                "Expected a saved classifier (classifier.npz of an exported dataset), got "
                f"{path}, which is not one: choose another file."
            ) from error
        if version != _FORMAT:
            raise StoreError(
                "Expected a classifier of this version of protolabel, got another version in "
                f"{path}: export it again."
            )
        return cls._fitted(classes, model)

    def _scores(self, X: ArrayLike) -> NDArray[np.float32]:
        check_is_fitted(self)
        with _refusing():
            X = validate_data(self, X, reset=False)
        model: PrototypeModel = self.model_
        X = np.asarray(X)
        visual = X[:, model.dim :] if model.visual_dim else None
        return model.scores(X[:, : model.dim], visual)


class _KindError(InputError, TypeError):
    """Values of another kind, for which scikit-learn expects its estimators to raise TypeError."""


@contextmanager
def _refusing() -> Iterator[None]:
    """Turn what scikit-learn says of an array into an `InputError`, a `ValueError` as well."""
    try:
        yield
    except TypeError as error:
        raise _KindError(str(error)) from error
    except ValueError as error:
        raise InputError(str(error)) from error


def _flat(model: PrototypeModel) -> dict[str, Any]:
    """Return the arrays and numbers of a model by name; those of prototypes as own_*, visual_*."""
    fields: dict[str, Any] = {}
    for name, value in vars(model).items():
        if isinstance(value, Prototypes):
            fields |= {f"{name}_{part}": array for part, array in vars(value).items()}
        elif value is not None:
            fields[name] = value
    return fields


def _model(arrays: Mapping[str, NDArray[Any]]) -> PrototypeModel:
    """Rebuild a model from the result of `_flat`."""
    # Classifiers of the first release have no text bias.
    arrays = {"text_bias": np.zeros(len(arrays["text"]), np.float32), **arrays}
    known = set(PrototypeModel.__dataclass_fields__) - {"own", "visual"}
    fields: dict[str, Any] = {name: arrays[name] for name in known}
    for name in ("text_scale", "text_weight"):
        fields[name] = float(fields[name])
    visual = _prototypes(arrays, "visual") if "visual_mean" in arrays else None
    return PrototypeModel(**fields, own=_prototypes(arrays, "own"), visual=visual)


def _prototypes(arrays: Mapping[str, NDArray[Any]], prefix: str) -> Prototypes:
    names = Prototypes.__dataclass_fields__
    parts: dict[str, Any] = {name: arrays[f"{prefix}_{name}"] for name in names}
    return Prototypes(**parts | {"sharpness": float(parts["sharpness"])})

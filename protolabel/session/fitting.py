"""Whether images fit the names of a session at all, and which names it may lack."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import traitlets

from protolabel.embedding.prompts import (
    DEFAULT_TEMPLATES,
    ClassPrompts,
    ClassVectors,
    embed_classes,
)
from protolabel.evaluation.fit import DEFAULT_STRICTNESS, Fit, measure_fit
from protolabel.evaluation.missing import MissingName, missing_names
from protolabel.refinement.labels import Labels, label
from protolabel.session.settings import FEEDS
from protolabel.session.vectors import SessionVectors

if TYPE_CHECKING:
    from protolabel.refinement.loop import Refinement

__all__ = ["Fitting"]

_NO_PART_OF_A_RUN = {"pins", "none_of_these", "vocabulary"}


class Fitting(SessionVectors):
    """The part of a `Session` that asks whether a name fits, on top of which one fits best."""

    vocabulary = traitlets.Any(None)

    @property
    def refinement(self) -> Refinement:
        """Every iteration of the loop; the session has it."""
        raise NotImplementedError

    @traitlets.validate("vocabulary")
    def _valid_vocabulary(self, proposal: Any) -> Any:
        words = proposal["value"]
        if words is None or isinstance(words, ClassVectors):
            return words
        if isinstance(words, Iterable) and not isinstance(words, str):
            # Lists of words from elsewhere hold some twice; that is no mistake worth a message.
            first: dict[str, Any] = {}
            for word in words:
                first.setdefault(str(word).strip().casefold(), word)
            words = list(first.values())
        return ClassPrompts.parse(words).names

    @property
    def labels(self) -> Labels:
        """The labels of the kept iteration; with `none_of_these`, what fits no name set aside."""
        return self._stages.get("labels", self._set_aside)

    def _set_aside(self) -> Labels:
        if self.none_of_these is None:
            return self._all_labels
        return self._all_labels.set_aside(self.fit.unfit(self.none_of_these))

    @property
    def _all_labels(self) -> Labels:
        return self._stages.get("all_labels", self._label)

    def _label(self) -> Labels:
        labels = label(self.refinement, self.kept)
        settings = {name: getattr(self, name) for name in FEEDS if name not in _NO_PART_OF_A_RUN}
        self.runs.record(labels, settings, self._known())
        return labels

    @property
    def fit(self) -> Fit:
        """How well every image fits its name; ``fit.count_at(0.5)`` fit none at strictness 0.5."""
        return self._stages.get(
            "fit",
            lambda: measure_fit(
                self._all_labels,
                self.embeddings.unit,
                self.graph,
                background=self._vocabulary_vectors,
                progress=self._report,
            ),
        )

    @property
    def _vocabulary_vectors(self) -> ClassVectors | None:
        words = self.vocabulary
        if words is None or isinstance(words, ClassVectors):
            return words
        # One sentence a word: there may be thousands of them.
        return self._stages.get(
            "vocabulary", lambda: embed_classes(words, self.encoder, DEFAULT_TEMPLATES[:1])
        )

    def missing_names(self, most: int = 5) -> tuple[MissingName, ...]:
        """Point out micro-clusters that fit no name, with suggestions from `vocabulary`.

        Parameters
        ----------
        most
            Number of suggestions for each cluster.

        Returns
        -------
        tuple of MissingName
            Clusters whose images have a mean fit below `none_of_these` (where it is off: below
            0.5), the largest first.

        Examples
        --------
        >>> session.vocabulary = ["zebra", "owl", "panda", "bicycle"]
        >>> [(len(one), one.suggestions[0][0]) for one in session.missing_names()]
        [(38, 'zebra')]
        """
        strictness = DEFAULT_STRICTNESS if self.none_of_these is None else self.none_of_these
        return missing_names(
            self._all_labels,
            self.embeddings.unit,
            self.fit,
            self._vocabulary_vectors,
            strictness=strictness,
            most=most,
        )

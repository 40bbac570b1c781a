"""What a person knows of the truth, and how the labels and runs of a session stand to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import traitlets

from protolabel.errors import InputError
from protolabel.evaluation.scoring import Evaluation, evaluate
from protolabel.evaluation.truth import Truth, known_truth
from protolabel.session.pin_edits import PinEdits

if TYPE_CHECKING:
    from protolabel.refinement.labels import Labels
    from protolabel.session.runs import RunHistory

__all__ = ["Judging"]


class Judging(PinEdits):
    """The part of a `Session` that compares with the truth; nothing that labels reads it."""

    truth = traitlets.Any(None)

    @property
    def runs(self) -> RunHistory:
        """What is judged again when the truth changes; the session has it."""
        raise NotImplementedError

    @property
    def labels(self) -> Labels:
        """The labels to be judged; the session has them."""
        raise NotImplementedError

    @traitlets.validate("truth")
    def _valid_truth(self, proposal: Any) -> Any:
        truth = proposal["value"]
        return None if truth is None else known_truth(truth, self.embeddings.images.names)

    @traitlets.observe("truth")
    def _judge_runs(self, _: Any) -> None:
        self.runs.judge(self._known())

    def evaluate(self, truth: Truth | None = None) -> Evaluation:
        """Compare the labels with the true classes, as far as a person knows them.

        The truth is kept in `truth`, and `runs` show the accuracy of every run.

        Parameters
        ----------
        truth
            One name per image of ``session.embeddings.images``, None where it is unknown; image
            name -> class name; a folder of class folders, or a CSV file: see
            `protolabel.evaluation.read_truth`. By default the truth of the last time, else the
            class folders that ``find_images(folder, truth=True)`` found.

        Raises
        ------
        InputError
            If no truth is known, or it does not fit the images.

        Examples
        --------
        >>> session.evaluate({"a.jpg": "cat", "b.jpg": "dog"}).accuracy
        1.0
        """
        if truth is not None:
            self.truth = truth
        known = self._known()
        if known is None:
            raise InputError(
                "No truth is known: pass class names of some or all images, or make the session "
                "from find_images(folder, truth=True)."
            )
        return evaluate(self.labels, known)

    def _known(self) -> tuple[str | None, ...] | None:
        return self.embeddings.images.truth if self.truth is None else self.truth

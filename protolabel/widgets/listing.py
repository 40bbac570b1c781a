"""Which images a gallery lists, and in which order: a pure function of labels and a question."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from protolabel.evaluation.order import next_to_correct

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from numpy.typing import NDArray

    from protolabel.clustering.neighbors import KnnGraph
    from protolabel.refinement.labels import Labels

__all__ = ["SHOWS", "SORTS", "SUGGESTED", "Question", "listed"]

SHOWS = {
    "doubt": "Worth correcting first",
    "changed": "Changed in this iteration",
    "since": "Changed since zero-shot",
    "class": "One class",
    "selection": "Selection on the map",
    "words": "Found by words",
    "alike": "Most like one picture",
    "pinned": "Fixed by you",
    "every": "Every picture",
}
"""The lists of a gallery: key -> text in the panel."""

SORTS = {
    "": "Suggested order",
    "low": "Lowest agreement first",
    "high": "Highest agreement first",
    "name": "File name",
    "class": "Class",
    "pair": "Pair of classes",
    "unseen": "Not yet looked at first",
}
"""The orders of a list: key -> text in the panel."""

SUGGESTED = 360  # pictures in the order of `next_to_correct`; the rest by agreement
_MOST_FOUND = 500  # pictures of a search; later ones rarely match


@dataclass(frozen=True)
class Question:
    """The list that a gallery shows, with its order and filters.

    Attributes
    ----------
    show : str
        A key of `SHOWS`.
    what : str
        The class of "class", the words of "words", the image of "alike".
    step : int
        The iteration whose labels are shown.
    images : tuple of int
        The selection of "selection".
    ranking : ndarray
        (N,) int64 images of "words" and "alike", the best first.
    sort : str
        A key of `SORTS`.
    name : str
        Part of a file name, in any letter case; empty for all.
    label, other : str or None
        Only images with this label, and with this runner-up; None for all.
    agreement : tuple of int
        Lowest and highest agreement in per cent.
    unfixed, unseen : bool
        Only images that are not pinned; only images that nobody has looked at.
    """

    show: str
    what: str = ""
    step: int = 0
    images: tuple[int, ...] = ()
    ranking: NDArray[np.int64] | None = field(default=None, compare=False, repr=False)
    sort: str = ""
    name: str = ""
    label: str | None = None
    other: str | None = None
    agreement: tuple[int, int] = (0, 100)
    unfixed: bool = False
    unseen: bool = False

    @property
    def filters(self) -> bool:
        """Whether some images are left out."""
        return (self.name, self.label, self.other, self.agreement, self.unfixed, self.unseen) != (
            "", None, None, (0, 100), False, False,
        )  # fmt: skip


def listed(
    question: Question,
    now: Labels,
    files: Sequence[str],
    seen: Collection[int],
    graph: KnnGraph,
) -> NDArray[np.int64]:
    """Return the images that a question asks for, in order.

    Parameters
    ----------
    question : Question
    now : Labels
        Labels of N images at the iteration ``question.step``, of a run.
    files : sequence of str
        N image names.
    seen : collection of int
        Images that a person has looked at.
    graph : KnnGraph
        Neighbours of the images, for `next_to_correct`.

    Returns
    -------
    ndarray
        int64 row numbers.
    """
    found = _found(question, now, graph)
    found = found[_kept(question, now, files, seen, found)]
    return found[_order(question.sort, now, seen, found)]


def _found(question: Question, now: Labels, graph: KnnGraph) -> NDArray[np.int64]:
    show = question.show
    if show == "doubt":
        return _suggested(now, graph)
    if show == "class":
        inside = np.flatnonzero(now.label == _index(now, question.what))
        return inside[np.argsort(now.agreement[inside], kind="stable")]
    if show == "selection":
        chosen = np.array(question.images, dtype=np.int64)
        return chosen[chosen < len(now)]
    if show in ("words", "alike"):
        ranking = question.ranking
        return np.zeros(0, np.int64) if ranking is None else ranking[:_MOST_FOUND]
    return np.flatnonzero(_shown(question, now))


def _suggested(now: Labels, graph: KnnGraph) -> NDArray[np.int64]:
    first = next_to_correct(now, graph, SUGGESTED)
    rest = np.argsort(now.agreement, kind="stable")
    rest = rest[~now.pinned[rest]]
    return np.concatenate([first, rest[~np.isin(rest, first)]])


def _shown(question: Question, now: Labels) -> NDArray[np.bool_]:
    """Return for every image whether it is in the list, (N,) bool."""
    if question.show == "pinned":
        return now.pinned
    if question.show == "every":
        return np.ones(len(now), dtype=bool)
    before = max(question.step - 1, 0) if question.show == "changed" else 0
    differs: NDArray[np.bool_] = now.label != now.at(before).label
    return differs


def _kept(
    question: Question,
    now: Labels,
    files: Sequence[str],
    seen: Collection[int],
    found: NDArray[np.int64],
) -> NDArray[np.bool_]:
    kept = np.ones(len(found), dtype=bool)
    if question.unfixed:
        kept &= ~now.pinned[found]
    if question.unseen:
        kept &= ~_flags(seen, len(now))[found]
    if question.label is not None:
        kept &= now.label[found] == _index(now, question.label)
    if question.other is not None:
        kept &= now.runner_up[found] == _index(now, question.other)
    low, high = question.agreement
    if (low, high) != (0, 100):
        percent = 100 * now.agreement[found]
        kept &= (percent >= low) & (percent <= high)
    if question.name:
        part = question.name.casefold()
        kept &= np.array([part in files[image].casefold() for image in found], dtype=bool)
    return kept


def _order(
    sort: str, now: Labels, seen: Collection[int], found: NDArray[np.int64]
) -> NDArray[np.int64]:
    agreement, label = now.agreement[found], now.label[found]
    keys: dict[str, tuple[NDArray[np.generic], ...]] = {  # the last key counts most
        "low": (agreement,),
        "high": (-agreement,),
        "name": (found,),  # images are in the order of their names
        "class": (agreement, label),
        "pair": (now.margin[found], now.runner_up[found], label),
        "unseen": (_flags(seen, len(now))[found],),
    }
    return np.lexsort(keys[sort]) if sort else np.arange(len(found))


def _flags(images: Collection[int], count: int) -> NDArray[np.bool_]:
    flags = np.zeros(count, dtype=bool)
    flags[np.fromiter(images, np.int64, len(images))] = True
    return flags


def _index(now: Labels, name: str) -> int:
    """Return the index of a class, -1 if these labels do not have it."""
    return now.names.index(name) if name in now.names else -1

"""Diagnose a run: numbers and findings that show whether refinement helped."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from protolabel.common.checks import checked
from protolabel.common.wording import counted
from protolabel.errors import InputError
from protolabel.refinement.labels import Labels, label
from protolabel.refinement.loop import Refinement

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

__all__ = ["Diagnostics", "Finding", "diagnose"]

COLLAPSED_COSINE = 0.999  # mean cosine between prototypes above which they have collapsed
RESTLESS_CHURN = 0.02  # fraction of labels that change in the last iteration; above, a warning
LOST_CLASSES = 0.7  # fraction of zero-shot's effective classes below which classes were lost
USELESS_WEIGHT = 0.3  # visual vectors with a lower weight do more harm than good
WAVERING = 0.5  # margin below which an image is between its label and the runner-up
# Fewest images, and smallest fraction of the folder, between two names that are mentioned.
CONFUSED, CONFUSED_OF_ALL = 5, 0.005
FEWEST_EXPECTED = 3  # errors between two names that are mentioned beside another pair
MISREAD = 0.45  # weight of the text in the agreement from which names may be misread
ALIKE_DISTANCE = 0.35  # prototypes closer than this fraction of the mean distance are similar
SMALL_FOLDER = 30  # images; in a smaller folder refinement can cost one

Severity = Literal["good", "note", "warning"]
_SEVERITIES = ("warning", "note", "good")


@dataclass(frozen=True)
class Finding:
    """A finding about a run.

    Attributes
    ----------
    severity : str
        ``"warning"``, ``"note"`` or ``"good"``.
    text : str
        The finding and the advice, in plain words.
    """

    severity: Severity
    text: str


@dataclass(frozen=True, eq=False)
class Diagnostics:
    """Diagnostics of a run.

    Attributes
    ----------
    lambda_max : float
        Largest eigenvalue of the covariance of the images; the plain loop collapses at a
        temperature above it.
    prototype_cosine : float
        Mean cosine between the prototypes of different classes; 1 means collapse.
    classes_used, classes_used_zero_shot : int
        Number of classes with at least one image, at the end and at iteration 0.
    effective_classes, effective_classes_zero_shot : float
        Exponential of the entropy of the class frequencies: the number of equally large classes
        with the same entropy.
    agreement_with_zero_shot : float
        Fraction of the labels that are unchanged since iteration 0, 0..1.
    changed : int
        Number of labels that differ from iteration 0.
    churn : ndarray
        (T,) float64 fraction of the labels that each iteration changed, 0..1.
    shift : ndarray
        (T,) float64 mean distance that the prototypes moved in each iteration.
    absent : tuple of str
        Names without an image.
    alike : tuple of (str, str)
        Pairs of names whose prototypes are close, the closest first.
    findings : tuple of Finding
        The findings, the most severe first.
    """

    lambda_max: float
    prototype_cosine: float
    classes_used: int
    classes_used_zero_shot: int
    effective_classes: float
    effective_classes_zero_shot: float
    agreement_with_zero_shot: float
    changed: int
    churn: NDArray[np.float64]
    shift: NDArray[np.float64]
    absent: tuple[str, ...]
    alike: tuple[tuple[str, str], ...]
    findings: tuple[Finding, ...]

    @property
    def classes_lost(self) -> bool:
        """Whether the labels are spread over far fewer classes than those of zero-shot."""
        return self.effective_classes < LOST_CLASSES * self.effective_classes_zero_shot


@checked
def diagnose(run: Refinement | Labels) -> Diagnostics:
    """Diagnose a run up to its last iteration, or up to the iteration of the given labels.

    Parameters
    ----------
    run : Refinement or Labels
        From `refine`, or labels of such a run.

    Returns
    -------
    Diagnostics

    Raises
    ------
    InputError
        If the labels are from saved prototypes, without a run.

    Examples
    --------
    >>> for finding in pl.diagnose(run).findings:
    ...     print(finding.severity, finding.text)
    """
    if isinstance(run, Refinement):
        run = label(run)
    if run.run is None:
        raise InputError(
            "Expected labels of a run, got labels from saved prototypes: pass a Refinement, or "
            "its labels."
        )
    labels, first = run, run.at(0)
    refinement = run.run
    steps = refinement.iterations[: labels.iteration + 1]
    changed = int(np.count_nonzero(labels.label != first.label))
    # Images that are set aside count too, because the loop labelled them.
    counts = np.bincount(labels.label, minlength=len(labels.names))
    result = Diagnostics(
        lambda_max=refinement.lambda_max,
        prototype_cosine=_mean_cosine(labels.prototypes),
        classes_used=int(np.count_nonzero(counts)),
        classes_used_zero_shot=int(np.count_nonzero(first.counts)),
        effective_classes=_effective(counts),
        effective_classes_zero_shot=_effective(first.counts),
        agreement_with_zero_shot=1.0 - changed / len(labels),
        changed=changed,
        churn=refinement.churn[: labels.iteration],
        shift=np.array([step.shift for step in steps[1:]]),
        absent=tuple(n for n, c in zip(labels.names, counts, strict=True) if c == 0),
        alike=_alike(labels.names, labels.prototypes),
        findings=(),
    )
    return replace(result, findings=_findings(_Case(result, refinement, labels)))


def _mean_cosine(prototypes: NDArray[np.float32]) -> float:
    count = len(prototypes)
    if count < 2:
        return 0.0
    # Mean over all pairs, from the length of the sum: |sum p|^2 = C + sum_{i != j} p_i . p_j
    total = float(np.square(prototypes.sum(axis=0, dtype=np.float64)).sum())
    return (total - count) / (count * (count - 1))


def _effective(counts: NDArray[np.int64]) -> float:
    frequency = counts[counts > 0] / counts.sum()
    return float(np.exp(-(frequency * np.log(frequency)).sum()))


def _alike(names: tuple[str, ...], prototypes: NDArray[np.float32]) -> tuple[tuple[str, str], ...]:
    if len(names) < 3:
        return ()
    distance = 1.0 - prototypes @ prototypes.T
    i, j = np.triu_indices(len(names), 1)
    close = distance[i, j] < ALIKE_DISTANCE * distance[i, j].mean()
    order = np.argsort(distance[i, j][close])
    return tuple(
        (names[a], names[b]) for a, b in zip(i[close][order], j[close][order], strict=True)
    )


@dataclass(frozen=True)
class _Case:
    """The input of a rule."""

    numbers: Diagnostics
    run: Refinement
    labels: Labels

    @property
    def refined(self) -> bool:
        return self.labels.iteration > 0

    @property
    def taken_over(self) -> bool:
        """Whether the prototypes have collapsed, or a few classes hold most labels."""
        d = self.numbers
        return d.prototype_cosine > COLLAPSED_COSINE or d.classes_lost


def _one_class(case: _Case) -> Finding | None:
    if len(case.labels.names) > 1:
        return None
    text = "There is one class, so every image has its label; give the names of two or more."
    return Finding("warning", text)


def _visual_of_no_use(case: _Case) -> Finding | None:
    weight = case.run.visual_weight
    if weight is None or weight >= USELESS_WEIGHT:
        return None
    return Finding(
        "warning",
        f"The visual vectors know little about these classes (weight {weight:.2f} of 1), so they "
        "hardly counted; the labels are likely to be better without them.",
    )


def _zero_shot(case: _Case) -> Finding | None:
    if case.refined:
        return None
    return Finding("note", "These are the zero-shot labels, before refinement.")


def _too_few_images(case: _Case) -> Finding | None:
    if not case.refined or len(case.labels) >= 3:
        return None
    return Finding("note", "With fewer than 3 images there is nothing to learn from.")


def _collapsed(case: _Case) -> Finding | None:
    d = case.numbers
    if not case.run.loop.can_collapse or not case.refined or not case.taken_over:
        return None
    return Finding(
        "warning",
        f"The prototypes have collapsed: their mean cosine is {d.prototype_cosine:.4f} and "
        f"the labels are spread over {d.effective_classes:.1f} effective classes, after "
        f"{d.effective_classes_zero_shot:.1f} at zero-shot. Keep iteration 0, lower the "
        f'temperature below {d.lambda_max:.3f}, or use method="anchored".',
    )


def _about_to_collapse(case: _Case) -> Finding | None:
    temperature, limit = float(case.run.parameters["temperature"]), case.numbers.lambda_max
    plain = case.run.loop.can_collapse and case.refined
    if not plain or case.taken_over or temperature <= limit:
        return None
    return Finding(
        "warning",
        f"The temperature {temperature:g} is above {limit:.3f}, the largest eigenvalue of the "
        "images' covariance, so the plain loop is about to collapse. Lower it, keep few "
        'iterations, or use method="anchored".',
    )


def _few_classes_take_over(case: _Case) -> Finding | None:
    d = case.numbers
    if (case.run.loop.can_collapse and case.refined) or not d.classes_lost:
        return None
    return Finding(
        "warning",
        f"A few classes are taking over: the labels are spread over {d.effective_classes:.1f} "
        f"effective classes, after {d.effective_classes_zero_shot:.1f} at zero-shot. Look at what "
        "changed before you trust it.",
    )


def _restless(case: _Case) -> Finding | None:
    churn = case.numbers.churn
    if len(churn) < 2 or churn[-1] <= RESTLESS_CHURN:
        return None
    return Finding(
        "warning",
        f"The last iteration still changed {100 * churn[-1]:.1f} % of the labels. Labels that do "
        "not settle are often worse than zero-shot; compare with iteration 0.",
    )


def _absent_names(case: _Case) -> Finding | None:
    absent = case.numbers.absent
    if not absent:
        return None
    shown = ", ".join(absent[:8]) + (" and others" if len(absent) > 8 else "")
    advice = "Remove the name, or reword it if the folder does have such images."
    if len(absent) > 1:
        advice = "Remove the names, or reword those of which the folder does have images."
    return Finding("note", f"No image was labelled {shown}. {advice}")


def _set_aside(case: _Case) -> Finding | None:
    count = int(case.labels.unfit.sum())
    if not count:
        return None
    fit, are = ("fits", "is") if count == 1 else ("fit", "are")
    return Finding(
        "note",
        f"{counted(count, 'image')} {fit} none of the names and {are} set aside: in no class and "
        "in no split.",
    )


def _alike_names(case: _Case) -> Finding | None:
    if not case.numbers.alike:
        return None
    shown = "; ".join(f"{a} and {b}" for a, b in case.numbers.alike[:4])
    return Finding("note", f"Hard to tell apart: {shown}. Review the images between them.")


def _confused_names(case: _Case) -> Finding | None:
    between = named_pairs(case.labels)
    if not case.refined or not between:
        return None
    shown = "; ".join(
        f"{a} and {b} ({counted(count, 'image')}, about {wrong} wrong)"
        for a, b, count, wrong in between
    )
    return Finding(
        "note",
        f"Images waver between names here: {shown}. The right name may be a third one. Look at "
        "them, add synonyms or a description to either name, or pin five images of each.",
    )


def _misread_names(case: _Case) -> Finding | None:
    state = case.run.iterations[case.labels.iteration]
    if not case.refined or state.text_fraction < MISREAD:
        return None
    return Finding(
        "note",
        "The classes that formed lie elsewhere than their names say, so some names may be misread "
        "in this folder. Measure it with session.audit(40); reword the names, add synonyms, or pin "
        "five images of a class that is wrong.",
    )


def confused_pairs(labels: Labels) -> list[tuple[str, str, int]]:
    """Return pairs of names with the number of images between them, the largest first.

    An image is between its label and the runner-up if its margin is below 0.5.

    Parameters
    ----------
    labels : Labels
        Labels of a run.
    """
    wavering = labels.margin < WAVERING
    two = np.sort(np.stack([labels.label, labels.runner_up])[:, wavering], axis=0)
    pairs, counts = np.unique(two[:, two[0] < two[1]], axis=1, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    return [(labels.names[pairs[0, i]], labels.names[pairs[1, i]], int(counts[i])) for i in order]


def named_pairs(labels: Labels) -> list[tuple[str, str, int, int]]:
    """Return the pairs of names that the finding names, at most three.

    Of the pairs with enough wavering images, those with the most expected errors: the agreement
    that images of either name would have as the other. A second or third pair is named only if
    these are enough as well.

    Parameters
    ----------
    labels : Labels
        Labels of a run.

    Returns
    -------
    list of (str, str, int, int)
        Two names, the images that waver between them, and how many of these labels are expected
        to be wrong.
    """
    least = max(CONFUSED, CONFUSED_OF_ALL * len(labels))
    notable = [
        (_expected_errors(labels, a, b), a, b, count)
        for a, b, count in confused_pairs(labels)
        if count >= least
    ]
    notable.sort(key=lambda pair: -pair[0])
    enough = max(FEWEST_EXPECTED, CONFUSED_OF_ALL * len(labels))
    named = notable[:1] + [pair for pair in notable[1:3] if pair[0] >= enough]
    return [(a, b, count, _wrong_between(labels, a, b)) for _, a, b, count in named]


def _expected_errors(labels: Labels, *pair: str) -> float:
    """Sum the agreement that images of each of two names would have as the other."""
    a, b = (labels.names.index(name) for name in pair)
    others = np.column_stack([labels.runner_up, labels.further])
    agreement = np.column_stack([labels.agreement - labels.margin, labels.further_agreement])
    either = np.isin(labels.label, (a, b))[:, None]
    of_other = (others == np.where(labels.label == a, b, a)[:, None]) & either
    return float(agreement[of_other].sum(dtype=np.float64))


def _wrong_between(labels: Labels, *pair: str) -> int:
    """Return how many labels of images that waver between two names are expected to be wrong."""
    two = np.sort(np.stack([labels.label, labels.runner_up]), axis=0)
    a, b = sorted(labels.names.index(name) for name in pair)
    between = (labels.margin < WAVERING) & (two[0] == a) & (two[1] == b)
    return round(float(np.sum(1.0 - labels.agreement[between], dtype=np.float64)))


def _small_folder(case: _Case) -> Finding | None:
    if not case.refined or len(case.labels) >= SMALL_FOLDER:
        return None
    return Finding(
        "note", "In so small a folder refinement can cost an image; look at all of them."
    )


RULES: tuple[Callable[[_Case], Finding | None], ...] = (
    _one_class,
    _visual_of_no_use,
    _zero_shot,
    _too_few_images,
    _collapsed,
    _about_to_collapse,
    _few_classes_take_over,
    _restless,
    _absent_names,
    _set_aside,
    _alike_names,
    _confused_names,
    _misread_names,
    _small_folder,
)
"""The rules: each looks for one problem, and returns a finding or None."""


def _findings(case: _Case) -> tuple[Finding, ...]:
    """Return the findings of all rules, the most severe first; a run without warnings is good."""
    found = [finding for rule in RULES if (finding := rule(case)) is not None]
    if case.refined and not any(finding.severity == "warning" for finding in found):
        churn = case.numbers.churn
        settled = f" (last iteration: {100 * churn[-1]:.1f} %)" if len(churn) else ""
        found.append(
            Finding(
                "good",
                f"Refinement changed {case.numbers.changed:,} of {len(case.labels):,} labels and "
                f"has settled{settled}.",
            )
        )
    return tuple(sorted(found, key=lambda finding: _SEVERITIES.index(finding.severity)))

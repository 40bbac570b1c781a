"""Is refinement helping? What a run did, in numbers and in plain words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from protolabel.common.wording import counted
from protolabel.errors import InputError
from protolabel.refinement.labels import Labels, label
from protolabel.refinement.loop import Refinement

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Diagnostics", "Finding", "diagnose"]

COLLAPSED_COSINE = 0.999  # mean cosine between prototypes above which they are one direction
RESTLESS_CHURN = 0.02  # share of labels still changing in the last iteration that predicts harm
USELESS_WEIGHT = 0.3  # visual vectors below it only cost the votes of other micro-clusters
ALIKE_DISTANCE = 0.35  # prototypes closer than this share of the mean distance are hard to tell

Severity = Literal["good", "note", "warning"]


@dataclass(frozen=True)
class Finding:
    """One thing a person should know about a run: how grave, and in plain words."""

    severity: Severity
    text: str


@dataclass(frozen=True, eq=False)
class Diagnostics:
    """What a run did.

    Attributes
    ----------
    lambda_max
        Largest eigenvalue of the covariance of the images; the plain loop collapses where its
        temperature is above.
    prototype_cosine
        Mean cosine between the prototypes of different classes; 1 is collapse.
    classes_used, classes_used_zero_shot
        Number of classes with at least one image, at the end and at iteration 0.
    effective_classes, effective_classes_zero_shot
        Exponential of the entropy of the class shares: how many equally common classes it is like.
    agreement_with_zero_shot
        Share of the labels that are as they were at iteration 0, 0..1.
    changed
        Number of labels that differ from iteration 0.
    churn
        (T,) share of the labels that each iteration changed.
    shift
        (T,) mean distance that the prototypes moved in each iteration.
    absent
        Names with no image.
    alike
        Pairs of names whose prototypes are hard to tell apart.
    findings
        The same in plain words, the gravest first.
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


def diagnose(run: Refinement | Labels) -> Diagnostics:
    """Describe a run up to its last iteration, or up to the iteration of `run` if it is labels.

    Raises
    ------
    InputError
        If the labels are of new images, from saved prototypes: there is no run to describe.
    """
    if isinstance(run, Refinement):
        run = label(run)
    if run.run is None:
        raise InputError("diagnose needs a run; these labels are from saved prototypes.")
    labels, first = run, run.at(0)
    refinement = run.run
    steps = refinement.iterations[: labels.iteration + 1]
    changed = int(np.count_nonzero(labels.label != first.label))
    # Of every image, also of those that are set aside: this is about the loop.
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
    return Diagnostics(**{**vars(result), "findings": _findings(result, refinement, labels)})


def _mean_cosine(prototypes: NDArray[np.float32]) -> float:
    count = len(prototypes)
    if count < 2:
        return 0.0
    # Mean over the pairs from the length of the sum: |sum p|^2 = C + sum over i != j of p_i . p_j
    total = float(np.square(prototypes.sum(axis=0, dtype=np.float64)).sum())
    return (total - count) / (count * (count - 1))


def _effective(counts: NDArray[np.int64]) -> float:
    share = counts[counts > 0] / counts.sum()
    return float(np.exp(-(share * np.log(share)).sum()))


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


def _on_classes(names: tuple[str, ...]) -> list[Finding]:
    if len(names) > 1:
        return []
    text = "There is one class, so every image has its label; give the names of two or more."
    return [Finding("warning", text)]


def _on_visual(run: Refinement) -> list[Finding]:
    weight = run.visual_weight
    if weight is None or weight >= USELESS_WEIGHT:
        return []
    text = (
        f"The visual vectors know little about these classes (weight {weight:.2f} of 1), so they "
        "had next to no say; without them the labels are likely to be better."
    )
    return [Finding("warning", text)]


def _findings(d: Diagnostics, run: Refinement, labels: Labels) -> tuple[Finding, ...]:
    found = [*_on_classes(labels.names), *_on_visual(run)]
    n = len(labels)

    def say(severity: Severity, text: str) -> None:
        found.append(Finding(severity, text))

    temperature = float(run.parameters["temperature"])
    if labels.iteration == 0:
        say("note", "These are the zero-shot labels, before refinement.")
    elif n < 3:
        say("note", "With fewer than 3 images there is nothing to learn from.")
    collapsed = d.prototype_cosine > COLLAPSED_COSINE
    lost = d.effective_classes < 0.7 * d.effective_classes_zero_shot
    if run.method == "plain" and labels.iteration > 0:
        if collapsed or lost:
            say(
                "warning",
                f"The prototypes have collapsed: their mean cosine is {d.prototype_cosine:.4f} and "
                f"the labels are like {d.effective_classes:.1f} classes, after "
                f"{d.effective_classes_zero_shot:.1f} zero-shot. Keep iteration 0, lower the "
                f'temperature below {d.lambda_max:.3f}, or use method="anchored".',
            )
        elif temperature > d.lambda_max:
            say(
                "warning",
                f"The temperature {temperature:g} is above {d.lambda_max:.3f} (the largest "
                "eigenvalue of the images' covariance), so the plain loop is on its way to "
                'collapse. Lower it, keep few iterations, or use method="anchored".',
            )
    elif collapsed or lost:
        say(
            "warning",
            f"A few classes are taking over: the labels are like {d.effective_classes:.1f} "
            f"classes, after {d.effective_classes_zero_shot:.1f} zero-shot. Look at what changed "
            "before you trust it.",
        )
    if len(d.churn) > 1 and d.churn[-1] > RESTLESS_CHURN:
        say(
            "warning",
            f"The last iteration still changed {100 * d.churn[-1]:.1f} % of the labels. Labels "
            "that do not settle are often worse than zero-shot; compare with iteration 0.",
        )
    if d.absent:
        shown = ", ".join(d.absent[:8]) + (" and others" if len(d.absent) > 8 else "")
        say(
            "note",
            f"No image was labelled {shown}. Remove the name, or reword it if the folder does "
            "have such images.",
        )
    unfit = int(labels.unfit.sum())
    if unfit:
        say(
            "note",
            f"{counted(unfit, 'image')} {'fits' if unfit == 1 else 'fit'} none of the names and "
            f"{'is' if unfit == 1 else 'are'} set aside: in no class and in no split.",
        )
    if d.alike:
        shown = "; ".join(f"{a} and {b}" for a, b in d.alike[:4])
        say("note", f"Hard to tell apart: {shown}. Review the images between them.")
    if n < 30 and labels.iteration > 0:
        say("note", "In so small a folder refinement can cost an image; look at all of them.")
    if labels.iteration > 0 and not any(f.severity == "warning" for f in found):
        say(
            "good",
            f"Refinement changed {d.changed} of {n} labels and has settled"
            + (f" (last iteration: {100 * d.churn[-1]:.1f} %)." if len(d.churn) else "."),
        )
    rank = {"warning": 0, "note": 1, "good": 2}
    return tuple(sorted(found, key=lambda f: rank[f.severity]))

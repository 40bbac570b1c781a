"""report.txt: what a dataset holds and how far to trust it, in a minute's reading."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

import numpy as np

from protolabel.common.wording import columns, counted, padded, printable, shown, truncated
from protolabel.evaluation.diagnostics import Diagnostics, diagnose
from protolabel.exporting.job import Writer
from protolabel.exporting.writers.metadata import versions
from protolabel.samples.encoder import DRAWINGS_ONLY, MODEL_NAME

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from protolabel.encoders.base import EncoderInfo
    from protolabel.evaluation.audit import AuditEstimate
    from protolabel.exporting.job import ExportJob
    from protolabel.images.image_set import ImageSet
    from protolabel.refinement.labels import Labels

__all__ = ["REPORT", "report_text", "with_audit", "write_report"]

WIDTH = 88
_BAR = 24
_CERTAIN = 10  # least certain images that are listed
_SKIPPED = 20  # skipped files that are listed
_LONG = 40  # entries of a parameter that are listed
_NAME = 28  # columns of a class name
_ENTRY = 22  # columns of a file name in the list of contents
_AUDITED = "audited: "  # how `AuditEstimate.summary` begins
_MARKS = {"good": "+", "note": "-", "warning": "!"}


def report_text(job: ExportJob, diagnostics: Diagnostics | None = None) -> str:
    """Describe a dataset in plain words.

    Parameters
    ----------
    job : ExportJob
        The export; "In this folder" lists what ``job.folder`` holds so far.
    diagnostics : Diagnostics, optional
        From `diagnose`; computed by default if the labels come from a run.

    Returns
    -------
    str
        Lines of at most 88 columns except for long paths, ending in a line break.
    """
    labels, images = job.labels, job.images
    if diagnostics is None and labels.run is not None:
        diagnostics = diagnose(labels)
    sections: list[tuple[str, Iterable[str]]] = [
        ("", _summary(labels, images, diagnostics, job.audit)),
        ("Classes", _classes(labels, job.class_folders)),
        ("What to know", _findings(diagnostics, job.encoder)),
        ("Least certain images: look at these first", _least_certain(labels, images)),
        ("Splits", _splits(labels, job.side, job.groups)),
        ("Skipped files", _skipped(images)),
        ("In this folder", _contents(job)),
        ("Use it", _use(job)),
        ("How it was made", _made(job)),
    ]
    lines: list[str] = []
    for title, body in sections:
        written = list(body)
        if written:
            lines += ["", title, "-" * len(title)] if title else []
            lines += written
    return "\n".join(lines) + "\n"


def write_report(job: ExportJob) -> None:
    """Write `report_text` to ``report.txt``."""
    path = job.folder / "report.txt"
    path.write_text(report_text(job), encoding="utf-8", errors="backslashreplace", newline="\n")


def with_audit(text: str, audit: AuditEstimate) -> str:
    """Return the text of a report with the line of an audit, in place of an earlier one."""
    lines = [line for line in text.splitlines() if not line.startswith(_AUDITED)]
    place = next((i + 1 for i, line in enumerate(lines) if line.startswith("===")), len(lines))
    return "\n".join([*lines[:place], audit.summary, *lines[place:]]) + "\n"


def _summary(
    labels: Labels,
    images: ImageSet,
    diagnostics: Diagnostics | None,
    audit: AuditEstimate | None,
) -> Iterator[str]:
    yield "A dataset labelled by protolabel"
    yield "================================"
    if audit is not None:
        yield audit.summary
    used, total = int(np.count_nonzero(labels.counts)), len(labels.names)
    classes = counted(total, "class", "classes")
    if used < total:
        classes += f", {used} of them with images"
    text = f"{counted(len(labels), 'image')} in {classes}."
    if images.skipped:
        text += f" {counted(len(images.skipped), 'file')} could not be used and "
        text += "is" if len(images.skipped) == 1 else "are"
        text += " listed below."
    pinned = int(labels.pinned.sum())
    if pinned:
        text += f" {counted(pinned, 'label')} fixed by hand."
    if diagnostics is not None and labels.iteration > 0:
        fraction = 1.0 - diagnostics.agreement_with_zero_shot
        text += (
            f" Refinement (iteration {labels.iteration}) changed "
            f"{counted(diagnostics.changed, 'label')} ({fraction:.1%}) against zero-shot, that is, "
            "against the text of the class names alone."
        )
    elif diagnostics is not None:
        text += " These are the zero-shot labels: the text of the class names alone decided."
    else:
        text += " Prototypes that were saved earlier decided the labels."
    yield from _wrapped(text)
    yield ""
    yield from _wrapped(
        f"Agreement says how much speaks for a label, from 0 to 1{_meaning(labels)}"
    )


def _meaning(labels: Labels) -> str:
    if labels.run is None or labels.iteration == 0 or not labels.run.loop.is_calibrated:
        return (
            ": the softmax of the one model that decided. It is not a probability: it ranks "
            "images, but 0.9 does not mean that 9 of 10 are right."
        )
    return (
        ": its votes, as sure as the neighbours find them to be. It ranks images well and is meant "
        "to be near the fraction of labels that is right, but it is estimated without truth: too "
        "high where a name misleads or near-duplicates abound, and rough in a folder of some "
        "dozens of images."
    )


def _classes(labels: Labels, class_folders: Sequence[str]) -> Iterator[str]:
    counts = labels.counts
    most = max(1, int(counts.max()))
    inside = ~labels.unfit
    total = np.bincount(
        labels.label[inside], weights=labels.agreement[inside], minlength=len(counts)
    )
    shown = [truncated(name, _NAME) for name in labels.names]
    width = max(5, *(columns(name) for name in shown))
    before = labels.at(0).counts if labels.run is not None and labels.iteration else None
    heading = f"{padded('class', width)}  {'images':>8}  {'share':>6}  {'agreement':>9}"
    yield heading + ("  zero-shot" if before is not None else "")
    for index, name in enumerate(shown):
        count = int(counts[index])
        agreement = f"{total[index] / count:9.2f}" if count else "        -"
        line = f"{padded(name, width)}  {count:8,}  {count / len(labels):6.1%}  {agreement}"
        if before is not None:
            line += f"  {int(before[index]):9,}"
        yield f"{line}  {_bar(count / most)}".rstrip()
    unfit = int(labels.unfit.sum())
    if unfit:
        yield f"{'-':<{width}}  {unfit:8,}  {unfit / len(labels):6.1%}          -  none of these"
    for name, folder in zip(labels.names, class_folders, strict=True):
        if name != folder:
            yield from _wrapped(f"Folder of {name!r}: {folder}")


def _findings(diagnostics: Diagnostics | None, encoder: EncoderInfo | None) -> Iterator[str]:
    findings = [] if diagnostics is None else [(f.severity, f.text) for f in diagnostics.findings]
    if encoder is not None and encoder.name == MODEL_NAME:
        findings.append(("note", DRAWINGS_ONLY))
    for severity, text in findings:
        yield from _wrapped(text, first=f"{_MARKS[severity]} ", then="  ")


def _least_certain(labels: Labels, images: ImageSet) -> Iterator[str]:
    if len(labels.names) < 2:
        return
    ranked = labels.least_certain
    for index in ranked[~labels.unfit[ranked]][:_CERTAIN]:
        label = labels.names[labels.label[index]]
        other = labels.names[labels.runner_up[index]]
        verdict = f"{truncated(label, _NAME)}, or {truncated(other, _NAME)}"
        yield f"  margin {labels.margin[index]:.2f}  {verdict}: {printable(images.names[index])}"


def _splits(
    labels: Labels, side: NDArray[np.integer] | None, groups: NDArray[np.integer] | None
) -> Iterator[str]:
    if side is None:
        return
    placed = side >= 0
    n = max(1, int(placed.sum()))
    counts = np.bincount(side[placed], minlength=3).tolist()
    parts = ", ".join(
        f"{name} {count:,} ({count / n:.1%})"
        for name, count in zip(("train", "val", "test"), counts, strict=True)
    )
    yield from _wrapped(
        f"{parts}. The side of an image follows from its content, so a folder that grows keeps its "
        "sides."
    )
    seen = np.unique(np.stack([labels.label[placed], side[placed]]), axis=1)
    sides = np.bincount(seen[0], minlength=len(labels.names))
    open_sides = sum(count > 0 for count in counts)
    short = [labels.names[c] for c in np.flatnonzero((sides > 0) & (sides < open_sides))]
    if short:
        yield from _wrapped(
            "Too few images, or too many near-duplicates, to be everywhere: "
            f"{', '.join(truncated(name, _NAME) for name in short[:20])}"
            f"{' and others' if len(short) > 20 else ''}."
        )
    if groups is not None:
        size = np.bincount(groups)
        if (size > 1).any():
            yield from _wrapped(
                f"{counted(int(size[size > 1].sum()), 'image')} in "
                f"{counted(int((size > 1).sum()), 'group')} of near-duplicates (the largest has "
                f"{int(size.max()):,}); every group is on one side."
            )
        else:
            yield "No near-duplicates were found."


def _skipped(images: ImageSet) -> Iterator[str]:
    for skipped in images.skipped[:_SKIPPED]:
        yield f"  {printable(skipped.name)}: {printable(skipped.reason)}"
    if len(images.skipped) > _SKIPPED:
        yield f"  and {len(images.skipped) - _SKIPPED:,} more, all of them in metadata.json"


def _contents(job: ExportJob) -> Iterator[str]:
    if job.has_folders:
        how = {"copy": "copies", "hardlink": "hard links", "symlink": "symbolic links"}[job.link]
        yield from _entry("CLASS/", f"one folder of images for each class ({how})")
        if job.none_folder is not None:
            yield from _entry(f"{job.none_folder}/", "images that fit none of the names")
    for writer in job.writers:
        # The report itself and the metadata are written last, and always.
        written = [
            name
            for name in writer.files
            if writer.name in ("report", "metadata") or (job.folder / name).exists()
        ]
        if written:
            yield from _entry(", ".join(written), writer.description)


def _entry(what: str, meaning: str) -> list[str]:
    if len(what) <= _ENTRY:
        return _wrapped(meaning, first=f"  {what:<{_ENTRY}} ", then=" " * (_ENTRY + 3))
    return [*_wrapped(what, first="  ", then="  "),
            *_wrapped(meaning, first=" " * (_ENTRY + 3), then=" " * (_ENTRY + 3))]  # fmt: skip


def _use(job: ExportJob) -> Iterator[str]:
    for writer in job.writers:
        for line in writer.usage.splitlines():
            yield f"  {line}"


def _made(job: ExportJob) -> Iterator[str]:
    facts: dict[str, Any] = dict(job.parameters)
    if job.labels.run is not None:
        last = len(job.labels.run.iterations) - 1
        facts["kept iteration"] = f"{job.labels.iteration} of {last}"
    if job.side is not None:
        facts["seed of the splits"] = job.seed
    facts["encoder"] = _encoder(job)
    facts["versions"] = ", ".join(f"{name} {number}" for name, number in versions().items())
    for key, value in facts.items():
        if isinstance(value, (list, tuple, dict)) and len(value) > _LONG:
            yield f"  {key}: {len(value):,} of them, all in metadata.json"
            continue
        yield from _wrapped(f"{key}: {shown(value)}", first="  ", then="    ")


def _encoder(job: ExportJob) -> str:
    if job.encoder is None:
        return "not recorded; add --encoder to protolabel apply"
    weights = "" if job.encoder.pretrained is None else f", weights {job.encoder.pretrained}"
    return f"{job.encoder.name} ({job.encoder.dim} dimensions{weights})"


def _wrapped(text: str, first: str = "", then: str = "") -> list[str]:
    return textwrap.wrap(
        printable(text),
        WIDTH,
        initial_indent=first,
        subsequent_indent=then,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _bar(fraction: float) -> str:
    return "#" * max(int(fraction > 0), round(fraction * _BAR))


REPORT = Writer(
    name="report",
    title="Report",
    description="a summary to read in a minute",
    files=("report.txt",),
    write=write_report,
    by_default=True,
)

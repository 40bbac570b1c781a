"""report.txt: what a dataset holds and how far to trust it, read in a minute."""

from __future__ import annotations

import textwrap
from importlib.metadata import PackageNotFoundError, version
from platform import python_version
from typing import TYPE_CHECKING, Any

import numpy as np

from protolabel.common.wording import columns, counted, padded, printable, truncated
from protolabel.evaluation.diagnostics import Diagnostics, diagnose

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from protolabel.encoders.loading import EncoderInfo
    from protolabel.images.image_set import ImageSet
    from protolabel.refinement.labels import Labels

__all__ = ["report_text", "versions"]

WIDTH = 88
_BAR = 24
_CERTAIN = 10  # least certain images that are listed
_SKIPPED = 20  # skipped files that are listed
_LONG = 40  # entries of a parameter that are listed
_NAME = 28  # columns of a class name
_PACKAGES = ("protolabel", "numpy", "scikit-learn", "torch", "open_clip_torch", "umap-learn",
             "hdbscan", "pynndescent")  # fmt: skip
_MARKS = {"good": "+", "note": "-", "warning": "!"}


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that labels depend on, those that are installed."""
    found = {"python": python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def report_text(
    labels: Labels,
    images: ImageSet,
    *,
    diagnostics: Diagnostics | None = None,
    encoder: EncoderInfo | None = None,
    side: NDArray[np.integer] | None = None,
    groups: NDArray[np.integer] | None = None,
    seed: int | None = None,
    parameters: Mapping[str, Any] | None = None,
    formats: Sequence[str] = (),
    link: str = "copy",
    class_folders: Sequence[str] | None = None,
    none_folder: str | None = None,
) -> str:
    """Describe labels in plain words.

    Parameters
    ----------
    labels, images
        N labels and their images.
    diagnostics
        From `diagnose`; computed where missing, if the labels are from a run.
    encoder
        Which encoder made the vectors.
    side
        (N,) 0 train, 1 val, 2 test; -1 in none of them.
    groups
        (N,) group of near-duplicates of every image.
    seed
        Of the splits.
    parameters
        Of the run; those of ``labels.run`` where missing.
    formats
        What the dataset holds; without any, its contents are not described.
    link
        How the images came into it.
    class_folders
        (C,) folder of every class; listed where they differ from the names.
    none_folder
        Folder of the images that fit none of the names, where there are some.

    Returns
    -------
    str
        Lines of at most 88 columns but for long paths, ending in a line break.
    """
    if diagnostics is None and labels.run is not None:
        diagnostics = diagnose(labels)
    if parameters is None:
        parameters = {} if labels.run is None else labels.run.parameters
    sections: list[tuple[str, Iterable[str]]] = [
        ("", _summary(labels, images, diagnostics)),
        ("Classes", _classes(labels, class_folders)),
        ("What to know", _findings(diagnostics)),
        ("Least certain images: look at these first", _least_certain(labels, images)),
        ("Splits", _splits(labels, side, groups)),
        ("Skipped files", _skipped(images)),
        ("In this folder", _contents(formats, link, none_folder)),
        ("Use it", _use(formats, encoder)),
        ("How it was made", _made(labels, encoder, seed, parameters)),
    ]
    lines: list[str] = []
    for title, body in sections:
        written = list(body)
        if written:
            lines += ["", title, "-" * len(title)] if title else []
            lines += written
    return "\n".join(lines) + "\n"


def _summary(labels: Labels, images: ImageSet, diagnostics: Diagnostics | None) -> Iterator[str]:
    yield "A dataset labelled by protolabel"
    yield "================================"
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
        share = 1.0 - diagnostics.agreement_with_zero_shot
        text += (
            f" Refinement (iteration {labels.iteration}) changed "
            f"{counted(diagnostics.changed, 'label')} ({share:.1%}) against zero-shot, that is, "
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
    if labels.run is None or labels.iteration == 0 or labels.run.method == "plain":
        return (
            ": the softmax of the one model that decided. It is not a probability: it ranks "
            "images, but 0.9 does not mean that 9 of 10 are right."
        )
    return (
        ": its votes, as sure as the neighbours find them to be. It ranks images well and is meant "
        "to be near the share of labels that is right, but it is estimated without truth: too "
        "high where a name misleads or near-duplicates abound, and rough in a folder of some "
        "dozens of images."
    )


def _classes(labels: Labels, class_folders: Sequence[str] | None) -> Iterator[str]:
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
    if class_folders is not None:
        for name, folder in zip(labels.names, class_folders, strict=True):
            if name != folder:
                yield from _wrapped(f"Folder of {name!r}: {folder}")


def _findings(diagnostics: Diagnostics | None) -> Iterator[str]:
    if diagnostics is None:
        return
    for finding in diagnostics.findings:
        yield from _wrapped(finding.text, first=f"{_MARKS[finding.severity]} ", then="  ")


def _least_certain(labels: Labels, images: ImageSet) -> Iterator[str]:
    if len(labels.names) < 2:
        return
    ranked = labels.least_certain
    for index in ranked[~labels.unfit[ranked]][:_CERTAIN]:
        label, other = (labels.names[one[index]] for one in (labels.label, labels.runner_up))
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
    yield from _wrapped(f"{parts}; the same mixture of classes in each, as far as it goes.")
    seen = np.unique(np.stack([labels.label[placed], side[placed]]), axis=1)
    sides = np.bincount(seen[0], minlength=len(labels.names))
    open_sides = sum(count > 0 for count in counts)
    short = [labels.names[one] for one in np.flatnonzero((sides > 0) & (sides < open_sides))]
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
    for one in images.skipped[:_SKIPPED]:
        yield f"  {printable(one.name)}: {printable(one.reason)}"
    if len(images.skipped) > _SKIPPED:
        yield f"  and {len(images.skipped) - _SKIPPED:,} more, all of them in metadata.json"


def _contents(formats: Sequence[str], link: str, none_folder: str | None) -> Iterator[str]:
    how = {"copy": "copies", "hardlink": "hard links", "symlink": "symbolic links"}[link]
    described = {
        "folders": ("CLASS/", f"the images of each class ({how})"),
        "splits": ("splits/", "train, val and test, with splits.csv and class_index.json"),
        "prototypes": ("*.npy, classifier.npz", "prototypes and alignments; labels new images"),
        "csv": ("labels.csv", "one row an image"),
        "parquet": ("labels.parquet", "one row an image"),
        "report": ("report.txt", "this text"),
        "metadata": ("metadata.json", "all of it for programs: every image, every parameter"),
    }
    for name in formats:
        if name in described:
            what, meaning = described[name]
            yield f"  {what:<22} {meaning}"
        if name == "folders" and none_folder is not None:
            yield f"  {none_folder + '/':<22} images that fit none of the names"


def _use(formats: Sequence[str], encoder: EncoderInfo | None) -> Iterator[str]:
    if "splits" in formats:
        yield "  In PyTorch (allow_empty: a class with few images may be missing on one side):"
        yield "    from torchvision.datasets import ImageFolder"
        yield '    train = ImageFolder("splits/train", allow_empty=True)'
        yield "  ImageFolder numbers the folders by name; class_index.json has the order you gave."
    if "csv" in formats:
        yield '  In pandas:  pandas.read_csv("labels.csv")'
    if "prototypes" in formats:
        yield "  Label new images with these prototypes:"
        yield "    protolabel apply THIS_FOLDER NEW_PHOTOS --output NEW_RESULTS"
        if encoder is None:
            yield "  (give the encoder that made the vectors; it is not recorded here)"


def _made(
    labels: Labels, encoder: EncoderInfo | None, seed: int | None, parameters: Mapping[str, Any]
) -> Iterator[str]:
    facts: dict[str, Any] = dict(parameters)
    if labels.run is not None:
        facts["kept iteration"] = f"{labels.iteration} of {len(labels.run.iterations) - 1}"
    if seed is not None:
        facts["seed of the splits"] = seed
    if encoder is not None:
        weights = "" if encoder.pretrained is None else f", weights {encoder.pretrained}"
        facts["encoder"] = f"{encoder.name} ({encoder.dim} dimensions{weights})"
    facts["versions"] = ", ".join(f"{name} {one}" for name, one in versions().items())
    for key, value in facts.items():
        if isinstance(value, (list, tuple, dict)) and len(value) > _LONG:
            yield f"  {key}: {len(value):,} of them, all in metadata.json"
            continue
        yield from _wrapped(f"{key}: {value}", first="  ", then="    ")


def _wrapped(text: str, first: str = "", then: str = "") -> list[str]:
    return textwrap.wrap(
        printable(text),
        WIDTH,
        initial_indent=first,
        subsequent_indent=then,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _bar(share: float) -> str:
    return "#" * max(int(share > 0), round(share * _BAR))

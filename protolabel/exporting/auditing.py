"""Audit a dataset on disk: write a contact sheet and a table, and read the filled-in table."""

from __future__ import annotations

import base64
import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from protolabel.browser.page import still_page
from protolabel.common.cells import safe_cell
from protolabel.common.checks import as_path, checked
from protolabel.common.files import write_text
from protolabel.common.system_errors import system_says
from protolabel.common.wording import escape
from protolabel.errors import ExportError, ImageReadError, InputError
from protolabel.evaluation.audit import Audit, AuditEstimate
from protolabel.evaluation.truth import read_table
from protolabel.exporting.existing import dataset_lookup, read_metadata
from protolabel.exporting.writers.metadata import add_to_metadata
from protolabel.exporting.writers.report import with_audit
from protolabel.images.pixels import thumbnail

if TYPE_CHECKING:
    from collections.abc import Sequence
    from os import PathLike

__all__ = ["read_audit", "record_audit", "write_audit"]

TABLE, SHEET = "audit.csv", "contact_sheet.html"
_COLUMNS = ("number", "image", "label", "truth")
_YES = frozenset({"yes", "y", "ok", "right", "true", "1"})
_NO = frozenset({"no", "n", "wrong", "false", "0"})
_SIDE = 220  # pixels of a picture on the sheet


@checked
def write_audit(
    dataset: str | PathLike[str], output: str | PathLike[str], count: int, *, seed: int = 0
) -> tuple[Path, Path]:
    """Draw images of a dataset to check, and write a contact sheet and a table to fill in.

    Parameters
    ----------
    dataset : str or path
        A folder that `export` wrote.
    output : str or path
        Folder for both files, created if it is missing.
    count : int
        Number of images to check.
    seed : int
        Seed of the draw.

    Returns
    -------
    table, sheet : Path
        ``audit.csv`` and ``contact_sheet.html``.

    Raises
    ------
    ExportError
        If the folder is not a dataset of protolabel, or `output` holds a table already.
    InputError
        If `count` is not a positive whole number.
    """
    metadata = read_metadata(dataset)
    audit = Audit(**_arrays(metadata), count=count, seed=seed)
    images = [metadata["images"][image] for image in audit.images.tolist()]
    folder = as_path(output, "a folder for the audit")
    table, sheet = folder / TABLE, folder / SHEET
    if table.exists():
        raise ExportError(
            f"Expected a new file for the audit, but {str(table)!r} exists and may hold answers: "
            "pass it with --answers, or choose another --output."
        )
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(_COLUMNS)
    rows.writerows(
        (number, safe_cell(image["source"]), safe_cell(image["label"]), "")
        for number, image in enumerate(images, 1)
    )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_text(table, text.getvalue())
        write_text(sheet, _sheet(Path(dataset).expanduser(), metadata, images))
    except OSError as error:
        raise ExportError(
            f"Expected a folder to write to, but for {str(folder)!r} the system says: "
            f"{system_says(error)}"
        ) from error
    return table, sheet


@checked
def read_audit(dataset: str | PathLike[str], table: str | PathLike[str]) -> AuditEstimate:
    """Estimate how many labels of a dataset are right from the table of an audit.

    Parameters
    ----------
    dataset : str or path
        The dataset that was audited.
    table : str or path
        ``audit.csv`` with the column ``truth`` filled in: the true class name; or "yes" if the
        label is right, "no" if it is wrong. Rows without an entry are not checked yet.

    Returns
    -------
    AuditEstimate

    Raises
    ------
    ExportError
        If the folder is not a dataset of protolabel.
    InputError
        If the table is not one of this dataset's labels.
    """
    metadata = read_metadata(dataset)
    heads, rows = read_table(table)
    if not {"image", "label", "truth"} <= set(heads):
        raise InputError(
            f"Expected columns named image, label and truth in {str(table)!r}, got "
            f"{', '.join(map(repr, heads)) or 'nothing'}: fill in the audit.csv of an audit."
        )
    rows = [row for row in rows if row[heads["image"]]]
    place = dataset_lookup(metadata).find(row[heads["image"]] for row in rows).images
    for row in rows:
        source, label = row[heads["image"]], row[heads["label"]]
        if source not in place or metadata["images"][place[source]]["label"] != label:
            raise InputError(
                f"Expected the labels that were audited, got {source!r} as {label!r}, which is "
                f"not in {str(dataset)!r}: an audit is valid for its own dataset; draw a new one."
            )
    drawn = np.array([place[row[heads["image"]]] for row in rows], dtype=np.int64)
    images, count = np.unique(drawn, return_counts=True)
    if (count > 1).any():
        twice = metadata["images"][images[count.argmax()]]["source"]
        raise InputError(
            f"Expected every image once in {str(table)!r}, got {twice!r} {count.max()} times: "
            "remove the other rows."
        )
    audit = Audit.resume(**_arrays(metadata), images=drawn)
    names = {name.casefold() for name in audit.names}
    for image, row in zip(drawn.tolist(), rows, strict=True):
        answer = (row[heads["truth"]] or "").strip()
        word = answer.casefold()
        if word in _YES - names:
            audit.confirm(image)
        elif word:
            audit.correct(image, None if word in _NO - names else answer)
    return audit.estimate()


@checked
def record_audit(dataset: str | PathLike[str], estimate: AuditEstimate) -> None:
    """Write the result of an audit into a dataset's ``metadata.json`` and ``report.txt``.

    Parameters
    ----------
    dataset : str or path
        The dataset that was audited.
    estimate : AuditEstimate
        From `read_audit`.

    Raises
    ------
    ExportError
        If the folder is not a dataset of protolabel, or cannot be written.
    """
    folder = Path(dataset).expanduser()
    report = folder / "report.txt"
    try:
        add_to_metadata(folder, "audit", estimate.record())
        if report.is_file():
            write_text(report, with_audit(report.read_text("utf-8"), estimate))
    except (OSError, UnicodeDecodeError) as error:
        if isinstance(error, ExportError):
            raise
        raise ExportError(
            f"Expected a dataset that can be written, but for {str(folder)!r} the system says: "
            f"{system_says(error, 'run protolabel again to write the report anew')}"
        ) from error


def _arrays(metadata: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of `Audit` for a dataset."""
    names, images = tuple(metadata["classes"]), metadata["images"]
    index = {name: number for number, name in enumerate(names)}
    return {
        "names": names,
        "label": np.array([index[image["label"]] for image in images], dtype=np.int32),
        "agreement": np.array([image["agreement"] for image in images]),
        "pinned": np.array([image["pinned"] for image in images], dtype=bool),
        "unfit": np.array([image.get("none_of_these", False) for image in images], dtype=bool),
    }


def _sheet(dataset: Path, metadata: dict[str, Any], images: Sequence[dict[str, Any]]) -> str:
    cells = "".join(
        f"<figure>{_picture(dataset, metadata, image)}<figcaption>{number}. "
        f"<b>{escape(image['label'])}</b><br>{escape(image['source'])}</figcaption></figure>"
        for number, image in enumerate(images, 1)
    )
    return still_page(
        "Audit",
        "body{font:14px system-ui;margin:24px}main{display:grid;gap:16px;"
        f"grid-template-columns:repeat(auto-fill,minmax({_SIDE}px,1fr))}}figure{{margin:0}}"
        "img{max-width:100%}figcaption{overflow-wrap:anywhere}",
        "<h1>Is each label right?</h1>"
        f"<p>Write the true class, or yes or no, into the column truth of {TABLE}, in this order. "
        f"Do not skip the hard ones; you may stop at any picture.</p><main>{cells}</main>",
    )


def _picture(dataset: Path, metadata: dict[str, Any], image: dict[str, Any]) -> str:
    places = [Path(str(metadata.get("source_root", "."))) / image["source"]]
    if image.get("file"):
        places.insert(0, dataset / image["file"])
    for path in places:
        try:
            picture = thumbnail(path, _SIDE)
        except (ImageReadError, OSError):
            continue
        data = io.BytesIO()
        picture.save(data, "JPEG", quality=85)
        code = base64.b64encode(data.getvalue()).decode("ascii")
        return f"<img alt='' src='data:image/jpeg;base64,{code}'>"
    return "<p>The picture cannot be read.</p>"

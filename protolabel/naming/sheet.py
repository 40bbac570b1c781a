"""A page with pictures of every suggested group."""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING

from protolabel.browser.atlas import square
from protolabel.browser.page import still_page
from protolabel.common.checks import as_count, as_path, checked
from protolabel.common.files import write_text
from protolabel.common.system_errors import system_says
from protolabel.common.wording import counted, escape
from protolabel.errors import ExportError, ImageReadError, InputError

if TYPE_CHECKING:
    import os
    from pathlib import Path

    from protolabel.images.image_set import ImageSet
    from protolabel.naming.groups import Group, Suggestions

__all__ = ["group_pictures", "write_sheet"]

_SIDE, _LARGEST = 160, 4096  # pixels of a picture


@checked
def write_sheet(path: str | os.PathLike[str], suggestions: Suggestions, images: ImageSet) -> Path:
    """Write one HTML page, without links to other files, that shows every group.

    Parameters
    ----------
    path : path
        The page; a file of that name is replaced.
    suggestions : Suggestions
        From `suggest_classes` or `Session.suggest`.
    images : ImageSet
        The images that were grouped.

    Returns
    -------
    Path
        The page.

    Raises
    ------
    InputError
        If an argument is of another kind.
    ExportError
        If the page cannot be written.
    """
    page = as_path(path, "the page to write").absolute()
    groups = "".join(_section(group, images) for group in suggestions)
    text = still_page(
        "Suggested names",
        "body{font:14px system-ui;margin:24px}main{display:grid;gap:16px;"
        "grid-template-columns:repeat(auto-fill,minmax(340px,1fr))}"
        "h2{font-size:16px;margin:0 0 4px}"
        "img{width:23%;margin-right:2%}p{margin:4px 0}",
        f"<h1>Suggested names</h1><main>{groups}</main>",
    )
    try:
        write_text(page, text)
    except OSError as error:
        raise ExportError(
            f"Expected to write {str(page)!r}, but the system says: {system_says(error)}"
        ) from error
    return page


@checked
def group_pictures(group: Group, images: ImageSet, side: int = _SIDE) -> list[bytes]:
    """Return JPEGs of the examples of a group; images that cannot be read are left out.

    Parameters
    ----------
    group : Group
        From `NameTree.suggest`.
    images : ImageSet
        The images that were grouped.
    side : int
        Side of a square picture in pixels, 1..4096.

    Returns
    -------
    list of bytes
        One JPEG file for each example.

    Raises
    ------
    InputError
        If an argument is of another kind.
    """
    side, made = as_count(side, "the side of a picture"), []
    if side > _LARGEST:
        raise InputError(f"Expected a side of at most {_LARGEST} pixels, got {side}: lower it.")
    for index in group.examples.tolist():
        try:
            picture = square(images.path(index), side)
        except (ImageReadError, OSError):
            continue
        with io.BytesIO() as file:
            picture.save(file, "JPEG", quality=85)
            made.append(file.getvalue())
    return made


def _section(group: Group, images: ImageSet) -> str:
    others = group.words[1:] if group.name else group.words
    words = ", ".join(escape(word) for word, _ in others)
    note = f"agreement {group.agreement:.2f}; or " if group.name else "perhaps "
    pictures = "".join(
        f"<img alt='' src='data:image/jpeg;base64,{base64.b64encode(data).decode()}'>"
        for data in group_pictures(group, images)
    )
    return (
        f"<section><h2>{escape(group.name or 'no good word')}</h2>{pictures}"
        f"<p>{counted(len(group), 'image')}, {note}{words or 'nothing else'}</p></section>"
    )

"""One call from a folder of images to a labelled dataset."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from protolabel.session.session import Session

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from protolabel.exporting.duplicates import Groups

__all__ = ["annotate"]


def annotate(
    source: Any,
    classes: Any,
    output: str | os.PathLike[str],
    *,
    formats: Sequence[str] | None = None,
    link: str = "copy",
    shares: Sequence[float] = (0.7, 0.15, 0.15),
    groups: Groups | None = None,
    overwrite: bool = False,
    best: int = 3,
    **settings: Any,
) -> Session:
    """Label a folder of images and write the dataset.

    Parameters
    ----------
    source, classes
        As for `Session`.
    output
        Folder of the dataset.
    formats, link, shares, groups, overwrite, best
        As for `export`.
    **settings
        Everything else that `Session` takes, such as ``encoder`` and ``temperature``.

    Returns
    -------
    Session
        To look further: ``.labels``, ``.diagnostics``, another ``.temperature``.
    """
    session = Session(source, classes, **settings)
    session.export(
        output,
        formats=formats,
        link=link,
        shares=shares,
        groups=groups,
        overwrite=overwrite,
        best=best,
    )
    return session

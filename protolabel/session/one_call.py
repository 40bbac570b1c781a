"""One call from a folder of images to suggested class names, or to a labelled dataset."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from protolabel.exporting.table import DEFAULT_BEST
from protolabel.session.session import Session

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from protolabel.exporting.duplicates import Groups
    from protolabel.naming.groups import Suggestions

__all__ = ["annotate", "suggest_classes"]


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
    best: int = DEFAULT_BEST,
    **settings: Any,
) -> Session:
    """Label a folder of images and write the dataset.

    Parameters
    ----------
    source, classes
        As for `Session`.
    output : str or path
        Folder of the dataset.
    formats, link, shares, groups, overwrite, best
        As for `export`.
    **settings
        Everything else that `Session` takes, such as ``encoder`` and ``temperature``.

    Returns
    -------
    Session
        The session, for ``.labels``, ``.diagnostics`` or another ``.temperature``.
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


def suggest_classes(
    source: Any, *, count: int | None = None, vocabulary: Any = None, **settings: Any
) -> Suggestions:
    """Suggest class names for a folder of unlabelled images.

    Similar images form groups, and words are chosen for all groups together, so that no two groups
    share a word and no word includes another. A group that no word fits is listed without a name.

    Parameters
    ----------
    source
        As for `Session`.
    count : int, optional
        Number of groups, 1 or more: few groups are coarse (dogs), many are fine (breeds of dogs).
        By default the number at which the words describe the images best.
    vocabulary : list of str or ClassVectors, optional
        Words that may become names. By default the everyday words of ImageNet-21k, or the animals
        that the sample encoder knows. They are embedded once per encoder and kept.
    **settings
        Everything else that `Session` takes, such as ``encoder`` and ``seed``.

    Returns
    -------
    Suggestions
        Its ``tree`` has the other levels, such as ``found.tree.suggest(20)``.

    Raises
    ------
    InputError
        If the source holds no images, or an argument cannot be used.

    Examples
    --------
    >>> found = suggest_classes("photos")
    >>> print(found)
    dog: 40 images, agreement 0.91 (or puppy, hound)
    cat: 38 images, agreement 0.87 (or kitten, tiger cat)
    >>> session = Session("photos", found.classes)
    """
    return Session(source, vocabulary=vocabulary, **settings).suggest(count)

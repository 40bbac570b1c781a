"""Plugins: writers, sources and encoders that other packages register as entry points."""

from __future__ import annotations

import warnings
from functools import cache
from importlib.metadata import entry_points
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["plugins"]


@cache
def plugins(group: str) -> Mapping[str, Any]:
    """Load the plugins of a group from all installed packages; see docs/plugins.md.

    A plugin that cannot be loaded is left out with a warning: another package must not keep
    protolabel from working.

    Parameters
    ----------
    group : str
        "writers", "sources" or "encoders"; the entry points are in the group
        ``protolabel.<group>``.

    Returns
    -------
    mapping of str to object
        Name of the entry point -> the object that it names, sorted by name.
    """
    found = {}
    for entry in sorted(entry_points(group=f"protolabel.{group}"), key=lambda entry: entry.name):
        try:
            found[entry.name] = entry.load()
        except Exception as error:  # noqa: BLE001 -- a stranger's package raises what it likes
            package = "a package" if entry.dist is None else entry.dist.name
            warnings.warn(
                f"{entry.name!r} of {package} is left out of the {group}, because it cannot be "
                f"loaded ({type(error).__name__}: {error}). Update or remove that package.",
                stacklevel=2,
            )
    return MappingProxyType(found)

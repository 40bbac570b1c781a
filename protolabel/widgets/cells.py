"""Close the studio or panel of a notebook cell when the cell runs again.

ipywidgets keeps every widget until it is closed, and IPython keeps every displayed object in its
`Out` history. Without this module, each run of a cell would leave a whole studio in memory.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from protolabel.session.session import Session

__all__ = ["is_unattended", "keep_for_cell"]


class _View(Protocol):
    """A studio or a panel."""

    session: Session

    def close(self) -> None: ...


@dataclass
class _Cell:
    """One execution of a cell, and what it displayed."""

    execution: str
    views: list[_View] = field(default_factory=list)


_cells: dict[str, _Cell] = {}


def keep_for_cell(view: _View) -> None:
    """Record what the running cell displays, and close what its previous run displayed.

    Outside a notebook this does nothing.

    Parameters
    ----------
    view : Studio or panel
        The view about to be displayed. Views that another cell also displays stay open.
    """
    shell = _shell()
    request = shell.get_parent() if shell is not None else {}
    if "header" not in request:
        return
    # Some front ends send no cell id; then equal code identifies the cell.
    place = request.get("metadata", {}).get("cellId") or request["content"].get("code", "")
    execution, earlier = request["header"]["msg_id"], _cells.get(place)
    if earlier is None or earlier.execution != execution:
        _cells[place] = _Cell(execution)
    if view not in _cells[place].views:
        _cells[place].views.append(view)
    if earlier is not None and earlier is not _cells[place]:
        _close(earlier.views, shell)


def is_unattended() -> bool:
    """Return whether a program runs the notebook, such as `nbconvert --execute` or papermill.

    Such programs use nbclient, which does not allow a cell to ask for input.
    """
    shell = _shell()
    request = shell.get_parent() if shell is not None else {}
    return request.get("content", {}).get("allow_stdin") is False


def _close(views: list[_View], shell: Any) -> None:
    shown = [view for cell in _cells.values() for view in cell.views]
    gone = [view for view in views if view not in shown]
    for view in gone:
        view.close()
    sessions = {view.session for view in gone} - {view.session for view in shown}
    _forget({id(gone_now) for gone_now in (*gone, *sessions)}, shell)


def _forget(gone: set[int], shell: Any) -> None:
    """Remove objects from the history of outputs, which would keep all their results in memory."""
    outputs, hook = shell.user_ns.get("_oh", {}), vars(shell.displayhook)
    for number in [number for number, value in outputs.items() if id(value) in gone]:
        del outputs[number]
    for names in (shell.user_ns, shell.user_ns_hidden, hook):
        for name in [name for name, value in names.items() if id(value) in gone]:
            if set(name) == {"_"}:  # the last three outputs
                names[name] = None
            elif name.startswith("_") and name[1:].isdigit():
                del names[name]


def _shell() -> Any:
    """Return the shell of a notebook's kernel, or None."""
    import sys

    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return shell if hasattr(shell, "get_parent") else None

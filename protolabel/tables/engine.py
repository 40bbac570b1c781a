"""Daft, the engine that reads tables and spreads work over processes or a Ray cluster.

Daft's own settings choose the runner: by default the local one, with ``DAFT_RUNNER=ray`` (and
``RAY_ADDRESS``) or ``daft.set_runner_ray(...)`` a Ray cluster.
"""

from __future__ import annotations

import os
import re
import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from protolabel.errors import InputError, ProtolabelError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["engine", "expecting", "literal", "on_ray"]

_QUIET = {
    # Both send usage statistics by default; Daft reads this when it is imported.
    "DO_NOT_TRACK": "true",
    "RAY_USAGE_STATS_ENABLED": "0",
    # It counts tasks; protolabel counts images.
    "DAFT_PROGRESS_BAR": "0",
}
_PATIENCE = 20.0  # seconds
_ENGINES = {"daft", "pyarrow", "ray", "httpx", "httpx2", "huggingface_hub"}  # pyarrow asks the hub


def engine() -> Any:
    """Return the module ``daft``, imported without usage statistics.

    Raises
    ------
    InputError
        If it is not installed, or is to work on a Ray cluster that does not answer.
    """
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    try:
        import daft
    except ImportError as error:
        raise InputError(
            "Expected Daft, which reads tables of images, got an environment without it: "
            'pip install "protolabel[scale]", or "protolabel[ray]" for a Ray cluster.'
        ) from error
    if os.environ.get("DAFT_RUNNER", "").lower() == "ray":
        _check_cluster()
    return daft


def _check_cluster() -> None:
    """Ask the Ray cluster for an answer; Ray itself would go on asking for a quarter of an hour."""
    try:
        import ray
    except ImportError as error:
        raise InputError(
            "Expected Ray, as DAFT_RUNNER says, got an environment without it: "
            'pip install "protolabel[ray]".'
        ) from error
    address = os.environ.get("RAY_ADDRESS", "")
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if ray.is_initialized() or address in {"", "auto", "local"}:
        return
    if not host or not port.isdecimal():
        raise InputError(
            f"Expected RAY_ADDRESS as HOST:PORT, or auto, got {address!r}: correct it."
        )
    try:
        socket.create_connection((host.strip("[]"), int(port)), _PATIENCE).close()
    except (OSError, OverflowError) as error:
        raise InputError(
            f"Expected a Ray cluster at {address}, as RAY_ADDRESS says, got no answer ({error}): "
            "start it, or correct the address."
        ) from error


def on_ray() -> bool:
    """Say whether Daft works on a Ray cluster."""
    from daft import get_or_infer_runner_type

    return bool(get_or_infer_runner_type() == "ray")


def literal(path: str) -> str:
    """Return a path with a backslash before each character that Daft takes for a pattern."""
    return re.sub(r"([][*?{}\\])", r"\\\1", path)


@contextmanager
def expecting(what: str, error: type[ProtolabelError], advice: str) -> Iterator[None]:
    """Turn what Daft, Arrow and the disk raise into an error of protolabel.

    Parameters
    ----------
    what : str
        What was expected.
    error : type of ProtolabelError
        What is raised.
    advice : str
        What to do.
    """
    try:
        yield
    except ProtolabelError:
        raise
    except Exception as found:
        # They raise dozens of kinds; by their own names, as they have no common root.
        engines = _ENGINES & {kind.__module__.split(".")[0] for kind in type(found).__mro__}
        if not engines and not isinstance(found, OSError | ValueError | RuntimeError):
            raise
        raise error(f"Expected {what}, got: {_reason(found)}. {advice}") from found


def _reason(found: Exception) -> str:
    """Return what an engine says in one line: the last cause of Daft, what a task of Ray raised."""
    lines = [line.strip() for line in str(found).splitlines() if line.strip()] or [""]
    is_list = "ray::" in lines[0] or any(line.startswith("Caused by") for line in lines)
    reason = re.sub(
        r"^([0-9]+: )?([\w.]+(Error|Exception): )?(DaftError::\w+ )?",
        "",
        lines[-1 if is_list else 0],
    )
    reason = reason.rstrip(".")
    return reason[:300] or type(found).__name__

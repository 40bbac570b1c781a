"""Daft, the engine that reads tables and spreads work over processes or a Ray cluster.

Daft's own settings choose the runner: by default the local one, with ``DAFT_RUNNER=ray`` (and
``RAY_ADDRESS``) or ``daft.set_runner_ray(...)`` a Ray cluster.
"""

from __future__ import annotations

import os
from typing import Any

from protolabel.errors import InputError

__all__ = ["engine", "on_ray"]

_QUIET = {
    # Both send usage statistics by default; Daft reads this when it is imported.
    "DO_NOT_TRACK": "true",
    "RAY_USAGE_STATS_ENABLED": "0",
    # It counts tasks; protolabel counts images.
    "DAFT_PROGRESS_BAR": "0",
}


def engine() -> Any:
    """Return the module ``daft``, imported without usage statistics.

    Raises
    ------
    InputError
        If it is not installed.
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
    return daft


def on_ray() -> bool:
    """Say whether Daft works on a Ray cluster."""
    from daft import get_or_infer_runner_type

    return bool(get_or_infer_runner_type() == "ray")

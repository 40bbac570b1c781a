"""Two Ray nodes, of which parts are killed, give what one machine gives."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("ray", reason="needs protolabel[ray], in an environment of its own")

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "two_ray_nodes.py"


@pytest.mark.timeout(1800)
def test_killed_workers_nodes_and_drivers_lose_nothing():
    run = subprocess.run(
        [sys.executable, SCRIPT, "--vectors", "40000", "--pictures", "2000"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if run.returncode == 77:
        pytest.skip(run.stdout.strip())
    assert run.returncode == 0, run.stdout + run.stderr
    assert run.stdout.count("lost 0, twice 0") == 2

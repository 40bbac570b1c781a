"""The benchmark's modules import each other by name, as they do when it runs as a script."""

from __future__ import annotations

import sys
from pathlib import Path

# At the end: `worlds` stays the one of the tests.
sys.path.append(str(Path(__file__).parents[1] / "benchmarks" / "quality"))

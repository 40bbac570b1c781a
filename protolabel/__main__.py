"""``python -m protolabel``."""

from __future__ import annotations

import sys

from protolabel.cli import main

if __name__ == "__main__":
    sys.exit(main())

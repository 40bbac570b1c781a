"""Ten number keys a second for a minute, on 2,000 pictures in Chromium: every pin must be right.

python tests/benchmarks/fast_keys.py [--images 2000] [--seconds 60] [--rate 10]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "widgets"))

from host import Host, browser
from quick_hand import many_pictures, type_labels

from protolabel.widgets.panels.gallery import GalleryPanel


def main() -> None:
    """Run it and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--rate", type=float, default=10)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, browser(Path(folder) / "profile") as context:
        session = many_pictures(Path(folder), given.images)
        panel = GalleryPanel(session)
        panel.follower.wait(300)
        host = Host(context.new_page(), panel.grid)
        start = time.perf_counter()
        meant = type_labels(host, int(given.seconds * given.rate), 1 / given.rate)
        taken = time.perf_counter() - start
        panel.follower.wait(300)
        pins = dict(session.pins)
        right = sum(pins.get(image) == name for image, name in meant.items())
        keys = int(given.seconds * given.rate)
        print(f"{keys} keys in {taken:.1f} s ({keys / taken:.1f} a second), "
              f"{len(meant)} pictures, {len(pins)} pins, {right} of them right, "
              f"{len(session.corrections)} corrections")  # fmt: skip
        session.close()


if __name__ == "__main__":
    main()

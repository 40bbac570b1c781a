"""Ten number keys a second for a minute, on 2,000 pictures in Chromium: every pin must be right.

    python tests/benchmarks/fast_keys.py [--images 2000] [--seconds 60] [--rate 10] [--lab]

The keys are real events that come on a clock and wait for nobody. With ``--lab`` the whole studio
is there, in JupyterLab with a kernel of its own, and the pictures are files.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "widgets"))
sys.path.insert(0, str(Path(__file__).parents[1] / "widgets" / "lab"))

import server
from host import Host, browser, devtools_port
from quick_hand import LISTEN, KeyClock, many_pictures, meant_by, some_keys, type_labels

from protolabel.widgets.panels.gallery import GalleryPanel

WIDGETS = Path(__file__).parents[1] / "widgets"
KERNEL = "window.jupyterapp.shell.currentWidget.sessionContext.session.kernel"


def in_a_page(images: int, keys: int, rate: float) -> None:
    """Type in the gallery alone, in a bare page."""
    with tempfile.TemporaryDirectory() as folder, browser(Path(folder) / "profile") as context:
        session = many_pictures(Path(folder), images)
        panel = GalleryPanel(session)
        panel.follower.wait(300)
        host = Host(context.new_page(), panel.grid)
        meant = type_labels(host, devtools_port(Path(folder) / "profile"), keys, rate)
        panel.follower.wait(300)
        report(host.page, meant, dict(session.pins), len(session.corrections))
        session.close()


def in_lab(images: int, keys: int, rate: float) -> None:
    """Type in the gallery of the studio, in JupyterLab."""
    cell = (
        f"import sys; sys.path.insert(0, {str(WIDGETS)!r})\n"
        "from pathlib import Path\nimport json, quick_hand\n"
        f"session = quick_hand.many_pictures(Path.cwd(), {images}, drawn=True)\nsession"
    )
    ask = "Path('pins.json').write_text(json.dumps([dict(session.pins), len(session.corrections)]))"
    port = server.free_port()
    with (
        tempfile.TemporaryDirectory() as home,
        server.running_lab(Path(home)) as lab,
        server.open_page(flags=(f"--remote-debugging-port={port}",)) as page,
    ):
        server.open_notebook(page, lab, "keys.ipynb", [cell])
        page.wait_for_selector(".pls-tile", timeout=300_000)
        page.wait_for_function("document.querySelector('.pl-status').hidden", timeout=300_000)
        page.evaluate(LISTEN)
        page.locator(".pls-grid").first.focus()
        page.keyboard.press("Home")
        clock = KeyClock(port, page.url)
        pressing = clock.start(some_keys(keys), rate)
        while pressing.is_alive():
            page.wait_for_timeout(200)
        clock.close()
        page.wait_for_function("n => window.meant.length === n", arg=keys)
        meant = meant_by(page)
        for _ in range(60):  # the last are on their way to the kernel
            page.evaluate(f"code => {KERNEL}.requestExecute({{ code }}).done", ask)
            pins, corrections = json.loads((lab[1] / "pins.json").read_text("utf-8"))
            if len(pins) >= len(meant):
                break
            page.wait_for_timeout(1000)
        report(page, meant, pins, corrections)


def report(page: Any, meant: dict[str, str], pins: dict[str, str], corrections: int) -> None:
    """Print how many keys came when, and how many pins are right."""
    came = np.array(page.evaluate("window.came"))
    waited = np.array(page.evaluate("window.waited"))
    right = sum(pins.get(image) == name for image, name in meant.items())
    print(
        f"{len(came)} keys, {1000 * (len(came) - 1) / (came[-1] - came[0]):.1f} a second, "
        f"{len(meant)} pictures, {len(pins)} pins, {right} of them right, "
        f"{corrections} corrections; a key waited {np.median(waited):.0f} ms (median), "
        f"{np.percentile(waited, 95):.0f} (95 %), {waited.max():.0f} (longest)"
    )


def main() -> None:
    """Run it and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--rate", type=float, default=10)
    parser.add_argument("--lab", action="store_true")
    given = parser.parse_args()
    run = in_lab if given.lab else in_a_page
    run(given.images, int(given.seconds * given.rate), given.rate)


if __name__ == "__main__":
    main()

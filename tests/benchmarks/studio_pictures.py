"""Draw the studio in JupyterLab, light and dark, as the README shows it.

    python tests/benchmarks/studio_pictures.py docs/images [--whole]

Writes ``studio_light.webp`` and ``studio_dark.webp``; with ``--whole`` also every tab at two
widths, to be looked at.
"""

from __future__ import annotations

import argparse
import io
import sys
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1] / "widgets" / "lab"))
import server
from test_lab import CELLS, wait_for_text

TABS = ("Gallery", "Audit", "Charts", "Runs", "None of these", "Export")


def shot(page: Any) -> Image.Image:
    """The studio as it stands."""
    page.wait_for_timeout(900)
    data = page.locator(".pls-studio").screenshot()
    return Image.open(io.BytesIO(data)).convert("RGB")


def main() -> None:
    """Open the studio, wait until it rests, and draw it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--whole", action="store_true")
    asked = parser.parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as home,
        server.running_lab(Path(home)) as lab,
        server.open_page(1280, 1800) as page,
    ):
        server.open_notebook(page, lab, "studio.ipynb", CELLS)
        page.wait_for_selector(".pls-tile", timeout=180_000)
        wait_for_text(page, "60 images", 180_000)
        page.wait_for_function("document.querySelector('.pl-status').hidden", timeout=180_000)
        page.get_by_role("button", name="Got it").click()
        for theme in ("Light", "Dark"):
            server.set_theme(page, theme)
            name = f"studio_{theme.lower()}.webp"
            shot(page).save(asked.folder / name, quality=80, method=6)
            if asked.whole:
                page.locator(".pls-tile").first.click()  # a correction, so that runs differ
                page.get_by_role("button", name="1 dog").click()
                for width in (1280, 1050):
                    page.set_viewport_size({"width": width, "height": 1800})
                    for tab in TABS:
                        page.get_by_role("tab", name=tab).click()
                        shot(page).save(asked.folder / f"{tab}_{theme}_{width}.png")
                    page.get_by_role("tab", name=TABS[0]).click()
                page.set_viewport_size({"width": 1280, "height": 1800})


if __name__ == "__main__":
    main()

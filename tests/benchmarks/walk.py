"""From an empty notebook to a corrected, audited, exported dataset by mouse and keyboard, timed.

    python tests/benchmarks/walk.py [--images 500] [--fix 40] [--think 0.4]

A person who knows what each picture shows types two cells in JupyterLab, labels the pictures that
the gallery puts first, audits 40 and exports. They think for a moment before every key; the rest is
waiting. At the end the dataset on the disk is compared with what was said.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import protolabel as pl

sys.path.insert(0, str(Path(__file__).parents[1] / "widgets" / "lab"))
import server
from test_lab import wait_for_text

NAMES = ("dog", "cat", "tiger", "lion", "giraffe")
UP = "[...document.querySelectorAll('.pls-grid .pls-tile')].findIndex((t) => t.matches('.here'))"


class Person:
    """Somebody at the keyboard, who thinks before a key."""

    def __init__(self, page: Any, truth: dict[str, str], think: float) -> None:
        self.page, self.truth, self.think = page, truth, think
        self.begun = self.last = time.perf_counter()
        self.said: dict[str, str] = {}

    def tell(self, what: str) -> None:
        """Print how long the last part took."""
        now = time.perf_counter()
        print(f"  {what:48s}{now - self.last:7.1f} s", flush=True)
        self.last = now

    def type(self, text: str) -> None:
        """Write a cell and run it."""
        self.page.keyboard.type(text, delay=20)
        self.page.keyboard.press("Shift+Enter")

    def label(self, count: int) -> None:
        """Label the pictures that are up, one key each."""
        page = self.page
        page.locator(".pls-grid").first.focus()
        page.keyboard.press("Home")
        for _ in range(count):
            page.wait_for_function(f"{UP} >= 0")
            shown = page.locator(".pls-grid .pls-tile.here").first.get_attribute("aria-label")
            name = self.truth[shown.split(":")[0]]
            page.wait_for_timeout(1000 * self.think)
            page.keyboard.press(str(NAMES.index(name) + 1))
            self.said[shown.split(":")[0]] = name

    def audit(self, count: int) -> int:
        """Check a sample by keys; return how many labels were right."""
        page = self.page
        page.get_by_role("tab", name="Audit").click()
        page.get_by_role("button", name="Draw a sample").click()
        right = 0
        for number in range(1, count + 1):
            wait_for_text(page, f"Picture {number} of {count}")
            page.wait_for_function("document.querySelector('.pls-audit img').naturalWidth > 0")
            page.wait_for_timeout(1000 * self.think)
            truth = self.truth[page.locator(".pls-audit img").get_attribute("alt").split(",")[0]]
            if truth == page.locator(".pls-audit-asks b").inner_text():
                page.keyboard.press("Enter")
                right += 1
            else:
                page.keyboard.press(str(NAMES.index(truth) + 1))
        wait_for_text(page, f"({count} pictures checked)")
        return right


def main() -> None:
    """Walk the whole way and print how long each part took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=500)
    parser.add_argument("--fix", type=int, default=40)
    parser.add_argument("--think", type=float, default=0.4)
    given = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as home,
        server.running_lab(Path(home)) as lab,
        server.open_page() as page,
    ):
        pictures = pl.write_sample_pictures(
            lab[1] / "photos", classes=NAMES, per_class=given.images // len(NAMES),
            styles=["chalkboard", "night"], seed=1,
        )  # fmt: skip
        page.set_default_timeout(300_000)
        server.open_notebook(page, lab, "walk.ipynb", [""])
        page.locator(".jp-CodeCell .cm-content").first.click()
        person = Person(page, pictures.truth, given.think)
        print(f"{given.images} pictures, {given.think} s to think before a key")
        person.type("import protolabel as pl")
        person.type(f'pl.Session("photos", {list(NAMES)}, encoder="sample")')
        page.wait_for_selector(".pls-tile")
        person.tell("two cells, to labels and pictures")
        person.label(given.fix)
        wait_for_text(page, f"{len(person.said)} fixed by you")
        person.tell(f"{given.fix} labels by keys")
        right = person.audit(40)
        person.tell(f"an audit of 40: {right} right")
        page.get_by_role("button", name="Fix the checked labels").click()
        wait_for_text(page, "Undo takes it back")
        page.get_by_role("tab", name="Export").click()
        page.get_by_role("button", name="Export", exact=True).click()
        wait_for_text(page, f"{given.images:,} images (")
        person.tell("checked labels fixed, and the export")
        print(f"  {'in all':48s}{time.perf_counter() - person.begun:7.1f} s")
        told = json.loads((lab[1] / "annotated_dataset" / "metadata.json").read_text("utf-8"))
        pins = told["parameters"]["pins"]
        same = sum(pins.get(image) == name for image, name in person.said.items())
        wrong = sum(pictures.truth[image] != name for image, name in pins.items())
        print(f"  {len(pins)} labels fixed, {same} of {len(person.said)} as said, {wrong} wrong")
        print(f"  errors in the kernel: {page.evaluate('window.kernelErrors')}")


if __name__ == "__main__":
    main()

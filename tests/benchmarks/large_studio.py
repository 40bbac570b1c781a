"""Seconds that a person waits in the studio of a large folder, in JupyterLab and Chromium.

    python tests/benchmarks/large_studio.py [--images 100000] [--classes 10] [--rounds 5]

From the running of the cell to the first points, the first labels and the last layout, then from a
key or the mouse to what it brings: another temperature, an iteration, a lasso with its pictures, a
page, an order, a search. The vectors are simulated as in `large_folder.py`, and there are no files:
tiles are blank. Times end when the page shows what was asked for; Playwright adds some 20 ms.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from large_folder import DIM, simulate

import protolabel as pl
from protolabel.common.progress import silent
from protolabel.encoders.base import EncoderInfo

sys.path.insert(0, str(Path(__file__).parents[1] / "widgets" / "lab"))
import server
from slider_latency import WATCH

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

LONG = 3_600_000  # milliseconds
TILES = "[...document.querySelectorAll('.pls-tile')].map((t) => t.title.split('\\n')[0]).join()"


FRAMES = "document.querySelector('.pl-map').dataset.frames"
DRAWN = """() => new MutationObserver(() => { window.drawn = performance.now(); })
  .observe(document.querySelector(".pl-map"), { attributeFilter: ["data-frames"] })"""
RUNS = """async () => {
  const { kernel } = window.jupyterapp.shell.currentWidget.sessionContext.session;
  let answer = "";
  const asked = kernel.requestExecute({ code: "print(len(session.runs))", store_history: false });
  asked.onIOPub = ({ content }) => (answer += content.text ?? "");
  await asked.done;
  return Number(answer);
}"""


class Words:
    """Vectors for words to search with."""

    name, dim, logit_scale = "words", DIM, 100.0

    def encode_images(self, images: Sequence[Any]) -> np.ndarray:
        """Refuse: the vectors are there."""
        raise NotImplementedError

    def encode_texts(self, texts: Sequence[str]) -> np.ndarray:
        """Return a unit vector for each text."""
        rng = np.random.default_rng([len(text) for text in texts])
        rows = rng.normal(size=(len(texts), DIM)).astype(np.float32)
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def make_session(folder: Path, n: int, n_classes: int) -> pl.Session:
    """Return a session on simulated vectors in a memory map, as those of a folder are."""
    _, _, text = simulate(folder / "vectors.npy", n, n_classes)
    images = pl.ImageSet(folder, tuple(f"{i:07d}.jpg" for i in range(n)))
    record = EncoderInfo(Words.name, DIM, Words.logit_scale, "custom")
    embeddings = pl.Embeddings(np.load(folder / "vectors.npy", mmap_mode="r"), images, record)
    return pl.Session(embeddings, text, encoder=Words(), progress=silent)


class Studio:
    """The studio on a page, with what a person does there."""

    def __init__(self, page: Any) -> None:
        self.page = page

    def until(self, condition: str) -> None:
        """Wait for a condition of the page."""
        self.page.wait_for_function(condition, timeout=LONG)

    def tiles_change(self, act: Callable[[], None]) -> float:
        """Return the seconds from an act to other pictures in the gallery."""
        before = self.page.evaluate(TILES)
        start = time.perf_counter()
        act()
        self.page.wait_for_function(f"before => {TILES} !== before", arg=before, timeout=LONG)
        return time.perf_counter() - start

    def runs(self) -> int:
        """Ask the kernel how many runs there are; the studio's work goes on meanwhile."""
        return self.page.evaluate(RUNS)

    def slide(self) -> float:
        """Return the seconds from a key on the temperature to other colours of the map."""
        page, before = self.page, self.runs()
        page.locator(".pls-temperature .noUi-handle").focus()
        start = time.perf_counter()
        begun = page.evaluate("performance.now()") / 1000
        page.keyboard.press("ArrowRight")
        while self.runs() == before:
            page.wait_for_timeout(20)
        taken, frames = time.perf_counter() - start, page.evaluate(FRAMES)
        page.wait_for_timeout(1500)
        if page.evaluate(FRAMES) != frames:  # else the map was drawn while the kernel was asked
            taken = page.evaluate("window.drawn") / 1000 - begun
        page.wait_for_timeout(3000)  # the charts follow
        return taken

    def lasso(self, fraction: float) -> tuple[float, float]:
        """Return the seconds from letting go to the count on the map, and to the pictures."""
        page = self.page
        tool = page.locator('button[data-tool="lasso"]').first
        if tool.get_attribute("aria-pressed") != "true":
            tool.click()
        box = page.locator(".pl-stage").bounding_box()
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        w, h = fraction * box["width"] / 2, fraction * box["height"] / 2
        before = page.evaluate(TILES)
        page.mouse.move(x - w, y - h)
        page.mouse.down()
        for right, down in ((w, -h), (w, h), (-w, h), (-w, -h)):
            page.mouse.move(x + right, y + down, steps=5)
        page.evaluate("delete document.querySelector('.pl-map').dataset.polygon")
        start = time.perf_counter()
        page.mouse.up()
        self.until("document.querySelector('.pl-map').dataset.polygon")
        counted = time.perf_counter() - start
        page.wait_for_function(f"before => {TILES} !== before", arg=before, timeout=LONG)
        return counted, time.perf_counter() - start

    def choose(self, label: str, option: str) -> Callable[[], None]:
        """Return an act that chooses from a dropdown of the gallery."""
        return lambda: self.page.get_by_label(label, exact=True).first.select_option(option)


def use(page: Any, lab: tuple[str, Path], n: int, n_classes: int, rounds: int) -> None:
    """Open the studio and print how long everything takes."""
    setting_up = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "from pathlib import Path\nimport large_studio\n"
        f"session = large_studio.make_session(Path.cwd(), {n}, {n_classes})"
    )
    server.open_notebook(page, lab, "large.ipynb", [setting_up])
    page.set_default_timeout(LONG)
    notebook = "window.jupyterapp.shell.currentWidget.content"
    page.wait_for_function(
        f"{notebook}.model.cells.get(0).executionCount", timeout=LONG, polling=500
    )
    studio = Studio(page)

    def say(what: str, taken: float) -> None:
        print(f"  {what:44s}{taken:9.2f} s", flush=True)

    print(f"{n:,} images, {n_classes} classes")
    page.evaluate("window.jupyterapp.commands.execute('notebook:insert-cell-below')")
    page.evaluate(f"{notebook}.activeCell.model.sharedModel.setSource('session')")
    start = time.perf_counter()
    page.evaluate("void window.jupyterapp.commands.execute('notebook:run-cell')")
    studio.until("document.querySelector('.pl-stage')?.dataset.empty === 'false'")
    say("first points", time.perf_counter() - start)
    studio.until("document.querySelector('.pls-studio')?.innerText.includes('by refinement')")
    say("first labels", time.perf_counter() - start)
    studio.until("document.querySelector('.pls-tile')")
    say("first pictures of the gallery", time.perf_counter() - start)
    page.wait_for_timeout(1000)
    studio.until("document.querySelector('.pl-status').hidden")
    say("the map laid out", time.perf_counter() - start)
    page.wait_for_timeout(8000)  # the picture for saved notebooks is drawn

    page.evaluate(WATCH)
    page.evaluate(DRAWN)
    studio.slide()
    moves = [studio.slide() for _ in range(rounds)]
    say("another temperature, to the map's colours", statistics.median(moves))
    page.locator(".pl-track input").focus()
    steps = []
    for turn in range(rounds):
        page.evaluate("window.taken = null")
        page.keyboard.press("ArrowRight" if turn % 2 else "ArrowLeft")
        studio.until("window.taken")
        steps.append(page.evaluate("window.taken") / 1000)
        page.wait_for_timeout(1000)
    say("another iteration, to the map's colours", statistics.median(steps))
    for fraction in (0.2, 0.9):
        counted, shown = studio.lasso(fraction)
        chosen = int(page.evaluate("document.querySelector('.pl-map').dataset.selected"))
        say(f"lasso of {chosen:,}, to its count", counted)
        say(f"lasso of {chosen:,}, to its pictures", shown)
        page.wait_for_timeout(1000)
        if fraction < 0.5:
            studio.tiles_change(lambda: page.locator(".pl-stage").press("Escape"))
    pages = [
        studio.tiles_change(lambda: page.get_by_title("More pictures").click())
        for _ in range(rounds)
    ]
    say("the next page of pictures", statistics.median(pages))
    say("every picture in the gallery", studio.tiles_change(studio.choose("Show", "Every picture")))
    low = studio.choose("Sort", "Lowest agreement first")
    say("sorted by agreement", studio.tiles_change(low))
    say("sorted by file name", studio.tiles_change(studio.choose("Sort", "File name")))

    def search() -> None:
        page.get_by_label("Find", exact=True).first.fill("red sofa")
        page.keyboard.press("Enter")

    say("found by words", studio.tiles_change(search))
    page.locator(".pls-grid").first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Space")
    start = time.perf_counter()
    studio.until("document.querySelector('.pls-large-votes th')")
    say("a large picture with its votes", time.perf_counter() - start)
    alike = page.get_by_text("More like this", exact=True).first
    say("more like this one", studio.tiles_change(alike.click))
    key = [0.0] * rounds
    page.locator(".pls-grid").first.focus()
    page.keyboard.press("Home")
    for turn in range(rounds):
        fixed = page.locator(".pls-tile .pls-fixed").count()
        start = time.perf_counter()
        page.keyboard.press("2")
        page.wait_for_function(
            "n => document.querySelectorAll('.pls-tile .pls-fixed').length > n", arg=fixed
        )
        key[turn] = time.perf_counter() - start
        page.wait_for_timeout(500)
    say("a label fixed by a key, to its mark", statistics.median(key))
    print(f"  errors in the kernel: {page.evaluate('window.kernelErrors')}")


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--classes", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as home,
        server.running_lab(Path(home)) as lab,
        server.open_page() as page,
    ):
        use(page, lab, given.images, given.classes, given.rounds)


if __name__ == "__main__":
    main()

"""Draw the loop for the README: a moving picture of a run, its stills, and how it works.

    python tests/benchmarks/loop_pictures.py docs/images

Writes ``loop.gif``, ``loop_stills.png`` and ``how_it_works.png``, and prints what the run did. The
pictures are drawn in chalk, the style that the sample encoder reads worst, and of seeds 0 to 2
the one is taken where most labels change, so that one sees something move.
"""

from __future__ import annotations

import argparse
import base64
import io
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from how_it_works import figure
from palettes import by_count, painted
from PIL import Image

import protolabel as pl
from protolabel.common.progress import silent
from protolabel.exporting import replay_html

sys.path.insert(0, str(Path(__file__).parents[1] / "widgets" / "lab"))
from server import open_page  # isort: skip

CLASSES = ("dog", "cat", "tiger", "lion")
SEEDS = range(3)
WIDTH, SCALE = 760, 2  # of the pictures on the page, and pixels for each of its own
MARGIN = 20  # of the replay page
COLOURS = 224
STILLS = (0, 1, 2, 5)
GLIDE, GLIDE_FRAMES = 360, 9  # milliseconds that prototypes are on their way
REST, REST_AT_AN_END = 1100, 2800  # milliseconds that an iteration is shown

STILLS_PAGE = """<!doctype html><meta charset="utf-8"><style>
body { margin: 0; color: #1d2430; font: 13px/1.35 system-ui, sans-serif; }
div { display: flex; gap: 8px; width: 760px; background: #fff; }
figure { margin: 0; flex: 1; }
img { box-sizing: border-box; display: block; width: 100%%; aspect-ratio: 5 / 4; object-fit: cover;
  border: 1px solid #e1e5eb; border-radius: 6px; }
figcaption { padding: 6px 2px 2px; }
b { display: block; }
span { color: #667085; }
</style><div>%s</div>"""


@dataclass(frozen=True)
class Run:
    """A run on pictures whose classes are known, and what it did."""

    session: pl.Session
    right: list[float]
    moved: list[int]  # labels other than those of zero-shot

    @property
    def page(self) -> str:
        """The run as a page that plays."""
        session = self.session
        shown = (session.labels, session.embeddings.images, session.map, session.prototype_map)
        return replay_html(*shown, thumbnails=0, progress=silent)


def run_on_chalk(folder: Path, seed: int) -> Run:
    """Draw pictures, label them, and compare every iteration with the truth."""
    pictures = pl.write_sample_pictures(
        folder, classes=CLASSES, per_class=40, styles=["chalkboard"], seed=seed
    )
    session = pl.Session(folder, classes=CLASSES, encoder="sample", progress=silent)
    names = session.embeddings.images.names
    truth = np.array([CLASSES.index(pictures.truth[name]) for name in names])
    steps = [session.labels.at(t).label for t in range(session.iterations + 1)]
    right = [float(np.mean(step == truth)) for step in steps]
    moved = [int(np.sum(steps[0] != step)) for step in steps]
    print(f"seed {seed}")
    for t, step in enumerate(steps):
        counts = dict(
            zip(session.names, np.bincount(step, minlength=len(CLASSES)).tolist(), strict=True)
        )
        changed = int(np.sum(steps[max(0, t - 1)] != step))
        print(f"iteration {t}: {changed:3} changed, {right[t]:.3f} right, {counts}")
    print(f"{moved[-1]} of {len(truth)} labels changed in all")
    return Run(session, right, moved)


def screenshot(page: Any, selector: str) -> bytes:
    """A part of a page as it stands."""
    return page.locator(selector).screenshot()


def shot(page: Any, selector: str) -> Image.Image:
    """The same as a picture."""
    return Image.open(io.BytesIO(screenshot(page, selector))).convert("RGB")


def drawn(page: Any, html: str, selector: str) -> Image.Image:
    """A part of another page; a blank one between them, as the replay forbids styles to come."""
    page.goto("about:blank")
    page.set_content(html)
    return shot(page, selector)


class Player:
    """The replay of a run on a page whose clock stands still between two frames."""

    def __init__(self, page: Any, run: Run, width: int, height: int) -> None:
        self.page = page
        page.goto("about:blank")
        page.set_viewport_size({"width": width + 2 * MARGIN, "height": height})
        page.set_content(run.page)
        page.wait_for_selector(".pl-map")
        self.wait(1000)

    def go_to(self, iteration: int) -> None:
        """Turn to an iteration; prototypes are only on their way there."""
        slider = self.page.locator(".pl-track input")
        slider.fill(str(iteration))
        slider.blur()

    def wait(self, milliseconds: int) -> None:
        """Let the clock of the page run."""
        self.page.clock.run_for(milliseconds)


def play(player: Player, last: int) -> tuple[list[Image.Image], list[int]]:
    """Return the frames from zero-shot to the last iteration, and how long each is shown."""
    frames, durations = [shot(player.page, ".pl-map")], [REST_AT_AN_END]
    for t in range(1, last + 1):
        player.go_to(t)
        for _ in range(GLIDE_FRAMES):
            player.wait(GLIDE // GLIDE_FRAMES)
            frames.append(shot(player.page, ".pl-map"))
            durations.append(GLIDE // GLIDE_FRAMES)
        durations[-1] = REST_AT_AN_END if t == last else REST
    return frames, durations


def reduced(frames: list[Image.Image]) -> list[Image.Image]:
    """Frames with one palette for all, which has the most common colours as they are."""
    return painted(frames, by_count(frames[0])[: 2 * COLOURS // 3], COLOURS)


def stills(player: Player, run: Run) -> Image.Image:
    """Return some iterations in a row, each with what it changed and how much of it is right."""
    figures = []
    for t in STILLS:
        player.go_to(t)
        player.wait(GLIDE)
        data = base64.b64encode(screenshot(player.page, ".pl-stage")).decode()
        head = f"Iteration {t}" if t else "Zero-shot"
        facts = f"{100 * run.right[t]:.1f} % right"
        if t:
            facts += f", {run.moved[t]} changed"
        figures.append(
            f'<figure><img src="data:image/png;base64,{data}" alt=""><figcaption><b>{head}</b>'
            f"<span>{facts}</span></figcaption></figure>"
        )
    return drawn(player.page, STILLS_PAGE % "".join(figures), "div")


def main() -> None:
    """Make the run, play it and draw everything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as home,
        open_page(WIDTH, 740, SCALE) as page,
    ):
        runs = [run_on_chalk(Path(home) / str(seed), seed) for seed in SEEDS]
        run = max(runs, key=lambda one: one.moved[-1])
        page.clock.install()
        page.clock.pause_at(page.evaluate("Date.now()") + 1000)
        frames, durations = play(Player(page, run, WIDTH, 740), run.session.iterations)
        first, *others = reduced(frames)
        options = {"append_images": others, "duration": durations, "loop": 0}
        first.save(folder / "loop.gif", save_all=True, **options)
        save(stills(Player(page, run, 320, 650), run), folder / "loop_stills.png")
        save(drawn(page, figure(run.session), "svg"), folder / "how_it_works.png")


def save(picture: Image.Image, path: Path) -> None:
    """Write one picture with few colours."""
    reduced([picture])[0].save(path, optimize=True)


if __name__ == "__main__":
    main()

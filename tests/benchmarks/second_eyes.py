"""Accuracy with visual vectors beside those of CLIP: simulated worlds, and the sample pictures.

    python tests/benchmarks/second_eyes.py [--draws 5] [--encoder NAME --pretrained FILE]
        [--photos FOLDER]

The worlds are those of the quality benchmark; their second view is simulated, learnt apart from
the first. "neighbours" is the share of the 5 nearest visual neighbours that have the same class,
"weight" what the run made of the view without knowing that. The pictures are seen by what needs no
download: pixels, colours, edges, an untrained network, a middle layer of the sample encoder
itself. With --encoder any model that `load_encoder` can load is shown as well. --photos has a
folder of photographs for each class; their second view is real, their first is simulated.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

import protolabel as pl
from protolabel.common.progress import silent
from protolabel.samples import DEMO_CLASSES

sys.path[:0] = [str(Path(__file__).parent / "quality"), str(Path(__file__).parents[1])]
from settings import world_tasks  # noqa: E402 -- after the paths it lies on
from simulated import WORLDS as ALL_WORLDS  # noqa: E402
from simulated import make  # noqa: E402
from views import accuracies  # noqa: E402
from worlds import visual_view  # noqa: E402

KINDS = ("sharp", "plain", "pairs", "style", "noise")
WORLDS = ("easy", "medium", "styles")
SETTINGS = ("all present", "half absent", "long tail 20:1", "5 classes x 4")
See = Callable[[list[Image.Image]], np.ndarray]


def show(title: str, rows: dict[str, list[np.ndarray]]) -> None:
    """Print means over the draws, and the worst draw."""
    print(f"\n{title}")
    head = f"{'':14}{'zero-shot':>10}{'CLIP only':>10}{'+ visual':>10}"
    print(head + f"{'gain':>7}{'worst':>7}{'weight':>8}{'neighbours':>12}")
    for name, draws in rows.items():
        zero, alone, both, weight, same = np.mean(draws, axis=0)
        worst = 100 * min(row[2] - row[1] for row in draws)
        gain = f"{100 * (both - alone):+7.1f}{worst:+7.1f}"
        print(f"{name:14}{zero:10.3f}{alone:10.3f}{both:10.3f}{gain}{weight:8.2f}{same:12.2f}")
    sys.stdout.flush()


def simulated(draws: int) -> None:
    """Worlds in which the second view is sharp, plain or useless."""
    for world in WORLDS:
        for setting in SETTINGS:
            rows: dict[str, list[np.ndarray]] = {kind: [] for kind in KINDS}
            for seed, task in enumerate(world_tasks(world, setting, draws)):
                views = {kind: visual_view(task.truth, kind, seed) for kind in KINDS}
                for kind, row in accuracies(task.vectors, task.classes, task.truth, views):
                    rows[kind].append(row)
            show(f"world {world!r}, {setting}, {draws} draws", rows)


def pixels(pictures: list[Image.Image]) -> np.ndarray:
    """32 x 32 pixels in three colours, centred."""
    rows = [np.asarray(picture.resize((32, 32)), np.float32).ravel() for picture in pictures]
    return np.array(rows) - np.mean(rows, axis=0)


def colours(pictures: list[Image.Image]) -> np.ndarray:
    """Square roots of histograms of hue, saturation and value, 8 steps each."""
    rows = []
    for picture in pictures:
        steps = np.asarray(picture.convert("HSV").resize((64, 64)), int) // 32
        index = steps @ [64, 8, 1]
        rows.append(np.sqrt(np.bincount(index.ravel(), minlength=512)))
    return np.array(rows, np.float32)


def edges(pictures: list[Image.Image]) -> np.ndarray:
    """Square roots of histograms of 8 directions of edges in 4 x 4 parts of the picture."""
    rows = []
    for picture in pictures:
        down, right = np.gradient(np.asarray(picture.convert("L").resize((64, 64)), float))
        way = (np.arctan2(down, right) % np.pi / np.pi * 8).astype(int) % 8
        parts = np.arange(64) // 16
        index = (parts[:, None] * 4 + parts) * 8 + way
        total = np.bincount(index.ravel(), np.hypot(down, right).ravel(), 128)
        rows.append(np.sqrt(total + 1e-3))
    return np.array(rows, np.float32)


def untrained() -> See:
    """Pooled features of a convolutional network with random weights."""
    import timm
    import torch

    torch.manual_seed(0)
    network = timm.create_model("resnet10t", num_classes=0).eval()

    def see(pictures: list[Image.Image]) -> np.ndarray:
        small = [np.asarray(one.resize((96, 96)), np.float32) / 127 - 1 for one in pictures]
        with torch.inference_mode():
            return network(torch.tensor(np.array(small)).permute(0, 3, 1, 2)).numpy()

    return see


def middle(encoder: pl.Encoder) -> See:
    """Mean of the third stage of the sample encoder's image tower: no second pair of eyes."""
    import torch

    def see(pictures: list[Image.Image]) -> np.ndarray:
        tower, kept = encoder._model.visual.trunk, []
        hook = tower.layer3.register_forward_hook(
            lambda _, __, out: kept.append(out.mean((2, 3)))
        )  # fmt: skip
        with torch.inference_mode():
            encoder.encode_images(pictures)
        hook.remove()
        return kept[0].numpy()

    return see


def plain_views(second: pl.Encoder | None) -> dict[str, See]:
    """Views that need no download, and the given encoder."""
    views: dict[str, See] = {
        "pixels": pixels,
        "colours": colours,
        "edges": edges,
        "untrained net": untrained(),
    }
    if second is not None:
        views[second.name.partition("/")[0][:13]] = second.encode_images
    return views


def photographs(folder: Path, draws: int, second: pl.Encoder | None) -> None:
    """Photographs of a folder for each class: a simulated first view, second views of pixels."""
    paths = sorted(path for path in folder.glob("*/*") if path.is_file())
    pictures = [Image.open(path).convert("RGB") for path in paths]
    _, truth = np.unique([path.parent.name for path in paths], return_inverse=True)
    seen = {name: see(pictures) for name, see in plain_views(second).items()}
    sizes = np.bincount(truth)
    for name in WORLDS:
        world = replace(ALL_WORLDS[name], classes=len(sizes), per_class=int(sizes.max()))
        rows: dict[str, list[np.ndarray]] = {view: [] for view in seen}
        for seed in range(draws):
            task, _ = make(world, seed)
            own = np.concatenate([np.flatnonzero(task.truth == c)[:n] for c, n in enumerate(sizes)])
            for view, row in accuracies(task.vectors[own], task.classes, truth, seen):
                rows[view].append(row)
        show(f"{len(paths)} photographs, first view {name!r}, {draws} draws", rows)


def sample_pictures(draws: int, second: pl.Encoder | None) -> None:
    """Drawn animals and the sample encoder, with views that need no download."""
    encoder = pl.load_encoder("sample")
    classes = pl.embed_classes(DEMO_CLASSES, encoder)
    views = plain_views(second) | {"middle layer": middle(encoder)}
    rows: dict[str, list[np.ndarray]] = {name: [] for name in views}
    for seed in range(draws):
        with tempfile.TemporaryDirectory() as folder:
            drawn = pl.write_sample_pictures(Path(folder), per_class=40, seed=seed)
            embedded = pl.embed_images(pl.find_images(folder), encoder, progress=silent)
            pictures = [Image.open(path).convert("RGB") for path in embedded.images.paths]
        truth = np.array([DEMO_CLASSES.index(drawn.truth[name]) for name in embedded.images.names])
        seen = {name: see(pictures) for name, see in views.items()}
        for name, row in accuracies(embedded.vectors, classes, truth, seen):
            rows[name].append(row)
    show(f"sample pictures, 5 animals x 40, {draws} draws", rows)


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=5)
    parser.add_argument("--encoder")
    parser.add_argument("--pretrained")
    parser.add_argument("--photos", type=Path, help="a folder of photographs for each class")
    options = parser.parse_args()
    second = None
    if options.encoder is not None:
        second = pl.load_encoder(options.encoder, options.pretrained)
    if options.photos is not None:
        photographs(options.photos, options.draws, second)
    sample_pictures(options.draws, second)
    simulated(options.draws)


if __name__ == "__main__":
    main()

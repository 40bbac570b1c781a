"""Images per second from JPEG files to vectors, beside the model alone and the decoding alone.

    python tests/benchmarks/embed_speed.py [--models ViT-B-32 ViT-L-14] [--device auto]
        [--images 128] [--photographs 32] [--batch 64]

Weights are random, which costs what trained ones cost, so nothing is downloaded. Files are of two
sizes: 640 x 480 pixels, and photographs of 12 megapixels with the noise of a camera. The model
alone takes a batch that is on the device already. Files can be embedded no faster than the model
encodes and no faster than the threads decode: the lower rate of the two is the roofline. On a
CPU the model and the decoding share the same cores, so the roofline is the rate at which one after
the other would take no longer: 1 / (1 / model + 1 / decoding).
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import open_clip
import torch
from PIL import Image
from safetensors.torch import save_file

import protolabel as pl
from protolabel.common.progress import silent
from protolabel.common.threads import Workers
from protolabel.images.pixels import read_image

if TYPE_CHECKING:
    from collections.abc import Callable

SIZES = {"640 x 480": (640, 480), "12 megapixels": (4000, 3000)}
DIFFERENT = 8  # pictures that are drawn and compressed; the other files are copies
GRAIN = 5.0  # standard deviation of the noise, in grey levels
BAR = 0.95  # of the roofline


@dataclass(frozen=True)
class Rates:
    """Images per second."""

    model: float
    core: float  # decoding in one thread
    threads: float  # decoding in all threads
    files: float

    def roofline(self, device: str) -> float:
        """The rate that nothing can exceed on this machine."""
        if device == "cpu":
            return 1.0 / (1.0 / self.model + 1.0 / self.threads)
        return min(self.model, self.threads)


def photograph(size: tuple[int, int], seed: int) -> bytes:
    """Compress a drawn scene with soft shapes and the grain of a camera."""
    rng = np.random.default_rng(seed)
    soft = Image.fromarray(rng.integers(40, 216, (12, 16, 3), dtype=np.uint8))
    pixels = np.asarray(soft.resize(size, Image.Resampling.BICUBIC), np.float32)
    pixels = pixels + rng.normal(scale=GRAIN, size=pixels.shape).astype(np.float32)
    file = BytesIO()
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(file, "JPEG", quality=92)
    return file.getvalue()


def write_files(folder: Path, size: tuple[int, int], count: int) -> pl.ImageSet:
    """Write `count` JPEG files."""
    folder.mkdir()
    with ThreadPoolExecutor() as pool:
        drawn = list(pool.map(lambda seed: photograph(size, seed), range(min(count, DIFFERENT))))
    for number in range(count):
        # Bytes after the end of the picture are ignored, but no two files are equal.
        (folder / f"{number:06}.jpg").write_bytes(drawn[number % len(drawn)] + b"%06d" % number)
    return pl.find_images(folder)


def rate(count: int, call: Callable[[], Any]) -> float:
    """Return images per second of a call over `count` images."""
    start = time.perf_counter()
    call()
    return count / (time.perf_counter() - start)


def model_alone(encoder: Any, batch: int, rounds: int) -> float:
    """Return the median rate of a batch that is on the device."""
    pixels = torch.rand(batch, 3, encoder.image_size, encoder.image_size)
    pixels = encoder.collate(list(pixels))
    with torch.inference_mode():
        encoder.encode_images(pixels)
        return statistics.median(
            rate(batch, lambda: encoder.encode_images(pixels)) for _ in range(rounds)
        )


def measure(encoder: Any, found: pl.ImageSet, batch: int, workers: int, rounds: int) -> Rates:
    """Measure one model on one folder."""

    def decode(index: int) -> Any:
        return encoder.pixels(read_image(found.path(index), short_side=2 * encoder.image_size))

    few = range(min(len(found), 64))
    core = rate(len(few), lambda: [decode(index) for index in few])
    with Workers(workers, "decode") as pool:
        threads = rate(len(found), lambda: list(pool.map(decode, range(len(found)))))
    before = model_alone(encoder, batch, rounds)
    files = rate(
        len(found),
        lambda: pl.embed_images(found, encoder, batch_size=batch, workers=workers, progress=silent),
    )
    after = model_alone(encoder, batch, rounds)
    return Rates((before + after) / 2, core, threads, files)


def main() -> None:
    """Print a table: a row for each model and size of file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="+", default=["ViT-B-32", "ViT-L-14"])
    parser.add_argument("--device", default="auto")
    parser.add_argument("--images", type=int, default=128)
    parser.add_argument("--photographs", type=int, default=32)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--workers", type=int, default=min(16, os.cpu_count() or 1))
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        counts = dict(zip(SIZES, (asked.images, asked.photographs), strict=True))
        folders = {
            name: write_files(Path(home) / str(size[0]), size, counts[name])
            for name, size in SIZES.items()
        }
        encoders: dict[str, Any] = {}
        for model in asked.models:
            torch.manual_seed(0)
            weights = Path(home) / f"{model}.safetensors"
            network = open_clip.create_model(model)
            save_file({k: v.contiguous() for k, v in network.state_dict().items()}, weights)
            encoders[model] = pl.load_encoder(model, weights, device=asked.device)
        device = next(iter(encoders.values())).device
        card = torch.cuda.get_device_name() if device.startswith("cuda") else "no GPU"
        print(
            f"{time.strftime('%-d %B %Y')}, {card}, {os.cpu_count()} cores, {asked.workers} threads"
            f" decode, {torch.get_num_threads()} compute; batches of {asked.batch}; images a second"
        )
        print("| model | files | model alone | decoding, a core | decoding, all | roofline "
              "| from files | of the roofline | of the model |")  # fmt: skip
        print("|---|---|---|---|---|---|---|---|---|")
        for model, encoder in encoders.items():
            for name, found in folders.items():
                got = measure(encoder, found, asked.batch, asked.workers, asked.rounds)
                roof = got.roofline(device)
                met = "met" if got.files >= BAR * min(roof, got.model) else "MISSED"
                print(
                    f"| {model} | {name} | {got.model:,.1f} | {got.core:,.1f} "
                    f"({1000 / got.core:.1f} ms) | {got.threads:,.1f} | {roof:,.1f} "
                    f"| {got.files:,.1f} | {got.files / roof:.0%} ({BAR:.0%} {met}) "
                    f"| {got.files / got.model:.0%} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()

"""Images per second from JPEG files to vectors with ViT-B-32, on this machine.

    python tests/benchmarks/embed_speed.py [--images 256] [--device auto]

Weights are random, which costs what trained ones cost, so nothing is downloaded. Beside it: a loop
as a tutorial writes it (open, preprocess, encode one image after the other), and the model alone on
a batch that is at hand, which nothing can beat.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import open_clip
import torch
from PIL import Image
from safetensors.torch import save_file

import protolabel as pl
from protolabel.common.progress import silent
from protolabel.encoders.torch_encoder import choose_device

SIZE = (640, 480)  # of a file, as a web image has


def photographs(folder: Path, count: int) -> list[Path]:
    """Write drawn pictures at the size of a photograph."""
    drawn = pl.write_sample_pictures(folder / "drawn", per_class=8).folder
    made = []
    for number, path in enumerate(sorted(drawn.iterdir()) * (count // 40 + 1)):
        if number == count:
            break
        made.append(folder / "photos" / f"{number:05}.jpg")
        made[-1].parent.mkdir(exist_ok=True)
        with Image.open(path) as picture:
            # One pixel differs, so that no file is a copy of another.
            large = picture.convert("RGB").resize(SIZE)
            large.putpixel((0, 0), (number % 256, number // 256, 0))
            large.save(made[-1], quality=92)
    return made


def main() -> None:
    """Print images per second of the three."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=256)
    parser.add_argument("--device", default="auto")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as home, torch.inference_mode():
        files = photographs(Path(home), asked.images)
        torch.manual_seed(0)
        model, _, preprocess = open_clip.create_model_and_transforms("ViT-B-32")
        weights = Path(home) / "random.safetensors"
        save_file({k: v.contiguous() for k, v in model.state_dict().items()}, weights)
        encoder = pl.load_encoder("ViT-B-32", weights, device=asked.device)
        found = pl.find_images(Path(home) / "photos")
        pl.embed_images(pl.find_images(Path(home) / "drawn"), encoder, progress=silent)  # warm

        start = time.perf_counter()
        pl.embed_images(found, encoder, progress=silent)
        ours = len(files) / (time.perf_counter() - start)

        device = choose_device(asked.device)
        model = model.to(device).eval()
        few = files[:64]
        start = time.perf_counter()
        for path in few:
            with Image.open(path) as picture:
                model.encode_image(preprocess(picture).unsqueeze(0).to(device)).cpu()
        plain = len(few) / (time.perf_counter() - start)

        batch = torch.rand(64, 3, 224, 224, device=device)
        start = time.perf_counter()
        for _ in range(2):
            model.encode_image(batch).cpu()
        alone = 128 / (time.perf_counter() - start)
    print(f"images per second, ViT-B-32 on {device}, {torch.get_num_threads()} threads")
    print(f"  protolabel, from files  {ours:6.1f}")
    print(f"  one after the other     {plain:6.1f}")
    print(f"  the model alone         {alone:6.1f}")


if __name__ == "__main__":
    main()

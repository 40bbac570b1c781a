"""Train the sample encoder: ``python tests/benchmarks/sample_encoder/train.py --seed 0``.

Draws pictures in the training styles, writes captions for them, and teaches a small open_clip
model to match the two. Two CPU cores are enough. Captions of the same animal (and of its colour,
where the caption names one) count as right for each other, because a batch holds many of each.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.nn import functional

from protolabel.samples.captions import caption, colour_name, vocabulary
from protolabel.samples.drawing.animals import ANIMALS, build
from protolabel.samples.drawing.styles import TRAINING_STYLES
from protolabel.samples.encoder import MODEL_FOLDER
from protolabel.samples.pictures import animal_rng, draw_animal
from protolabel.samples.tokenizer import SampleTokenizer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray
    from torch import Tensor

__all__ = ["IMAGE_SIZE", "main", "model_config", "train"]

IMAGE_SIZE = 64
_DRAWN_SIZE = 80
_MEAN_STD = (0.5, 0.5, 0.5)

# Fixed at the value where large CLIP models end. A loss this sharp is content with small angles, so
# images stay in one cone and texts in another, as in CLIP: the sample encoder has its geometry.
LOGIT_SCALE = 100.0


def model_config(vocab_size: int) -> dict[str, Any]:
    """Return the configuration as open_clip keeps it beside weights."""
    return {
        "model_cfg": {
            "embed_dim": 128,
            "vision_cfg": {
                "timm_model_name": "test_resnet",
                "timm_model_pretrained": False,
                "timm_pool": "avg",
                "timm_proj": "mlp",
                "image_size": IMAGE_SIZE,
            },
            "text_cfg": {
                "context_length": 16,
                "vocab_size": vocab_size,
                "width": 128,
                "heads": 4,
                "layers": 2,
            },
        },
        "preprocess_cfg": {
            "mean": _MEAN_STD,
            "std": _MEAN_STD,
            "interpolation": "bicubic",
            "resize_mode": "shortest",
        },
    }


@dataclass(frozen=True, eq=False)
class _Pictures:
    """Drawn pictures: pixels (N, 3, H, W) uint8, animal (N,) index, colour (N,) name or None."""

    pixels: Tensor
    animal: NDArray[np.int64]
    colour: list[str | None]


def _draw(job: tuple[str, str, int]) -> NDArray[np.uint8]:
    name, style, seed = job
    return np.asarray(draw_animal(name, style=style, seed=seed, size=_DRAWN_SIZE))


def _training_pictures(per_class: int, seed: int, workers: int) -> _Pictures:
    # Seeds below 2**31 belong to the demo and to evaluation; training draws from above.
    start = 2**31 + seed * 1_000_000
    jobs = [
        (name, TRAINING_STYLES[k % len(TRAINING_STYLES)], start + k)
        for name in ANIMALS
        for k in range(per_class)
    ]
    with ProcessPoolExecutor(workers) as pool:
        pixels = np.stack(list(pool.map(_draw, jobs, chunksize=32)))
    colours = [
        None if style == "ink" else colour_name(build(name, animal_rng(name, s))[1]["coat"])
        for name, style, s in jobs
    ]
    animal = np.repeat(np.arange(len(ANIMALS)), per_class)
    return _Pictures(torch.from_numpy(pixels).permute(0, 3, 1, 2).contiguous(), animal, colours)


def _augment(pixels: Tensor, generator: torch.Generator) -> Tensor:
    """Crop, turn, mirror and recolour a batch: uint8 (B, 3, H, W) -> normalised float."""
    n = len(pixels)

    def uniform(low: float, high: float, *shape: int) -> Tensor:
        return low + (high - low) * torch.rand(n, *shape, generator=generator)

    x = pixels.float() / 255
    zoom, turn = uniform(0.62, 1.12), uniform(-0.25, 0.25)
    flip = torch.where(uniform(0, 1) < 0.5, -1.0, 1.0)
    cos, sin = zoom * torch.cos(turn), zoom * torch.sin(turn)
    shift = uniform(-0.18, 0.18, 2)
    theta = torch.stack(
        [
            torch.stack([cos * flip, -sin, shift[:, 0]], 1),
            torch.stack([sin * flip, cos, shift[:, 1]], 1),
        ],
        dim=1,
    )
    grid = functional.affine_grid(theta, [n, 3, IMAGE_SIZE, IMAGE_SIZE], align_corners=False)
    x = functional.grid_sample(x, grid, padding_mode="reflection", align_corners=False)
    # Colour: saturation down to grey, a mix of channels, contrast, brightness; some negatives.
    gray = x.mean(dim=1, keepdim=True)
    saturation = torch.where(uniform(0, 1, 1, 1, 1) < 0.2, 0.0, uniform(0.4, 1.4, 1, 1, 1))
    x = gray + saturation * (x - gray)
    mix = torch.eye(3) + 0.15 * torch.randn(n, 3, 3, generator=generator)
    x = torch.einsum("bij,bjhw->bihw", mix, x)
    level = x.mean(dim=(2, 3), keepdim=True)
    x = level + uniform(0.45, 1.3, 1, 1, 1) * (x - level) + uniform(-0.25, 0.2, 1, 1, 1)
    x = torch.where(uniform(0, 1, 1, 1, 1) < 0.1, 1 - x, x)
    x = torch.where(uniform(0, 1, 1, 1, 1) < 0.2, x * uniform(0.3, 1, 1, 1, 1), x)
    noise = uniform(0, 0.06, 1, 1, 1) * torch.randn(x.shape, generator=generator)
    return ((x + noise).clamp(0, 1) - 0.5) / 0.5


def _matching_loss(a: Tensor, b: Tensor, right: Tensor, scale: Tensor | float) -> Tensor:
    """Symmetric cross-entropy of unit vectors where a row may have several right columns."""
    logits = scale * a @ b.T
    target = right.float()
    across = -(target / target.sum(1, keepdim=True) * logits.log_softmax(1)).sum(1)
    down = -(target / target.sum(0, keepdim=True) * logits.log_softmax(0)).sum(0)
    return (across.mean() + down.mean()) / 2


def _neighbour_loss(images: Tensor, animal: Tensor) -> Tensor:
    """Pull pictures of one animal together (supervised contrastive, Khosla et al. 2020)."""
    n = len(images)
    half = n // 2  # one half against the other, so that no picture meets itself
    right = animal[:half, None] == animal[None, half:]
    rows, columns = right.any(1), right.any(0)
    return _matching_loss(
        images[:half][rows], images[half:][columns], right[rows][:, columns], LOGIT_SCALE / 2
    )


def _batches(n: int, size: int, rng: np.random.Generator) -> Iterable[NDArray[np.int64]]:
    while True:
        order = rng.permutation(n)
        yield from (order[k : k + size] for k in range(0, n - size + 1, size))


def train(
    output: Path,
    *,
    seed: int = 0,
    steps: int = 1300,
    minutes: float = math.inf,
    per_class: int = 400,
    batch_size: int = 128,
    learning_rate: float = 2e-3,
    threads: int = 2,
) -> None:
    """Draw, train, and write the files of the encoder.

    Parameters
    ----------
    output : Path
        Folder for ``open_clip_config.json``, ``open_clip_model.safetensors``, ``vocabulary.txt``.
    seed : int
        Seeds drawing, captions, augmentation and initial weights.
    steps : int
        Length of the optimisation; the learning rate falls to zero at its end.
    minutes : float
        An earlier end, for a machine of unknown speed. Only a run that is not cut short by it can
        be repeated exactly.
    per_class : int
        Pictures of each animal.
    batch_size, learning_rate, threads
        As everywhere.
    """
    import open_clip
    from safetensors.torch import save_file

    torch.manual_seed(seed)
    torch.set_num_threads(threads)
    generator, rng = torch.Generator().manual_seed(seed), np.random.default_rng(seed)
    clock = time.monotonic()
    pictures = _training_pictures(per_class, seed, threads)
    print(f"drew {len(pictures.animal)} pictures in {time.monotonic() - clock:.0f} s", flush=True)

    tokenizer = SampleTokenizer(vocabulary())
    config = model_config(tokenizer.vocab_size)
    model = open_clip.CLIP(**config["model_cfg"]).to(memory_format=torch.channels_last)
    model.logit_scale.requires_grad_(False).fill_(math.log(LOGIT_SCALE))
    decayed = [p for p in model.parameters() if p.ndim >= 2 and p.requires_grad]
    rest = [p for p in model.parameters() if p.ndim < 2 and p.requires_grad]
    optimizer = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": 0.05}, {"params": rest, "weight_decay": 0.0}],
        lr=learning_rate,
        betas=(0.9, 0.98),
    )
    clock, mean = time.monotonic(), math.log(batch_size)
    for step, chosen in enumerate(_batches(len(pictures.animal), batch_size, rng), start=1):
        share = max((step - 1) / steps, (time.monotonic() - clock) / (60 * minutes))
        if share >= 1:
            break
        rate = learning_rate * min(1, step / 100) * 0.5 * (1 + math.cos(math.pi * share))
        for group in optimizer.param_groups:
            group["lr"] = rate
        animal = pictures.animal[chosen]
        colour = np.array([pictures.colour[i] or "" for i in chosen])
        named = np.where(rng.random(len(chosen)) < 0.4, colour, "")
        tokens = tokenizer(
            [caption(ANIMALS[a], rng, colour=c or None) for a, c in zip(animal, named, strict=True)]
        )
        right = (animal[:, None] == animal) & ((named == "") | (colour[:, None] == named))
        x = _augment(pictures.pixels[chosen], generator).to(memory_format=torch.channels_last)
        images = functional.normalize(model.encode_image(x), dim=1)
        texts = functional.normalize(model.encode_text(tokens), dim=1)
        loss = _matching_loss(
            images, texts, torch.from_numpy(right), LOGIT_SCALE
        ) + 0.5 * _neighbour_loss(images, torch.from_numpy(animal))
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        mean += 0.02 * (loss.item() - mean)
        if step % 100 == 0:
            print(f"{share:4.0%}  step {step}  loss {mean:.3f}", flush=True)

    output.mkdir(parents=True, exist_ok=True)
    # The logit scale alone is a scalar, and float16 would make 100.03 of its 100.
    weights = {
        key: (value.half() if value.is_floating_point() and value.ndim else value).contiguous()
        for key, value in model.state_dict().items()
    }
    save_file(weights, output / "open_clip_model.safetensors")
    (output / "open_clip_model.safetensors").chmod(0o644)  # safetensors makes it private
    (output / "open_clip_config.json").write_text(json.dumps(config, indent=2) + "\n")
    (output / "vocabulary.txt").write_text("\n".join(tokenizer.words) + "\n", encoding="utf-8")


def main() -> None:
    """Read the command line, train, and print the evaluation."""
    from evaluate import evaluate

    parser = argparse.ArgumentParser(
        prog="python tests/benchmarks/sample_encoder/train.py", description=__doc__
    )
    parser.add_argument("--output", type=Path, default=MODEL_FOLDER, help="default: the package")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=1300)
    parser.add_argument("--minutes", type=float, default=math.inf, help="stop after so many")
    parser.add_argument("--per-class", type=int, default=400, help="training pictures an animal")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    train(
        options.output,
        seed=options.seed,
        steps=options.steps,
        minutes=options.minutes,
        per_class=options.per_class,
        threads=options.threads,
    )
    print(evaluate(options.output).table())


if __name__ == "__main__":
    main()

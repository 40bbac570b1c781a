"""How often the sample encoder is right: ``python tests/benchmarks/sample_encoder/evaluate.py``."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from protolabel.samples.drawing.animals import ANIMALS
from protolabel.samples.drawing.styles import DEMO_STYLES, TRAINING_STYLES
from protolabel.samples.encoder import MODEL_FOLDER, SampleModel, load_sample_model
from protolabel.samples.pictures import DEMO_CLASSES, draw_animal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["SampleEvaluation", "evaluate", "zero_shot"]


@dataclass(frozen=True, eq=False)
class SampleEvaluation:
    """Zero-shot accuracy by style.

    Attributes
    ----------
    all_classes, demo_classes : dict of str to float
        Style -> share of right answers in 0..1, among all animals and among the demo's five.
    per_class : int
        Pictures of each animal in each style.
    """

    all_classes: dict[str, float]
    demo_classes: dict[str, float]
    per_class: int

    def mean(self, styles: Sequence[str], *, demo: bool = False) -> float:
        """Return the mean accuracy over `styles`, with the demo's five classes if `demo`."""
        table = self.demo_classes if demo else self.all_classes
        return float(np.mean([table[style] for style in styles]))

    def table(self) -> str:
        """Return a Markdown table."""
        rows = [
            f"| style | {len(ANIMALS)} animals | {len(DEMO_CLASSES)} demo classes |",
            "|---|---|---|",
        ]
        for title, styles in (("training", TRAINING_STYLES), ("demo", DEMO_STYLES)):
            a, b = self.mean(styles), self.mean(styles, demo=True)
            rows.append(f"| **{title} styles** | **{a:.3f}** | **{b:.3f}** |")
            rows += [
                f"| {s} | {self.all_classes[s]:.3f} | {self.demo_classes[s]:.3f} |" for s in styles
            ]
        return "\n".join(rows)


def zero_shot(
    sample: SampleModel,
    classes: Sequence[str],
    style: str,
    *,
    per_class: int,
    seed: int = 1,
    size: int = 256,
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Draw `per_class` new pictures of each class and compare them to "a photo of a ...".

    Returns
    -------
    truth : ndarray of int, shape (n,)
        Index into `classes`.
    cosine : ndarray of float32, shape (n, len(classes))
        Similarity of each picture to each class.
    """
    import torch

    pictures = [
        draw_animal(name, style=style, seed=1_000_000 * seed + k, size=size)
        for name in classes
        for k in range(per_class)
    ]
    with torch.inference_mode():
        tokens = sample.tokenizer([f"a photo of a {c}" for c in classes])
        text = sample.model.encode_text(tokens)
        image = sample.model.encode_image(torch.stack([sample.preprocess(p) for p in pictures]))
        cosine = torch.nn.functional.normalize(image) @ torch.nn.functional.normalize(text).T
    return np.repeat(np.arange(len(classes)), per_class), cosine.numpy()


def evaluate(
    folder: str | Path = MODEL_FOLDER, *, per_class: int = 20, seed: int = 1
) -> SampleEvaluation:
    """Measure zero-shot accuracy on pictures that training did not show.

    Parameters
    ----------
    folder : str or Path
        Where the encoder's files are.
    per_class : int
        Pictures of each animal in each style.
    seed : int
        Which pictures; training uses others whatever its seed.
    """
    sample = load_sample_model(folder=folder)
    some = np.array([ANIMALS.index(name) for name in DEMO_CLASSES])
    everything: dict[str, float] = {}
    demo: dict[str, float] = {}
    for style in (*TRAINING_STYLES, *DEMO_STYLES):
        truth, cosine = zero_shot(sample, ANIMALS, style, per_class=per_class, seed=seed)
        everything[style] = float((truth == cosine.argmax(axis=1)).mean())
        rows = np.isin(truth, some)
        demo[style] = float((truth[rows] == some[cosine[np.ix_(rows, some)].argmax(axis=1)]).mean())
    return SampleEvaluation(everything, demo, per_class)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        prog="python tests/benchmarks/sample_encoder/evaluate.py", description=__doc__
    )
    parser.add_argument("--model", type=Path, default=MODEL_FOLDER)
    parser.add_argument("--per-class", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    print(evaluate(options.model, per_class=options.per_class, seed=options.seed).table())


if __name__ == "__main__":
    main()

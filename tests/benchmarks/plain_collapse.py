"""Accuracy of the plain loop, iteration by iteration, on image features with known classes.

    python tests/benchmarks/plain_collapse.py FEATURES.npz [FEATURES.npz ...]

A file holds ``image_features`` (N, d), ``labels`` (N,) and ``text_features`` (C, d). Every image is
its own unit, so that the figures do not depend on clusters.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import protolabel as pl
from protolabel.common.progress import silent

if TYPE_CHECKING:
    from collections.abc import Sequence

TEMPERATURES = (0.1, 0.05, 0.01)
ITERATIONS = 7


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line and print a table for each file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("features", nargs="+", type=Path)
    for path in parser.parse_args(arguments).features:
        with np.load(path, allow_pickle=False) as file:
            images = file["image_features"].astype(np.float32)
            text = file["text_features"].astype(np.float32)
            truth = file["labels"].astype(int)
        classes = pl.ClassVectors([f"class {number}" for number in range(len(text))], text)
        print(f"\n{path.name}: {len(truth)} images, accuracy at iteration 0 to {ITERATIONS}")
        for temperature in TEMPERATURES:
            run = pl.refine(
                images, classes, method="plain", units="images", temperature=temperature,
                iterations=ITERATIONS, progress=silent,
            )  # fmt: skip
            steps = (f"{np.mean(state.labels == truth):.3f}" for state in run.iterations)
            print(f"  temperature {temperature:<5}", *steps)
        print(f"  largest eigenvalue of the covariance {run.lambda_max:.3f}")


if __name__ == "__main__":
    main()

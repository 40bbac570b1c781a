"""Settings for small, medium and large folders: neighbours, clusters and the map."""

from __future__ import annotations

from dataclasses import dataclass

from protolabel.common.checks import checked_apart_from
from protolabel.errors import InputError

__all__ = ["PRESETS", "Preset", "choose_preset"]


@dataclass(frozen=True)
class Preset:
    """Settings of the steps whose cost grows with the number of images.

    Attributes
    ----------
    name : str
        ``"small"``, ``"medium"`` or ``"large"``.
    min_cluster_size : int
        Smallest number of images in a micro-cluster, 2 or more.
    min_samples : int
        HDBSCAN's core distance reaches the neighbour of this rank, 1 or more; a larger value
        leaves more images as noise.
    neighbors : int
        Number of neighbours per image in the graph, 1 or more.
    dimensions : int
        Number of principal axes that the images are clustered along, 1 or more.
    epochs : int
        Number of passes of the UMAP optimiser for the map, 1 or more.
    sample : int
        Largest number of images that the clustering is fitted on, 1 or more; other images go to
        the nearest centroid.
    map_sample : int
        Largest number of images that the map is fitted on, 1 or more; other images are placed
        among their neighbours.
    """

    name: str
    min_cluster_size: int
    min_samples: int
    neighbors: int
    dimensions: int
    epochs: int
    sample: int
    map_sample: int = 20_000


PRESETS = {
    "small": Preset("small", 5, 2, 10, 64, 500, 200_000),
    "medium": Preset("medium", 5, 2, 15, 64, 200, 200_000),
    "large": Preset("large", 20, 5, 15, 64, 100, 200_000),
}
"""Preset name -> `Preset`, for small, medium and large folders."""


@checked_apart_from("preset")
def choose_preset(preset: str | Preset | None, n_images: int) -> Preset:
    """Return a preset by its name, or the one that suits the number of images.

    Parameters
    ----------
    preset : str, Preset or None
        A key of `PRESETS`; a `Preset`, which is returned unchanged; or None to choose by
        `n_images`.
    n_images : int
        Number of images, 1 or more.

    Returns
    -------
    Preset

    Raises
    ------
    InputError
        If there is no preset of that name.
    """
    if isinstance(preset, Preset):
        return preset
    if preset is None:
        preset = "small" if n_images < 1_000 else "medium" if n_images < 50_000 else "large"
    if not isinstance(preset, str) or preset not in PRESETS:
        raise InputError(
            f"Expected a preset, one of {', '.join(PRESETS)}, got {preset!r}: choose one of "
            "these, or pass None."
        )
    return PRESETS[preset]

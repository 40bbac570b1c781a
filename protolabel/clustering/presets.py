"""Small, medium, large: how clusters, neighbours and the map are computed at each size."""

from __future__ import annotations

from dataclasses import dataclass

from protolabel.errors import InputError

__all__ = ["PRESETS", "Preset", "choose_preset"]


@dataclass(frozen=True)
class Preset:
    """Settings of the steps whose cost grows with the number of images.

    Attributes
    ----------
    name
        ``"small"``, ``"medium"`` or ``"large"``.
    min_cluster_size
        Images that make a micro-cluster.
    min_samples
        HDBSCAN's caution: neighbours that make a point dense.
    neighbors
        Neighbours per image in the graph.
    dimensions
        Coordinates that the vectors are reduced to before clustering.
    epochs
        Passes of the layout that reduces them (UMAP).
    sample
        Images that the clustering and the map are fitted on; the rest are assigned.
    """

    name: str
    min_cluster_size: int
    min_samples: int
    neighbors: int
    dimensions: int
    epochs: int
    sample: int


PRESETS = {
    "small": Preset("small", 5, 2, 10, 5, 500, 50_000),
    "medium": Preset("medium", 5, 2, 15, 5, 200, 50_000),
    "large": Preset("large", 20, 5, 15, 5, 200, 50_000),
}


def choose_preset(preset: str | Preset | None, n_images: int) -> Preset:
    """Return the preset of that name, or the one for `n_images` where it is None.

    Raises
    ------
    InputError
        If there is no preset of that name.
    """
    if isinstance(preset, Preset):
        return preset
    if preset is None:
        preset = "small" if n_images < 1_000 else "medium" if n_images < 50_000 else "large"
    if preset not in PRESETS:
        raise InputError(f"preset must be one of {', '.join(PRESETS)}; got {preset!r}.")
    return PRESETS[preset]

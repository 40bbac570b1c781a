"""What a person may set on a session, and what has to be computed again when it changes."""

from __future__ import annotations

from typing import Any

import traitlets

from protolabel.clustering.presets import PRESETS
from protolabel.errors import InputError
from protolabel.evaluation.fit import check_strictness
from protolabel.refinement.loop import METHODS, UNITS, check_parameters

__all__ = ["FEEDS", "FOLLOWS", "Settings"]

FEEDS = {
    "classes": "text",
    "templates": "text",
    "preset": "graph",
    "seed": "graph",
    "visual": "visual",
    "min_cluster_size": "clusters",
    "method": "refinement",
    "temperature": "refinement",
    "iterations": "refinement",
    "units": "refinement",
    "pins": "refinement",
    "kept": "all_labels",
    "vocabulary": "vocabulary",
    "none_of_these": "labels",
}
"""The first stage that each trait has a say in."""

FOLLOWS: dict[str, tuple[str, ...]] = {
    "images": ("embeddings",),
    "embeddings": ("graph", "text", "visual"),
    "visual": ("visual_graph",),
    "graph": ("visual_graph", "clusters", "map"),  # whatever makes a graph, makes both
    "visual_graph": ("clusters", "map"),
    "clusters": ("refinement",),
    "text": ("refinement",),
    "refinement": ("all_labels", "prototype_map"),
    "map": ("prototype_map",),
    "all_labels": ("fit",),
    "vocabulary": ("fit",),
    "fit": ("labels",),
    "labels": (),
    "prototype_map": (),
}
"""The stages that are computed from each stage."""


class Settings(traitlets.HasTraits):
    """The part of a `Session` that is plain numbers and choices, checked as they are set."""

    method = traitlets.Enum(METHODS, "anchored")
    temperature = traitlets.Float(0.1)
    iterations = traitlets.Int(5)
    units = traitlets.Enum(UNITS, "clusters")
    preset = traitlets.Enum(tuple(PRESETS), None, allow_none=True)
    min_cluster_size = traitlets.Int(None, allow_none=True)
    seed = traitlets.Int(0)
    kept = traitlets.Int(None, allow_none=True)
    none_of_these = traitlets.Float(None, allow_none=True)
    revision = traitlets.Int(0)

    @traitlets.validate("temperature", "iterations")
    def _valid_number(self, proposal: Any) -> Any:
        given = {"temperature": 0.1, "iterations": 0, proposal["trait"].name: proposal["value"]}
        check_parameters(method="anchored", units="images", **given)
        return proposal["value"]

    @traitlets.validate("none_of_these")
    def _valid_strictness(self, proposal: Any) -> Any:
        value = proposal["value"]
        return None if value is None else check_strictness(value)

    @traitlets.validate("kept", "min_cluster_size", "seed")
    def _valid_count(self, proposal: Any) -> Any:
        name, value = proposal["trait"].name, proposal["value"]
        least = 2 if name == "min_cluster_size" else 0
        most = self.iterations if name == "kept" else None
        if value is not None and (value < least or (most is not None and value > most)):
            limits = f"{least} or more" if most is None else f"{least} (zero-shot) to {most}"
            raise InputError(f"{name} must be {limits}; got {value}.")
        return value

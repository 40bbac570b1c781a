"""A session on disk: settings as JSON, arrays as .npz, vectors as `Embeddings.save` writes them."""

from __future__ import annotations

import json
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from protolabel.clustering.clusters import Clusters
from protolabel.clustering.neighbors import KnnGraph
from protolabel.common.files import write_json, writing
from protolabel.embedding.embed import Embeddings, load_embeddings
from protolabel.embedding.prompts import DEFAULT_TEMPLATES, ClassPrompts, ClassVectors
from protolabel.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["SavedStages", "load_session", "save_session"]

_FORMAT = 1
_SETTINGS, _ARRAYS, _VISUAL = "session.json", "session.npz", "visual"


@dataclass(frozen=True, eq=False)
class SavedStages:
    """What took time to compute and is kept beside the vectors."""

    graph: KnnGraph
    clusters: Clusters
    map: NDArray[np.float32] | None
    visual: Embeddings | None
    visual_graph: KnnGraph | None

    def at_hand(self) -> dict[str, Any]:
        """Return those that there are, by the name of the stage."""
        return {name: value for name, value in vars(self).items() if value is not None}


def save_session(
    folder: Path,
    settings: Mapping[str, Any],
    embeddings: Embeddings,
    stages: SavedStages,
    text: ClassVectors,
) -> Path:
    """Write a session to `folder`; each file appears whole or not at all.

    Raises
    ------
    StoreError
        If the folder holds other things, or cannot be written.
    """
    folder = folder.expanduser()
    ours = (folder / _SETTINGS).is_file()
    if folder.exists() and not ours and (not folder.is_dir() or any(folder.iterdir())):
        raise StoreError(
            f"Expected an empty folder or a saved session, got {str(folder)!r}, which holds "
            "something else: choose another folder."
        )
    arrays: dict[str, NDArray[Any]] = {f"clusters_{k}": v for k, v in vars(stages.clusters).items()}
    arrays |= {f"graph_{k}": v for k, v in vars(stages.graph).items()}
    if stages.visual is not None and stages.visual_graph is not None:
        arrays |= {f"visual_graph_{k}": v for k, v in vars(stages.visual_graph).items()}
        stages.visual.save(folder / _VISUAL)
    arrays["text"] = text.vectors
    if stages.map is not None:
        arrays["map"] = stages.map
    plain = {name: value for name, value in settings.items() if name != "classes"}
    words = plain["vocabulary"]
    if isinstance(words, ClassVectors):
        arrays["vocabulary"] = words.vectors
        plain["vocabulary"] = {"names": list(words.names), "logit_scale": words.logit_scale}
    embeddings.save(folder)
    with writing(folder / _ARRAYS) as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]
    about = {
        "generator": "protolabel",
        "format": _FORMAT,
        "settings": plain,
        "names": list(text.names),
        "logit_scale": text.logit_scale,
        "prompts": None if text.prompts is None else text.prompts.to_dict(),
    }
    # Last: a folder without it is no session.
    write_json(folder / _SETTINGS, about)
    return folder


def load_session(
    folder: Path,
) -> tuple[dict[str, Any], Embeddings, SavedStages, ClassVectors]:
    """Read what `save_session` wrote.

    Raises
    ------
    StoreError
        If the folder is no saved session, or its files do not fit together.
    """
    folder = folder.expanduser()
    try:
        about = json.loads((folder / _SETTINGS).read_text("utf-8"))
        settings = dict(about["settings"])
        with np.load(folder / _ARRAYS, allow_pickle=False) as arrays:
            stored = {name: arrays[name] for name in arrays.files}
        clusters = Clusters(**_part(stored, "clusters_"))
        graph = KnnGraph(**_part(stored, "graph_"))
        # Not by the folder: a session that has had visual vectors leaves it behind.
        seen = _part(stored, "visual_graph_")
        visual_graph = KnnGraph(**seen) if seen else None
        prompts = None if about["prompts"] is None else ClassPrompts.from_dict(about["prompts"])
        text = ClassVectors(about["names"], stored["text"], about["logit_scale"], prompts)
        if isinstance(settings.get("vocabulary"), dict):
            settings["vocabulary"] = ClassVectors(
                vectors=stored["vocabulary"], **settings["vocabulary"]
            )
    except (OSError, EOFError, KeyError, TypeError, ValueError, zipfile.BadZipFile) as error:
        raise StoreError(
            f"Expected a folder that Session.save wrote, got {str(folder)!r}, which cannot be "
            f"read as one: {error}"
        ) from error
    embeddings = load_embeddings(folder)
    visual = None if visual_graph is None else load_embeddings(folder / _VISUAL)
    parts = (clusters.micro, graph, *(part for part in (visual, visual_graph) if part is not None))
    if any(len(part) != len(embeddings) for part in parts):
        raise StoreError(
            f"The files in {str(folder)!r} are of different sessions: save the session again."
        )
    settings["classes"] = text if prompts is None else prompts
    if settings["templates"] == list(DEFAULT_TEMPLATES):
        del settings["templates"]  # the default object leaves ClassPrompts its own templates
    return (
        settings,
        embeddings,
        SavedStages(graph, clusters, stored.get("map"), visual, visual_graph),
        text,
    )


def _part(stored: Mapping[str, NDArray[Any]], prefix: str) -> dict[str, NDArray[Any]]:
    return {k.removeprefix(prefix): v for k, v in stored.items() if k.startswith(prefix)}

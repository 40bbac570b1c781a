"""Save and load a session: settings as JSON, arrays as .npz, vectors by `Embeddings.save`.

If the process dies, the folder holds either the old session or the new one, complete (see
`protolabel.common.files`). ``session.json`` holds the checksums of the other files, so that a
mixture of two sessions is never loaded.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from protolabel.clustering.clusters import Clusters
from protolabel.clustering.neighbors import KnnGraph
from protolabel.common.files import (
    DAMAGED,
    check_regular,
    finish_replacing,
    is_leftover,
    replacing,
    write_json,
    writing,
)
from protolabel.common.system_errors import system_says
from protolabel.embedding.embed import Embeddings, load_embeddings
from protolabel.embedding.prompts import DEFAULT_TEMPLATES, ClassPrompts, ClassVectors
from protolabel.errors import InputError, StoreError
from protolabel.evaluation.audit import Audit
from protolabel.naming.groups import NameTree
from protolabel.session.settings import CHECKS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["SavedStages", "is_session", "load_session", "plain_settings", "save_session"]

_FORMAT = 1
_SETTINGS, _ARRAYS, _VISUAL = "session.json", "session.npz", "visual"
_ABOUT = "embeddings.json"  # it holds the checksums of the vectors and their paths
_ITERATIONS = 1000  # a file that asks for more is not from a session
_TRAIL = {"when", "image", "before", "after"}


@dataclass(frozen=True, eq=False)
class SavedStages:
    """Results that take long to compute, the answers of an audit, and the marks of the classes.

    `marks` is for `ClassMarks.restore`, which checks it; files of version 0.1 have none. The
    groups of `name_tree` take 6 kB for each image of a small folder, and at most 20 MB besides the
    leaves.
    """

    graph: KnnGraph
    clusters: Clusters
    map: NDArray[np.float32] | None
    visual: Embeddings | None
    visual_graph: KnnGraph | None
    audit: Audit | None
    name_tree: NameTree | None
    marks: Any

    def at_hand(self) -> dict[str, Any]:
        """Return the results that are not None, by the names of their stages."""
        return {
            name: value
            for name, value in vars(self).items()
            if value is not None and name not in ("audit", "marks")
        }


def is_session(folder: Path) -> bool:
    """Return whether a folder holds a saved session, complete or not."""
    return (folder / _SETTINGS).is_file()


def save_session(
    folder: Path,
    settings: Mapping[str, Any],
    embeddings: Embeddings,
    stages: SavedStages,
    text: ClassVectors,
) -> Path:
    """Write a session to `folder`, completely or not at all.

    Parameters
    ----------
    folder : Path
        Created if it is missing; may hold an earlier session, which is replaced.
    settings : mapping of str to object
        Settings by name. The classes are taken from `text` instead.
    embeddings : Embeddings
    stages : SavedStages
    text : ClassVectors

    Raises
    ------
    StoreError
        If the folder holds something else, another process is saving to it, or it cannot be
        written. An earlier session in it is then unchanged.
    """
    try:
        if folder.exists() and not is_session(folder) and not _is_free(folder):
            raise StoreError(
                f"Expected an empty folder or a saved session, got {str(folder)!r}, which holds "
                "something else: choose another folder."
            )
        with replacing(folder) as new:
            _write(new, settings, embeddings, stages, text)
    except OSError as error:
        raise StoreError(
            f"Expected a folder to save a session to, but for {str(folder)!r} the system says: "
            f"{system_says(error)}"
        ) from error
    return folder


def _is_free(folder: Path) -> bool:
    return folder.is_dir() and all(is_leftover(path) for path in folder.iterdir())


def _write(
    folder: Path,
    settings: Mapping[str, Any],
    embeddings: Embeddings,
    stages: SavedStages,
    text: ClassVectors,
) -> None:
    arrays: dict[str, NDArray[Any]] = {f"clusters_{k}": v for k, v in vars(stages.clusters).items()}
    arrays |= {f"graph_{k}": v for k, v in vars(stages.graph).items()}
    written = [_ARRAYS, _ABOUT]
    if stages.visual is not None and stages.visual_graph is not None:
        arrays |= {f"visual_graph_{k}": v for k, v in vars(stages.visual_graph).items()}
        stages.visual.save(folder / _VISUAL)
        written.append(f"{_VISUAL}/{_ABOUT}")
    arrays["text"] = text.vectors
    if stages.map is not None:
        arrays["map"] = stages.map
    if stages.name_tree is not None:
        arrays |= {f"names_{k}": v for k, v in stages.name_tree.state().items()}
    audit = None
    if stages.audit is not None:
        audit, drawn = stages.audit.state()
        arrays |= {f"audit_{k}": v for k, v in drawn.items()}
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
        "audit": audit,
        "names": list(text.names),
        "marks": stages.marks,
        "logit_scale": text.logit_scale,
        "prompts": None if text.prompts is None else text.prompts.to_dict(),
        "files": {name: _digest(folder / name) for name in written},
    }
    write_json(folder / _SETTINGS, {**about, "checksum": _checksum(about)})


def load_session(
    folder: Path,
) -> tuple[dict[str, Any], Embeddings, SavedStages, ClassVectors]:
    """Read what this or an earlier version of `save_session` wrote.

    The folder is untrusted: arrays are checked before compiled code reads them, settings are
    checked as if a user had set them, and unknown settings are ignored.

    Returns
    -------
    settings : dict of str to object
        With ``corrections`` and ``truth``.
    embeddings : Embeddings
    stages : SavedStages
    text : ClassVectors

    Raises
    ------
    StoreError
        If the folder is not a saved session, or its files are damaged or do not fit together.
    """
    folder = folder.expanduser()
    try:
        finish_replacing(folder)
        for name in (_SETTINGS, _ARRAYS, _ABOUT, f"{_VISUAL}/{_ABOUT}"):
            check_regular(folder / name)
        about = json.loads((folder / _SETTINGS).read_text("utf-8"))
        _check_files(folder, about)
        stored = _arrays(folder / _ARRAYS)
        clusters = Clusters(**_part(stored, "clusters_"))
        graph = KnnGraph(**_part(stored, "graph_"))
        # The folder of the visual vectors does not count: it may be left over from an older save.
        seen = _part(stored, "visual_graph_")
        visual_graph = KnnGraph(**seen) if seen else None
        prompts = None if about["prompts"] is None else ClassPrompts.from_dict(about["prompts"])
        text = ClassVectors(about["names"], stored["text"], about["logit_scale"], prompts)
        settings = _settings(about["settings"], stored)
        settings["classes"] = text if prompts is None else prompts
        embeddings = load_embeddings(folder)
        visual = None if visual_graph is None else load_embeddings(folder / _VISUAL)
        stored_audit = about.get("audit")  # missing in files of version 0.1
        audit = (
            None
            if stored_audit is None
            else Audit.from_state(stored_audit, _part(stored, "audit_"))
        )
        tree_arrays = _part(stored, "names_")
        tree = NameTree.from_state(tree_arrays, embeddings.unit) if tree_arrays else None
        stages = SavedStages(graph, clusters, stored.get("map"), visual, visual_graph, audit, tree,
                             about.get("marks"))  # fmt: skip
        if not _fit(embeddings, stages, text):
            raise _different(folder)
    except StoreError:
        raise
    except DAMAGED as error:
        raise StoreError(
            f"Expected a folder that Session.save wrote, got {str(folder)!r}, which cannot be "
            f"read as one: {error}"
        ) from error
    return settings, embeddings, stages, text


def _fit(embeddings: Embeddings, stages: SavedStages, text: ClassVectors) -> bool:
    count, dim = embeddings.vectors.shape
    visual, visual_graph, places = stages.visual, stages.visual_graph, stages.map
    audited = None if stages.audit is None else stages.audit.label
    parts = [part for part in (stages.clusters.micro, stages.graph, visual, visual_graph, audited)
             if part is not None]  # fmt: skip
    return (
        all(len(part) == count for part in parts)
        and text.vectors.shape[1] == dim
        and stages.clusters.centroids.shape[1]
        in {view.vectors.shape[1] for view in (embeddings, visual) if view is not None}
        and (places is None or (places.shape == (count, 2) and bool(np.isfinite(places).all())))
    )


def plain_settings(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the known settings among the values of a file, each checked.

    Raises
    ------
    InputError
        If a value cannot be used.
    """
    known = {
        name: CHECKS[name](value)
        for name, value in given.items()
        if name in CHECKS and name not in ("classes", "visual")
    }
    if known.get("iterations", 0) > _ITERATIONS:
        raise InputError(
            f"Expected at most {_ITERATIONS} iterations in a file, got {known['iterations']}."
        )
    trail = given.get("corrections") or []
    truth = given.get("truth")
    listed = truth is None or isinstance(truth, list)  # else text would be read as a path
    if not listed or not all(_is_correction(fields) for fields in trail):
        raise InputError("Expected truth and corrections as a session writes them.")
    return {**known, "corrections": list(trail), "truth": truth}


def _is_correction(fields: Any) -> bool:
    return (
        isinstance(fields, dict)
        and set(fields) == _TRAIL
        and all(value is None or isinstance(value, str) for value in fields.values())
    )


def _settings(given: Mapping[str, Any], stored: Mapping[str, NDArray[Any]]) -> dict[str, Any]:
    fields = dict(given)
    words = fields.get("vocabulary")
    if isinstance(words, dict):
        names, scale = words["names"], words["logit_scale"]
        fields["vocabulary"] = ClassVectors(names, stored["vocabulary"], scale)
    if fields.get("templates") == list(DEFAULT_TEMPLATES):
        del fields["templates"]  # the default object leaves ClassPrompts its own templates
    return plain_settings(fields)


def _check_files(folder: Path, about: Mapping[str, Any]) -> None:
    if about["generator"] != "protolabel" or about["format"] != _FORMAT:
        raise StoreError(
            f"Expected a session of format {_FORMAT}, got {about['format']!r} in "
            f"{str(folder)!r}: use the protolabel that wrote it."
        )
    rest = {key: value for key, value in about.items() if key != "checksum"}
    if "checksum" in about and about["checksum"] != _checksum(rest):
        raise StoreError(
            f"Expected {str(folder / _SETTINGS)!r} as it was saved, but it was changed or damaged "
            "since: restore a copy of the session."
        )
    for name, digest in about.get("files", {}).items():  # missing in files of version 0.1
        if name not in (_ARRAYS, _ABOUT, f"{_VISUAL}/{_ABOUT}"):
            raise _different(folder)
        if _digest(folder / name) != digest:
            raise _different(folder)


def _different(folder: Path) -> StoreError:
    return StoreError(
        f"The files in {str(folder)!r} are of different sessions, or one of them is damaged: "
        "save the session again, or bring back a copy."
    )


def _arrays(path: Path) -> dict[str, NDArray[Any]]:
    with zipfile.ZipFile(path) as archive:
        if any(entry.compress_type != zipfile.ZIP_STORED for entry in archive.infolist()):
            # Uncompressed arrays are no larger than their file; compressed ones could fill memory.
            raise ValueError("its arrays are compressed")
    with np.load(path, allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}


def _part(stored: Mapping[str, NDArray[Any]], prefix: str) -> dict[str, NDArray[Any]]:
    return {k.removeprefix(prefix): v for k, v in stored.items() if k.startswith(prefix)}


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _checksum(about: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()

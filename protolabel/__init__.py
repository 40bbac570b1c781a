"""protolabel: a folder of images and the names of some classes in, a labelled dataset out.

    import protolabel as pl

    session = pl.Session("photos/", classes=["dog", "cat", "tiger"])
    session.temperature = 0.05
    session.export("annotated_dataset")

Importing the package loads nothing heavy; each name is loaded when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOME = {
    "ClassPrompts": "prompts",
    "ClassVectors": "prompts",
    "Clusters": "clustering",
    "Comparison": "evaluation",
    "DEFAULT_TEMPLATES": "prompts",
    "Diagnostics": "diagnostics",
    "Embeddings": "embedding",
    "Encoder": "encoders",
    "EncoderError": "errors",
    "Evaluation": "evaluation",
    "ExportError": "errors",
    "Fit": "fit",
    "ImageSet": "images",
    "InputError": "errors",
    "KnnGraph": "neighbors",
    "Labels": "labeling",
    "MissingName": "missing",
    "ProtolabelError": "errors",
    "PrototypeClassifier": "classifier",
    "Refinement": "refinement",
    "Session": "session",
    "Stopped": "errors",
    "StoreError": "errors",
    "annotate": "one_call",
    "cluster": "clustering",
    "compare": "evaluation",
    "diagnose": "diagnostics",
    "embed_classes": "prompts",
    "embed_images": "embedding",
    "evaluate": "evaluation",
    "export": "exporting",
    "find_images": "images",
    "knn_graph": "neighbors",
    "label": "labeling",
    "load_embeddings": "embedding",
    "load_encoder": "encoders",
    "measure_fit": "fit",
    "missing_names": "missing",
    "place": "projection",
    "project": "projection",
    "refine": "refinement",
    "write_sample_pictures": "samples",
}

__all__ = [
    "DEFAULT_TEMPLATES",
    "ClassPrompts",
    "ClassVectors",
    "Clusters",
    "Comparison",
    "Diagnostics",
    "Embeddings",
    "Encoder",
    "EncoderError",
    "Evaluation",
    "ExportError",
    "Fit",
    "ImageSet",
    "InputError",
    "KnnGraph",
    "Labels",
    "MissingName",
    "ProtolabelError",
    "PrototypeClassifier",
    "Refinement",
    "Session",
    "Stopped",
    "StoreError",
    "__version__",
    "annotate",
    "cluster",
    "compare",
    "diagnose",
    "embed_classes",
    "embed_images",
    "evaluate",
    "export",
    "find_images",
    "knn_graph",
    "label",
    "load_embeddings",
    "load_encoder",
    "measure_fit",
    "missing_names",
    "place",
    "project",
    "refine",
    "write_sample_pictures",
]

if TYPE_CHECKING:
    from protolabel.classifier import PrototypeClassifier
    from protolabel.clustering import Clusters, cluster
    from protolabel.diagnostics import Diagnostics, diagnose
    from protolabel.embedding import Embeddings, embed_images, load_embeddings
    from protolabel.encoders import Encoder, load_encoder
    from protolabel.errors import (
        EncoderError,
        ExportError,
        InputError,
        ProtolabelError,
        Stopped,
        StoreError,
    )
    from protolabel.evaluation import Comparison, Evaluation, compare, evaluate
    from protolabel.exporting import export
    from protolabel.fit import Fit, measure_fit
    from protolabel.images import ImageSet, find_images
    from protolabel.labeling import Labels, label
    from protolabel.missing import MissingName, missing_names
    from protolabel.neighbors import KnnGraph, knn_graph
    from protolabel.one_call import annotate
    from protolabel.projection import place, project
    from protolabel.prompts import DEFAULT_TEMPLATES, ClassPrompts, ClassVectors, embed_classes
    from protolabel.refinement import Refinement, refine
    from protolabel.samples import write_sample_pictures
    from protolabel.session import Session


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'protolabel' has no attribute {name!r}")
    value = getattr(import_module(f"protolabel.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return list(__all__)

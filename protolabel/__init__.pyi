from .clustering import Clusters, KnnGraph, cluster, knn_graph, place, project
from .embedding import (
    DEFAULT_TEMPLATES,
    ClassPrompts,
    ClassVectors,
    Embeddings,
    embed_classes,
    embed_images,
    load_embeddings,
)
from .encoders import Encoder, load_encoder
from .errors import EncoderError, ExportError, InputError, ProtolabelError, Stopped, StoreError
from .evaluation import (
    Comparison,
    Diagnostics,
    Evaluation,
    Fit,
    MissingName,
    compare,
    diagnose,
    evaluate,
    measure_fit,
    missing_names,
)
from .exporting import export, torch_dataset
from .images import ImageSet, find_images
from .naming import Suggestions
from .refinement import Labels, PrototypeClassifier, Refinement, label, refine
from .samples import write_sample_pictures
from .session import Session, annotate, suggest_classes
from .widgets import LoopLesson

__version__: str

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
    "LoopLesson",
    "MissingName",
    "ProtolabelError",
    "PrototypeClassifier",
    "Refinement",
    "Session",
    "Stopped",
    "StoreError",
    "Suggestions",
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
    "suggest_classes",
    "torch_dataset",
    "write_sample_pictures",
]

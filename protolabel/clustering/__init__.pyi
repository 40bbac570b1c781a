from .clusters import Clusters, cluster, cluster_means, cluster_sums
from .neighbors import KnnGraph, knn_graph
from .presets import PRESETS, Preset, choose_preset
from .projection import place, place_centroids, place_prototypes, project

__all__ = [
    "PRESETS",
    "Clusters",
    "KnnGraph",
    "Preset",
    "choose_preset",
    "cluster",
    "cluster_means",
    "cluster_sums",
    "knn_graph",
    "place",
    "place_centroids",
    "place_prototypes",
    "project",
]

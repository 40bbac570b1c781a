from .figures import (
    plot_agreement,
    plot_alignment,
    plot_confusion,
    plot_contact_sheet,
    plot_convergence,
    plot_counts,
    plot_map,
)
from .lessons import plot_audit, plot_gap, plot_maps, plot_pictures, plot_recall, plot_sweep
from .saving import save_plots
from .style import class_colours

__all__ = [
    "class_colours",
    "plot_agreement",
    "plot_alignment",
    "plot_audit",
    "plot_confusion",
    "plot_contact_sheet",
    "plot_convergence",
    "plot_counts",
    "plot_gap",
    "plot_map",
    "plot_maps",
    "plot_pictures",
    "plot_recall",
    "plot_sweep",
    "save_plots",
]

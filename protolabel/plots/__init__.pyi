from .figures import (
    plot_agreement,
    plot_alignment,
    plot_confusion,
    plot_contact_sheet,
    plot_convergence,
    plot_counts,
    plot_map,
)
from .saving import save_plots
from .style import class_colours

__all__ = [
    "class_colours",
    "plot_agreement",
    "plot_alignment",
    "plot_confusion",
    "plot_contact_sheet",
    "plot_convergence",
    "plot_counts",
    "plot_map",
    "save_plots",
]

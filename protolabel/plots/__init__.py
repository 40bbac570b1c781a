"""Pictures of a labelled dataset: counts, agreement, alignment, the map, convergence.

Every function takes plain data and returns a `matplotlib.figure.Figure` that belongs to no
window and no global state. Colours are those of Okabe and Ito (2008), which colour-blind people
tell apart; past eight classes the lightness and, on the map, the marker change too.
"""

from __future__ import annotations

from protolabel.plots.figures import (
    plot_agreement,
    plot_alignment,
    plot_confusion,
    plot_contact_sheet,
    plot_convergence,
    plot_counts,
    plot_map,
)
from protolabel.plots.saving import save_plots
from protolabel.plots.style import class_colours

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

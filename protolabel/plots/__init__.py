"""Plots of a labelled dataset: counts, agreement, alignment, the map, convergence.

Every function takes plain data and returns a `matplotlib.figure.Figure` that is not attached to a
window or to global state. Colours are those of Okabe and Ito (2008), which colour-blind people can
distinguish; beyond eight classes, the lightness and, on the map, the marker change too.
"""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

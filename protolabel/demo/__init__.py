"""The demo on drawn pictures, without a network, and the exercises of the notebooks."""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

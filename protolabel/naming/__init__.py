"""Names for images that nobody has named: words, and the groups of images that they fit."""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

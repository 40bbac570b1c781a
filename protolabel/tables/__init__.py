"""Tables of images beyond one machine: embed, label and export them with Daft."""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

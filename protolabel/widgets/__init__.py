"""The studio and its panels. Each is bound to one `Session` and also works alone in a cell.

>>> from protolabel.widgets import SettingsPanel
>>> SettingsPanel(session)
"""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

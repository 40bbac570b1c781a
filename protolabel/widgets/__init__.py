"""What is shown in a notebook: the map of a session.

from protolabel.widgets import MapPanel
MapPanel(session)
"""

from __future__ import annotations

from protolabel.widgets.map import MapPanel
from protolabel.widgets.map_view import MapView

__all__ = ["MapPanel", "MapView"]

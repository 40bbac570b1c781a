"""Turn a folder of unlabelled images and a list of class names into a labelled dataset.

    import protolabel as pl

    session = pl.Session("photos/", classes=["dog", "cat", "tiger"])
    session.temperature = 0.05
    session.export("annotated_dataset")

Importing the package loads nothing heavy; each name is loaded when it is first used.
"""

from __future__ import annotations

import lazy_loader

__version__ = "0.2.0"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

"""The picture of the map that a saved notebook shows where no kernel runs.

The picture carries its own mark: a text chunk of the PNG, right after its header, at a byte that
base64 encodes in whole groups. So every such picture has the same letters in its ``data:`` address,
and a style sheet finds it by them, wherever it stands among the outputs of a cell.
"""

from __future__ import annotations

import base64
import io
import struct

from PIL import Image, PngImagePlugin

__all__ = ["STILL_MARK", "still_png"]

_KEY, _TEXT = "Software", "protolabel"
_BODY = f"{_KEY}\0{_TEXT}".encode("latin-1")
_CHUNK = struct.pack(">I", len(_BODY)) + b"tEXt" + _BODY

STILL_MARK = base64.b64encode(_CHUNK[: len(_CHUNK) // 3 * 3]).decode("ascii")
"""What the ``data:`` address of every such picture contains."""


def still_png(picture: Image.Image) -> bytes:
    """Return a picture as a small PNG that bears the mark.

    Parameters
    ----------
    picture : PIL.Image.Image
        Any mode.

    Returns
    -------
    bytes
        A PNG of 96 colours, a third of the size: it is saved with the notebook.
    """
    mark = PngImagePlugin.PngInfo()
    mark.add_text(_KEY, _TEXT)
    few = picture.convert("RGB").quantize(96, dither=Image.Dither.NONE)
    with io.BytesIO() as file:
        few.save(file, "PNG", optimize=True, pnginfo=mark)
        return file.getvalue()

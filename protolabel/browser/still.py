"""The picture of the map that a saved notebook shows without a kernel.

The picture is marked by a text chunk of the PNG, right after the header, at an offset where base64
encodes whole groups. Every such picture therefore has the same letters in its ``data:`` address,
by which a style sheet finds it anywhere among the outputs of a cell.
"""

from __future__ import annotations

import base64
import io
import struct

from PIL import Image, PngImagePlugin

__all__ = ["CLEAN", "STILL_MARK", "still_png"]

_KEY, _TEXT = "Software", "protolabel"
_BODY = f"{_KEY}\0{_TEXT}".encode("latin-1")
_CHUNK = struct.pack(">I", len(_BODY)) + b"tEXt" + _BODY

STILL_MARK = base64.b64encode(_CHUNK[: len(_CHUNK) // 3 * 3]).decode("ascii")
"""Text in the ``data:`` address of every such picture."""


CLEAN = """<style class="pls-clean">
.jp-OutputArea-child:has(> .jp-OutputArea-output.jupyter-widgets):not(
  :has(> .jupyter-widgets > *)):has(~ .jp-OutputArea-child style.pls-clean),
.jp-OutputArea-child:has(style.pls-clean) { display: none; }
</style>"""
"""A style sheet that is saved with the picture, as an output of its own.

In a notebook that is opened again, a widget without its kernel is a line that says "model not
found"; this hides the line, and itself."""


def still_png(picture: Image.Image) -> bytes:
    """Return a picture as a small PNG with the mark.

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

"""A grid of thumbnails to select and relabel with the mouse or the keyboard."""

from __future__ import annotations

import io
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

import anywidget
import traitlets
from PIL import Image, ImageDraw, ImageFont

from protolabel.browser.atlas import square
from protolabel.browser.bundle import module, style
from protolabel.common.palette import THEME
from protolabel.errors import ImageReadError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from protolabel.images.image_set import ImageSet
    from protolabel.refinement.labels import Labels

__all__ = ["COLUMNS", "SIZE", "ThumbGrid", "Thumbnails", "tiles_of"]

SIZE, COLUMNS = 192, 12
"""Side of a tile in pixels, sharp at 96 CSS pixels on a fine screen; tiles in a row."""
_KEPT = 1000  # thumbnails in memory, 110 kB each
_SHEETS = 4  # sheets in memory, because new labels do not change the pictures


class ThumbGrid(anywidget.AnyWidget):
    """A grid of pictures.

    It sends ``{"relabel": class index, "ids": [...]}``, ``{"confirm": [class names], "ids":
    [...]}``, ``{"unpin": ..., "ids": [...]}``, ``{"undo": ...}``, ``{"redo": ...}`` and ``{"turn":
    number}`` when the keys reach the end of a page. The browser shows the next picture at once, so
    each message names the pictures that it is about, however long it travels. ``{"everything":
    number}`` says that a whole list is chosen; messages about that list have ``"whole": number``.
    ``{"look": id}`` asks for a large picture, which `show_large` sends, and ``{"alike": id}`` for
    the most similar pictures.

    Attributes
    ----------
    tiles : list of dict
        ``{"id", "name", "text", "note", "colour", "pinned", "unfit"}`` for each picture.
    sheet : bytes
        One JPEG of square tiles, row by row.
    chosen : list of int
        Ids of the chosen pictures.
    size : int
        Smallest width of a tile in CSS pixels; tiles fill the lines.
    upcoming, upcoming_sheet : list of dict, bytes
        The next page, to show without a wait; empty until it is ready.
    upcoming_turn : int
        Number of the ``turn`` message at which the next page is shown; it may arrive later.
    more : bool
        Whether there is a next page.
    turn : int
        Number of the last ``turn`` message that the tiles take into account.
    classes : list of dict
        ``{"slot", "name", "colour", "key"}`` for each class that a picture may be labelled as;
        the key is a digit or "".
    list_number, listed : int
        Number of the list that the page belongs to, and how many pictures it has on all its pages.
    whole : int
        Number of the list whose pictures are all chosen, on all its pages; 0 for none. The browser
        sets it, and resets it to 0 as soon as something else is chosen.
    acts : bool
        Whether there are buttons that label, confirm and choose.
    can_undo, can_redo : bool
        Whether there is a correction to undo, and to redo.
    opens : bool
        Whether ``{"look": id}`` is answered.
    """

    _esm = module("grid")
    _css = style("grid")

    tiles = traitlets.List(traitlets.Dict()).tag(sync=True)
    sheet = traitlets.Bytes(b"").tag(sync=True, echo_update=False)
    columns = traitlets.Int(COLUMNS).tag(sync=True)
    chosen = traitlets.List(traitlets.Int()).tag(sync=True)
    size = traitlets.Int(86, min=48, max=480).tag(sync=True)
    upcoming = traitlets.List(traitlets.Dict()).tag(sync=True)
    upcoming_sheet = traitlets.Bytes(b"").tag(sync=True, echo_update=False)
    upcoming_turn = traitlets.Int(0).tag(sync=True)
    more = traitlets.Bool(default_value=False).tag(sync=True)
    turn = traitlets.Int(0).tag(sync=True)
    classes = traitlets.List(traitlets.Dict()).tag(sync=True)
    list_number = traitlets.Int(0).tag(sync=True)
    listed = traitlets.Int(0).tag(sync=True)
    whole = traitlets.Int(0).tag(sync=True)
    acts = traitlets.Bool(default_value=False).tag(sync=True)
    can_undo = traitlets.Bool(default_value=False).tag(sync=True)
    can_redo = traitlets.Bool(default_value=False).tag(sync=True)
    opens = traitlets.Bool(default_value=False).tag(sync=True)

    def choose_all(self) -> None:
        """Choose every picture that is shown."""
        self.chosen = [tile["id"] for tile in self.tiles]

    def show(
        self,
        sheet: bytes,
        tiles: list[dict[str, Any]],
        *,
        more: bool = False,
        of: tuple[int, int] = (0, 0),
    ) -> None:
        """Set pictures and texts together; what is chosen and still shown stays chosen.

        Parameters
        ----------
        sheet : bytes
            One JPEG of square tiles, row by row.
        tiles : list of dict
            Description of each tile, as in `tiles`.
        more : bool
            Whether there is a next page.
        of : tuple of int
            Number of the list that the page is of, and how many pictures it has.
        """
        shown = [tile["id"] for tile in tiles]
        with self.hold_sync():
            if shown != [tile["id"] for tile in self.tiles]:
                self.upcoming, self.upcoming_sheet = [], b""
            self.sheet, self.more = sheet, more
            self.list_number, self.listed = of
            self.chosen = [image for image in self.chosen if image in set(shown)]
            self.tiles = tiles

    def prepare(self, sheet: bytes, tiles: list[dict[str, Any]]) -> None:
        """Set the next page, which the browser then shows without a wait."""
        with self.hold_sync():
            self.upcoming_sheet = sheet
            self.upcoming, self.upcoming_turn = tiles, self.turn + 1

    def show_large(
        self,
        image: int,
        picture: bytes,
        *,
        path: str,
        votes: list[dict[str, Any]],
        near: list[dict[str, Any]],
        near_sheet: bytes,
    ) -> None:
        """Answer ``{"look": image}``.

        Parameters
        ----------
        image : int
            Id of the requested picture.
        picture : bytes
            A JPEG; empty if the file cannot be read.
        path : str
            Path of the image.
        votes : list of dict
            ``{"voter", "says": [{"name", "share", "colour"}]}`` for each voter.
        near : list of dict
            Tiles of the nearest pictures, as in `tiles`.
        near_sheet : bytes
            Their sheet, in one row.
        """
        facts = {"large": image, "path": path, "votes": votes, "near": near, "columns": COLUMNS}
        self.send(facts, [picture, near_sheet])


class Thumbnails:
    """Contact sheets of the images of a set; the newest thumbnails stay in memory."""

    def __init__(self, images: ImageSet) -> None:
        self._images = images
        self._made: OrderedDict[int, Image.Image] = OrderedDict()
        self._sheets: OrderedDict[tuple[int, ...], bytes] = OrderedDict()

    def sheet(self, indices: Sequence[int]) -> bytes:
        """Return one JPEG of square tiles; a file that cannot be read has a tile that says so."""
        if not len(indices):
            return b""
        key = tuple(int(index) for index in indices)
        made = self._sheets.pop(key, None) or self._draw(key)
        self._sheets[key] = made
        while len(self._sheets) > _SHEETS:
            self._sheets.popitem(last=False)
        return made

    def make(self, indices: Sequence[int]) -> None:
        """Make thumbnails that are shown soon."""
        for index in indices:
            self._made_of(int(index))

    def _draw(self, indices: Sequence[int]) -> bytes:
        rows = -(-len(indices) // COLUMNS)
        sheet = Image.new("RGB", (COLUMNS * SIZE, rows * SIZE), THEME["blank"][0])
        for place, index in enumerate(indices):
            corner = place % COLUMNS * SIZE, place // COLUMNS * SIZE
            sheet.paste(self._made_of(index), corner)
        with io.BytesIO() as file:
            sheet.save(file, "JPEG", quality=85)
            return file.getvalue()

    def strip(self, indices: Sequence[int]) -> bytes:
        """Return one JPEG of square tiles side by side."""
        strip = Image.new("RGB", (max(1, len(indices)) * SIZE, SIZE), THEME["blank"][0])
        for place, index in enumerate(indices):
            strip.paste(self._made_of(int(index)), (place * SIZE, 0))
        with io.BytesIO() as file:
            strip.save(file, "JPEG", quality=85)
            return file.getvalue()

    def _made_of(self, index: int) -> Image.Image:
        made = self._made.pop(index, None)
        if made is None:
            try:
                made = square(self._images.path(index), SIZE)
            except (ImageReadError, OSError):
                made = _no_picture()
        self._made[index] = made  # the newest is last
        while len(self._made) > _KEPT:
            self._made.popitem(last=False)
        return made


def _no_picture() -> Image.Image:
    """Draw the tile for a file that is missing or cannot be read."""
    tile = Image.new("RGB", (SIZE, SIZE), THEME["blank"][0])
    middle, font = (SIZE / 2, SIZE / 2), ImageFont.load_default(SIZE / 8)
    ImageDraw.Draw(tile).multiline_text(
        middle, "file cannot\nbe read", font=font, fill="black", anchor="mm", align="center"
    )
    return tile


def tiles_of(
    images: ImageSet, labels: Labels, indices: Sequence[int], colours: Sequence[str]
) -> list[dict[str, Any]]:
    """Describe images for a `ThumbGrid` by their labels."""
    return [
        {
            "id": int(i),
            "name": images.names[i].encode("utf-8", "replace").decode("utf-8"),
            "text": labels.names[labels.label[i]],
            "note": _note(labels, i),
            "colour": colours[labels.label[i]],
            "pinned": bool(labels.pinned[i]),
            "unfit": bool(labels.unfit[i]),
        }
        for i in indices
    ]


def _note(labels: Labels, i: int) -> str:
    if labels.pinned[i]:
        return "fixed"
    if labels.unfit[i]:
        return "set aside"
    # In 255ths, as on the map, so that both show the same; never 100 %, which would suggest that
    # the label needs no check.
    agreement = round(float(255 * labels.agreement[i])) / 255
    return f"{min(99, int(100 * agreement))}\u00a0%"

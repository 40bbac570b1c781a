"""Every kind of entry that a folder may hold: read, listed with a reason, or passed over."""

from __future__ import annotations

import io
import os
import signal
import socket
import struct
import threading
import time
import warnings
import zipfile
import zlib
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image
from small_world import ColourEncoder, fresh, make_photos, make_session
from tally import Different, Tally, count, in_child

import protolabel as pl
from protolabel.common.progress import silent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

READ, LISTED, LATER, IGNORED = "read", "listed", "listed when it is embedded", "passed over"
"""What becomes of an entry."""
_HURRY = 2.0  # seconds within which Ctrl-C ends everything


def run(work: Path, rounds: float, seed: int, keep: Path | None) -> Iterator[Tally]:
    """Yield the counts of kinds of entries, of folders that change, and of Ctrl-C."""
    warnings.simplefilter("ignore")
    kinds = _kinds(work)
    tally = Tally(f"entries: {len(kinds)} kinds")
    work.parent.chmod(0o755)  # for the user that `_look` becomes
    for kind, (fate, make) in kinds.items():
        folder = fresh(work / "folder")
        for number in range(3):
            _picture(number).save(folder / f"sound{number}.png")
        try:
            make(folder)
        except OSError as error:  # a device needs root, a long name another file system
            tally.note(f"not made here: {kind}: {error}")
            continue
        count(tally, kind, *in_child(lambda: _look(folder, fate)))  # noqa: B023 -- runs at once
    yield tally
    yield _changing(work, max(2, round(20 * rounds)))
    yield _interrupted(work, max(2, round(10 * rounds)))


def _look(folder: Path, fate: str) -> None:
    if os.getuid() == 0:
        os.seteuid(65534)  # root opens what nobody else may
    before = {path.name for path in folder.iterdir() if not path.name.startswith("sound")}
    found = pl.find_images(folder)
    sound = {name for name in found.names if name.startswith("sound")}
    read = set(found.names) - sound
    listed = {entry.name for entry in found.skipped}
    if len(sound) != 3:
        raise Different(f"only {len(sound)} of 3 sound pictures were found")
    if not all(entry.reason for entry in found.skipped):
        raise Different("an entry is listed without a reason")
    embedded = pl.embed_images(found, ColourEncoder(), progress=silent)
    later = {entry.name for entry in embedded.images.skipped} - listed
    if len(embedded) + len(later) != len(found):
        raise Different("the counts do not add up")
    got = READ if read and not later else LATER if later else LISTED if listed else IGNORED
    if got != fate:
        raise Different(f"{sorted(before)[:2]} was {got}, not {fate}: {found.skipped[:2]}")


def _changing(work: Path, times: int) -> Tally:
    """Files and folders that vanish, appear and change while they are read."""
    tally = Tally("entries: changing while read")
    for number in range(times):
        folder = fresh(work / "changing")
        for k in range(60):
            place = folder / f"f{k % 6}"
            place.mkdir(exist_ok=True)
            _picture(k).save(place / f"{k:03d}.png")
        count(tally, f"round {number}", *in_child(lambda: _disturbed(folder, number)))  # noqa: B023
    return tally


def _disturbed(folder: Path, number: int) -> None:
    rng = np.random.default_rng(number)

    def disturb() -> None:
        for k in rng.permutation(60).tolist():
            path = folder / f"f{k % 6}" / f"{k:03d}.png"
            with suppress(OSError):
                if k % 4 == 0:
                    path.unlink()
                elif k % 4 == 1:
                    path.write_bytes(path.read_bytes()[: 40 + k])
                elif k % 4 == 2:
                    path.unlink()
                    os.mkfifo(path)
                else:
                    path.rename(folder / f"moved{k}.png")

    thread = threading.Thread(target=disturb, daemon=True)
    if number % 2:
        thread.start()
        found = pl.find_images(folder)
    else:
        found = pl.find_images(folder)
        thread.start()
    embedded = pl.embed_images(found, ColourEncoder(), progress=silent, batch_size=8)
    gone = len(embedded.images.skipped) - len(found.skipped)
    if len(embedded) + gone != len(found):
        raise Different("the counts do not add up")


def _interrupted(work: Path, times: int) -> Tally:
    """Ctrl-C while a decoder hangs ends everything within two seconds."""
    tally = Tally("entries: Ctrl-C")
    folder = fresh(work / "interrupted")
    for k in range(40):
        _picture(k).save(folder / f"{k}.png")

    class Hanging(ColourEncoder):
        def preprocess(self, image: Image.Image) -> np.ndarray:
            time.sleep(30)
            return super().preprocess(image)

    images = pl.find_images(folder)
    for number in range(times):
        tally.tried += 1
        child = os.fork()
        if not child:
            signal.signal(signal.SIGINT, signal.default_int_handler)
            try:
                pl.embed_images(images, Hanging(), progress=silent)
            except KeyboardInterrupt:
                os._exit(7)
            os._exit(1)
        time.sleep(0.3 + 0.02 * number)
        start = time.perf_counter()
        os.kill(child, signal.SIGINT)
        status = os.waitpid(child, 0)[1]
        seconds = time.perf_counter() - start
        if os.waitstatus_to_exitcode(status) != 7 or seconds > _HURRY:
            tally.crashes += 1
            tally.note(f"Ctrl-C: status {status} after {seconds:.1f} s")
    return tally


def _picture(number: int, size: tuple[int, int] = (24, 20)) -> Image.Image:
    pixels = np.random.default_rng(number).integers(0, 255, (size[1], size[0], 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def _bytes(kind: str, image: Image.Image | None = None, **options: object) -> bytes:
    file = io.BytesIO()
    (image or _picture(1)).save(file, kind, **options)
    return file.getvalue()


def _chunk(kind: bytes, content: bytes) -> bytes:
    checksum = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + checksum


def _kinds(work: Path) -> dict[str, tuple[str, Callable[[Path], object]]]:
    """Return a kind -> what becomes of it, and what makes one in a folder."""
    photos = make_photos(work / "photos", 2)
    session = make_session(photos, work / "store")
    png, jpeg = _bytes("PNG"), _bytes("JPEG")

    def file(name: str, content: bytes) -> Callable[[Path], object]:
        return lambda folder: (folder / name).write_bytes(content)

    def saved(
        name: str, kind: str, image: Image.Image | None = None, **options: object
    ) -> Callable:
        return file(name, _bytes(kind, image, **options))

    def link(name: str, target: str) -> Callable[[Path], object]:
        return lambda folder: (folder / name).symlink_to(target)

    def folder_of(name: str, content: bytes = png, inner: str = "a.png") -> Callable:
        def make(folder: Path) -> None:
            (folder / name).mkdir(parents=True)
            (folder / name / inner).write_bytes(content)

        return make

    def closed(name: str, *, is_folder: bool = False) -> Callable[[Path], object]:
        def make(folder: Path) -> None:
            folder_of(name)(folder) if is_folder else file(name, png)(folder)
            (folder / name).chmod(0)

        return make

    def unix_socket(folder: Path) -> None:
        here = Path.cwd()
        os.chdir(folder)  # the path of a socket is short
        try:
            with socket.socket(socket.AF_UNIX) as one:
                one.bind("socket.png")
        finally:
            os.chdir(here)

    def dated(seconds: float) -> Callable[[Path], object]:
        def make(folder: Path) -> None:
            file("a.png", png)(folder)
            os.utime(folder / "a.png", (0, seconds))

        return make

    def two_links(folder: Path) -> None:
        (folder / "one").symlink_to(folder / "two")
        (folder / "two").symlink_to(folder / "one")

    def deep(folder: Path) -> None:
        here = Path.cwd()
        os.chdir(folder)
        try:
            for _ in range(30):
                Path("d" * 200).mkdir()
                os.chdir("d" * 200)
            Path("a.png").write_bytes(png)
        finally:
            os.chdir(here)

    def sparse(folder: Path) -> None:
        with (folder / "sparse.png").open("wb") as opened:
            opened.write(png[:20])
            opened.truncate(2**40)

    grey = np.tile(np.linspace(0, 255, 24, dtype=np.uint8), (20, 1))
    wide = grey.astype(np.uint16) * 16
    exif = Image.Exif()
    exif[0x0112] = 6
    bomb = (
        png[:8] + _chunk(b"IHDR", struct.pack(">IIBBBBB", 60000, 60000, 8, 2, 0, 0, 0)) + png[33:]
    )
    text = png[:33] + _chunk(b"tEXt", b"Comment\0" + bytes(3 * 2**20)) + png[33:]
    profile = png[:33] + _chunk(b"iCCP", b"x\0\0" + zlib.compress(bytes(80 * 2**20))) + png[33:]
    tiff, large = _bytes("TIFF"), _picture(1, (200, 200))
    frames = {"save_all": True, "append_images": [_picture(2), _picture(3)]}
    mark = '{"generator": "protolabel"'
    kinds: dict[str, tuple[str, Callable[[Path], object]]] = {
        "JPEG": (READ, file("a.jpg", jpeg)),
        "JPEG, upper case": (READ, file("A.JPG", jpeg)),
        "JPEG, .jpe": (READ, file("a.jpe", jpeg)),
        "JPEG, .jfif": (READ, file("a.jfif", jpeg)),
        "JPEG, progressive": (READ, saved("a.jpg", "JPEG", progressive=True)),
        "JPEG, CMYK": (READ, saved("a.jpg", "JPEG", _picture(1).convert("CMYK"))),
        "JPEG, grey": (READ, saved("a.jpg", "JPEG", _picture(1).convert("L"))),
        "JPEG, turned": (READ, saved("a.jpg", "JPEG", exif=exif)),
        "JPEG, broken metadata": (READ, saved("a.jpg", "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff")),
        "JPEG, large profile": (READ, saved("a.jpg", "JPEG", icc_profile=bytes(2**20))),
        "JPEG, large comment": (READ, saved("a.jpg", "JPEG", comment=b"x" * 60000)),
        "JPEG, MPO": (READ, saved("a.jpg", "MPO", save_all=True, append_images=[_picture(2)])),
        "PNG": (READ, file("a.png", png)),
        "PNG, 16 bits": (READ, saved("a.png", "PNG", Image.fromarray(wide))),
        "PNG, palette": (READ, saved("a.png", "PNG", _picture(1).convert("P"))),
        "PNG, transparent": (READ, saved("a.png", "PNG", _picture(1).convert("RGBA"))),
        "PNG, one bit": (READ, saved("a.png", "PNG", _picture(1).convert("1"))),
        "PNG, large text": (READ, file("a.png", text)),
        "PNG, large profile": (READ, file("a.png", profile)),
        "PNG, one pixel": (READ, saved("a.png", "PNG", _picture(1, (1, 1)))),
        "PNG, a strip": (READ, saved("a.png", "PNG", _picture(1, (1, 4000)))),
        "WebP": (READ, saved("a.webp", "WEBP")),
        "WebP, lossless": (READ, saved("a.webp", "WEBP", lossless=True)),
        "WebP, animated": (READ, saved("a.webp", "WEBP", **frames)),
        "GIF": (READ, saved("a.gif", "GIF")),
        "GIF, animated": (READ, saved("a.gif", "GIF", **frames)),
        "BMP": (READ, saved("a.bmp", "BMP")),
        "DIB": (READ, saved("a.bmp", "BMP")),
        "TIFF": (READ, file("a.tif", tiff)),
        "TIFF, LZW": (READ, saved("a.tiff", "TIFF", compression="tiff_lzw")),
        "TIFF, 16 bits": (READ, saved("a.tif", "TIFF", Image.fromarray(wide))),
        "TIFF, float": (READ, saved("a.tif", "TIFF", Image.fromarray(grey / np.float32(255)))),
        "TIFF, CMYK": (READ, saved("a.tif", "TIFF", _picture(1).convert("CMYK"))),
        "TIFF, pages": (READ, saved("a.tif", "TIFF", **frames)),
        "TIFF, BigTIFF": (READ, saved("a.tif", "TIFF", big_tiff=True)),
        "AVIF": (READ, saved("a.avif", "AVIF")),
        "name without an extension": (READ, file("photo", png)),
        "name of another format": (READ, file("a.jpg", png)),
        "name of a text": (READ, file("a.txt", png)),
        "link to a picture": (READ, link("a.png", str(photos / "red" / "000.png"))),
        "hard link": (READ, lambda folder: os.link(folder / "sound1.png", folder / "b.png")),
        "name that is no UTF-8": (READ, lambda f: os.fsencode(f) and Path(
            os.fsdecode(os.fsencode(f) + b"/\xff\xfe.png")).write_bytes(png)),
        "name of 255 bytes": (READ, file("x" * 251 + ".png", png)),
        "name from right to left": (READ, file("\u202egnp.png", png)),
        "name of emoji": (READ, file("\U0001f600.png", png)),
        "name with a dash": (READ, file("--help.png", png)),
        "name with quotes and tags": (READ, file("'\"<img src=x>.png", png)),
        "name with spaces": (READ, file(" a .png", png)),
        "name decomposed": (READ, file("cafe\u0301.png", png)),
        "name of a device of Windows": (READ, file("CON.png", png)),
        "name with a backslash": (READ, file("a\\..\\b.png", png)),
        "name of a URL": (READ, folder_of("http:")),
        "date before 1970": (READ, dated(-1)),
        "date in 2300": (READ, dated(1e10)),
        "folder with pictures": (READ, folder_of("inner")),
        "folder named like a picture": (READ, folder_of("a.jpg")),
        "look-alike of a dataset": (READ, lambda f: (folder_of("d")(f), (
            f / "d" / "metadata.json").write_text('{"about": "protolabel and generator"}'))),
        "pipe for metadata.json": (READ, lambda f: (folder_of("d")(f), os.mkfifo(
            f / "d" / "metadata.json"))),
        "empty file": (LISTED, file("a.jpg", b"")),
        "text as .jpg": (LISTED, file("a.jpg", b"hello")),
        "HTML as .png": (LISTED, file("a.png", b"<!doctype html><title>404</title>")),
        "random bytes as .png": (LISTED, file("a.png", bytes(range(256)))),
        "PNG, cut in its header": (LISTED, file("a.png", png[:20])),
        "PNG, cut in its pixels": (LATER, file("a.png", _bytes("PNG", large)[:900])),
        "JPEG, cut in its pixels": (LATER, file("a.jpg", _bytes("JPEG", large)[:1500])),
        "GIF, cut": (LATER, file("a.gif", _bytes("GIF", large)[:2000])),
        "PNG, bomb of 3.6 gigapixels": (LISTED, file("a.png", bomb)),
        "TIFF, loop of directories": (READ, file("a.tif", tiff)),
        "TIFF, cut": (LISTED, file("a.tif", tiff[:12])),
        "camera raw": (LISTED, file("a.nef", tiff)),
        "camera raw, DNG": (LISTED, file("a.dng", tiff)),
        "Portable pixmap": (LISTED, saved("a.ppm", "PPM")),
        "TGA": (LISTED, saved("a.tga", "TGA")),
        "SVG": (LISTED, file("a.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>")),
        "PDF": (LISTED, file("a.pdf", b"%PDF-1.4")),
        "ICO": (LISTED, saved("a.ico", "ICO")),
        "PSD": (LISTED, file("a.psd", b"8BPS")),
        "JPEG 2000": (LISTED, file("a.jp2", b"\0\0\0\x0cjP  ")),
        "JPEG XL": (LISTED, file("a.jxl", b"\xff\x0a")),
        "OpenEXR": (LISTED, file("a.exr", b"v/1\x01")),
        "DICOM": (LISTED, file("a.dcm", bytes(128) + b"DICM")),
        "link to nothing": (LISTED, link("a.png", "missing")),
        "link to itself": (LISTED, link("a.png", "a.png")),
        "two links at each other": (LISTED, two_links),
        "link with a target too long": (LISTED, link("a.png", "x" * 3000)),
        "link to its folder": (LISTED, link("up", ".")),
        "link to the root": (LISTED, link("root", "/")),
        "link to a device": (LISTED, link("a.png", "/dev/zero")),
        "pipe": (LISTED, lambda f: os.mkfifo(f / "a.png")),
        "pipe without an extension": (LISTED, lambda f: os.mkfifo(f / "pipe")),
        "socket": (LISTED, unix_socket),
        "character device": (LISTED, lambda f: os.mknod(f / "a.png", 0o20666, os.makedev(1, 5))),
        "block device": (LISTED, lambda f: os.mknod(f / "a.png", 0o60666, os.makedev(7, 200))),
        "file without permission": (LISTED, closed("a.png")),
        "folder without permission": (LISTED, closed("inner", is_folder=True)),
        "name with a line break": (LISTED, file("a\nb.png", png)),
        "name with a carriage return": (LISTED, file("a\rb.png", png)),
        "NAS thumbnails": (LISTED, folder_of("@eaDir")),
        "NAS recycle bin": (LISTED, folder_of("#recycle")),
        "Windows recycle bin": (LISTED, folder_of("$RECYCLE.BIN")),
        "Mac metadata": (LISTED, folder_of("__MACOSX")),
        "rescued fragments": (LISTED, folder_of("lost+found")),
        "dataset of ours": (LISTED, lambda f: session.export(f / "dataset", formats=["folders"])),
        "pictures of a dataset of ours": (LISTED, lambda f: (folder_of("p")(f), (
            f / "p" / "metadata.json").write_text(mark + "}"))),
        "path of 6,000 bytes": (LISTED, deep),
        "sparse file of a terabyte": (LISTED, sparse),
        "hidden file": (IGNORED, file(".hidden.png", png)),
        "hidden folder": (IGNORED, folder_of(".hidden")),
        "resource fork of a Mac": (IGNORED, file("._a.png", b"\0\5\x16\7")),
        "Thumbs.db": (IGNORED, file("Thumbs.db", b"\xd0\xcf\x11\xe0")),
        "text": (IGNORED, file("notes.txt", b"BMW and others")),
        "program": (IGNORED, file("run.py", b"print()")),
        "film": (IGNORED, file("a.mp4", b"\0\0\0\x18ftypmp42")),
        "zip beside pictures": (IGNORED, lambda f: zipfile.ZipFile(f / "a.zip", "w").close()),
        "empty folder": (IGNORED, lambda f: (f / "empty").mkdir()),
    }  # fmt: skip
    return kinds

"""URLs of a web server and of buckets, each served by this machine."""

from __future__ import annotations

import functools
import http.server
import io
import os
import threading
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from fakes import draw

from protolabel.common.progress import silent
from protolabel.embedding import embed_images
from protolabel.errors import ImageReadError, InputError
from protolabel.images import find_images, read_image

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

COLOURS = ("blue", "green", "red")


def needed(module: str) -> Any:
    """Import a package of the extra ``readers``; skip where it is missing, except in CI."""
    if os.environ.get("PROTOLABEL_READER_TESTS"):
        return import_module(module)
    return pytest.importorskip(module)


def png(colour: str) -> bytes:
    file = io.BytesIO()
    draw(colour).save(file, "PNG")
    return file.getvalue()


def check(images, encoder) -> None:
    assert len(images) == len(COLOURS)
    for index, colour in enumerate(COLOURS):
        np.testing.assert_array_equal(read_image(images.path(index)), draw(colour))
        assert images.stamp(index) != (-1, -1)
    embedded = embed_images(images, encoder, progress=silent)
    assert embedded.images.names == images.names


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def web(tmp_path: Path) -> Iterator[str]:
    """A web server with a folder of pictures; yields its address."""
    needed("aiohttp")
    for colour in COLOURS:
        (tmp_path / "photos").mkdir(exist_ok=True)
        (tmp_path / "photos" / f"{colour}.png").write_bytes(png(colour))
    (tmp_path / "photos" / "notes.txt").write_text("x")
    (tmp_path / "photos" / "raw.nef").write_bytes(b"x")
    handler = functools.partial(_Quiet, directory=os.fspath(tmp_path))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("kind", ["page", "pattern", "list", "column"])
def test_a_web_server(web: str, encoder, kind: str) -> None:
    urls = [f"{web}/photos/{colour}.png" for colour in COLOURS]
    source = {
        "page": f"{web}/photos/", "pattern": f"{web}/photos/*.png", "list": urls,
        "column": {"url": urls, "label": list(COLOURS)},
    }[kind]  # fmt: skip
    images = find_images(source)
    check(images, encoder)
    if kind == "page":
        assert [entry.name for entry in images.skipped] == ["raw.nef"]
    if kind == "column":
        assert images.columns["label"] == COLOURS


def test_an_image_that_the_server_has_not_is_skipped_when_it_is_embedded(web, encoder) -> None:
    images = find_images([f"{web}/photos/red.png", f"{web}/photos/gone.png"])
    with pytest.raises(ImageReadError):
        images.open(1)
    assert len(embed_images(images, encoder, progress=silent)) == 1


def test_a_server_that_cannot_be_reached_says_so(web: str) -> None:
    port = int(web.rpartition(":")[2])
    with pytest.raises(InputError, match=r"cannot be listed|at least one image"):
        find_images(f"http://127.0.0.1:{port}/nothing/")


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A bucket of moto, a stand-in for S3; yields its URL."""
    needed("s3fs")
    server = needed("moto.server").ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
    fsspec = needed("fsspec")
    fsspec.get_filesystem_class("s3").clear_instance_cache()  # of another server
    system = fsspec.filesystem("s3")
    bucket = f"pictures-{port}"
    system.mkdir(bucket)
    for colour in COLOURS:
        system.pipe(f"{bucket}/{colour}/x y.png", png(colour))
    yield f"s3://{bucket}"
    server.stop()


@pytest.mark.parametrize("kind", ["bucket", "pattern", "list"])
def test_an_s3_bucket(s3: str, encoder, kind: str) -> None:
    source = {
        "bucket": s3, "pattern": f"{s3}/*/*.png",
        "list": [f"{s3}/{colour}/x y.png" for colour in COLOURS],
    }[kind]  # fmt: skip
    images = find_images(source)
    check(images, encoder)
    if kind == "bucket":
        assert images.names[0] == "blue/x y.png"


def test_a_dataset_is_exported_from_a_bucket(s3: str, encoder, tmp_path: Path) -> None:
    import protolabel as pl

    session = pl.Session(s3, list(COLOURS), encoder=encoder, store=tmp_path / "store")
    session.pin(f"{s3}/red/x y.png", "red")
    folder = session.export(tmp_path / "out").folder
    assert len(list((folder / "red").glob("*.png"))) >= 1
    assert len(list((folder / "splits").rglob("*.png"))) == 3


def test_a_google_bucket_that_cannot_be_reached_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    core = needed("gcsfs.core")

    async def refuse(*_: Any, **__: Any) -> None:
        raise OSError(111, "Connection refused")

    monkeypatch.setenv("STORAGE_EMULATOR_HOST", "http://127.0.0.1:9")
    monkeypatch.setattr(core.GCSFileSystem, "_call", refuse)
    with pytest.raises(InputError, match=r"cannot be listed.*check the URL and your access"):
        find_images("gs://pictures")


def test_the_hub_that_cannot_be_reached_says_what_else_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    api = pytest.importorskip("huggingface_hub").HfApi

    def refuse(*_: Any, **__: Any) -> None:
        raise ConnectionError("no network")

    for name in ("repo_info", "list_repo_tree", "get_paths_info"):
        monkeypatch.setattr(api, name, refuse)
    with pytest.raises(InputError, match=r"load_dataset\('owner/name'\)"):
        find_images("hf://datasets/owner/name/photos")

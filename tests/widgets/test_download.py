"""A file comes from the kernel to the browser whole, in parts."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from protolabel.widgets import download
from protolabel.widgets.download import Download

if TYPE_CHECKING:
    from pathlib import Path


def test_a_file_is_saved_from_the_browser_whole(show: Any, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(download, "_PART", 1000)
    content = bytes(range(256)) * 20
    (tmp_path / "dataset.zip").write_bytes(content)
    made = Download()
    host = show(made)
    assert not host.page.locator("button").is_visible()
    made.offer(tmp_path / "dataset.zip")
    host.settle()
    assert host.page.locator("button").inner_text() == "Download dataset.zip (5 kB)"
    with host.page.expect_download() as saving:
        host.page.locator("button").click()
        end = time.monotonic() + 60
        while not saving.is_done() and time.monotonic() < end:
            time.sleep(0.05)
            host.settle()
    saved = tmp_path / "saved"
    saving.value.save_as(saved)
    assert saving.value.suggested_filename == "dataset.zip"
    assert saved.read_bytes() == content
    made.offer(None)
    host.settle()
    assert not host.page.locator("button").is_visible()

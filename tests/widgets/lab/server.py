"""A JupyterLab of our own and a Chromium that can reach nothing but it; no fixtures here."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
]
# Where each shows a notebook: one server has the pages of both once Notebook 7 is installed.
PROGRAMS = {"JupyterLab": "doc/tree", "Notebook 7": "notebooks"}


def free_port() -> int:
    """Return a port of this machine that nothing listens at."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@contextmanager
def running_lab(home: Path) -> Iterator[tuple[str, Path]]:
    """Give the address of a JupyterLab that writes into `home` alone, and its notebook folder."""
    notebooks = home / "notebooks"
    notebooks.mkdir()
    settings = home / "config" / "lab" / "user-settings" / "@jupyterlab"
    for name, values in {
        "notebook-extension/tracker": {"windowingMode": "none"},
        "docmanager-extension/plugin": {"autosave": False},
        "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    }.items():
        file = settings / f"{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(values))
    port = free_port()
    environment = {
        **os.environ,
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTERLAB_SETTINGS_DIR": str(home / "config" / "lab" / "user-settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(home / "workspaces"),
        "JUPYTER_DATA_DIR": str(home / "data"),
        "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
        "XDG_CACHE_HOME": str(home / "cache"),
    }
    command = [
        sys.executable, "-m", "jupyterlab", "--no-browser", "--ip=127.0.0.1", f"--port={port}",
        "--allow-root", "--IdentityProvider.token=t", f"--ServerApp.root_dir={notebooks}",
        "--LabApp.expose_app_in_browser=True", "--JupyterNotebookApp.expose_app_in_browser=True",
        "--LabApp.extension_manager=readonly",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    ]  # fmt: skip
    with (home / "lab.log").open("w") as log:
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=log, cwd=notebooks)
    address = f"http://127.0.0.1:{port}"
    try:
        _wait_for(f"{address}/api?token=t", server, home / "lab.log")
        yield address, notebooks
    finally:
        server.terminate()
        try:
            server.wait(15)
        except subprocess.TimeoutExpired:
            server.kill()


def _wait_for(address: str, server: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + 180  # on a busy machine
    while time.monotonic() < end and server.poll() is None:
        try:
            with urllib.request.urlopen(address, timeout=2):
                return
        except OSError:
            time.sleep(0.2)
    raise RuntimeError(f"JupyterLab did not start:\n{log.read_text()[-3000:]}")


@contextmanager
def open_page(
    width: int = 1280, height: int = 1500, scale: int = 1, flags: tuple[str, ...] = ()
) -> Iterator[Any]:
    """Give a page; leaving it fails if anything but this machine was asked for."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS, *flags])
        page = browser.new_page(
            viewport={"width": width, "height": height}, device_scale_factor=scale
        )
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        yield page
        browser.close()
        local = ("http://127.0.0.1", "ws://127.0.0.1", "data:", "blob:")
        assert [url for url in asked if not url.startswith(local)] == []


LISTEN = """() => {
  window.kernelErrors = [];
  const panel = window.jupyterapp.shell.currentWidget;
  const kernel = panel.context.sessionContext.session.kernel;
  kernel.iopubMessage.connect((_, m) => {
    if (m.header.msg_type === 'error') window.kernelErrors.push(m.content);
  });
}"""


def open_notebook(
    page: Any, lab: tuple[str, Path], name: str, cells: list[str], *, program: str = "JupyterLab"
) -> None:
    """Write a notebook, open it alone on the page of a program, and run it."""
    address, notebooks = lab
    code = {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None}
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    book = {
        "cells": [{**code, "id": f"c{i}", "source": text} for i, text in enumerate(cells)],
        "metadata": {"kernelspec": kernel},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    (notebooks / name).parent.mkdir(exist_ok=True)
    (notebooks / name).write_text(json.dumps(book))
    page.goto(f"{address}/{PROGRAMS[program]}/{name}?token=t&reset")
    page.wait_for_function("window.jupyterapp?.shell?.currentWidget?.context?.isReady")
    page.wait_for_function(
        "window.jupyterapp.shell.currentWidget.context.sessionContext.session?.kernel"
    )
    page.evaluate(LISTEN)
    page.evaluate("window.jupyterapp.commands.execute('notebook:run-all-cells')")


def set_theme(page: Any, theme: str) -> None:
    """Change the theme of the Lab: Light or Dark."""
    page.evaluate(
        "t => window.jupyterapp.commands.execute('apputils:change-theme', {theme: t})",
        f"JupyterLab {theme}",
    )

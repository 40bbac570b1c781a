"""The panel that exports the labelled dataset."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING, Any

import ipywidgets as ipw

from protolabel.common.files import writing
from protolabel.errors import InputError, Stopped
from protolabel.exporting.transfer import LINKS
from protolabel.exporting.writers import WRITERS
from protolabel.widgets.download import Download
from protolabel.widgets.panel import Panel, escape

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["ExportPanel"]

_LINKS = {"copy": "Copy the images", "hardlink": "Hard links", "symlink": "Symbolic links"}


class ExportPanel(Panel):
    """The folder, the formats, the splits, and the result of an export."""

    title = "Export"

    def build(self) -> Iterator[ipw.Widget]:
        """Yield the folder, the formats, the splits and the button."""
        wide: dict[str, Any] = {"style": {"description_width": "64px"}}
        self.folder = ipw.Text(
            "annotated_dataset", description="Folder", tooltip="A new folder for the dataset",
            layout={"width": "460px"}, **wide,
        )  # fmt: skip
        self.formats = {
            name: ipw.Checkbox(
                writer.by_default, description=writer.title, indent=False,
                disabled=name == "metadata", tooltip=writer.description, layout={"width": "auto"},
            )
            for name, writer in WRITERS.items()
        }  # fmt: skip
        self.zip = ipw.Checkbox(
            description="Also as one .zip file", indent=False, layout={"width": "auto"},
            tooltip="Beside the folder, for sending or uploading",
        )  # fmt: skip
        self.download = Download()
        self.after = ipw.HTML()
        self.link = ipw.Dropdown(
            options=[(_LINKS.get(name, name), name) for name in LINKS], description="Images",
            tooltip="Copies are safe; links take no space", layout={"width": "250px"}, **wide,
        )  # fmt: skip
        self.shares = [
            ipw.BoundedFloatText(
                share, min=0, max=1, step=0.05, description=name,
                tooltip=f"Share of the images in {name}",
                layout={"width": "120px"}, style={"description_width": "40px"},
            )
            for name, share in (("train", 0.7), ("val", 0.15), ("test", 0.15))
        ]  # fmt: skip
        self.overwrite = ipw.Checkbox(
            description="Replace an earlier dataset", indent=False,
            tooltip="Only a dataset that protolabel wrote is ever replaced",
        )  # fmt: skip
        fields = (*self.formats.values(), self.folder, self.overwrite, self.zip, *self.shares)
        self.button_export = self.button(
            "Export", "Write the dataset", (self.link, "index"),
            *((field, "value") for field in fields), button_style="primary", icon="download",
        )  # fmt: skip
        self.button_export.on_click(self.guard(self._export))
        formats = ipw.GridBox(
            [
                ipw.VBox([box, ipw.HTML(f'<span class="pls-faint">{_what(name)}</span>')])
                for name, box in self.formats.items()
            ],
            layout={
                "grid_template_columns": "repeat(auto-fill, minmax(250px, 1fr))",
                "margin": "4px 0", "grid_gap": "4px 14px",
            },
        )  # fmt: skip
        formats.add_class("pls-formats")
        yield self.row(self.folder, self.overwrite, self.zip)
        yield formats
        yield self.row(self.link, *self.shares, self.button_export)
        yield self.download
        yield self.after

    def _export(self, _: Any) -> None:
        folder = self.folder.value.strip()
        if not folder:
            raise InputError("Write the name of a folder first, such as annotated_dataset.")
        options: dict[str, Any] = {
            "formats": [name for name, box in self.formats.items() if box.value],
            "link": self.link.value,
            "shares": [share.value for share in self.shares],
            "overwrite": self.overwrite.value,
        }
        if self.jobs.stopped:
            self.jobs.resume()  # an export needs the labels
        self.button_export.disabled = True
        self.after.value = ""
        self.say("Writing the dataset …")
        zipped = self.zip.value
        self.submit(lambda: self._write(folder, options, zipped=zipped))

    def _write(self, folder: str, options: dict[str, Any], *, zipped: bool) -> None:
        try:
            with self.jobs.shown():
                result = self.session.export(folder, **options)
                archive = _zip(result.folder) if zipped else None
        except Stopped:
            self.say("The export was stopped and nothing was written; Export starts it again.")
        else:
            parts = [f"{n:,} {name}" for name, n in result.split_counts.items()]
            if result.none_of_these:
                parts.append(f"{result.none_of_these:,} set aside")
            details = f" ({', '.join(parts)})" if parts else ""
            self.say(f"{result.n_images:,} images{details} are in {result.folder}", "good")
            self.draw(setattr, self.after, "value", _after(result.folder, archive))
            self.download.offer(archive)
        finally:
            self.button_export.disabled = False


def _what(name: str) -> str:
    """Describe a format, with the package that it needs."""
    writer = WRITERS[name]
    package = f"; needs the package {writer.package}" if writer.package else ""
    return escape(writer.description[0].upper() + writer.description[1:] + package)


def _zip(folder: Path) -> Path:
    """Write a folder as one archive beside it, whole or not at all."""
    target = folder.with_name(f"{folder.name}.zip")
    # Images are already compressed.
    with writing(target) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for path in sorted(folder.rglob("*")):
            archive.write(path, f"{folder.name}/{path.relative_to(folder).as_posix()}")
    return target


def _after(folder: Path, archive: Path | None) -> str:
    """Return the paths of the dataset, how to reopen it, and the report."""
    report = folder / "report.txt"
    lines = [f"<p>Folder: <code>{escape(str(folder))}</code></p>"]
    if archive is not None:
        lines.append(f"<p>Archive: <code>{escape(str(archive))}</code></p>")
    again = f'pl.Session.load("{folder}")'
    lines.append(
        "<p>To continue another day, open the folder in the studio, or run this in a new cell: "
        f"<code>{escape(again)}</code></p>"
    )
    if report.is_file():
        text = "\n".join(escape(line) for line in report.read_text("utf-8").splitlines())
        lines.append(f"<details><summary>Read the report</summary><pre>{text}</pre></details>")
    return f'<div class="pls-after">{"".join(lines)}</div>'

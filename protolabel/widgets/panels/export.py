"""The panel that exports the labelled dataset."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ipywidgets as ipw

from protolabel.errors import InputError, Stopped
from protolabel.exporting.transfer import LINKS
from protolabel.exporting.writers import WRITERS
from protolabel.widgets.panel import Panel

if TYPE_CHECKING:
    from collections.abc import Iterator

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
        self.link = ipw.Dropdown(
            options=[(_LINKS.get(name, name), name) for name in LINKS], description="Images",
            tooltip="Copies are safe; links take no room", layout={"width": "250px"}, **wide,
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
        self.button_export = self.button(
            "Export", "Write the dataset", button_style="primary", icon="download"
        )
        self.button_export.on_click(self.guard(self._export))
        formats = ipw.GridBox(list(self.formats.values()), layout={
            "grid_template_columns": "repeat(auto-fill, minmax(220px, 1fr))", "margin": "4px 0",
        })  # fmt: skip
        yield self.row(self.folder, self.overwrite)
        yield formats
        yield self.row(self.link, *self.shares, self.button_export)

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
        self.say("Writing the dataset …")
        self.submit(lambda: self._write(folder, options))

    def _write(self, folder: str, options: dict[str, Any]) -> None:
        try:
            with self.jobs.shown():
                result = self.session.export(folder, **options)
        except Stopped:
            self.say("The export was stopped and nothing was written; Export starts it again.")
        else:
            sizes = ", ".join(f"{n:,} {name}" for name, n in result.split_counts.items())
            parts = f" ({sizes})" if sizes else ""
            self.say(f"{result.n_images:,} images{parts} are in {result.folder}", "good")
        finally:
            self.button_export.disabled = False

"""The panel of temperature, iterations and the other settings of the loop."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import ipywidgets as ipw

from protolabel.clustering.presets import PRESETS
from protolabel.refinement.loop import METHODS
from protolabel.widgets.panel import Panel, live

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["ControlsPanel", "SettingsPanel"]

_STEP = 0.01  # of the logarithm: a step is 2 %
_AUTOMATIC = {"min_cluster_size": 0, "preset": ""}  # the values of controls that mean None
_WIDE = {"width": "auto"}
_STYLE = {"description_width": "104px"}

_ZERO = '<span class="pls-faint">Cluster size 0: chosen by the preset.</span>'

TOOLTIPS = {
    "temperature": "How soft the decision is. Lower is sharper: images follow their nearest "
    "prototype. Higher lets neighbours and doubt count for more.",
    "iterations": "How often the prototypes are refined. 1 is close to zero-shot; labels mostly "
    "settle within 5.",
    "method": "Anchored: prototypes stay tied to their names and cannot collapse. Plain: "
    "prototypes move freely, which shows how they collapse.",
    "preset": "Settings of clusters and map for small, medium or large folders. Automatic chooses "
    "by the number of images.",
    "min_cluster_size": "Smallest number of images in a micro-cluster. 0 takes that of the preset.",
    "seed": "The start of the random numbers: the same seed gives the same result.",
}


class SettingsPanel(Panel):
    """The settings of the loop; every one is a trait of the session."""

    title = "Settings"

    def build(self) -> Iterator[ipw.Widget]:
        """Yield the controls, with the rarely needed ones in a folded part."""
        options: dict[str, Any] = {"layout": _WIDE, "style": _STYLE}
        self.temperature = ipw.FloatLogSlider(
            0.1, min=-1.3, max=-0.5, step=_STEP, readout_format=".3f",
            description="Temperature", tooltip=TOOLTIPS["temperature"], **options,
        )  # fmt: skip
        self.iterations = ipw.IntSlider(
            5, min=1, max=10, description="Iterations", tooltip=TOOLTIPS["iterations"], **options
        )
        self.method = ipw.Dropdown(
            options=[(name.capitalize(), name) for name in METHODS],
            description="Method", tooltip=TOOLTIPS["method"], **options,
        )  # fmt: skip
        self.preset = ipw.Dropdown(
            options=[("Automatic", ""), *((name.capitalize(), name) for name in PRESETS)],
            description="Preset", tooltip=TOOLTIPS["preset"], **options,
        )  # fmt: skip
        self.min_cluster_size = ipw.BoundedIntText(
            0, min=0, max=100_000, description="Cluster size",
            tooltip=TOOLTIPS["min_cluster_size"], continuous_update=False, **options,
        )  # fmt: skip
        self.seed = ipw.BoundedIntText(
            0, min=0, max=2**31 - 1, description="Seed", tooltip=TOOLTIPS["seed"],
            continuous_update=False, **options,
        )  # fmt: skip
        self.controls = {name: getattr(self, name) for name in TOOLTIPS}
        for name, control in self.controls.items():
            control.add_class(f"pls-{name.replace('_', '-')}")
            control.observe(self.guard(self._set, name), names="value")
        self.kept = live()
        self.follow(self._show, *TOOLTIPS)
        self.follow(self._show_kept, "kept")
        rare = (self.preset, self.min_cluster_size, ipw.HTML(_ZERO), self.seed)
        self.advanced = ipw.Accordion([ipw.VBox(rare)], titles=["Advanced"])
        self.advanced.selected_index = None
        yield from (self.temperature, self.iterations, self.method)
        yield self.kept
        yield self.advanced

    def _set(self, name: str, change: Any) -> None:
        value = change["new"]
        if name == "temperature":
            # The browser rounds the slider to a step; the user did not make that change.
            moved = abs(math.log10(value / self.session.temperature))
            if moved < 0.505 * _STEP:
                return
        automatic = _AUTOMATIC.get(name, ...) == value
        setattr(self.session, name, None if automatic else value)

    def _show_kept(self) -> None:
        """Explain why a setting seems to have no effect."""
        kept = self.session.kept
        which = "zero-shot" if kept == 0 else f"iteration {kept}"
        self.kept.value = (
            ""
            if kept is None
            else f'<span class="pls-faint">You keep the labels of {which}: settings '
            "change what follows. Back to the last, under the map, uses it.</span>"
        )

    def _show(self) -> None:
        session = self.session
        # A cell may set a value beyond the ends of a slider, which then grows.
        exponent = math.log10(session.temperature)
        self.temperature.min = min(self.temperature.min, exponent - 1e-9)
        self.temperature.max = max(self.temperature.max, exponent + 1e-9)
        self.iterations.min = min(self.iterations.min, session.iterations)
        self.iterations.max = max(self.iterations.max, session.iterations)
        for name, control in self.controls.items():
            value = getattr(session, name)
            control.value = _AUTOMATIC[name] if value is None else value


ControlsPanel = SettingsPanel
"""`SettingsPanel` under its name in version 0.1."""

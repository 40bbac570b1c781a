"""How long the map takes from a change to pixels, beside Plotly's scattergl and jupyter-scatter.

All run in one Chromium, one after the other, on the same points, in a bare page without Jupyter:
what travels from a kernel is left out, which favours the others (a FigureWidget sends colours as
text, jupyter-scatter 16 bytes a point, ours one). WebGL is drawn in software where there is no GPU;
ours never uses it. A timing starts at the call, or at the event of the mouse, and ends at the frame
after the pixels; of jupyter-scatter's hover and lasso, at the frame after its trait was set.

    python tests/benchmarks/map_latency.py [10000 100000 1000000] [--scatter PYTHON]

PYTHON is an interpreter that has jupyter-scatter, if this one has not: it needs nothing else of
protolabel, so ``python -m venv x && x/bin/pip install jupyter-scatter`` is enough.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import plotly

from protolabel.browser.bundle import module, style

sys.path.insert(0, str(Path(__file__).parents[1] / "widgets"))
import host

if TYPE_CHECKING:
    from collections.abc import Callable

WHAT = ("recolour", "scrub", "hover", "lasso", "whole drag")

DATA = """
let seed = 7;
const random = () => (seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0) / 4294967296;
const normal = () => Math.sqrt(-2 * Math.log(random() + 1e-12)) * Math.cos(6.2832 * random());
const N = %(n)d, T = 5, C = 10;
const truth = Uint8Array.from({ length: N }, () => random() * C);
const centre = Array.from({ length: C }, () => [normal() * 4, normal() * 4]);
const xy = new Float32Array(2 * N);
for (let i = 0; i < 2 * N; i++) xy[i] = centre[truth[i >> 1]][i & 1] + normal();
const makeLabels = () => {
  const labels = new Uint8Array((T + 1) * N);
  for (let k = 0; k < labels.length; k++) labels[k] = random() < 0.2 ? random() * C : truth[k %% N];
  return labels;
};
const frame = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
const timed = async (work) => {
  const t = performance.now();
  await work();
  await frame();
  return performance.now() - t;
};
window.marks = {};
for (const name of ["pointerdown", "pointermove", "pointerup", "mousemove", "mouseup", "mousedown"])
  window.addEventListener(name, () => { marks[name] = performance.now(); }, true);
"""

OURS = """
const heard = new Map();
const state = { xy, labels: makeLabels(), label_bytes: 1, iteration: 5,
  names: Array.from({ length: C }, (_, c) => "class " + c),
  colours: [], hidden: [], color_by: "label", height: 520, theme: "light", captions: [] };
const model = { get: (k) => state[k], save_changes() {}, send() {}, off() {},
  set(k, v) { state[k] = v; (heard.get("change:" + k) ?? []).forEach((f) => f()); },
  on(e, f) { heard.set(e, [...(heard.get(e) ?? []), f]); } };
render({ model, el: document.getElementById("host") });
const root = document.querySelector(".pl-map");
// At once, not when a frame looks: that would be the next one, or the one after.
const changed = (node, name) => new Promise((done) => {
  const observer = new MutationObserver(() => { observer.disconnect(); done(); });
  observer.observe(node, { attributeFilter: [name] });
});
const drawn = () => changed(root, "data-frames");
const next = Array.from({ length: 3 }, makeLabels);
let turn = 0;
const apply = (k, v) => timed(async () => { model.set(k, v); await drawn(); });
window.recolour = () => apply("labels", next[turn++ % 3]);
window.scrub = () => apply("iteration", turn++ % (T + 1));
window.target = ".pl-stage";
window.watch = (what) => { window.result = (async () => {
  const card = document.querySelector(".pl-card");
  await (what === "hover" ? changed(card, "hidden") : changed(root, "data-selected"));
  await frame();
  return performance.now();
})(); };
window.clear = () => model.set("selection", null);
window.lassoMode = () => document.querySelector('[data-tool="lasso"]').click();
window.ready = drawn();
"""

PLOTLY = """
const box = document.getElementById("host");
const x = new Float32Array(N), y = new Float32Array(N);
for (let i = 0; i < N; i++) [x[i], y[i]] = [xy[2 * i], xy[2 * i + 1]];
const palette = ["#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#D6C51E",
  "#4D4D4D", "#004267", "#865C00"];
const scale = palette.map((c, k) => [k / 9, c]);
const colours = Array.from({ length: 3 }, () => makeLabels().subarray(0, N));
let turn = 0;
const layout = { width: 724, height: 520, margin: { l: 0, r: 0, t: 0, b: 0 },
  hovermode: "closest", showlegend: false };
const restyle = () => Plotly.restyle(box, { "marker.color": [colours[turn++ % 3]] });
window.recolour = () => timed(restyle);
window.scrub = window.recolour;
window.target = ".nsewdrag";
window.watch = (what) => { window.result = new Promise((done) => {
  const event = what === "hover" ? "plotly_hover" : "plotly_selected";
  const heard = async () => {
    box.removeListener(event, heard);
    await frame();
    done(performance.now());
  };
  box.on(event, heard);
}); };
window.clear = () => Plotly.restyle(box, { selectedpoints: [null] });
window.lassoMode = () => Plotly.relayout(box, { dragmode: "lasso" });
window.ready = Plotly.newPlot(box, [{ type: "scattergl", mode: "markers", x, y,
  marker: { size: 4, color: colours[0], colorscale: scale, cmin: 0, cmax: 9 } }], layout);
"""


SCATTER_STATE = """
import json, pathlib, jscatter, numpy as np, pandas as pd
names = pd.Categorical.from_codes([i % 10 for i in range(20)], [f"class {c}" for c in range(10)])
data = pd.DataFrame({"x": np.linspace(0, 1, 20), "y": np.linspace(0, 1, 20), "c": names})
state = jscatter.Scatter(data=data, x="x", y="y", color_by="c", height=520).widget.get_state()
plain = {k: v for k, v in state.items() if not k.startswith("_")}
plain |= {"transition_points": False, "non_spatial_points_update": True}
plain_of = lambda v: getattr(v, "item", str)()
print(json.dumps([state["_esm"], state["_css"], plain], default=plain_of))
"""

SCATTER = """
const scatter = (await import("/scatter.js")).default;
const heard = new Map();
const array = (values, dtype, shape) => ({ view: new DataView(values.buffer), dtype, shape });
const side = Math.max(...centre.flat().map(Math.abs)) + 4;
const points = (colours) => {
  const rows = new Float32Array(4 * N);
  for (let i = 0; i < N; i++)
    rows.set([xy[2 * i] / side, xy[2 * i + 1] / side, colours[i], 0], 4 * i);
  return array(rows, "float32", [N, 4]);
};
const next = Array.from({ length: 3 }, () => points(makeLabels().subarray(0, N)));
const state = { ...STATE, points: next[2], selection: array(new Uint32Array(0), "uint32", [0]) };
let heed = null;
const model = { get: (k) => state[k], save_changes() {}, send() {},
  set(k, v) { state[k] = v; if (heed?.[0] === k) heed[1](); },
  on(e, f) { heard.set(e, [...(heard.get(e) ?? []), f]); },
  off(e, f) { heard.set(e, (heard.get(e) ?? []).filter((one) => one !== f)); } };
const tell = (k, v) => { state[k] = v; (heard.get("change:" + k) ?? []).forEach((f) => f()); };
scatter.render({ model, el: document.getElementById("host") });
const small = new OffscreenCanvas(96, 96).getContext("2d", { willReadFrequently: true });
const look = () => {
  small.clearRect(0, 0, 96, 96);
  const one = document.querySelector("#host canvas");
  if (one?.width) small.drawImage(one, 0, 0, 96, 96);
  return small.getImageData(0, 0, 96, 96).data.join();
};
let turn = 0;
window.recolour = async () => {
  const before = look(), start = performance.now();
  tell("points", next[turn++ % 3]);
  do await frame(); while (look() === before);
  return performance.now() - start;
};
window.scrub = window.recolour;
window.target = "#host canvas";
window.watch = (what) => { window.result = new Promise((done) => {
  heed = [what === "hover" ? "hovering" : "selection", async () => {
    heed = null;
    await frame();
    done(performance.now());
  }];
}); };
window.clear = () => tell("selection", array(new Uint32Array(0), "uint32", [0]));
window.lassoMode = () => tell("mouse_mode", "lasso");
window.ready = new Promise((done) => setTimeout(done, 3000));
"""


def scatter_of(python: str) -> tuple[str, str, dict[str, Any]] | None:
    """Module, style and state of a jupyter-scatter widget; None where it is not installed."""
    asked = subprocess.run(
        [python, "-c", SCATTER_STATE], capture_output=True, text=True, check=False
    )
    if asked.returncode:
        print("jupyter-scatter is left out:", asked.stderr.strip().splitlines()[-1])
        return None
    module, css, state = json.loads(asked.stdout)
    return module, css, state


def page_of(which: str, n: int, scatter: Any) -> str:
    """HTML of one contestant with its points."""
    data, css = DATA % {"n": n}, style("map")
    if which == "ours":
        scripts = f'<script type="module">{module("map_widget")}{data}{OURS}</script>'
    elif which == "scatter":
        css = scatter[1]
        state = f"const STATE = {json.dumps(scatter[2])};"
        scripts = f'<script type="module">{data}{state}{SCATTER}</script>'
    else:
        code = (Path(plotly.__file__).parent / "package_data" / "plotly.min.js").read_text("utf-8")
        scripts = f'<script>{code}</script><script type="module">{data}{PLOTLY}</script>'
    return (
        f'<!doctype html><meta charset="utf-8"><style>{css} body {{ margin: 0 }}</style>'
        f'<body><div id="host" style="width: 900px"></div>{scripts}</body>'
    )


def measure(context: Any, which: str, n: int, scatter: Any, rounds: int) -> dict[str, float]:
    """Medians in milliseconds."""
    page = context.new_page()
    page.set_default_timeout(600_000)
    page.route(
        host.ADDRESS,
        lambda route: route.fulfill(body=page_of(which, n, scatter), content_type="text/html"),
    )
    if which == "scatter":
        page.route(
            "**/scatter.js",
            lambda route: route.fulfill(body=scatter[0], content_type="text/javascript"),
        )
    page.goto(host.ADDRESS)
    page.wait_for_function("window.ready")
    page.evaluate("window.ready")
    page.evaluate("recolour()")
    found = {
        name: median(lambda name=name: page.evaluate(f"{name}()"), rounds) for name in WHAT[:2]
    }
    box = page.locator(page.evaluate("target")).first.bounding_box()
    middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    found["hover"] = median(lambda: hover(page, box), rounds)
    page.evaluate("lassoMode()")
    page.wait_for_timeout(500)
    pairs = [lasso(page, middle, 130 + 3 * turn) for turn in range(rounds)]
    found["lasso"] = statistics.median(pair[0] for pair in pairs)
    found["whole drag"] = statistics.median(pair[1] for pair in pairs)
    page.close()
    return found


def median(once: Callable[[], float], rounds: int) -> float:
    """Of several rounds."""
    return statistics.median(once() for _ in range(rounds))


def hover(page: Any, box: dict[str, float]) -> float:
    """Move from a corner into the points until the label is there."""
    page.mouse.move(box["x"] + 2, box["y"] + 2)
    page.wait_for_timeout(400)
    page.evaluate("watch('hover')")
    # A short walk: the first step may fall between two points.
    for step in range(40):
        page.mouse.move(
            box["x"] + box["width"] * (0.35 + 0.008 * step), box["y"] + box["height"] * 0.5
        )
        start = page.evaluate("marks.mousemove")
        patience = 120 if step else 3000
        done = page.evaluate(
            "(ms) => Promise.race([result, new Promise((end) => setTimeout(() => end(0), ms))])",
            patience,
        )
        if done:
            return done - start
    return float("nan")


def lasso(page: Any, middle: tuple[float, float], radius: float) -> tuple[float, float]:
    """Draw a circle of 24 moves; from the release, and from the press, to pixels."""
    page.evaluate("clear()")
    page.wait_for_timeout(300)
    corners = [
        (middle[0] + radius * math.cos(a / 4), middle[1] + radius * math.sin(a / 4))
        for a in range(25)
    ]
    page.evaluate("watch('lasso')")
    page.mouse.move(*corners[0])
    page.mouse.down()
    for corner in corners[1:]:
        page.mouse.move(*corner)
    page.mouse.up()
    end = page.evaluate("result")
    return end - page.evaluate("marks.mouseup"), end - page.evaluate("marks.mousedown")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sizes", type=int, nargs="*", default=[10_000, 100_000])
    parser.add_argument("--scatter", default=sys.executable, metavar="PYTHON")
    parser.add_argument("--rounds", type=int, default=5, help="1 is enough for a million points")
    asked = parser.parse_args()
    scatter = scatter_of(asked.scatter)
    host.FLAGS += ["--enable-unsafe-swiftshader", "--use-angle=swiftshader"]
    print(
        f"{'points':>9}  {'map':<8}" + "".join(f"{name:>12}" for name in WHAT) + "   (ms, median)"
    )
    with tempfile.TemporaryDirectory() as profile, host.browser(Path(profile)) as context:
        for n in asked.sizes:
            for which in ("ours", "plotly", "scatter")[: 2 + (scatter is not None)]:
                found = measure(context, which, n, scatter, asked.rounds)
                row = "".join(f"{found[name]:>12.1f}" for name in WHAT)
                print(f"{n:>9,}  {which:<8}{row}", flush=True)


if __name__ == "__main__":
    main()

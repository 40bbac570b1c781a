// The map: toolbar, stage, legend and timeline over one model. Works on an anywidget model and on
// anything with get, set, save_changes, on, off and send. Names are untrusted: textContent only.
import { Cloud, drawingOrder, typed } from "./points.js";
import { Painter, classColours, mix, parseColour, ramp } from "./paint.js";
import { button, icon, make } from "./parts.js";
import { overlay } from "./overlay.js";
import { hand } from "./hand.js";
import { words } from "./words.js";
import { reading } from "./reading.js";

const COLOURINGS = { label: "Label", agreement: "Agreement", changed: "Changed", micro: "Micro", meta: "Meta" };
const TITLES = {
  label: "Colour by class",
  agreement: "Colour by how far the votes agree",
  changed: "Colour what the iterations changed",
  micro: "Colour by micro-cluster: images that look alike",
  meta: "Colour by meta-cluster: groups of micro-clusters",
};
const TRAITS = ["xy", "labels", "label_bytes", "agreement", "micro", "meta", "prototypes", "centroids", "pinned", "unfit",
  "names", "colours", "atlas", "captions", "iteration", "kept", "playing", "color_by", "hidden", "selection",
  "height", "theme", "summary", "status"];
class MapWidget {
  constructor(model, el) {
    this.model = model;
    this.dirty = new Set(["xy", "labels", "micro", "pinned", "unfit", "selection", "atlas", "theme", "legend", "paint"]);
    this.tool = "pan";
    this.hover = -1;
    this.view = null; // null: fitted to the stage
    this.thumbs = new Map();
    this.pointers = new Map();
    this.frames = 0;
    this.build(el);
    this.listen();
    this.schedule();
  }

  get(name) {
    return this.model.get(name);
  }

  set(name, value) {
    this.model.set(name, value);
    this.model.save_changes();
  }

  // --- what stands on the page ------------------------------------------------------------

  build(el) {
    this.root = make("div", "pl-map", {
      role: "region", "aria-label": "Map of the images", "data-lm-suppress-shortcuts": "true",
    });
    this.choices = Object.entries(COLOURINGS).map(([key, text]) => {
      const one = button("", TITLES[key], text, () => this.set("color_by", key));
      one.dataset.key = key;
      return one;
    });
    const choice = make("div", "pl-choice", { role: "group", "aria-label": "Colour by" }, ...this.choices);
    this.tools = ["pan", "lasso"].map((name) => {
      const text = name === "pan" ? "Move the map: drag" : "Lasso: draw around images (L, or shift and drag)";
      const one = button("pl-tool", text, icon(name), () => this.useTool(name));
      one.dataset.tool = name;
      return one;
    });
    const zoom = [
      button("pl-tool", "Zoom in (+)", icon("plus"), () => this.zoom(1.5)),
      button("pl-tool", "Zoom out (-)", icon("minus"), () => this.zoom(1 / 1.5)),
      button("pl-tool", "Show everything (0)", icon("fit"), () => this.reset()),
    ];
    const top = make("div", "pl-bar pl-top", {}, choice, make("span", "pl-space"),
      make("div", "pl-tools", { role: "toolbar", "aria-label": "Map tools" }, ...this.tools, ...zoom));

    this.canvas = make("canvas");
    this.overlay = make("canvas");
    this.painter = new Painter(this.canvas);
    this.picture = make("canvas", "", { width: 128, height: 128 });
    this.facts = make("div", "pl-facts");
    this.card = make("div", "pl-card", { hidden: "", "aria-hidden": "true" }, this.picture, this.facts);
    this.chipText = make("span");
    this.chip = button("pl-chip", "Clear the selection (Escape)", this.chipText, () => this.select(null));
    this.chip.append(icon("close"));
    this.statusLine = make("div", "pl-status", { role: "status", hidden: "" });
    this.stage = make("div", "pl-stage", {
      tabindex: "0", "data-lm-suppress-shortcuts": "true", role: "application", "aria-roledescription": "map", "data-tool": "pan",
      "aria-keyshortcuts": "ArrowLeft ArrowRight Space + - 0 L Escape",
    }, this.canvas, this.overlay, this.chip, this.statusLine, this.card);
    this.key = make("div", "pl-key");
    this.title = make("div", "pl-title");
    this.list = make("div", "pl-list");
    this.signs = make("div", "pl-signs", { "aria-hidden": "true" },
      make("div", "pl-line", {}, icon("star"), "prototype: the middle of a class"),
      make("div", "pl-line", {}, icon("trail"), "its way there"),
      make("div", "pl-line", {}, icon("ring"), "middle of a micro-cluster"),
      make("div", "pl-line", {}, icon("dot"), "one image"));
    this.legend = make("div", "pl-legend", { role: "group", "aria-label": "Classes: press to hide or show" },
      this.key, this.title, this.list, this.signs);
    this.live = make("div", "pl-unseen", { "aria-live": "polite" });

    this.play = button("pl-play", "Play the iterations (space)", icon("play"), () => this.togglePlay());
    this.slider = make("input", "", { type: "range", min: "0", max: "0", step: "1", "aria-label": "Iteration" });
    this.slider.addEventListener("input", () => this.goTo(Number(this.slider.value), true));
    this.ticks = make("div", "pl-ticks");
    this.fill = make("div", "pl-fill");
    this.when = make("div", "pl-when");
    this.timeline = make("div", "pl-bar pl-bottom", {}, this.play,
      make("div", "pl-track", {}, this.fill, this.ticks, this.slider), this.when);
    this.root.append(top, make("div", "pl-body", {}, this.stage, this.legend), this.timeline, this.live);
    el.append(this.root);
  }

  listen() {
    const signal = (this.ending = new AbortController()).signal;
    const on = (target, name, action, options) => target.addEventListener(name, action, { signal, ...options });
    this.heard = TRAITS.map((name) => [`change:${name}`, () => this.changed(name)]);
    this.heard.push(["msg:custom", (message, buffers) => this.receive(message, buffers)]);
    for (const [event, action] of this.heard) this.model.on(event, action);
    on(this.stage, "pointerdown", (event) => this.pointerDown(event));
    on(this.stage, "pointermove", (event) => this.pointerMove(event));
    on(this.stage, "pointerup", (event) => this.pointerUp(event));
    on(this.stage, "pointercancel", (event) => this.pointerUp(event, true));
    on(this.stage, "pointerleave", () => this.setHover(-1));
    on(this.stage, "dblclick", (event) => event.target === this.stage && this.reset());
    on(this.stage, "wheel", (event) => this.wheel(event), { passive: false });
    on(this.root, "keydown", (event) => this.keyDown(event));
    const system = matchMedia("(prefers-color-scheme: dark)");
    on(system, "change", () => this.changed("theme"));
    this.watcher = new MutationObserver(() => this.changed("theme"));
    for (const node of [document.documentElement, document.body])
      this.watcher.observe(node, { attributes: true, attributeFilter: ["data-jp-theme-light", "class", "theme", "data-theme"] });
    this.resizer = new ResizeObserver(() => this.mark("size"));
    this.resizer.observe(this.stage);
  }

  dispose() {
    this.ending.abort();
    this.watcher.disconnect();
    this.resizer.disconnect();
    for (const [event, action] of this.heard) this.model.off(event, action);
    cancelAnimationFrame(this.waiting);
    clearTimeout(this.saying);
    clearTimeout(this.hoverTimer);
    clearTimeout(this.playTimer);
    this.root.remove();
  }

  // --- from a change to pixels ------------------------------------------------------------

  changed(name) {
    const means = {
      label_bytes: "labels", agreement: "labels", names: "labels", colours: "labels", prototypes: "stars",
      meta: "micro", centroids: "micro", iteration: "step", kept: "step", color_by: "legend", hidden: "legend",
      captions: "card", playing: "playing", height: "size", summary: "step", status: "step",
    };
    if (name === "selection" && this.sending) return;
    this.mark(means[name] ?? name);
  }

  mark(what) {
    this.dirty.add(what);
    this.schedule();
  }

  schedule() {
    this.waiting ||= requestAnimationFrame((now) => {
      this.waiting = 0;
      this.frame(now);
    });
  }

  frame(now) {
    const dirty = this.dirty;
    this.dirty = new Set();
    if (dirty.has("theme")) this.readTheme();
    if (dirty.has("xy")) this.readPoints(now);
    if (dirty.has("xy") || dirty.has("labels")) this.readRun();
    if (dirty.has("xy") || dirty.has("labels") || dirty.has("stars")) this.readStars();
    if (dirty.has("xy") || dirty.has("micro")) this.readClusters();
    if (dirty.has("xy") || dirty.has("pinned")) this.pins = this.readPins();
    if (dirty.has("xy") || dirty.has("labels") || dirty.has("unfit")) this.readUnfit();
    if (dirty.has("xy") || dirty.has("selection")) this.readSelection();
    if (dirty.has("atlas")) this.readAtlas();
    if (["theme", "labels", "unfit", "xy"].some((what) => dirty.has(what))) dirty.add("legend").add("step");
    const shown = this.width;
    const sized = this.measure() || dirty.has("size");
    const morphing = this.morph(now);
    if (dirty.has("step") || dirty.has("legend")) this.showStep(now, dirty.has("legend"));
    if (dirty.has("playing") || dirty.has("step")) this.showPlaying();
    if (!this.width) {
      // A page that changes its theme hides itself for less than a frame, too short for the
      // ResizeObserver: look once more. A map that stays hidden is told when there is room again.
      this.dirty.add("paint");
      if (shown) this.schedule();
      return;
    }
    if (sized || morphing || dirty.has("xy") || dirty.has("view") || this.projected !== this.cloud) {
      const view = this.deviceView();
      this.painter.project(this.x, this.y, view, this.pointRadius() * this.ratio);
      this.projected = this.cloud;
      dirty.add("paint");
    }
    const repaint = ["paint", "step", "legend", "micro", "selection", "theme"].some((what) => dirty.has(what));
    if (repaint) this.paint();
    const gliding = this.glide(now);
    this.drawOverlay();
    if (this.hover >= 0) this.placeCard(dirty.size > 0);
    this.root.dataset.frames = String(++this.frames);
    if (morphing || gliding) this.schedule();
  }

  readTheme() {
    const asked = this.get("theme") ?? "auto";
    const { body, documentElement: page } = document;
    let dark = asked === "dark";
    if (asked === "auto") {
      const lab = body.dataset.jpThemeLight;
      const named = `${page.getAttribute("theme") ?? ""} ${page.dataset.theme ?? ""} ${body.className}`;
      if (lab) dark = lab === "false";
      else if (/vscode-(light|high-contrast-light)/.test(named)) dark = false;
      else dark = /\bdark\b|vscode-dark|vscode-high-contrast/.test(named) || matchMedia("(prefers-color-scheme: dark)").matches;
    }
    this.dark = dark;
    this.root.dataset.theme = dark ? "dark" : "light";
    const style = getComputedStyle(this.root);
    const colour = (name) => parseColour(style.getPropertyValue(name).trim());
    this.ground = colour("--bg");
    [this.ink, this.soft, this.accent] = [colour("--ink"), colour("--soft"), colour("--accent")];
  }

  readPoints(now) {
    const next = new Cloud(typed(this.get("xy"), Float32Array));
    const same = this.cloud && this.cloud.n === next.n && next.n <= 200000 && !still();
    this.gliding = same ? { from: this.cloud, x: this.x, y: this.y, box: this.box, start: now } : null;
    this.cloud = next;
    [this.x, this.y] = [next.x, next.y];
    this.box = [next.width, next.height];
    this.grid = null;
    if (!same) {
      this.order = drawingOrder(next.n);
      this.view = null;
      this.thumbs.clear();
      this.setHover(-1);
    }
  }

  /** Points glide from the old coordinates to the new ones. */
  morph(now) {
    const old = this.gliding;
    if (!old) return false;
    const done = Math.min(1, (now - old.start) / 700);
    const share = ease(done);
    const { cloud } = this;
    if (done >= 1) {
      [this.gliding, this.x, this.y, this.box] = [null, cloud.x, cloud.y, [cloud.width, cloud.height]];
      return true;
    }
    const between = (a, b) => a.map((value, i) => value + (b[i] - value) * share);
    [this.x, this.y] = [between(old.x, cloud.x), between(old.y, cloud.y)];
    this.box = between(old.box, [cloud.width, cloud.height]);
    return true;
  }

  measure() {
    const narrow = this.root.clientWidth < 620;
    const height = this.get("height") ?? 440;
    this.stage.style.height = `${height}px`;
    this.legend.style.height = narrow ? "" : `${height}px`;
    const ratio = Math.min(3, window.devicePixelRatio || 1);
    const [width, tall] = [this.stage.clientWidth, this.stage.clientHeight];
    if (width === this.width && tall === this.height && ratio === this.ratio) return false;
    [this.width, this.height, this.ratio] = [width, tall, ratio];
    if (!width || !tall) return false;
    const size = [Math.round(width * ratio), Math.round(tall * ratio)];
    this.painter.resize(...size);
    [this.overlay.width, this.overlay.height] = size;
    return true;
  }

  /** From places to CSS pixels: x * k + view.x. */
  fitted() {
    const pad = 34;
    const [w, h] = this.box;
    const across = w ? (this.width - 2 * pad) / w : Infinity;
    const down = h ? (this.height - 2 * pad) / h : Infinity;
    const k = Math.max(1, Math.min(across, down, 1e6));
    return { k, x: (this.width - w * k) / 2, y: (this.height - h * k) / 2 };
  }

  currentView() {
    return this.view ?? this.fitted();
  }

  deviceView() {
    const { k, x, y } = this.currentView();
    this.root.dataset.view = [k, x, y].join(" ");
    return { k: k * this.ratio, x: x * this.ratio, y: y * this.ratio };
  }

  pointRadius() {
    const base = Math.max(0.5, Math.min(6, 26 / Math.max(1, this.cloud.n) ** 0.28));
    const closer = this.view ? this.view.k / this.fitted().k : 1;
    return Math.min(9, base * Math.max(1, closer) ** 0.4);
  }

  step() {
    return Math.max(0, Math.min(this.steps - 1, this.get("iteration") ?? 0));
  }

  at(array, step) {
    return this.steps ? array.subarray(step * this.cloud.n, (step + 1) * this.cloud.n) : this.unknown;
  }

  /** Code of every point, colour of every code, and which codes come on top. */
  colouring() {
    const labels = this.at(this.labels, this.step());
    const grey = mix(this.soft, this.ground, 0.35);
    const by = this.get("color_by");
    if (!this.steps) return { codes: this.unknown, colours: [grey] };
    if (by === "agreement" && this.agreement.length === this.labels.length) {
      const low = 255 / Math.max(2, this.names.length);
      const colours = Array.from({ length: 256 }, (_, v) => ramp((v - low) / (255 - low), this.dark));
      return { codes: this.at(this.agreement, this.step()), colours };
    }
    if (by === "changed") {
      const [first, before] = [this.at(this.labels, 0), this.at(this.labels, Math.max(0, this.step() - 1))];
      const codes = new Uint8Array(labels.length);
      for (let i = 0; i < codes.length; i++) codes[i] = labels[i] !== before[i] ? 2 : labels[i] !== first[i] ? 1 : 0;
      return { codes, colours: this.changeColours(), rank: Uint8Array.of(0, 1, 1) };
    }
    if (this.codes[by]) return { codes: this.codes[by], colours: [grey, ...classColours(24, [], this.dark)] };
    if (!this.unfit) return { codes: labels, colours: this.palette };
    const hollow = this.names.length;
    return { codes: Uint16Array.from(labels, (one, i) => (this.unfit[i] ? hollow : one)), colours: [...this.palette, grey], hollow };
  }

  paint() {
    const off = new Uint8Array(Math.max(1, this.names.length));
    for (const one of this.get("hidden") ?? []) if (one < off.length) off[one] = 1;
    this.off = off;
    this.shownLabels = this.at(this.labels, this.step());
    this.painter.paint({
      ...this.colouring(), labels: this.shownLabels, off, marked: this.marked, order: this.order, background: this.ground,
    });
  }
}

Object.assign(MapWidget.prototype, overlay, hand, words, reading);

function render({ model, el }) {
  const map = new MapWidget(model, el);
  return () => map.dispose();
}

export default { render };

// ImageMap: the map over one model. It owns its parts (toolbar, stage, legend, card, timeline) and
// the frame in which changes of the model become pixels. The model is an anywidget model, or
// anything with get, set, save_changes, on, off and send.
import { countOf, packBits, typed, unpackBits } from "./bytes.js";
import { colouring } from "./colouring.js";
import { MapData } from "./decode.js";
import { make } from "./dom.js";
import { Gestures } from "./gestures.js";
import { Help } from "./help.js";
import { HoverCard } from "./hover_card.js";
import { Legend } from "./legend.js";
import { PointMotion, StarMotion } from "./motion.js";
import { Overlay } from "./overlay.js";
import { Painter } from "./paint.js";
import { Grid, drawingOrder, insidePolygon } from "./points.js";
import { Player } from "./player.js";
import { Selection } from "./selection.js";
import { Theme } from "./theme.js";
import { Timeline } from "./timeline.js";
import { Toolbar } from "./toolbar.js";
import { View } from "./view.js";
import { spokenMap, stepWords } from "./wording.js";

// What a change of a trait invalidates.
const DIRTIES = {
  xy: "points", labels: "run", label_bytes: "run", agreement: "run", agreement_from: "run", names: "run", colours: "run",
  dark_colours: "run", number_keys: "legend", prototypes: "stars", micro: "clusters", meta: "clusters", centroids: "clusters",
  pinned: "pins", unfit: "unfit", atlas: "atlas", tile: "card", captions: "card", iteration: "step", kept: "step",
  playing: "playing", color_by: "legend", hidden: "legend", selection: "selection", height: "size",
  theme: "theme", relabels: "legend", summary: "step", status: "step",
};
const NARROW = 620; // pixels below which the legend stands under the stage
const QUIET_MS = 500; // before a screen reader is told again

export class ImageMap {
  constructor(model, el) {
    this.model = model;
    this.dirty = new Set([...Object.values(DIRTIES), "paint"]);
    this.data = new MapData((name) => model.get(name));
    this.view = new View();
    this.points = new PointMotion();
    this.stars = new StarMotion();
    this.palette = [];
    this.off = new Uint8Array(1); // a flag for each class that the legend hides
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

  get step() {
    return this.player.step;
  }

  // --- the parts, and what they ask for ----------------------------------------------------

  build(el) {
    this.ending = new AbortController();
    this.stage = make("div", "pl-stage", {
      tabindex: "0", "data-lm-suppress-shortcuts": "true", role: "application", "aria-roledescription": "map",
      "data-tool": "pan", "aria-keyshortcuts": "ArrowLeft ArrowRight Space + - 0 L Escape 1 2 3 4 5 6 7 8 9 Z Y ?",
    });
    const canvas = make("canvas");
    this.painter = new Painter(canvas);
    this.overlay = new Overlay(make("canvas"));
    this.selection = new Selection({
      clear: () => this.select(null),
      relabel: (c) => this.relabel(c),
      undo: () => this.undo(),
    });
    this.statusLine = make("div", "pl-status", { role: "status", hidden: "" });
    this.card = new HoverCard({
      tell: (i) => this.set("hovered", i),
      ask: (i) => this.model.send({ thumb: i }),
      redraw: () => this.mark("card"),
    });
    this.help = new Help(() => this.stage.focus({ preventScroll: true }));
    this.stage.append(canvas, this.overlay.canvas, this.selection.node, this.statusLine, this.card.node, this.help.node);
    this.gestures = new Gestures(this.stage, this.view, {
      hover: (spot) => this.hover(this.find(spot)),
      leave: () => this.hover(-1),
      click: (spot, add, finger) => this.click(spot, add, finger),
      lasso: (line, add) => this.lasso(line, add),
      moved: () => this.mark("view"),
      redraw: () => this.mark("overlay"),
      tool: () => this.mark("step"),
    }, this.ending.signal);
    this.toolbar = new Toolbar({
      colourBy: (name) => this.set("color_by", name),
      use: (tool) => this.gestures.use(tool),
      zoomIn: () => this.gestures.zoomIn(),
      zoomOut: () => this.gestures.zoomOut(),
      showAll: () => this.gestures.showAll(),
      help: () => this.help.toggle(),
    });
    this.legend = new Legend((classes) => this.set("hidden", classes));
    this.player = new Player(this, () => this.data.last);
    this.timeline = new Timeline(this.player);
    this.live = make("div", "pl-unseen", { "aria-live": "polite" });
    this.root = make("div", "pl-map", {
      role: "region", "aria-label": "Map of the images", "data-lm-suppress-shortcuts": "true",
    }, this.toolbar.node, make("div", "pl-body", {}, this.stage, this.legend.node), this.timeline.node, this.live);
    this.theme = new Theme(this.root, () => this.mark("theme"));
    el.append(this.root);
  }

  listen() {
    this.listeners = Object.entries(DIRTIES).map(([name, what]) => [`change:${name}`, () => this.mark(what)]);
    this.listeners.push(["msg:custom", (message, buffers) => this.card.receive(message, buffers)]);
    for (const [event, action] of this.listeners) this.model.on(event, action);
    this.root.addEventListener("keydown", (event) => this.keyDown(event), { signal: this.ending.signal });
    this.resizer = new ResizeObserver(() => this.mark("size"));
    this.resizer.observe(this.stage);
  }

  dispose() {
    for (const [event, action] of this.listeners) this.model.off(event, action);
    this.ending.abort();
    this.resizer.disconnect();
    for (const part of [this.theme, this.card, this.timeline]) part.dispose();
    cancelAnimationFrame(this.waiting);
    clearTimeout(this.saying);
    this.root.remove();
  }

  keyDown(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    event.stopPropagation(); // the notebook has other plans for these keys
    if (["search", "select-one"].includes(event.target.type)) return; // there they are letters
    const { gestures } = this;
    const actions = {
      ArrowLeft: () => this.player.goTo(this.step - 1),
      ArrowRight: () => this.player.goTo(this.step + 1),
      Home: () => this.player.goTo(0),
      End: () => this.player.goTo(this.data.last),
      " ": () => this.player.toggle(),
      "+": () => gestures.zoomIn(),
      "=": () => gestures.zoomIn(),
      "-": () => gestures.zoomOut(),
      0: () => gestures.showAll(),
      z: () => this.undo(),
      y: () => this.get("relabels") && this.model.send({ redo: true }),
      l: () => gestures.use(gestures.tool === "lasso" ? "pan" : "lasso"),
      "?": () => this.help.toggle(),
      Escape: () => this.escape(),
    };
    for (let digit = 1; digit <= 9; digit++) actions[digit] = () => this.relabel((this.get("number_keys") ?? []).indexOf(String(digit)));
    const action = actions[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!action || (event.key === " " && event.target.closest("button"))) return;
    event.preventDefault();
    action();
  }

  escape() {
    if (this.gestures.dropLine()) return;
    if (this.help.shown) this.help.toggle(false);
    else if (this.selection.flags) this.select(null);
    else this.gestures.use("pan");
  }

  // --- images -------------------------------------------------------------------------------

  /** Whether the legend shows an image. */
  get shown() {
    const { off } = this;
    const labels = this.data.at(this.data.labels, this.step);
    return (i) => !off[labels[i]];
  }

  /** The image at a spot of the stage, or -1. */
  find(spot) {
    if (!this.data.n || this.points.moving) return -1;
    this.grid ??= new Grid(this.data.cloud);
    const [x, y] = this.view.toPlane(spot);
    return this.grid.nearest(x, y, (this.view.radius + 6) / this.view.now.k, this.shown);
  }

  hover(i) {
    if (this.card.turn(i) || i >= 0) this.mark(i >= 0 ? "card" : "overlay");
  }

  /** Touch cannot hover: the first tap on an image shows the picture, the second selects it. */
  click(spot, add, finger) {
    const i = this.find(spot);
    if (finger && i !== this.card.index) {
      this.hover(i);
      return;
    }
    const flags = this.selection.clicked(i, this.data.n, add);
    if (flags) this.select(flags);
  }

  lasso(line, add) {
    const polygon = line.map((spot) => this.view.toPlane(spot));
    const { x, y } = this.data.cloud;
    const flags = insidePolygon(x, y, polygon, this.shown);
    this.root.dataset.polygon = JSON.stringify(line);
    this.select(add ? this.selection.joined(flags) : flags);
  }

  select(flags) {
    this.showSelection(flags);
    const bits = packBits(this.selection.flags ?? new Uint8Array(this.data.n));
    this.set("selection", new DataView(bits.buffer));
  }

  /** Label all selected images. The message holds them, and the class by its name: later selections
   * and other classes do not matter. */
  relabel(c) {
    const { flags } = this.selection;
    const name = this.data.names[c];
    if (!flags || name === undefined || !this.get("relabels")) return;
    this.model.send({ relabel: name }, undefined, [packBits(flags).buffer]);
    this.select(null);
    this.selection.reportLabelled(countOf(flags), name);
  }

  undo() {
    if (!this.get("relabels")) return;
    this.model.send({ undo: true });
    this.selection.report("");
  }

  showSelection(flags) {
    this.root.dataset.selected = String(this.selection.show(flags));
    this.mark("paint");
  }

  // --- from a change to pixels ----------------------------------------------------------------

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
    const { dirty } = this;
    this.dirty = new Set();
    this.read(dirty, now);
    const before = this.view.width;
    const sized = this.measure() || dirty.has("size");
    const moving = this.points.step(now);
    this.view.box = this.points.box;
    if (dirty.has("legend")) this.showLegend();
    if (dirty.has("step")) this.showStep();
    if (dirty.has("playing") || dirty.has("step")) this.timeline.run(Boolean(this.get("playing")));
    if (!this.view.width) {
      // A page that changes its theme hides itself for less than a frame, too short for the
      // ResizeObserver: look once more. A map that stays hidden is told when there is room again.
      this.dirty.add("paint");
      if (before) this.schedule();
      return;
    }
    if (sized || moving || dirty.has("points") || dirty.has("view") || this.projected !== this.data.cloud) {
      this.project();
      dirty.add("paint");
    }
    if (["paint", "step", "selection"].some((what) => dirty.has(what))) this.paint();
    const gliding = this.drawOverlay(now);
    if (this.card.index >= 0) this.showCard(dirty.size > 0);
    this.root.dataset.frames = String(++this.frames);
    if (moving || gliding) this.schedule();
  }

  /** Read the traits that changed, and note what must be redrawn. */
  read(dirty, now) {
    const { data } = this;
    const any = (...names) => names.some((name) => dirty.has(name));
    if (any("theme")) this.theme.read(this.get("theme") ?? "auto");
    if (any("points")) this.readPoints(now);
    if (any("points", "run")) data.readRun();
    if (any("points", "run", "stars")) data.readStars();
    if (any("points", "clusters")) data.readClusters();
    if (any("points", "pins")) data.readPins();
    if (any("points", "run", "unfit")) data.readUnfit();
    if (any("points", "selection")) this.readSelection();
    if (any("atlas")) this.card.readAtlas(this.get("atlas"));
    if (any("theme", "run", "unfit", "points", "clusters", "stars", "pins")) dirty.add("legend");
    if (any("legend")) dirty.add("step");
  }

  readPoints(now) {
    this.data.readPoints();
    this.grid = null;
    const { n, cloud } = this.data;
    this.view.count = n;
    if (this.points.goTo(cloud, now)) return;
    this.order = drawingOrder(n);
    this.view.reset();
    this.card.forget();
  }

  readSelection() {
    const flags = unpackBits(typed(this.get("selection"), Uint8Array), this.data.n);
    this.root.dataset.selected = String(this.selection.show(flags));
  }

  measure() {
    const height = this.get("height") ?? 440;
    this.stage.style.height = `${height}px`;
    this.legend.node.style.height = this.root.clientWidth < NARROW ? "" : `${height}px`;
    const ratio = Math.min(3, window.devicePixelRatio || 1);
    const [width, tall] = [this.stage.clientWidth, this.stage.clientHeight];
    if (!this.view.resize(width, tall, ratio) || !width || !tall) return false;
    const size = [Math.round(width * ratio), Math.round(tall * ratio)];
    this.painter.resize(...size);
    this.overlay.resize(...size);
    return true;
  }

  showLegend() {
    const { data, theme } = this;
    const hidden = this.get("hidden") ?? [];
    this.palette = theme.classColours(data.names.length, this.get(theme.dark ? "dark_colours" : "colours"));
    this.off = new Uint8Array(Math.max(1, data.names.length));
    for (const c of hidden) if (c < this.off.length) this.off[c] = 1;
    this.toolbar.offer(data.clusters);
    const labelling = Boolean(this.get("relabels"));
    this.selection.offer(labelling ? data.names : undefined, this.get("number_keys") ?? undefined);
    this.help.offer(labelling);
    this.legend.build({ data, theme, palette: this.palette, hidden, by: this.get("color_by") });
  }

  showStep() {
    const { data, step } = this;
    const counts = data.counts(step);
    this.legend.count(counts);
    this.timeline.show(step, data.last, stepWords(step, data.last, data.changes(step)), this.get("kept") ?? -1);
    this.toolbar.show(this.get("color_by"), this.gestures.tool);
    const status = this.get("status") || (data.n ? "" : "Waiting for images …");
    this.statusLine.textContent = status;
    this.statusLine.hidden = !status;
    this.stage.dataset.empty = String(!data.n);
    const spoken = this.get("summary") || (data.n ? spokenMap(data, step, counts) : status);
    this.stage.setAttribute("aria-label", spoken);
    clearTimeout(this.saying);
    this.saying = setTimeout(() => (this.live.textContent = spoken), QUIET_MS);
  }

  project() {
    const { view, points } = this;
    this.painter.project(points.x, points.y, view.onScreen, view.radius * view.ratio);
    this.projected = this.data.cloud;
    const { k, x, y } = view.now;
    this.root.dataset.view = [k, x, y].join(" ");
  }

  paint() {
    const { data, theme, palette, step } = this;
    this.painter.paint({
      ...colouring(data, { by: this.get("color_by"), step, theme, palette }),
      labels: data.at(data.labels, step), off: this.off, marked: this.selection.flags,
      order: this.order, background: theme.ground,
    });
  }

  /** Draw the layer above the points; return whether the prototypes are still moving. */
  drawOverlay(now) {
    const { data, step, points } = this;
    const count = data.stars[0].length ? data.names.length : 0;
    const target = data.stars.map((axis) => axis.subarray(step * count, (step + 1) * count));
    const gliding = this.stars.step(now, target, step, points.moving);
    this.overlay.draw({
      view: this.view, theme: this.theme, data, points, stars: this.stars, step, off: this.off,
      palette: this.palette, hover: this.card.index, lasso: this.gestures.line,
    });
    return gliding;
  }

  showCard(refill) {
    const { card, points, data, step, palette } = this;
    if (refill) {
      const [captions, tile] = [this.get("captions"), this.get("tile")];
      card.fill({ data, step, palette, captions, tile, ratio: this.view.ratio });
    }
    card.place(this.view.toStage(points.x[card.index], points.y[card.index]), this.view);
  }
}

// Lesson: both loops side by side. Sliders for temperature and iteration; everything is computed
// beforehand, so that the same code serves a widget and a page without a kernel.
import { typed } from "./bytes.js";
import { make, svg } from "./dom.js";
import { Player } from "./player.js";
import { Theme } from "./theme.js";
import { Timeline } from "./timeline.js";
import { factorWords, lessonWords, markOf } from "./lesson_words.js";

const METHODS = ["Plain loop", "Anchored loop"];
const [WIDE, TALL, ROOM] = [460, 300, 22]; // of a map, in its own units
const [CHART, HIGH] = [220, 96];
const STAR = "0,-9 2.6,-3.6 8.6,-2.8 4.2,1.4 5.3,7.3 0,4.4 -5.3,7.3 -4.2,1.4 -8.6,-2.8 -2.6,-3.6";
const WATCHED = ["content", "points", "labels", "prototypes", "temperature", "iteration", "playing"];

export class Lesson {
  constructor(model, el) {
    this.model = model;
    this.heat = make("input", "", { type: "range", min: "0", step: "1", "aria-label": "Temperature" });
    this.heat.addEventListener("input", () => this.set("temperature", Number(this.heat.value)));
    this.limit = make("i", "pl-limit", { title: "The limit: above it, the plain loop shrinks every difference" });
    this.reading = make("div", "pl-reading");
    this.player = new Player(this, () => this.content.last);
    this.timeline = new Timeline(this.player);
    this.sides = METHODS.map((name) => this.side(name));
    this.legend = make("div", "pl-names");
    this.charts = make("div", "pl-charts");
    this.live = make("div", "pl-unseen", { "aria-live": "polite" });
    const track = make("div", "pl-track", {}, this.limit, this.heat);
    this.root = make("div", "pl-map pl-lesson", {
      role: "region", "aria-label": "The plain and the anchored loop side by side", "data-lm-suppress-shortcuts": "true",
    }, make("div", "pl-bar pl-top", {}, make("b", "", {}, "Temperature"), track, this.reading),
    this.legend, make("div", "pl-sides", {}, ...this.sides.map((side) => side.node)), this.charts, this.timeline.node, this.live);
    this.theme = new Theme(this.root, () => this.theme.read("auto"));
    el.append(this.root);
    this.theme.read("auto");
    this.listeners = WATCHED.map((name) => [`change:${name}`, () => this.schedule(!["temperature", "iteration", "playing"].includes(name))]);
    for (const [event, action] of this.listeners) model.on(event, action);
    this.schedule(true);
  }

  /** A map, the shares of the classes under it, and what to say about it. */
  side(name) {
    const cloud = svg("g");
    const stars = svg("g");
    const map = svg("svg", { viewBox: `0 0 ${WIDE} ${TALL}`, role: "img", "aria-label": name }, cloud, stars,
      svg("text", { x: WIDE - 8, y: TALL - 8, "text-anchor": "end" }, "first principal axis →"));
    const shares = make("div", "pl-shares", { "aria-hidden": "true" });
    const says = make("span", "pl-says");
    const node = make("figure", "pl-side", {}, make("figcaption", "", {}, make("b", "", {}, name), says), map, shares);
    return { node, cloud, stars, shares, says, map };
  }

  get(name) {
    return this.model.get(name);
  }

  set(name, value) {
    this.model.set(name, value);
    this.model.save_changes();
  }

  get place() {
    return Math.max(0, Math.min(this.content.temperatures.length - 1, this.get("temperature") ?? 0));
  }

  schedule(anew) {
    this.anew ||= anew;
    this.waiting ||= requestAnimationFrame(() => {
      this.waiting = 0;
      this.content = this.get("content");
      if (!this.content?.names) return;
      if (this.anew) this.build();
      this.anew = false;
      this.show();
    });
  }

  /** Draw what neither slider changes. */
  build() {
    const { names, temperatures, n, series } = this.content;
    this.points = typed(this.get("points"), Float32Array);
    this.labels = typed(this.get("labels"), Uint8Array);
    this.prototypes = typed(this.get("prototypes"), Float32Array);
    this.fit();
    this.heat.max = String(temperatures.length - 1);
    const mark = markOf(this.content.limit, temperatures);
    this.limit.hidden = mark === null;
    this.limit.style.left = `calc(8px + (100% - 16px) * ${mark ?? 0})`;
    this.legend.replaceChildren(...names.map((name, c) => {
      const swatch = make("i", "pl-swatch");
      swatch.style.background = `var(--pls-class-${c})`;
      return make("span", "", {}, swatch, name);
    }));
    for (const side of this.sides) {
      side.dots = Array.from({ length: n }, (_, i) => {
        const [x, y] = this.onMap(this.points, i);
        return svg("circle", { cx: x, cy: y, r: n > 400 ? 2 : 3.2 });
      });
      side.cloud.replaceChildren(...side.dots);
      side.trails = names.map((_, c) => svg("polyline", { stroke: `var(--pls-class-${c})`, fill: "none" }));
      side.marks = names.map((_, c) => svg("polygon", { points: STAR, fill: `var(--pls-class-${c})`, class: "pl-star" }));
      side.stars.replaceChildren(...side.trails, ...side.marks);
      side.parts = names.map((name, c) => {
        const part = make("i", "", { title: name });
        part.style.background = `var(--pls-class-${c})`;
        return part;
      });
      side.shares.replaceChildren(...side.parts);
    }
    this.drawn = series.map((one) => this.chart(one));
    this.charts.replaceChildren(...this.drawn.map((one) => one.node));
  }

  /** Choose the part of the plane that holds the images and the prototypes. */
  fit() {
    const low = [Infinity, Infinity];
    const high = [-Infinity, -Infinity];
    for (const values of [this.points, this.prototypes])
      values.forEach((value, k) => {
        low[k & 1] = Math.min(low[k & 1], value);
        high[k & 1] = Math.max(high[k & 1], value);
      });
    const scale = Math.min((WIDE - 2 * ROOM) / (high[0] - low[0] || 1), (TALL - 2 * ROOM) / (high[1] - low[1] || 1));
    const middle = low.map((value, k) => (value + high[k]) / 2);
    this.onMap = (values, i) => [
      WIDE / 2 + (values[2 * i] - middle[0]) * scale,
      TALL / 2 - (values[2 * i + 1] - middle[1]) * scale,
    ];
  }

  chart({ title, low, high, top, note }) {
    const lines = METHODS.map((_, m) => svg("polyline", { class: m ? "pl-anchored" : "pl-plain", fill: "none" }));
    const dots = METHODS.map((_, m) => svg("circle", { class: m ? "pl-anchored" : "pl-plain", r: 3.5 }));
    const cursor = svg("line", { class: "pl-cursor", y1: 4, y2: HIGH - 14 });
    const plot = svg("svg", { viewBox: `0 0 ${CHART} ${HIGH}`, role: "img", "aria-label": title },
      svg("line", { class: "pl-base", x1: 8, x2: CHART - 8, y1: HIGH - 14, y2: HIGH - 14 }), cursor, ...lines, ...dots,
      svg("text", { x: 8, y: HIGH - 2 }, "0"), svg("text", { x: CHART - 8, y: HIGH - 2, "text-anchor": "end" }, `iteration ${this.content.last}`),
      svg("text", { x: CHART - 8, y: 11, "text-anchor": "end" }, top));
    const now = make("span", "pl-now");
    const node = make("figure", "pl-chart", { title: note }, make("figcaption", "", {}, make("b", "", {}, title), now), plot);
    const x = (t) => 8 + (CHART - 16) * (t / Math.max(1, this.content.last));
    const y = (value) => HIGH - 14 - (HIGH - 30) * Math.max(0, Math.min(1, (value - low) / (high - low || 1)));
    return { node, lines, dots, cursor, now, x, y };
  }

  /** Show one iteration at one temperature. */
  show() {
    const { content, place } = this;
    const { step } = this.player;
    const { names, n, last, temperatures } = content;
    this.heat.value = String(place);
    const words = factorWords(temperatures[place], content.limit);
    this.reading.replaceChildren(make("b", "", {}, temperatures[place].toPrecision(2)), ` · ${words}`);
    this.heat.setAttribute("aria-valuetext", `${temperatures[place].toPrecision(2)}, ${words}`);
    const spoken = this.sides.map((side, m) => {
      const at = ((m * temperatures.length + place) * (last + 1) + step) * n;
      const counts = new Array(names.length).fill(0);
      side.dots.forEach((dot, i) => {
        const label = this.labels[at + i];
        counts[label]++;
        dot.style.fill = `var(--pls-class-${label})`;
      });
      side.parts.forEach((part, c) => (part.style.flexGrow = String(counts[c])));
      this.move(side, m);
      const says = lessonWords(content, m, place, step);
      side.says.textContent = says;
      side.node.dataset.collapsed = String(content.collapse[m][place] >= 0 && step >= content.collapse[m][place]);
      return `${METHODS[m]}: ${says}`;
    });
    this.drawn.forEach((chart, k) => this.plot(chart, content.series[k]));
    this.timeline.show(step, last, [step ? `Iteration ${step}` : "Zero-shot", `of ${last}`], -1);
    this.timeline.run(Boolean(this.get("playing")));
    this.live.textContent = spoken.join(". ");
    this.root.dataset.shown = `${place} ${step}`;
  }

  move(side, m) {
    const { names, last, temperatures } = this.content;
    const place = (t, c) => this.onMap(this.prototypes, ((m * temperatures.length + this.place) * (last + 1) + t) * names.length + c);
    names.forEach((_, c) => {
      const [x, y] = place(this.player.step, c);
      side.marks[c].style.transform = `translate(${x}px, ${y}px)`;
      const path = Array.from({ length: this.player.step + 1 }, (_none, t) => place(t, c).join(","));
      side.trails[c].setAttribute("points", path.join(" "));
    });
  }

  plot(chart, { values, unit }) {
    const { place } = this;
    const { step } = this.player;
    chart.lines.forEach((line, m) => {
      const known = values[m][place].flatMap((value, t) => (value === null ? [] : [`${chart.x(t)},${chart.y(value)}`]));
      line.setAttribute("points", known.join(" "));
      const value = values[m][place][step];
      chart.dots[m].setAttribute("visibility", value === null ? "hidden" : "visible");
      chart.dots[m].setAttribute("cx", chart.x(step));
      chart.dots[m].setAttribute("cy", chart.y(value ?? 0));
    });
    const said = METHODS.map((_, m) => {
      const value = values[m][place][step];
      return make("span", m ? "pl-anchored" : "pl-plain", {}, value === null ? "–" : unit === "%" ? `${Math.round(100 * value)} %` : value.toPrecision(2));
    });
    chart.now.replaceChildren(...said);
    chart.cursor.setAttribute("x1", chart.x(step));
    chart.cursor.setAttribute("x2", chart.x(step));
  }

  dispose() {
    for (const [event, action] of this.listeners) this.model.off(event, action);
    cancelAnimationFrame(this.waiting);
    for (const part of [this.theme, this.timeline]) part.dispose();
    this.root.remove();
  }
}

// Words beside the map: legend, timeline, the card under the pointer. Names are untrusted: textContent.
import { typed } from "./points.js";
import { classColours, css, mix, parseColour, ramp } from "./paint.js";
import { button, make, many } from "./parts.js";

const CHANGES = [["unchanged", "#B8BEC8"], ["changed earlier", "#56B4E9"], ["changed now", "#D55E00"]];
const TILE = 48;

/** Methods of the map; `this` is a MapWidget. */
export const words = {

  showStep(now, rebuild) {
    const [t, last, n] = [this.step(), this.steps - 1, this.cloud.n];
    if (rebuild) {
      this.palette = classColours(this.names.length, this.get("colours") ?? [], this.dark);
      this.showLegend();
    }
    const counts = new Uint32Array(Math.max(1, this.names.length));
    const labels = this.at(this.labels, t);
    for (let i = 0; i < labels.length; i++) counts[labels[i]]++;
    if (this.unfit) for (let i = 0; i < labels.length; i++) if (this.unfit[i]) counts[labels[i]]--;
    this.entries.forEach((entry, c) => {
      entry.lastChild.textContent = counts[c].toLocaleString("en");
      entry.setAttribute("aria-label", `${this.names[c]}, ${many(counts[c], "image")}`);
    });
    this.timeline.hidden = last < 1;
    this.slider.max = String(Math.max(0, last));
    this.slider.value = String(t);
    let changed = 0;
    if (t > 0) {
      const before = this.at(this.labels, t - 1);
      for (let i = 0; i < labels.length; i++) if (labels[i] !== before[i]) changed++;
    }
    const where = t === 0 ? "Zero-shot" : `Iteration ${t} of ${last}`;
    const what = t === 0 ? "before refinement" : `${changed.toLocaleString("en")} changed`;
    this.when.replaceChildren(make("b", "", {}, where), ` · ${what}`);
    this.slider.setAttribute("aria-valuetext", `${where}, ${what}`);
    this.fill.style.width = last > 0 ? `calc((100% - 16px) * ${t / last})` : "0";
    const kept = this.get("kept") ?? -1;
    this.ticks.replaceChildren(...(last > 60 ? [] : Array.from({ length: last + 1 }, (_, k) => {
      const tick = make("i", k === kept ? "pl-kept" : k <= t ? "pl-past" : "");
      tick.style.left = `${(100 * k) / Math.max(1, last)}%`;
      return tick;
    })));
    for (const one of this.choices) one.setAttribute("aria-pressed", String(one.dataset.key === this.get("color_by")));
    for (const one of this.tools) one.setAttribute("aria-pressed", String(one.dataset.tool === this.tool));
    const status = this.get("status") || (n ? "" : "Waiting for images …");
    this.statusLine.textContent = status;
    this.statusLine.hidden = !status;
    this.stage.dataset.empty = String(!n);
    const parts = this.names.map((name, c) => `${name} ${counts[c]}`).slice(0, 20).join(", ");
    const aside = this.unfit ? ` None of these ${this.setAside}.` : "";
    const spoken = n ? `${many(n, "image")} on a map. ${this.steps ? `${where}, ${what}. ${parts}.${aside}` : ""}` : status;
    this.stage.setAttribute("aria-label", this.get("summary") || spoken);
    clearTimeout(this.saying);
    this.saying = setTimeout(() => (this.live.textContent = this.get("summary") || spoken), 500);
  },

  showLegend() {
    const hidden = new Set(this.get("hidden") ?? []);
    const by = this.get("color_by");
    this.entries = this.names.map((name, c) => {
      const swatch = make("span", "pl-swatch");
      const colour = css(this.palette[c]);
      swatch.style.borderColor = colour;
      if (by === "label") swatch.style.background = colour;
      const entry = make("button", "pl-entry", {
        type: "button", "aria-pressed": String(!hidden.has(c)), title: `${name}\nClick: hide or show. Shift-click: only this one.`,
      }, swatch, make("span", "pl-label", {}, name), make("span", "pl-count"));
      entry.addEventListener("click", (event) => this.filter(c, event.shiftKey));
      return entry;
    });
    const held = this.list.contains(document.activeElement) ? [...this.list.children].indexOf(document.activeElement) : -1;
    this.list.replaceChildren(...this.entries);
    this.entries[held]?.focus();
    this.title.replaceChildren(make("span", "", {}, this.names.length ? many(this.names.length, "class", "classes") : ""));
    if (hidden.size) {
      const all = button("", "Show every class", "show all", () => this.set("hidden", []));
      this.title.append(all);
    }
    this.key.replaceChildren(...this.keyOf(by));
    this.key.hidden = !this.key.childNodes.length;
    this.legend.hidden = !this.names.length && this.key.hidden;
  },

  keyOf(by) {
    if (!this.steps) return [];
    if (by === "agreement") {
      const bar = make("canvas", "", { width: 100, height: 1 });
      const g = bar.getContext("2d");
      for (let k = 0; k < 100; k++) {
        g.fillStyle = css(ramp(k / 99, this.dark));
        g.fillRect(k, 0, 1, 1);
      }
      const low = (1 / Math.max(2, this.names.length)).toFixed(2);
      return ["How far the votes agree", bar,
        make("div", "", {}, make("span", "", {}, `${low} doubtful`), make("span", "", {}, "sure 1"))];
    }
    if (by === "changed") {
      return this.changeColours().map((colour, k) => {
        const swatch = make("span", "pl-swatch");
        swatch.style.background = css(colour);
        return make("div", "pl-line", {}, swatch, CHANGES[k][0]);
      });
    }
    if (by === "label" && this.unfit) {
      const swatch = make("span", "pl-swatch pl-hollow");
      return [make("div", "pl-line", {}, swatch, `${this.setAside.toLocaleString("en")} fit none of these`)];
    }
    if (!this.codes[by]) return [];
    return [by === "micro" ? "One colour a micro-cluster; grey is like few others." : "One colour a meta-cluster."];
  },

  filter(c, only) {
    const hidden = new Set(this.get("hidden") ?? []);
    const rest = this.names.map((_, k) => k).filter((k) => k !== c);
    if (only) return this.set("hidden", hidden.size === rest.length && !hidden.has(c) ? [] : rest);
    if (!hidden.delete(c)) hidden.add(c);
    return this.set("hidden", [...hidden].sort((a, b) => a - b));
  },


  setHover(i, here) {
    if (here) this.pointer = here;
    if (i === this.hover) return i >= 0 ? this.mark("overlay") : undefined;
    this.hover = i;
    this.card.hidden = i < 0;
    clearTimeout(this.hoverTimer);
    this.hoverTimer = setTimeout(() => this.set("hovered", i), 80);
    if (i >= 0) {
      this.fillCard(i);
      if (!this.atlas) this.askThumb(i);
    }
    return this.mark("overlay");
  },

  askThumb(i) {
    if (this.thumbs.has(i)) return;
    if (this.thumbs.size > 300) this.thumbs.delete(this.thumbs.keys().next().value);
    this.thumbs.set(i, null);
    this.model.send({ thumb: i });
  },

  async receive(message, buffers) {
    const i = message?.thumb;
    if (!Number.isInteger(i)) return;
    const bytes = typed(buffers?.[0], Uint8Array);
    let picture = null;
    try {
      if (bytes.length) picture = await createImageBitmap(new Blob([bytes]));
    } catch {
      picture = null; // the file was damaged: the card says the rest
    }
    this.thumbs.set(i, { picture, caption: String(message.caption ?? "") });
    if (i === this.hover) this.mark("card");
  },

  fillCard(i) {
    const t = this.step();
    const lines = [];
    if (this.steps) {
      const label = this.at(this.labels, t)[i];
      const first = this.labels[i];
      const swatch = make("span", "pl-swatch");
      swatch.style.background = css(this.palette[label] ?? this.soft);
      lines.push(make("div", "pl-name", {}, swatch, make("span", "", {}, this.names[label] ?? "")));
      if (this.agreement.length) lines.push(make("div", "", {}, `agreement ${(this.at(this.agreement, t)[i] / 255).toFixed(2)}`));
      if (first !== label) lines.push(make("div", "", {}, `zero-shot: ${this.names[first] ?? ""}`));
      if (this.unfit?.[i]) lines.push(make("div", "", {}, "set aside: none of these"));
      if (this.pins.includes(i)) lines.push(make("div", "", {}, "pinned by you"));
    }
    const caption = this.get("captions")?.[i] ?? this.thumbs.get(i)?.caption ?? "";
    lines.push(make("div", "", {}, caption ? caption.split("/").at(-1) : `image ${i}`));
    this.facts.replaceChildren(...lines);
    const g = this.picture.getContext("2d");
    const one = this.thumbs.get(i)?.picture;
    g.clearRect(0, 0, 128, 128);
    g.imageSmoothingQuality = "high";
    this.picture.hidden = !this.atlas && !one;
    if (this.atlas) {
      const columns = Math.floor(this.atlas.width / TILE);
      g.drawImage(this.atlas, (i % columns) * TILE, Math.floor(i / columns) * TILE, TILE, TILE, 0, 0, 128, 128);
    } else if (one) {
      const k = 128 / Math.max(one.width, one.height);
      g.drawImage(one, (128 - one.width * k) / 2, (128 - one.height * k) / 2, one.width * k, one.height * k);
    }
  },

  placeCard(refill) {
    if (refill) this.fillCard(this.hover);
    const view = this.currentView();
    const [x, y] = [this.x[this.hover] * view.k + view.x, this.y[this.hover] * view.k + view.y];
    const [w, h] = [this.card.offsetWidth, this.card.offsetHeight];
    const left = x + 16 + w > this.width ? x - 16 - w : x + 16;
    const top = Math.max(4, Math.min(this.height - h - 4, y - h / 2));
    this.card.style.transform = `translate(${Math.max(4, left)}px, ${top}px)`;
  },

  changeColours() {
    return CHANGES.map(([, colour], k) => mix(parseColour(colour), this.ground, this.dark && !k ? 0.65 : 0));
  },
};

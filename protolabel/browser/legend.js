// Legend: the classes with their colours and counts, what else colours mean, and the filter.
import { css } from "./colours.js";
import { button, icon, make } from "./dom.js";
import { counted, matching, number } from "./wording.js";

const FEW = 12; // classes that are found by looking
const CHANGES = ["unchanged", "changed earlier", "changed now"];

/** The hidden classes after a click on class c of `count`: all others (`only`), or c toggled. */
export function afterClick(hidden, c, count, only) {
  const others = Array.from({ length: count }, (_, k) => k).filter((k) => k !== c);
  if (only) return hidden.length === others.length && !hidden.includes(c) ? [] : others;
  const rest = hidden.filter((k) => k !== c);
  return hidden.includes(c) ? rest : [...rest, c].sort((a, b) => a - b);
}

export class Legend {
  /** `hide(classes)` is called with all hidden classes. */
  constructor(hide) {
    this.hide = hide;
    [this.names, this.hidden, this.entries] = [[], [], []];
    this.key = make("div", "pl-key");
    this.title = make("div", "pl-title");
    this.search = make("input", "pl-search", { type: "search", placeholder: "Find a class", "aria-label": "Find a class" });
    this.search.addEventListener("input", () => this.find());
    this.list = make("div", "pl-list");
    this.fixed = make("div", "pl-line pl-ringed", {}, icon("ringed"), "fixed by you");
    this.signs = make("div", "pl-signs", { "aria-hidden": "true" },
      make("div", "pl-line", {}, icon("star"), "prototype: the middle of a class"),
      make("div", "pl-line", {}, icon("trail"), "its way there"),
      make("div", "pl-line", {}, icon("ring"), "middle of a micro-cluster"),
      make("div", "pl-line", {}, icon("dot"), "one image"), this.fixed);
    this.node = make("div", "pl-legend", { role: "group", "aria-label": "Classes and their images: press to hide or show" },
      this.key, this.title, this.search, this.list, this.signs);
  }

  /** Draw it: `state` is {data, palette, theme, hidden, by}. */
  build(state) {
    const { data, palette, hidden, by } = state;
    [this.names, this.hidden] = [data.names, hidden];
    const filled = by === "label";
    this.entries = data.names.map((name, c) => {
      const swatch = make("span", "pl-swatch");
      swatch.style.borderColor = css(palette[c]);
      if (filled) swatch.style.background = css(palette[c]);
      const entry = make("button", "pl-entry", {
        type: "button", "aria-pressed": String(!hidden.includes(c)),
        title: `${name}\nClick: hide or show. Shift-click: only this one.`,
      }, swatch, make("span", "pl-label", {}, name), make("span", "pl-count"));
      entry.addEventListener("click", (event) =>
        this.hide(afterClick(hidden, c, data.names.length, event.shiftKey)));
      return entry;
    });
    const held = [...this.list.children].indexOf(document.activeElement);
    this.list.replaceChildren(...this.entries);
    this.entries[held]?.focus();
    this.search.hidden = data.names.length <= FEW;
    this.find();
    this.key.replaceChildren(...keyOf(state));
    this.key.hidden = !this.key.childNodes.length;
    this.signs.hidden = !data.stars[0].length;
    this.fixed.hidden = !data.pins.length;
    this.node.hidden = !data.names.length && this.key.hidden;
  }

  /** Show the entries that the search finds. */
  find() {
    const { names } = this;
    const text = this.search.hidden ? "" : this.search.value.trim();
    const found = new Set(matching(names, text));
    this.entries.forEach((entry, c) => (entry.hidden = !found.has(c)));
    const all = names.length ? counted(names.length, "class", "classes") : "";
    this.title.replaceChildren(make("span", "", { role: "status" }, text ? `${number(found.size)} of ${all}` : all));
    if (text && found.size) {
      const others = [...names.keys()].filter((c) => !found.has(c));
      this.title.append(button("", "Show these classes on the map and no others", "only these", () => this.hide(others)));
    }
    if (this.hidden.length) this.title.append(button("", "Show every class", "show all", () => this.hide([])));
  }

  count(counts) {
    this.entries.forEach((entry, c) => (entry.lastChild.textContent = number(counts[c])));
  }
}

/** The meanings of colours that do not stand for classes. */
function keyOf({ data, theme, by }) {
  if (!data.steps) return [];
  if (by === "agreement") {
    const bar = make("canvas", "", { width: 100, height: 1 });
    const g = bar.getContext("2d");
    for (let k = 0; k < 100; k++) {
      g.fillStyle = css(theme.agreement(k / 99));
      g.fillRect(k, 0, 1, 1);
    }
    const ends = [`${Math.round(100 / Math.max(2, data.names.length))}\u00a0%`, "100\u00a0%"];
    return ["Agreement, from low to high", bar, make("div", "", {}, ...ends.map((end) => make("span", "", {}, end)))];
  }
  const line = (className, text) => make("div", "pl-line", {}, make("span", className), text);
  if (by === "changed")
    return theme.changes.map((colour, k) => {
      const made = line("pl-swatch", CHANGES[k]);
      made.firstChild.style.background = css(colour);
      return made;
    });
  if (by === "label" && data.unfit)
    return [line("pl-swatch pl-hollow", `${number(data.setAside)} fit none of these`)];
  if (!data.clusters[by]) return [];
  return [by === "micro" ? "One colour a micro-cluster; grey is like few others." : "One colour a meta-cluster."];
}

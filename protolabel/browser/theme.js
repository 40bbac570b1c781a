// Theme: whether the background is light or dark, and the colours of the style sheet.
import { between, mix, parseColour } from "./colours.js";

const WATCHED = ["data-jp-theme-light", "class", "theme", "data-theme"];

/** "light" or "dark" as asked; "auto" follows JupyterLab, else VS Code, Colab or Sphinx, else the system. */
export function isDark(asked, { lab, named, system }) {
  if (asked !== "auto") return asked === "dark";
  if (lab) return lab === "false";
  if (/\blight\b/.test(named)) return false;
  return /\bdark\b|\bhigh-contrast\b/.test(named) || system;
}

export class Theme {
  constructor(root, changed) {
    this.root = root;
    this.system = matchMedia("(prefers-color-scheme: dark)");
    this.changed = changed;
    this.system.addEventListener("change", changed);
    this.watcher = new MutationObserver(changed);
    for (const node of [document.documentElement, document.body])
      this.watcher.observe(node, { attributes: true, attributeFilter: WATCHED });
  }

  read(asked) {
    const { body, documentElement: page } = document;
    const named = `${page.getAttribute("theme") ?? ""} ${page.dataset.theme ?? ""} ${body.className}`;
    this.dark = isDark(asked, { lab: body.dataset.jpThemeLight, named, system: this.system.matches });
    this.root.dataset.theme = this.dark ? "dark" : "light";
    const style = getComputedStyle(this.root);
    const value = (name) => style.getPropertyValue(`--pls-${name}`).trim();
    const colour = (name) => parseColour(value(name));
    const series = (name) => {
      const found = [];
      while (value(`${name}-${found.length}`)) found.push(colour(`${name}-${found.length}`));
      return found;
    };
    [this.ground, this.ink, this.faint, this.accent] = ["bg", "ink", "faint", "accent"].map(colour);
    this.grey = mix(this.faint, this.ground, 0.35);
    this.changes = ["unchanged", "changed-earlier", "changed"].map(colour);
    this.classes = series("class");
    this.stops = series("ramp");
  }

  /** Colours of `count` classes: those given, adapted to the background, else the palette's. */
  classColours(count, given = []) {
    return Array.from({ length: count }, (_, k) =>
      given[k] ? parseColour(given[k]) : this.classes[k % this.classes.length]);
  }

  /** From the lowest agreement (0) to the highest (1). */
  agreement(value) {
    return between(this.stops, value);
  }

  dispose() {
    this.watcher.disconnect();
    this.system.removeEventListener("change", this.changed);
  }
}

// Toolbar: the colouring, the pointer tool, and zoom.
import { button, icon, make } from "./dom.js";

const COLOURINGS = {
  label: ["Label", "Colour by class"],
  agreement: ["Agreement", "Colour by how far the votes agree"],
  changed: ["Changed", "Colour what the iterations changed"],
  micro: ["Micro", "Colour by micro-cluster: images that look alike"],
  meta: ["Meta", "Colour by meta-cluster: groups of micro-clusters"],
};
const TOOLS = {
  pan: "Move the map: drag",
  lasso: "Lasso: draw around images (L, or shift and drag)",
};

export class Toolbar {
  /** `act` has colourBy(name), use(tool), zoomIn(), zoomOut(), showAll() and help(). */
  constructor(act) {
    this.choices = Object.entries(COLOURINGS).map(([name, [text, title]]) => {
      const choice = button("", title, text, () => act.colourBy(name));
      choice.dataset.key = name;
      return choice;
    });
    this.tools = Object.entries(TOOLS).map(([name, title]) => {
      const tool = button("pl-tool", title, icon(name), () => act.use(name));
      tool.dataset.tool = name;
      return tool;
    });
    this.node = make("div", "pl-bar pl-top", {},
      make("div", "pl-choice", { role: "group", "aria-label": "Colour by" }, ...this.choices),
      make("span", "pl-space"),
      make("div", "pl-tools", { role: "toolbar", "aria-label": "Map tools" }, ...this.tools,
        button("pl-tool", "Zoom in (+)", icon("plus"), act.zoomIn),
        button("pl-tool", "Zoom out (-)", icon("minus"), act.zoomOut),
        button("pl-tool", "Show everything (0)", icon("fit"), act.showAll),
        button("pl-tool", "Mouse and keys (?)", icon("help"), act.help)));
  }

  show(colouring, tool) {
    for (const choice of this.choices) choice.setAttribute("aria-pressed", String(choice.dataset.key === colouring));
    for (const choice of this.tools) choice.setAttribute("aria-pressed", String(choice.dataset.tool === tool));
  }

  /** Offer the available cluster colourings. */
  offer(clusters) {
    for (const choice of this.choices)
      if (["micro", "meta"].includes(choice.dataset.key)) choice.hidden = !clusters[choice.dataset.key];
  }
}

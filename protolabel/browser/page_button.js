// PageButton: a button whose click brings what the page shows in other widgets at that moment. With
// a `value` it is a field for a colour, whose choice brings the same.
import { make } from "./dom.js";

const PREFIX = "IPY_MODEL_";
const LOOK = "pls-page-button lm-Widget jupyter-widgets jupyter-button widget-button";

function render({ model, el }) {
  const isColour = model.get("value") !== undefined;
  const node = isColour ? make("input", "pls-page-colour", { type: "color" }) : make("button", LOOK, { type: "button" });
  let sources = []; // [model of another widget, name of its trait]
  const shown = () => sources.map(([source, name]) => source.get(name));
  const show = () => {
    node.title = model.get("tooltip");
    node.disabled = model.get("disabled");
    if (isColour) {
      node.value = model.get("value");
      return;
    }
    const text = (sources.length ? model.get("texts")[shown()[0]] : undefined) ?? model.get("description");
    const icon = model.get("icon");
    node.replaceChildren(...(icon ? [make("i", `fa fa-${icon}`, { "aria-hidden": "true" }), " "] : []), text);
    node.classList.toggle("mod-primary", model.get("button_style") === "primary");
    el.classList.toggle("pls-gone", !text);
  };
  const turnAway = () => sources.forEach(([source, name]) => source.off(`change:${name}`, show));
  const turnTo = async () => {
    const found = await Promise.all(model.get("brings").map(async ([id, name]) =>
      [await model.widget_manager.get_model(id.slice(PREFIX.length)), name]));
    turnAway();
    sources = found;
    sources.forEach(([source, name]) => source.on(`change:${name}`, show));
    show();
  };
  if (isColour) node.addEventListener("change", () => model.send({ value: node.value, brought: shown() }));
  else node.addEventListener("click", () => model.send({ brought: shown() }));
  const traits = ["value", "description", "tooltip", "icon", "disabled", "button_style", "texts"];
  traits.forEach((name) => model.on(`change:${name}`, show));
  model.on("change:brings", turnTo);
  el.append(node);
  show();
  turnTo().catch(() => show()); // a page that knows no other widgets: the kernel uses what it knows
  return () => {
    turnAway();
    traits.forEach((name) => model.off(`change:${name}`, show));
    model.off("change:brings", turnTo);
    node.remove();
  };
}

export default { render };

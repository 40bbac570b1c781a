// RunTable: a row for each run. A click chooses a run to compare with another; its name is a field.
import { make } from "./dom.js";

function render({ model, el }) {
  const frame = make("div", "pls-panel pls-scroll");
  const show = () => {
    const chosen = model.get("chosen");
    const head = make("tr", "", {}, ...model.get("head").map((text, k) => make("th", k === 1 ? "word" : "", { scope: "col" }, text)));
    const rows = model.get("rows").map(({ number, name, cells }) => {
      const field = make("input", "pls-run-name", { type: "text", "aria-label": `Name of run ${number}`, placeholder: "name it", value: name });
      field.addEventListener("change", () => model.send({ name: field.value, number }));
      field.addEventListener("click", (event) => event.stopPropagation());
      field.addEventListener("keydown", (event) => event.stopPropagation());
      const pick = make("button", "pls-run-pick", {
        type: "button", "aria-pressed": String(chosen.includes(number)), "aria-label": `Compare run ${number}`,
      }, String(number));
      const row = make("tr", chosen.includes(number) ? "chosen" : "", { title: "Click two runs to compare them" },
        make("td", "", {}, pick), make("td", "word", {}, field), ...cells.map((cell) => make("td", "", {}, cell)));
      row.addEventListener("click", () => model.send({ pick: number }));
      return row;
    });
    const held = frame.contains(document.activeElement) ? document.activeElement.getAttribute("aria-label") : null;
    frame.replaceChildren(make("table", "pls-table", {}, make("thead", "", {}, head), make("tbody", "", {}, ...rows)));
    if (held) frame.querySelector(`[aria-label="${held}"]`)?.focus();
  };
  const events = ["change:rows", "change:chosen", "change:head"];
  for (const event of events) model.on(event, show);
  el.append(frame);
  show();
  return () => {
    for (const event of events) model.off(event, show);
    frame.remove();
  };
}

export default { render };

// The page of a replay: it reads its data from the page and shows a map over a model without kernel.
import { typed } from "./bytes.js";
import { make } from "./dom.js";
import { ImageMap } from "./map.js";
import { PageModel, unpack } from "./page_model.js";

async function show(data, page) {
  const state = { ...data.state, height: Math.max(320, Math.min(680, window.innerHeight - 330)), color_by: "label", hidden: [], theme: "auto" };
  for (const [name, text] of Object.entries(data.arrays)) state[name] = await unpack(text);
  const grid = typed(await unpack(data.xy.grid), Uint16Array);
  const scale = data.xy.span / 65535;
  state.xy = Float32Array.from(grid, (value, k) => data.xy.low[k & 1] + value * scale);
  if (data.atlas) state.atlas = Uint8Array.from(atob(data.atlas), (c) => c.charCodeAt(0));
  const model = new PageModel(state);
  const map = make("div", "pl-place");
  const heading = make("h2");
  const list = make("ul", "pl-findings");
  const facts = make("p", "pl-settings", {}, data.parameters.map(([name, value]) => `${name} ${value}`).join("  ·  "));
  page.append(make("h1", "", {}, data.title), facts, map, make("section", "", { "aria-live": "polite" }, heading, list));
  const tell = () => {
    const t = model.get("iteration");
    const kept = t === state.kept ? " — the iteration that was kept" : "";
    heading.textContent = (t ? `After iteration ${t}` : "Zero-shot, before refinement") + kept;
    list.replaceChildren(...data.findings[t].map(([severity, text]) => make("li", `pl-${severity}`, {}, text)));
  };
  model.on("change:iteration", tell);
  tell();
  new ImageMap(model, map);
}

show(JSON.parse(document.getElementById("data").textContent), document.getElementById("page"));

// The page of a lesson: data from the page itself, and no kernel.
import { make } from "./dom.js";
import { Lesson } from "./lesson.js";
import { PageModel, unpack } from "./page_model.js";

async function show(data, page) {
  const state = { ...data.state };
  for (const [name, text] of Object.entries(data.arrays)) state[name] = await unpack(text);
  const place = make("div", "pl-place");
  page.append(make("h1", "", {}, data.title), make("p", "pl-settings", {}, data.text), place);
  new Lesson(new PageModel(state), place);
}

show(JSON.parse(document.getElementById("data").textContent), document.getElementById("page"));

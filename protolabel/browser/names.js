// The entry point for anywidget: render suggested names over a model.
import { NameList } from "./name_list.js";

function render({ model, el }) {
  const list = new NameList(model, el);
  return () => list.dispose();
}

export default { render };

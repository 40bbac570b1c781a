// The entry point for anywidget: render the map of a model.
import { ImageMap } from "./map.js";

function render({ model, el }) {
  const map = new ImageMap(model, el);
  return () => map.dispose();
}

export default { render };

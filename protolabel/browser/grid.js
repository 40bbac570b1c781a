// The entry point for anywidget: render a grid of pictures over a model.
import { PictureGrid } from "./picture_grid.js";

function render({ model, el }) {
  const grid = new PictureGrid(model, el);
  return () => grid.dispose();
}

export default { render };

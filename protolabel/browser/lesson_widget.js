// What anywidget calls to show the lesson of a model.
import { Lesson } from "./lesson.js";

function render({ model, el }) {
  const lesson = new Lesson(model, el);
  return () => lesson.dispose();
}

export default { render };

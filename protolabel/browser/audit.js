// What anywidget calls to show an audit over a model.
import { AuditView } from "./audit_view.js";

function render({ model, el }) {
  const view = new AuditView(model, el);
  return () => view.dispose();
}

export default { render };

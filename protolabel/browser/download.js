// Download: a button that fetches a file from the kernel, part by part, and saves it.
import { typed } from "./bytes.js";
import { button, make } from "./dom.js";

/** A size in bytes, for people. */
function sized(bytes) {
  return bytes < 1e6 ? `${Math.max(1, Math.round(bytes / 1e3))} kB` : `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`;
}

function render({ model, el }) {
  let parts = [];
  const text = make("span");
  const node = button("pls-download", "Save this file on your computer", text, () => {
    parts = [];
    text.textContent = "Fetching …";
    model.send({ get: true });
  });
  const show = () => {
    node.hidden = !model.get("name");
    text.textContent = `Download ${model.get("name")} (${sized(model.get("size"))})`;
    node.setAttribute("aria-label", text.textContent);
  };
  const receive = (message, buffers) => {
    if (message?.failed) text.textContent = `It could not be read: ${message.failed}`;
    if (message?.part === undefined) return;
    parts.push(typed(buffers[0], Uint8Array).slice());
    if (parts.length < message.of) return;
    const address = URL.createObjectURL(new Blob(parts, { type: "application/zip" }));
    const link = make("a", "", { href: address, download: model.get("name") });
    link.click();
    setTimeout(() => URL.revokeObjectURL(address), 60_000);
    parts = [];
    show();
  };
  const listeners = { "change:name": show, "change:size": show, "msg:custom": receive };
  for (const [event, action] of Object.entries(listeners)) model.on(event, action);
  const frame = make("div", "pls-panel", {}, node);
  el.append(frame);
  show();
  return () => {
    for (const [event, action] of Object.entries(listeners)) model.off(event, action);
    frame.remove();
  };
}

export default { render };

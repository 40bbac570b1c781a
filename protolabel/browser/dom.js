// Create elements of a page. Text is set as text, never as HTML, because names are untrusted.
const ICONS = {
  play: ["M7 4.5v15l12-7.5z"], pause: ["M7 5h4v14H7zM14 5h4v14h-4z"],
  plus: ["M12 6v12M6 12h12"], minus: ["M6 12h12"], close: ["M6 6l12 12M18 6L6 18"],
  star: ["M12 3.2l2.5 5.8 6.3.5-4.8 4.100 1.500 6.100L12 16.400l-5.500 3.300 1.500-6.100-4.800-4.100 6.300-.5z"],
  trail: ["M6 14a3.500 3.500 0 1 0 .01 0z", "M9 15L20 5"], ring: ["M12 7.500a4.500 4.500 0 1 0 .01 0z"], dot: ["M12 6a6 6 0 1 0 .01 0z"],
  ringed: ["M12 2.500a9.500 9.500 0 1 0 .01 0z", "M12 7.500a4.500 4.500 0 1 0 .01 0z"],
  fit: ["M4 9V4h5M15 4h5v5M20 15v5h-5M9 20H4v-5"],
  help: ["M9 9.200a3 3 0 1 1 4.200 2.800c-.8.4-1.200 1-1.200 2", "M12 17.500v.01"],
  pan: ["M12 3v18M3 12h18M9 6l3-3 3 3M9 18l3 3 3-3M6 9l-3 3 3 3M18 9l3 3-3 3"],
  lasso: ["M12 4c5 0 9 2.4 9 5.8S17 15.600 12 15.600 3 13.200 3 9.800 7 4 12 4zM7 14.800c-1.800 1-2 3.400.2 4 1.600.4 2.300 1.200 1.300 2.400"],
};

export function make(tag, className, attributes = {}, ...children) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

/** An element of a drawing. */
export function svg(tag, attributes = {}, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

export function icon(name) {
  const paths = ICONS[name].map((d) => svg("path", { d }));
  return svg("svg", { viewBox: "0 0 24 24", "aria-hidden": "true" }, ...paths);
}

/** A button whose visible text is also the start of its accessible name. */
export function button(className, title, content, action) {
  const name = typeof content === "string" && content ? `${content}: ${title}` : title;
  const node = make("button", className, { type: "button", title, "aria-label": name }, content);
  node.addEventListener("click", action);
  return node;
}

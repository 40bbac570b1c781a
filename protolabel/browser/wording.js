// Sentences about the map, for display and for screen readers. Pure functions.

export function number(value) {
  return value.toLocaleString("en");
}

/** A number with its noun; `others` is the plural. */
export function counted(count, noun, others = `${noun}s`) {
  return `${number(count)} ${count === 1 ? noun : others}`;
}

/** A share of 0..1 in words: never 100 %, which would suggest that a label needs no check. */
export function percent(share) {
  return `${Math.min(99, Math.floor(100 * share))}\u00a0%`;
}

/** The shown iteration and its effect: ["Iteration 2 of 5", "31 changed"]. */
export function stepWords(step, last, changed) {
  if (step === 0) return ["Zero-shot", "before refinement"];
  return [`Iteration ${step} of ${last}`, `${number(changed)} changed`];
}

/** The map in a few sentences. */
export function spokenMap(data, step, counts) {
  if (!data.steps) return `${counted(data.n, "image")} on a map.`;
  const classes = data.names.slice(0, 20).map((name, c) => `${name} ${counts[c]}`).join(", ");
  const aside = data.unfit ? ` None of these ${data.setAside}.` : "";
  const where = stepWords(step, data.last, data.changes(step)).join(", ");
  return `${counted(data.n, "image")} on a map. ${where}. ${classes}.${aside}`;
}

/** The end of a path. */
export function fileName(path) {
  return path.split("/").at(-1);
}

export function shortened(text, longest) {
  return text.length > longest ? `${text.slice(0, longest - 1)}…` : text;
}

/** The classes whose names contain every word of a text, ignoring letter case and accents. */
export function matching(names, text) {
  const plain = (word) => word.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
  const words = plain(text).split(/\s+/).filter(Boolean);
  const fits = (name) => words.every((word) => plain(name).includes(word));
  return [...names.keys()].filter((c) => fits(names[c]));
}

// What the lesson says about a temperature and an iteration. Pure functions.

/** What a pass of the plain loop does to differences between prototypes along the first axis. */
export function factorWords(temperature, limit) {
  const factor = limit / temperature;
  if (Math.abs(factor - 1) < 0.05) return "at the limit: the plain loop keeps differences along the first axis";
  const side = factor < 1 ? "above" : "below";
  return `${side} the limit ${limit.toPrecision(2)}: the plain loop multiplies differences along the first axis by about ${factor.toPrecision(2)}`;
}

/** Where the limit stands on the slider, 0 to 1; null if it is out of its range. */
export function markOf(limit, temperatures) {
  const [low, high] = [temperatures[0], temperatures[temperatures.length - 1]];
  if (!(limit >= low && limit <= high) || low === high) return null;
  return Math.log(limit / low) / Math.log(high / low);
}

/** A line about one loop. */
export function lessonWords({ names, classes, right, collapse }, method, place, step) {
  const parts = [];
  if (right) parts.push(`${Math.round(100 * right[method][place][step])} % right`);
  parts.push(`like ${classes[method][place][step].toFixed(1)} of ${names.length} classes`);
  const since = collapse[method][place];
  if (since >= 0 && step >= since) parts.push(`collapsed at iteration ${since}`);
  return parts.join(" · ");
}

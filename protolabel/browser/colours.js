// Colours as arrays [r, g, b] of 0 to 255. Pure functions; the colours themselves come from CSS.

export function parseColour(text) {
  const hex = /^#([0-9a-f]{6})$/i.exec(text);
  if (hex) return [0, 2, 4].map((k) => parseInt(hex[1].slice(k, k + 2), 16));
  const numbers = (text.match(/[\d.]+/g) ?? []).map(Number);
  return numbers.length >= 3 ? numbers.slice(0, 3) : [128, 128, 128];
}

export function mix(a, b, amount) {
  return a.map((value, k) => value + (b[k] - value) * amount);
}

export function css(colour, alpha = 1) {
  return `rgba(${colour.map(Math.round).join(",")},${alpha})`;
}

/** The colour as the canvas stores it: red in the lowest byte. */
export function pixel([r, g, b]) {
  return ((255 << 24) | (Math.round(b) << 16) | (Math.round(g) << 8) | Math.round(r)) >>> 0;
}

/** A place, 0 to 1, between evenly spaced colours. */
export function between(stops, place) {
  const last = stops.length - 1;
  const at = Math.max(0, Math.min(last, place * last));
  const k = Math.min(last - 1, Math.floor(at));
  return mix(stops[k], stops[k + 1], at - k);
}

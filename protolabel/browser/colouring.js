// Colour the points. Pure functions of the data and the theme.
import { CLUSTER_COLOURS } from "./decode.js";

/** Code of every point, colour of every code, and which codes come on top or are hollow. */
export function colouring(data, { by, step, theme, palette }) {
  if (!data.steps) return { codes: data.unlabelled, colours: [theme.grey] };
  const labels = data.at(data.labels, step);
  const agreement = data.agreementAt(step);
  if (by === "agreement" && agreement) {
    const low = 255 / Math.max(2, data.names.length);
    const colours = Array.from({ length: 256 }, (_, v) => theme.agreement((v - low) / (255 - low)));
    return { codes: agreement, colours };
  }
  if (by === "changed") {
    const codes = changeCodes(labels, data.at(data.labels, Math.max(0, step - 1)), data.at(data.labels, 0));
    return { codes, colours: theme.changes, rank: Uint8Array.of(0, 1, 1) };
  }
  if (data.clusters[by])
    return { codes: data.clusters[by], colours: [theme.grey, ...theme.classColours(CLUSTER_COLOURS)] };
  if (!data.unfit) return { codes: labels, colours: palette };
  const hollow = data.names.length;
  const codes = Uint16Array.from(labels, (label, i) => (data.unfit[i] ? hollow : label));
  return { codes, colours: [...palette, theme.grey], hollow };
}

/** 2 where a label changed now, 1 where it changed earlier, else 0. */
export function changeCodes(labels, before, first) {
  const codes = new Uint8Array(labels.length);
  for (let i = 0; i < codes.length; i++) codes[i] = labels[i] !== before[i] ? 2 : labels[i] !== first[i] ? 1 : 0;
  return codes;
}

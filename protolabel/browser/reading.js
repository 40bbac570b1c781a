// What the arrays of the model hold, made ready to draw.
import { countOf, typed, unpackBits } from "./points.js";

/** Methods of the map; `this` is a MapWidget. */
export const reading = {

  readRun() {
    const n = this.cloud.n;
    const wide = this.get("label_bytes") === 2;
    const labels = typed(this.get("labels"), wide ? Uint16Array : Uint8Array);
    this.steps = n ? Math.floor(labels.length / n) : 0;
    this.labels = labels;
    this.agreement = typed(this.get("agreement"), Uint8Array);
    this.names = this.get("names") ?? [];
    this.unknown = new Uint8Array(this.steps ? 0 : n);
  },

  readStars() {
    const stars = typed(this.get("prototypes"), Float32Array);
    const fits = this.steps && stars.length === this.steps * this.names.length * 2;
    this.stars = fits ? this.cloud.place(stars) : [new Float32Array(0), new Float32Array(0)];
    this.signs.hidden = !fits;
  },

  readClusters() {
    this.codes = {};
    for (const name of ["micro", "meta"]) {
      const group = typed(this.get(name), Int32Array);
      if (group.length !== this.cloud.n) continue;
      this.codes[name] = Uint8Array.from(group, (one) => (one < 0 ? 0 : 1 + (one % 24)));
    }
    this.centroids = this.cloud.place(typed(this.get("centroids"), Float32Array));
    for (const one of this.choices)
      if (one.dataset.key === "micro" || one.dataset.key === "meta") one.hidden = !this.codes[one.dataset.key];
  },

  readPins() {
    const flags = unpackBits(typed(this.get("pinned"), Uint8Array), this.cloud.n);
    const found = [];
    for (let i = 0; i < flags.length && found.length < 5000; i++) if (flags[i]) found.push(i);
    return found;
  },

  /** Images that fit none of the names: a flag each, or null, which costs nothing. */
  readUnfit() {
    const bits = typed(this.get("unfit"), Uint8Array);
    this.unfit = bits.length && this.steps ? unpackBits(bits, this.cloud.n) : null;
    this.setAside = this.unfit ? countOf(this.unfit) : 0;
  },

  readSelection() {
    const flags = unpackBits(typed(this.get("selection"), Uint8Array), this.cloud.n);
    this.showSelection(countOf(flags) ? flags : null);
  },

  async readAtlas() {
    const bytes = typed(this.get("atlas"), Uint8Array);
    this.atlas = null;
    if (!bytes.length) return;
    try {
      this.atlas = await createImageBitmap(new Blob([bytes], { type: "image/jpeg" }));
    } catch {
      this.atlas = null; // a browser short of memory: pictures are then asked for one by one
    }
    this.mark("card");
  },
};

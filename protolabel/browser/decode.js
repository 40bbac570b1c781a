// MapData: the arrays of the model, decoded for drawing.
import { countOf, typed, unpackBits } from "./bytes.js";
import { Cloud } from "./points.js";

export const CLUSTER_COLOURS = 24; // clusters beyond share colours
const MOST_RINGS = 5000; // pins that are ringed
const NOWHERE = [new Float32Array(0), new Float32Array(0)];

export class MapData {
  constructor(get) {
    this.get = get; // a value of the model by its name
    this.cloud = new Cloud(new Float32Array(0));
    this.clusters = {};
    [this.stars, this.centroids] = [NOWHERE, NOWHERE];
    this.pins = [];
    this.readRun();
    this.readUnfit();
  }

  get n() {
    return this.cloud.n;
  }

  get last() {
    return this.steps - 1;
  }

  readPoints() {
    this.cloud = new Cloud(typed(this.get("xy"), Float32Array));
  }

  readRun() {
    const { n } = this;
    this.labels = typed(this.get("labels"), this.get("label_bytes") === 2 ? Uint16Array : Uint8Array);
    this.steps = n ? Math.floor(this.labels.length / n) : 0;
    this.agreement = typed(this.get("agreement"), Uint8Array);
    this.agreementFrom = this.get("agreement_from") ?? 0; // the iteration of its first row
    this.names = this.get("names") ?? [];
    this.unlabelled = new Uint8Array(this.steps ? 0 : n);
  }

  readStars() {
    const places = typed(this.get("prototypes"), Float32Array);
    const fits = this.steps && places.length === this.steps * this.names.length * 2;
    this.stars = fits ? this.cloud.place(places) : NOWHERE;
  }

  readClusters() {
    this.clusters = {};
    for (const name of ["micro", "meta"]) {
      const group = typed(this.get(name), Int32Array);
      if (group.length !== this.n) continue;
      this.clusters[name] = Uint8Array.from(group, (k) => (k < 0 ? 0 : 1 + (k % CLUSTER_COLOURS)));
    }
    this.centroids = this.cloud.place(typed(this.get("centroids"), Float32Array));
  }

  readPins() {
    const flags = unpackBits(typed(this.get("pinned"), Uint8Array), this.n);
    this.pins = [];
    for (let i = 0; i < flags.length && this.pins.length < MOST_RINGS; i++) if (flags[i]) this.pins.push(i);
  }

  /** A flag for each image that fits none of the names, or null if there are none. */
  readUnfit() {
    const bits = typed(this.get("unfit"), Uint8Array);
    this.unfit = bits.length && this.steps ? unpackBits(bits, this.n) : null;
    this.setAside = this.unfit ? countOf(this.unfit) : 0;
  }

  /** The agreement of an iteration, or null where it is not known (yet). */
  agreementAt(step) {
    const row = step - this.agreementFrom;
    const rows = this.n ? this.agreement.length / this.n : 0;
    return this.steps && row >= 0 && row < rows ? this.at(this.agreement, row) : null;
  }

  /** One iteration of `labels`, zeros before there is a run. */
  at(array, step) {
    return this.steps ? array.subarray(step * this.n, (step + 1) * this.n) : this.unlabelled;
  }

  /** Images of each class at an iteration, without those that are set aside. */
  counts(step) {
    const counts = new Uint32Array(Math.max(1, this.names.length));
    const labels = this.at(this.labels, step);
    for (let i = 0; i < labels.length; i++) counts[labels[i]]++;
    if (this.unfit) for (let i = 0; i < labels.length; i++) if (this.unfit[i]) counts[labels[i]]--;
    return counts;
  }

  /** How many labels an iteration changed. */
  changes(step) {
    if (step <= 0) return 0;
    const [labels, before] = [this.at(this.labels, step), this.at(this.labels, step - 1)];
    let changed = 0;
    for (let i = 0; i < labels.length; i++) if (labels[i] !== before[i]) changed++;
    return changed;
  }
}

// Animate points towards new coordinates, and prototypes towards the shown iteration.

const POINTS_MS = 700;
const STARS_MS = 320;
const MOST_MOVING = 200000; // more points jump

export function ease(t) {
  return 1 - (1 - t) ** 3;
}

/** Whether the person asked their system for less motion. */
export function still() {
  return matchMedia("(prefers-reduced-motion: reduce)").matches;
}

function blended(from, to, amount) {
  return from.map((value, i) => value + (to[i] - value) * amount);
}

/** PointMotion: the current positions of the points, and their bounding box. */
export class PointMotion {
  constructor() {
    [this.x, this.y, this.box] = [new Float32Array(0), new Float32Array(0), [1, 1]];
    this.start = null; // {x, y, box, since}
    this.goal = null;
  }

  get moving() {
    return this.start !== null;
  }

  /** Move to new coordinates; return whether the points glide there, as equal sets of points do. */
  goTo(cloud, now) {
    const glides = this.goal?.n === cloud.n && cloud.n <= MOST_MOVING && !still();
    this.goal = cloud;
    if (glides) this.start = { x: this.x, y: this.y, box: this.box, since: now };
    else this.arrive();
    return glides;
  }

  arrive() {
    const { goal } = this;
    [this.start, this.x, this.y, this.box] = [null, goal.x, goal.y, [goal.width, goal.height]];
  }

  /** Advance by one frame; return whether anything moved. */
  step(now) {
    if (!this.start) return false;
    const { start, goal } = this;
    const done = Math.min(1, (now - start.since) / POINTS_MS);
    if (done >= 1) {
      this.arrive();
      return true;
    }
    const amount = ease(done);
    [this.x, this.y] = [blended(start.x, goal.x, amount), blended(start.y, goal.y, amount)];
    this.box = blended(start.box, [goal.width, goal.height], amount);
    return true;
  }
}

/** StarMotion: the current positions of the prototypes. */
export class StarMotion {
  constructor() {
    this.places = [new Float32Array(0), new Float32Array(0)];
    this.start = null; // {places, since}
    this.shown = -1; // the iteration they are at or on their way to
  }

  /** Advance by one frame towards `target`, the positions at iteration `step`; return whether to go on. */
  step(now, target, step, jump) {
    const other = this.places[0].length !== target[0].length;
    if (other || jump || still()) this.start = null;
    else if (this.shown !== step) this.start = { places: this.places, since: now };
    this.shown = step;
    const done = this.start ? Math.min(1, (now - this.start.since) / STARS_MS) : 1;
    if (done >= 1) {
      this.start = null;
      this.places = target.map((axis) => axis.slice());
      return false;
    }
    const amount = ease(done);
    this.places = target.map((axis, k) => blended(this.start.places[k], axis, amount));
    return true;
  }
}

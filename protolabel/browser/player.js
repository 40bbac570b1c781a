// Player: the iteration that is shown, and moving through the iterations by hand or by itself.

export class Player {
  /** `state` has get(name) and set(name, value); `last()` returns the last iteration. */
  constructor(state, last) {
    this.state = state;
    this.last = last;
  }

  get step() {
    return this.inside(this.state.get("iteration") ?? 0);
  }

  inside(step) {
    return Math.max(0, Math.min(this.last(), step));
  }

  /** Go to an iteration at the user's request; stop playing. */
  goTo(step) {
    if (this.state.get("playing")) this.state.set("playing", false);
    this.state.set("iteration", this.inside(step));
  }

  /** Start or stop; at the end, start again from zero-shot. */
  toggle() {
    if (!this.state.get("playing") && this.step >= this.last()) this.state.set("iteration", 0);
    this.state.set("playing", !this.state.get("playing"));
  }

  /** Take the next step, or stop at the end. */
  advance() {
    if (this.step >= this.last()) this.state.set("playing", false);
    else this.state.set("iteration", this.step + 1);
  }
}

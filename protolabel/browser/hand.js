// What a hand does on the map: pointer, wheel, keys, time.
import { Grid, countOf, insidePolygon, packBits } from "./points.js";
import { icon } from "./parts.js";

const STEP_MS = 900;

/** Methods of the map; `this` is a MapWidget. */
export const hand = {

  goTo(step, byHand) {
    if (byHand && this.get("playing")) this.set("playing", false);
    this.set("iteration", Math.max(0, Math.min(this.steps - 1, step)));
  },

  togglePlay() {
    if (!this.get("playing") && this.step() >= this.steps - 1) this.set("iteration", 0);
    this.set("playing", !this.get("playing"));
  },

  showPlaying() {
    const playing = Boolean(this.get("playing"));
    if (this.playShown !== playing) {
      this.playShown = playing;
      this.play.replaceChildren(icon(playing ? "pause" : "play"));
      const text = playing ? "Pause (space)" : "Play the iterations (space)";
      this.play.title = text;
      this.play.setAttribute("aria-label", text);
    }
    clearTimeout(this.playTimer);
    if (!playing) return;
    this.playTimer = setTimeout(() => {
      if (this.step() >= this.steps - 1) this.set("playing", false);
      else this.set("iteration", this.step() + 1);
    }, STEP_MS);
  },


  spotOf(event) {
    const box = this.stage.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  },

  accepts() {
    const { off, shownLabels } = this;
    return (i) => !off?.[shownLabels[i]];
  },

  find([x, y]) {
    if (!this.cloud?.n || this.gliding) return -1;
    this.grid ??= new Grid(this.cloud);
    const view = this.currentView();
    const radius = (this.pointRadius() + 6) / view.k;
    return this.grid.nearest((x - view.x) / view.k, (y - view.y) / view.k, radius, this.accepts());
  },

  pointerDown(event) {
    if (event.button > 0 || event.target.closest(".pl-chip")) return;
    this.stage.setPointerCapture(event.pointerId);
    this.stage.focus({ preventScroll: true });
    const here = this.spotOf(event);
    this.pointers.set(event.pointerId, here);
    const lasso = this.tool === "lasso" || event.shiftKey;
    this.drag = { start: here, view: this.currentView(), moved: false, lasso, event };
    if (this.pointers.size === 2) {
      this.lasso = null;
      this.drag = { pinch: [...this.pointers.values()], view: this.currentView(), moved: true };
    }
  },

  pointerMove(event) {
    const here = this.spotOf(event);
    const { drag } = this;
    if (!drag) return this.setHover(this.find(here), here);
    if (!this.pointers.has(event.pointerId)) return undefined;
    this.pointers.set(event.pointerId, here);
    if (drag.pinch) return this.pinch(drag);
    const [dx, dy] = [here[0] - drag.start[0], here[1] - drag.start[1]];
    if (!drag.moved && Math.hypot(dx, dy) < 4) return undefined;
    drag.moved = true;
    this.setHover(-1);
    if (drag.lasso) {
      this.lasso ??= [drag.start];
      const last = this.lasso.at(-1);
      if (Math.hypot(here[0] - last[0], here[1] - last[1]) >= 2) this.lasso.push(here);
      return this.mark("overlay");
    }
    this.stage.dataset.busy = "pan";
    return this.look(drag.view.k, drag.view.x + dx, drag.view.y + dy);
  },

  pinch({ pinch: [a, b], view }) {
    const [c, d] = [...this.pointers.values()];
    if (!d) return;
    const grown = Math.hypot(c[0] - d[0], c[1] - d[1]) / Math.max(1, Math.hypot(a[0] - b[0], a[1] - b[1]));
    const [from, to] = [[(a[0] + b[0]) / 2, (a[1] + b[1]) / 2], [(c[0] + d[0]) / 2, (c[1] + d[1]) / 2]];
    const k = this.limited(view.k * grown);
    this.look(k, to[0] - ((from[0] - view.x) * k) / view.k, to[1] - ((from[1] - view.y) * k) / view.k);
  },

  pointerUp(event, cancelled = false) {
    this.pointers.delete(event.pointerId);
    const { drag, lasso } = this;
    delete this.stage.dataset.busy;
    if (!drag || this.pointers.size) return;
    [this.drag, this.lasso] = [null, null];
    this.mark("overlay");
    if (cancelled || drag.pinch) return;
    if (lasso) this.endLasso(lasso, event.shiftKey && this.tool === "lasso");
    else if (!drag.moved) this.click(drag.start, event.shiftKey);
  },

  /** Shift with the lasso tool adds to what is selected. */
  endLasso(lasso, add) {
    const view = this.currentView();
    const polygon = lasso.map(([x, y]) => [(x - view.x) / view.k, (y - view.y) / view.k]);
    const flags = insidePolygon(this.cloud.x, this.cloud.y, polygon, this.accepts());
    if (add && this.marked) for (let i = 0; i < flags.length; i++) flags[i] |= this.marked[i];
    this.root.dataset.polygon = JSON.stringify(lasso);
    this.select(flags);
  },

  click(here, add) {
    const i = this.find(here);
    if (i < 0 && add) return;
    const flags = add && this.marked ? this.marked.slice() : new Uint8Array(this.cloud.n);
    if (i >= 0) flags[i] = add ? 1 - flags[i] : 1;
    this.select(flags);
  },

  select(flags) {
    const any = flags && countOf(flags) ? flags : null;
    this.showSelection(any);
    this.sending = true; // our own change comes back as an event
    this.set("selection", new DataView(packBits(any ?? new Uint8Array(this.cloud.n)).buffer));
    this.sending = false;
    this.mark("paint");
  },

  showSelection(flags) {
    this.marked = flags;
    const count = flags ? countOf(flags) : 0;
    this.chip.hidden = !count;
    this.chipText.textContent = `${count.toLocaleString("en")} selected`;
    this.root.dataset.selected = String(count);
  },

  /** The middle of the stage stays among the images: nobody loses sight of them. */
  look(k, x, y) {
    const held = (at, size, room) => Math.max(room / 2 - size * k, Math.min(room / 2, at));
    this.view = { k, x: held(x, this.box[0], this.width), y: held(y, this.box[1], this.height) };
    this.mark("view");
  },

  limited(k) {
    const least = this.fitted().k;
    return Math.max(least * 0.5, Math.min(least * 400, k));
  },

  zoom(factor, [x, y] = [this.width / 2, this.height / 2]) {
    const view = this.currentView();
    const k = this.limited(view.k * factor);
    this.look(k, x - ((x - view.x) * k) / view.k, y - ((y - view.y) * k) / view.k);
  },

  reset() {
    this.view = null;
    this.mark("view");
  },

  wheel(event) {
    event.preventDefault();
    const lines = event.deltaMode === 1 ? 16 : 1;
    const speed = event.ctrlKey ? 0.01 : 0.0016; // a pinch on a touchpad comes as ctrl and wheel
    this.zoom(Math.exp(-event.deltaY * lines * speed), this.spotOf(event));
  },

  useTool(name) {
    this.tool = name;
    this.stage.dataset.tool = name;
    this.mark("step");
  },

  keyDown(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const pressed = event.target.closest("button");
    const actions = {
      ArrowLeft: () => this.goTo(this.step() - 1, true), ArrowRight: () => this.goTo(this.step() + 1, true),
      Home: () => this.goTo(0, true), End: () => this.goTo(this.steps - 1, true),
      " ": () => this.togglePlay(), "+": () => this.zoom(1.5), "=": () => this.zoom(1.5), "-": () => this.zoom(1 / 1.5),
      0: () => this.reset(), l: () => this.useTool(this.tool === "lasso" ? "pan" : "lasso"), Escape: () => this.escape(),
    };
    const action = actions[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    event.stopPropagation(); // the notebook has other plans for these keys
    if (!action || (pressed && event.key === " ")) return;
    event.preventDefault();
    action();
  },

  escape() {
    if (this.lasso) [this.drag, this.lasso] = [null, null];
    else if (this.marked) this.select(null);
    else this.useTool("pan");
    this.mark("overlay");
  },
};

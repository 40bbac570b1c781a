// Gestures: translate pointer events on the stage into hover, click, lasso and view changes.
// Owns the active pointers, the tool, and the line of a lasso while it is drawn.

const ABOVE = "button, select, [role=dialog]"; // what lies over the map and has gestures of its own
const SLACK = 4; // pixels that a click may move
const ZOOM = 1.5; // of a key or a button

export class Gestures {
  /** `tell` has hover(spot), leave(), click(spot, add, finger), lasso(line, add), moved(), redraw(), tool(). */
  constructor(stage, view, tell, signal) {
    [this.stage, this.view, this.tell] = [stage, view, tell];
    this.tool = "pan";
    this.pointers = new Map();
    this.drag = null;
    this.line = null;
    const on = (name, action, options) => stage.addEventListener(name, action, { signal, ...options });
    on("pointerdown", (event) => this.down(event));
    on("pointermove", (event) => this.move(event));
    on("pointerup", (event) => this.up(event));
    on("pointercancel", (event) => this.up(event, true));
    on("pointerleave", (event) => event.pointerType !== "touch" && tell.leave());
    on("dblclick", (event) => event.target === stage && this.showAll());
    on("wheel", (event) => this.wheel(event), { passive: false });
  }

  spotOf(event) {
    const box = this.stage.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  down(event) {
    if (event.button > 0 || event.target.closest(ABOVE)) return;
    this.stage.setPointerCapture(event.pointerId);
    this.stage.focus({ preventScroll: true });
    const here = this.spotOf(event);
    this.pointers.set(event.pointerId, here);
    const lasso = this.tool === "lasso" || event.shiftKey;
    this.drag = { start: here, view: this.view.now, held: this.view.held, moved: false, lasso };
    if (this.pointers.size === 2) {
      this.line = null;
      this.drag = { pinch: [...this.pointers.values()], view: this.view.now };
    }
  }

  move(event) {
    const here = this.spotOf(event);
    const { drag } = this;
    if (!drag && event.target.closest(ABOVE)) this.tell.leave();
    else if (!drag) this.tell.hover(here);
    if (!this.pointers.has(event.pointerId)) return;
    this.pointers.set(event.pointerId, here);
    if (drag.pinch) {
      this.pinch(drag);
      return;
    }
    const [dx, dy] = [here[0] - drag.start[0], here[1] - drag.start[1]];
    if (!drag.moved && Math.hypot(dx, dy) < SLACK) return;
    // A finger that goes up or down scrolls the page: the browser takes the pointer away.
    if (!drag.moved && !drag.lasso && event.pointerType === "touch" && Math.abs(dy) > Math.abs(dx)) return;
    drag.moved = true;
    this.tell.leave();
    if (drag.lasso) {
      this.line ??= [drag.start];
      // On a busy page one event stands for several moves, and without them the lasso would cut
      // corners. A page over plain http does not learn of them.
      for (const move of event.getCoalescedEvents?.() ?? []) this.draw(this.spotOf(move));
      this.draw(here);
      this.tell.redraw();
      return;
    }
    this.stage.dataset.busy = "pan";
    this.view.follow(drag.view, 1, drag.start, here);
    this.tell.moved();
  }

  /** Take the line of a lasso on to a spot. */
  draw(spot) {
    const last = this.line.at(-1);
    if (Math.hypot(spot[0] - last[0], spot[1] - last[1]) >= 2) this.line.push(spot);
  }

  pinch({ pinch: [a, b], view }) {
    const [c, d] = [...this.pointers.values()];
    if (!d) return;
    const apart = (p, q) => Math.hypot(p[0] - q[0], p[1] - q[1]);
    const middle = (p, q) => [(p[0] + q[0]) / 2, (p[1] + q[1]) / 2];
    this.view.follow(view, apart(c, d) / Math.max(1, apart(a, b)), middle(a, b), middle(c, d));
    this.tell.moved();
  }

  up(event, cancelled = false) {
    this.pointers.delete(event.pointerId);
    const { drag, line } = this;
    delete this.stage.dataset.busy;
    if (!drag || this.pointers.size) return;
    [this.drag, this.line] = [null, null];
    this.tell.redraw();
    if (cancelled && drag.moved && !drag.lasso) {
      this.view.held = drag.held;
      this.tell.moved();
    }
    if (cancelled || drag.pinch) return;
    // With the lasso tool, shift adds to what is selected.
    if (line) this.tell.lasso(line, event.shiftKey && this.tool === "lasso");
    else if (!drag.moved) this.tell.click(drag.start, event.shiftKey, event.pointerType === "touch");
  }

  wheel(event) {
    if (event.target.closest(ABOVE)) return;
    event.preventDefault();
    const lines = event.deltaMode === 1 ? 16 : 1;
    const speed = event.ctrlKey ? 0.01 : 0.0016; // a pinch on a touchpad comes as ctrl and wheel
    this.view.zoom(Math.exp(-event.deltaY * lines * speed), this.spotOf(event));
    this.tell.moved();
  }

  zoomIn() {
    this.view.zoom(ZOOM);
    this.tell.moved();
  }

  zoomOut() {
    this.view.zoom(1 / ZOOM);
    this.tell.moved();
  }

  showAll() {
    this.view.reset();
    this.tell.moved();
  }

  use(tool) {
    this.tool = tool;
    this.stage.dataset.tool = tool;
    this.tell.tool();
  }

  /** Cancel a lasso that is being drawn; return whether there was one. */
  dropLine() {
    if (!this.line) return false;
    [this.drag, this.line] = [null, null];
    this.tell.redraw();
    return true;
  }
}

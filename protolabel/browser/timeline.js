// Timeline: the slider over the iterations, the play button, and its timer.
import { button, icon, make } from "./dom.js";

const STEP_MS = 900;
const MOST_TICKS = 60;

export class Timeline {
  constructor(player) {
    this.player = player;
    this.playing = null; // nothing shown yet
    this.play = button("pl-play", "", "", () => player.toggle());
    this.slider = make("input", "", { type: "range", min: "0", max: "0", step: "1", "aria-label": "Iteration" });
    this.slider.addEventListener("input", () => player.goTo(Number(this.slider.value)));
    this.ticks = make("div", "pl-ticks");
    this.fill = make("div", "pl-fill");
    this.when = make("div", "pl-when");
    this.node = make("div", "pl-bar pl-bottom", {}, this.play,
      make("div", "pl-track", {}, this.fill, this.ticks, this.slider), this.when);
  }

  /** Show iteration `step` of `last`; `words` are [where, what]; `kept` is marked, -1 for none. */
  show(step, last, words, kept) {
    const [where, what] = words;
    this.node.hidden = last < 1;
    this.slider.max = String(Math.max(0, last));
    this.slider.value = String(step);
    this.slider.setAttribute("aria-valuetext", `${where}, ${what}`);
    this.when.replaceChildren(make("b", "", {}, where), ` · ${what}`);
    this.fill.style.width = last > 0 ? `calc((100% - 16px) * ${step / last})` : "0";
    const ticks = last > MOST_TICKS ? 0 : last + 1;
    this.ticks.replaceChildren(...Array.from({ length: ticks }, (_, k) => {
      const tick = make("i", k === kept ? "pl-kept" : k <= step ? "pl-past" : "");
      tick.style.left = `${(100 * k) / Math.max(1, last)}%`;
      return tick;
    }));
  }

  /** Show whether it plays; if so, schedule the next step. */
  run(playing) {
    if (this.playing !== playing) {
      this.playing = playing;
      this.play.replaceChildren(icon(playing ? "pause" : "play"));
      const text = playing ? "Pause (space)" : "Play the iterations (space)";
      this.play.title = text;
      this.play.setAttribute("aria-label", text);
    }
    clearTimeout(this.clock);
    if (playing) this.clock = setTimeout(() => this.player.advance(), STEP_MS);
  }

  dispose() {
    clearTimeout(this.clock);
  }
}

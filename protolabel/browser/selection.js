// Selection: which images are selected, and the chip that counts them.
import { countOf } from "./bytes.js";
import { button, icon, make } from "./dom.js";
import { number } from "./wording.js";

export class Selection {
  constructor(clear) {
    this.flags = null; // a byte for each image, or null for none selected
    this.text = make("span");
    this.chip = button("pl-chip", "Clear the selection (Escape)", this.text, clear);
    this.chip.append(icon("close"));
  }

  show(flags) {
    const count = flags ? countOf(flags) : 0;
    this.flags = count ? flags : null;
    this.chip.hidden = !count;
    this.text.textContent = `${number(count)} selected`;
    this.chip.setAttribute("aria-label", `${this.text.textContent}: ${this.chip.title}`);
    return count;
  }

  /** Flags with one image turned (`add`), or alone; null where a click hit nothing that counts. */
  clicked(i, n, add) {
    if (i < 0 && add) return null;
    const flags = add && this.flags ? this.flags.slice() : new Uint8Array(n);
    if (i >= 0) flags[i] = add ? 1 - flags[i] : 1;
    return flags;
  }

  /** Other flags together with those that are selected. */
  joined(flags) {
    return this.flags ? flags.map((flag, i) => flag | this.flags[i]) : flags;
  }
}

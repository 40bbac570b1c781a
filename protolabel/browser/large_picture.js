// LargePicture: one picture of a grid, as large as the page allows, with what is known of it. The
// grid says which picture is shown; keys go to the grid, so they mean the same as over the tiles.
import { typed } from "./bytes.js";
import { button, icon, make } from "./dom.js";
import { percent } from "./wording.js";

const HINT = "← → other pictures · number keys label · Enter confirms the label · Z takes back · Escape closes";
const SHARED = 0.005; // a vote of less is not worth a line

export class LargePicture {
  /** `act` has key(event), ask(id), choose(slot), alike(id) and closed(). */
  constructor(act) {
    this.act = act;
    this.tile = null;
    this.address = "";
    this.thumb = make("div", "pls-large-thumb");
    this.picture = make("img", "", { alt: "" });
    this.name = make("div", "pls-large-name");
    this.path = make("div", "pls-faint pls-large-path");
    this.label = make("div", "pls-large-label", { role: "status" });
    this.said = make("div", "pls-unseen", { role: "status" }); // the page behind is silent
    this.classes = make("div", "pls-large-classes", { role: "group", "aria-label": "Label this picture as" });
    this.votes = make("div", "pls-large-votes");
    this.near = make("div", "pls-large-near");
    this.alike = button("pls-large-button", "Show the pictures that look most like this one", "More like this", () => act.alike(this.tile.id));
    const close = button("pls-large-close", "Close (Escape)", icon("close"), () => this.close());
    this.node = make("dialog", "pls-large", { "aria-label": "Large picture", tabindex: "-1", "data-lm-suppress-shortcuts": "true" },
      make("div", "pls-large-stage", {}, this.thumb, this.picture),
      make("div", "pls-large-facts", {}, close, this.name, this.path, this.label, this.said, this.classes, this.votes, this.near,
        make("div", "pls-large-space"), this.alike, make("div", "pls-faint", {}, HINT)));
    this.node.addEventListener("keydown", (event) => this.keyDown(event));
    this.node.addEventListener("close", () => act.closed());
    this.node.addEventListener("click", (event) => {
      if (event.target === this.node) this.close(); // beside the sheet
    });
  }

  get shown() {
    return this.node.open;
  }

  open() {
    if (this.shown) return;
    this.node.showModal();
    this.node.focus(); // and not its first button, which would take Enter
  }

  close() {
    this.node.close();
  }

  /** Offer these classes as labels: [{slot, name, colour, key}]. */
  offer(classes) {
    this.classes.replaceChildren(...classes.filter(({ key }) => key).map(({ slot, name, colour, key }) => {
      const choice = button("pls-large-button", `Label this picture ${name} (${key})`, `${key}  ${name}`, () => this.act.choose(slot));
      choice.style.borderLeft = `4px solid ${colour}`;
      return choice;
    }));
  }

  /** Show a tile, with its small picture in the styles of `thumb` until the large one is here. */
  show(tile, thumb) {
    if (!tile) return;
    const other = tile.id !== this.tile?.id;
    this.tile = tile;
    this.name.textContent = tile.name.split("/").at(-1);
    this.label.replaceChildren(dotOf(tile), make("b", "", {}, tile.text), " ", make("span", "pls-note", {}, tile.note ?? ""));
    if (other) {
      this.thumb.removeAttribute("style");
      Object.assign(this.thumb.style, thumb);
      this.thumb.hidden = false;
      this.picture.hidden = true;
      this.picture.alt = `${tile.name}, labelled ${tile.text}`;
      this.path.textContent = tile.name;
      this.votes.replaceChildren();
      this.near.replaceChildren();
    }
    this.act.ask(tile.id);
  }

  /** Nothing is up for a moment: the next page is on its way. */
  wait() {
    this.tile = null;
    this.picture.hidden = this.thumb.hidden = true;
    for (const part of [this.name, this.path, this.label, this.votes, this.near]) part.replaceChildren();
  }

  /** Take what the kernel knows of a picture: facts, the picture, and a sheet of its neighbours. */
  receive(facts, buffers) {
    if (facts.large !== this.tile?.id) return;
    this.path.textContent = facts.path;
    this.votes.replaceChildren(...votesOf(facts.votes));
    const [picture, sheet] = buffers.map((buffer) => typed(buffer, Uint8Array));
    if (picture.length) this.showPicture(picture);
    const address = sheet.length ? URL.createObjectURL(new Blob([sheet], { type: "image/jpeg" })) : "";
    const n = facts.near.length;
    this.near.replaceChildren(...(n ? [make("div", "pls-faint", {}, "Nearest pictures")] : []),
      ...facts.near.map((tile, i) => {
        const small = make("div", "pls-large-small", { title: `${tile.name}\n${tile.text} ${tile.note}`, role: "img", "aria-label": `${tile.name}: ${tile.text}` });
        Object.assign(small.style, {
          backgroundImage: `url(${address})`, backgroundSize: `${facts.columns * 100}% 100%`,
          backgroundPosition: `${(100 * i) / (facts.columns - 1)}% 0`, borderBottom: `4px solid ${tile.colour}`,
        });
        return small;
      }));
    URL.revokeObjectURL(this.sheet);
    this.sheet = address;
  }

  showPicture(bytes) {
    URL.revokeObjectURL(this.address);
    this.address = URL.createObjectURL(new Blob([bytes], { type: "image/jpeg" }));
    this.picture.onload = () => {
      this.picture.hidden = false;
      this.thumb.hidden = true;
    };
    this.picture.src = this.address;
  }

  keyDown(event) {
    if (event.key === "Escape" || event.ctrlKey || event.metaKey || event.altKey) {
      event.stopPropagation(); // the dialog closes by itself
      return;
    }
    if ([" ", "Enter"].includes(event.key) && event.target.closest("button")) {
      event.stopPropagation();
      return;
    }
    if (event.key === " ") {
      event.preventDefault();
      event.stopPropagation();
      this.close();
      return;
    }
    this.act.key(event);
  }

  dispose() {
    if (this.shown) this.close();
    URL.revokeObjectURL(this.address);
    URL.revokeObjectURL(this.sheet);
    this.node.remove();
  }
}

/** The dot of a tile: its class, ringed where a person fixed it. */
export function dotOf(tile) {
  const dot = make("span", tile.pinned ? "pls-dot pls-fixed" : "pls-dot");
  dot.style.setProperty("--colour", tile.colour);
  return dot;
}

/** A table of voters: [{voter, says: [{name, share, colour}]}]. */
function votesOf(votes) {
  const rows = votes.map(({ voter, says }) => make("tr", "", {},
    make("th", "", { scope: "row" }, voter),
    make("td", "", {}, ...says.filter(({ share }) => share >= SHARED).map(({ name, share, colour }) => {
      const bar = make("span", "pls-large-bar");
      Object.assign(bar.style, { width: `${Math.round(100 * share)}%`, background: colour });
      return make("div", "", {}, bar, make("span", "", {}, `${name} ${percent(share)}`));
    }))));
  return rows.length ? [make("table", "", {}, make("caption", "", {}, "What speaks for which label"), make("tbody", "", {}, ...rows))] : [];
}

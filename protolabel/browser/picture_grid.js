// PictureGrid: pictures in a grid over a model; click or arrows choose, number keys relabel.
import { Choice } from "./choice.js";
import { make } from "./dom.js";

const KEYS = "Pictures: arrows move, space chooses, A chooses all, numbers relabel, Z takes back";

export class PictureGrid {
  constructor(model, el) {
    this.model = model;
    this.choice = new Choice();
    this.cells = [];
    this.address = ""; // of the sheet with all pictures
    this.telling = false; // our own change comes back as an event
    // JupyterLab's own keys (1 makes a heading) must not act while pictures are labelled.
    this.root = make("div", "pls-grid", {
      tabindex: "0", role: "listbox", "aria-multiselectable": "true", "aria-label": KEYS,
      "data-lm-suppress-shortcuts": "true",
    });
    this.root.addEventListener("keydown", (event) => this.keyDown(event));
    this.heard = {
      "change:tiles": () => this.draw(), "change:chosen": () => this.hear(), "change:size": () => this.resize(),
    };
    for (const [event, action] of Object.entries(this.heard)) model.on(event, action);
    el.append(this.root);
    this.resize();
    this.draw();
  }

  dispose() {
    for (const [event, action] of Object.entries(this.heard)) this.model.off(event, action);
    URL.revokeObjectURL(this.address);
    this.root.remove();
  }

  resize() {
    this.root.style.setProperty("--size", `${this.model.get("size")}px`);
  }

  draw() {
    const [tiles, sheet, columns] = ["tiles", "sheet", "columns"].map((name) => this.model.get(name));
    URL.revokeObjectURL(this.address);
    this.address = sheet.byteLength ? URL.createObjectURL(new Blob([sheet], { type: "image/jpeg" })) : "";
    this.choice.show(tiles.map((tile) => tile.id));
    const rows = Math.ceil(tiles.length / columns);
    this.cells = tiles.map((tile, i) => this.cell(tile, i, placeOn(i, columns, rows)));
    this.root.replaceChildren(...this.cells);
    this.mark();
  }

  cell(tile, i, place) {
    const words = `${tile.text} ${tile.note ?? ""}`.trim();
    const picture = make("div", "pls-picture");
    if (this.address) Object.assign(picture.style, { backgroundImage: `url(${this.address})`, ...place });
    const dot = make("span", tile.pinned ? "pls-dot pls-fixed" : "pls-dot");
    dot.style.setProperty("--colour", tile.colour);
    const line = make("div", "pls-line", {},
      dot, make("span", "pls-word", {}, tile.text), " ", make("span", "pls-note", {}, tile.note ?? ""));
    const cell = make("div", tile.unfit ? "pls-tile pls-unfit" : "pls-tile", {
      id: `pls-${this.model.model_id ?? "grid"}-${i}`, role: "option",
      "aria-label": `${tile.name}: ${words}`, title: `${tile.name}\n${words}`,
    }, picture, line);
    cell.addEventListener("click", (event) => {
      this.root.focus({ preventScroll: true });
      if (event.ctrlKey || event.metaKey) this.choice.turn(i);
      else this.choice.moveTo(i, event.shiftKey);
      this.tell();
    });
    return cell;
  }

  /** Show what is chosen, and where the keyboard is. */
  mark() {
    const { chosen, ids, at } = this.choice;
    this.cells.forEach((cell, i) => {
      cell.setAttribute("aria-selected", String(chosen.has(ids[i])));
      cell.classList.toggle("here", i === at);
    });
    if (this.cells[at]) this.root.setAttribute("aria-activedescendant", this.cells[at].id);
    else this.root.removeAttribute("aria-activedescendant");
  }

  /** Tell Python what is chosen. */
  tell() {
    this.mark();
    this.cells[this.choice.at]?.scrollIntoView({ block: "nearest" });
    this.telling = true;
    this.model.set("chosen", this.choice.targets);
    this.telling = false;
    this.model.save_changes();
  }

  /** Hear from Python what is chosen. */
  hear() {
    if (this.telling) return;
    this.choice.choose(this.model.get("chosen"));
    this.mark();
  }

  /** Answer about the pictures that are shown as chosen at this moment, and go on to the next. */
  answer(message) {
    const ids = this.choice.targets;
    if (!ids.length) return;
    this.choice.advance();
    this.tell();
    this.model.send({ ...message, ids });
  }

  get perRow() {
    return Math.max(1, this.cells.filter((cell) => cell.offsetTop === this.cells[0].offsetTop).length);
  }

  keyDown(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const { choice } = this;
    const move = (place) => {
      choice.moveTo(place, event.shiftKey);
      this.tell();
    };
    const actions = {
      ArrowLeft: () => move(choice.at - 1),
      ArrowRight: () => move(choice.at + 1),
      ArrowUp: () => move(choice.at - this.perRow),
      ArrowDown: () => move(choice.at + this.perRow),
      Home: () => move(0),
      End: () => move(this.cells.length - 1),
      a: () => {
        choice.chooseAll();
        this.tell();
      },
      " ": () => {
        choice.turn(choice.at);
        this.tell();
      },
      0: () => this.model.send({ unpin: true, ids: choice.targets }),
      Delete: () => this.model.send({ unpin: true, ids: choice.targets }),
      z: () => this.model.send({ undo: true }),
      u: () => this.model.send({ undo: true }),
      y: () => this.model.send({ redo: true }),
    };
    for (let digit = 1; digit <= 9; digit++) actions[digit] = () => this.answer({ relabel: digit - 1 });
    const action = actions[event.key];
    if (!action) return;
    event.preventDefault();
    event.stopPropagation();
    action();
  }
}

/** Where picture i stands on a sheet, in percent of what the sheet is larger than the tile. */
function placeOn(i, columns, rows) {
  const across = columns > 1 ? ((i % columns) / (columns - 1)) * 100 : 0;
  const down = rows > 1 ? (Math.floor(i / columns) / (rows - 1)) * 100 : 0;
  return { backgroundSize: `${columns * 100}% ${rows * 100}%`, backgroundPosition: `${across}% ${down}%` };
}

// PictureGrid: pictures in a grid over a model; click or arrows choose, number keys relabel.
import { Choice } from "./choice.js";
import { make } from "./dom.js";

const KEYS =
  "Pictures: arrows move, space chooses, A chooses all, numbers relabel, Enter confirms the label, Z takes back";

export class PictureGrid {
  constructor(model, el) {
    this.model = model;
    this.choice = new Choice();
    this.cells = [];
    this.tiles = []; // as they are shown
    this.sheet = null;
    this.address = ""; // of the sheet with all pictures
    this.turns = model.get("turn"); // pages that were turned here; older pages come too late
    this.telling = false; // our own change comes back as an event
    // JupyterLab's own keys (1 makes a heading) must not act while pictures are labelled.
    this.root = make("div", "pls-grid", {
      tabindex: "0", role: "listbox", "aria-multiselectable": "true", "aria-label": KEYS,
      "data-lm-suppress-shortcuts": "true",
    });
    this.root.addEventListener("keydown", (event) => this.keyDown(event));
    this.heard = {
      "change:tiles": () => this.update(), "change:chosen": () => this.hear(), "change:size": () => this.resize(),
    };
    for (const [event, action] of Object.entries(this.heard)) model.on(event, action);
    el.append(this.root);
    this.resize();
    this.update();
  }

  dispose() {
    for (const [event, action] of Object.entries(this.heard)) this.model.off(event, action);
    URL.revokeObjectURL(this.address);
    this.root.remove();
  }

  resize() {
    this.root.style.setProperty("--size", `${this.model.get("size")}px`);
  }

  /** Show the page that Python sent, unless a later one was turned to meanwhile. */
  update() {
    if (this.model.get("turn") < this.turns) return;
    this.turns = this.model.get("turn");
    const awaited = this.choice.ids.length > 0 && this.choice.at >= this.choice.ids.length;
    this.draw(this.model.get("tiles"), this.model.get("sheet"));
    if (awaited) this.begin();
  }

  draw(tiles, sheet) {
    const columns = this.model.get("columns");
    if (sheet !== this.sheet) {
      URL.revokeObjectURL(this.address);
      this.address = sheet.byteLength ? URL.createObjectURL(new Blob([sheet], { type: "image/jpeg" })) : "";
    }
    [this.tiles, this.sheet] = [tiles, sheet];
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

  /** Show the selection and the keyboard focus. */
  mark() {
    const { chosen, ids, at } = this.choice;
    this.cells.forEach((cell, i) => {
      cell.setAttribute("aria-selected", String(chosen.has(ids[i])));
      cell.classList.toggle("here", i === at);
    });
    if (this.cells[at]) this.root.setAttribute("aria-activedescendant", this.cells[at].id);
    else this.root.removeAttribute("aria-activedescendant");
  }

  /** Send the selection to Python. */
  tell() {
    this.mark();
    this.cells[this.choice.at]?.scrollIntoView({ block: "nearest" });
    this.telling = true;
    this.model.set("chosen", this.choice.targets);
    this.telling = false;
    this.model.save_changes();
  }

  /** Receive the selection from Python. */
  hear() {
    if (this.telling) return;
    this.choice.choose(this.model.get("chosen"));
    this.mark();
  }

  /** Label the pictures that are shown as selected at this moment, and advance to the next. */
  answer(message) {
    const ids = this.choice.targets;
    if (!ids.length) return;
    const turning = this.choice.atEnd && this.model.get("more");
    if (turning) this.choice.leave();
    else this.choice.advance();
    this.tell(); // first: Python then need not say what is chosen, which would come too late
    this.model.send({ ...message, ids });
    if (turning) this.turnPage();
  }

  /** Confirm the shown label of each picture. */
  confirm() {
    const shown = new Map(this.tiles.map((tile) => [tile.id, tile.text]));
    this.answer({ confirm: this.choice.targets.map((id) => shown.get(id)) });
  }

  /** Show the next page at once, and tell Python; until it has arrived, keys have no effect. */
  turnPage() {
    this.turns += 1;
    const upcoming = this.model.get("upcoming");
    if (upcoming.length) {
      this.draw(upcoming, this.model.get("upcoming_sheet"));
      this.begin();
    }
    this.model.send({ turn: this.turns });
  }

  begin() {
    this.choice.moveTo(0, false);
    this.tell();
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
      Enter: () => this.confirm(),
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

/** Position of picture i on a sheet, in percent of the difference between sheet and tile. */
function placeOn(i, columns, rows) {
  const across = columns > 1 ? ((i % columns) / (columns - 1)) * 100 : 0;
  const down = rows > 1 ? (Math.floor(i / columns) / (rows - 1)) * 100 : 0;
  return { backgroundSize: `${columns * 100}% ${rows * 100}%`, backgroundPosition: `${across}% ${down}%` };
}

// PictureGrid: pictures in a grid over a model; click or arrows choose, number keys relabel.
import { Choice } from "./choice.js";
import { ClassPicker } from "./class_picker.js";
import { icon, make } from "./dom.js";
import { GridBar } from "./grid_bar.js";
import { LargePicture, dotOf } from "./large_picture.js";
import { counted } from "./wording.js";

const KEYS =
  "Pictures: arrows move, space opens the large picture, X chooses one more, A chooses all, numbers or C relabel, Enter confirms the label, Z takes back";

const [BESIDE, LETTER] = [40, 6]; // pixels beside a label in its line, and of a letter

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
    this.large = new LargePicture({
      key: (event) => this.keyDown(event),
      ask: (id) => this.model.send({ look: id }),
      choose: (slot) => this.answer({ relabel: slot }),
      alike: (id) => {
        this.large.close();
        this.model.send({ alike: id });
      },
      closed: () => this.root.focus({ preventScroll: true }),
    });
    this.picker = new ClassPicker({
      choose: (slot) => this.answer({ relabel: slot }),
      closed: () => (this.large.shown ? this.large.node : this.root).focus({ preventScroll: true }),
    });
    this.bar = new GridBar({
      choose: (slot) => this.actOnChosen({ relabel: slot }),
      pick: () => this.pick(),
      all: () => this.chooseAll(),
      whole: () => this.chooseWhole(),
      confirm: () => this.actOnChosen(this.confirmation(this.choice.picked)),
      unpin: () => this.actOnChosen({ unpin: true }),
      undo: () => this.undo(),
      redo: () => this.redo(),
    });
    this.listeners = {
      "change:tiles": () => this.update(), "change:chosen": () => this.hear(), "change:size": () => this.resize(),
      "change:classes": () => this.offer(), "change:can_undo": () => this.showBar(), "change:can_redo": () => this.showBar(),
      "msg:custom": (message, buffers) => this.receive(message, buffers),
    };
    for (const [event, action] of Object.entries(this.listeners)) model.on(event, action);
    this.bar.node.hidden = !model.get("acts");
    this.bar.node.addEventListener("keydown", (event) => this.keyDown(event));
    this.said = make("div", "pls-unseen", { role: "status" });
    this.frame = make("div", "pls-pictures", {}, this.bar.node, this.root, this.said, this.large.node);
    el.append(this.frame);
    this.resize();
    this.offer();
    this.update();
  }

  dispose() {
    for (const [event, action] of Object.entries(this.listeners)) this.model.off(event, action);
    URL.revokeObjectURL(this.address);
    this.large.dispose();
    this.picker.dispose();
    this.frame.remove();
  }

  receive(message, buffers) {
    if (message?.large !== undefined) this.large.receive(message, buffers);
  }

  /** Open the field that finds a class, beside the picture that it is about. */
  pick() {
    if (this.large.shown) this.picker.open(this.large.node);
    else this.picker.open(this.frame, this.cells[this.choice.at]);
  }

  /** The classes that a picture may be labelled as. */
  offer() {
    const classes = this.model.get("classes");
    this.bar.offer(classes);
    this.large.offer(classes);
    this.picker.offer(classes);
  }

  resize() {
    this.root.style.setProperty("--size", `${this.model.get("size")}px`);
    this.giveRoom();
  }

  /** Give the labels two lines where one is too short for some. */
  giveRoom() {
    const most = (this.model.get("size") - BESIDE) / LETTER;
    this.root.classList.toggle("pls-long", this.tiles.some(({ text }) => text.length > most));
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
    if (sheet !== this.sheet) {
      URL.revokeObjectURL(this.address);
      this.address = sheet.byteLength ? URL.createObjectURL(new Blob([sheet], { type: "image/jpeg" })) : "";
    }
    // The same pictures keep their cells: a click on a cell that is replaced under it is lost.
    const same = tiles.length === this.cells.length && tiles.every(({ id }, i) => id === this.tiles[i].id);
    [this.tiles, this.sheet] = [tiles, sheet];
    this.choice.show(tiles.map((tile) => tile.id));
    this.giveRoom();
    const { rows } = this;
    if (!same) {
      this.cells = tiles.map((_, i) => this.cell(i));
      this.root.replaceChildren(...this.cells);
    }
    tiles.forEach((tile, i) => this.fill(this.cells[i], tile, this.pictureOf(i, rows)));
    this.mark();
    this.showBar();
    this.showLarge();
  }

  showBar() {
    const [listed, canUndo, canRedo] = ["listed", "can_undo", "can_redo"].map((name) => this.model.get(name));
    this.bar.show({ listed, shown: this.tiles.length, canUndo, canRedo });
  }

  /** The styles that show picture i of the sheet. */
  pictureOf(i, rows) {
    return this.address ? { backgroundImage: `url(${this.address})`, ...placeOn(i, this.model.get("columns"), rows) } : {};
  }

  /** Show the picture at the keyboard in the large view, as far as that is open. */
  showLarge() {
    if (!this.large.shown) return;
    const { at } = this.choice;
    if (this.tiles[at]) this.large.show(this.tiles[at], this.pictureOf(at, this.rows));
    else this.large.wait();
  }

  openLarge() {
    if (!this.model.get("opens") || !this.tiles[this.choice.at]) return;
    this.choice.moveTo(this.choice.at, false); // what is seen is what a key is about
    this.tell();
    this.large.open();
    this.showLarge();
  }

  get rows() {
    return Math.ceil(this.tiles.length / this.model.get("columns"));
  }

  cell(i) {
    const picture = make("div", "pls-picture");
    if (this.model.get("opens")) picture.append(make("span", "pls-enlarge", { title: "Large picture (space)" }, icon("fit")));
    const cell = make("div", "pls-tile", { id: `pls-${this.model.model_id ?? "grid"}-${i}`, role: "option" },
      picture, make("div", "pls-line"));
    cell.addEventListener("click", (event) => {
      this.root.focus({ preventScroll: true });
      const again = this.choice.isAlone(i) && !event.shiftKey;
      if (event.ctrlKey || event.metaKey) this.choice.turn(i);
      else this.choice.moveTo(i, event.shiftKey);
      this.tell();
      if (again || event.target.closest(".pls-enlarge")) this.openLarge();
    });
    return cell;
  }

  /** Show a tile in its cell, with its picture in the styles `shown`. */
  fill(cell, tile, shown) {
    const words = `${tile.text} ${tile.note ?? ""}`.trim();
    const [picture, line] = cell.children;
    picture.removeAttribute("style");
    Object.assign(picture.style, shown);
    line.replaceChildren(
      dotOf(tile), make("span", "pls-word", {}, tile.text), " ", make("span", "pls-note", {}, tile.pinned ? "✓" : tile.note ?? ""));
    cell.classList.toggle("pls-unfit", Boolean(tile.unfit));
    cell.setAttribute("aria-label", `${tile.name}: ${words}`);
    cell.title = `${tile.name}\n${words}`;
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
    this.model.set("chosen", this.choice.picked);
    this.model.set("whole", 0);
    this.telling = false;
    this.model.save_changes();
    this.showLarge();
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
    const whole = this.model.get("whole");
    if (turning) this.choice.leave();
    else this.choice.advance();
    this.tell(); // first: Python then need not say what is chosen, which would come too late
    this.say(message, ids, whole);
    this.model.send(whole ? { ...message, ids, whole } : { ...message, ids });
    if (turning) this.turnPage();
  }

  /** Do what a button says with the chosen pictures, and choose none: with the mouse, the next is clicked. */
  actOnChosen(message) {
    const ids = this.choice.picked;
    const whole = this.model.get("whole");
    this.choice.choose([]);
    this.tell();
    this.say(message, ids, whole);
    this.model.send(whole ? { ...message, ids, whole } : { ...message, ids });
  }

  /** Tell a screen reader what happened to pictures: the next one has the focus by then. */
  say({ relabel, confirm }, ids, whole) {
    const name = this.model.get("classes").find(({ slot }) => slot === relabel)?.name;
    const act = name !== undefined ? `labelled ${name}`
      : confirm ? (ids.length === 1 ? `confirmed as ${confirm[0]}` : "confirmed") : "left to the loop";
    const one = this.tiles.find(({ id }) => id === ids[0])?.name ?? "";
    this.report(ids.length ? `${whole || ids.length > 1 ? counted(whole ? this.model.get("listed") : ids.length, "picture") : one} ${act}` : "");
  }

  report(text) {
    this.said.textContent = this.large.said.textContent = text;
  }

  undo() {
    this.model.send({ undo: true });
    this.report("The last correction is taken back");
  }

  redo() {
    this.model.send({ redo: true });
    this.report("The correction is made again");
  }

  chooseAll() {
    this.choice.chooseAll();
    this.tell();
  }

  /** Choose the whole list that is shown, on all its pages. */
  chooseWhole() {
    this.chooseAll();
    this.model.set("whole", this.model.get("list_number"));
    this.model.save_changes();
    this.model.send({ everything: this.model.get("list_number") });
  }

  /** Let the loop decide about the chosen pictures. */
  unpin() {
    const whole = this.model.get("whole");
    const message = { unpin: true, ids: this.choice.targets };
    this.choice.choose([]);
    this.tell();
    this.say({}, message.ids, whole);
    this.model.send(whole ? { ...message, whole } : message);
  }

  /** The message that confirms the shown label of each of these pictures. */
  confirmation(ids) {
    const shown = new Map(this.tiles.map((tile) => [tile.id, tile.text]));
    return { confirm: ids.map((id) => shown.get(id)) };
  }

  /** Show the next page at once, and tell Python; until it has arrived, keys have no effect. */
  turnPage() {
    this.turns += 1;
    const upcoming = this.model.get("upcoming");
    // It may be that of the turn before, prepared again for other labels: this page once more.
    if (upcoming.length && this.model.get("upcoming_turn") === this.turns) {
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
      if (place >= this.cells.length && this.large.shown && this.model.get("more")) {
        choice.leave();
        this.tell();
        this.turnPage();
        return;
      }
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
      a: () => this.chooseAll(),
      A: () => this.chooseWhole(),
      x: () => {
        choice.turn(choice.at);
        this.tell();
      },
      " ": () => this.openLarge(),
      c: () => this.pick(),
      "/": () => this.pick(),
      0: () => this.unpin(),
      Delete: () => this.unpin(),
      z: () => this.undo(),
      Enter: () => this.answer(this.confirmation(this.choice.targets)),
      u: () => this.undo(),
      y: () => this.redo(),
    };
    for (let digit = 1; digit <= 9; digit++) actions[digit] = () => this.answer({ relabel: digit - 1 });
    const action = actions[event.key];
    if (!action || ([" ", "Enter"].includes(event.key) && event.target.closest("button"))) return;
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

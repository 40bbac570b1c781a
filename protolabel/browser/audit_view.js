// AuditView: one picture of a random sample after the other, to say by key whether its label is
// right. The next picture is up at once; each answer bears the picture that it is about.
import { typed } from "./bytes.js";
import { ClassPicker } from "./class_picker.js";
import { button, make } from "./dom.js";

const AHEAD = 3; // pictures that are asked for before they are up
const NOTHING = { id: -1, name: "", text: "", colour: "" };

export class AuditView {
  constructor(model, el) {
    this.model = model;
    this.at = 0;
    this.answers = new Map(); // id -> what a person said it shows; "" for none of the classes
    this.pictures = new Map(); // id -> address, or "" while it is asked for
    this.count = make("div", "pls-faint pls-audit-count", { role: "status" });
    this.picture = make("img", "", { alt: "" });
    this.asks = make("div", "pls-audit-asks", { role: "status" });
    this.said = make("div", "pls-faint pls-audit-said");
    this.right = button("pls-audit-button pls-audit-right", "The label is right (Enter)", "Right", () => this.answer(this.item.text));
    this.classes = make("div", "pls-audit-classes", { role: "group", "aria-label": "What the picture shows instead" });
    this.other = button("pls-audit-button", "Find a class by a few letters (C)", "Other class …", () => this.pick());
    this.none = button("pls-audit-button", "It shows none of the classes (0)", "None of these", () => this.answer(""));
    this.back = button("pls-audit-button", "Back to the picture before (←, Z)", "Back", () => this.go(-1));
    this.root = make("div", "pls-audit", {
      tabindex: "0", role: "group", "data-lm-suppress-shortcuts": "true",
      "aria-label": "Audit: Enter says that the label is right, numbers or C correct it, 0 says none of the classes, arrows move",
    },
      make("div", "pls-audit-stage", {}, this.picture),
      make("div", "pls-audit-side", {}, this.count, this.asks, this.right,
        make("div", "pls-faint", {}, "If not, what does it show?"), this.classes,
        make("div", "pls-audit-row", {}, this.other, this.none, this.back), this.said,
        make("div", "pls-faint", {}, "Enter: right · numbers or C: it shows another class · 0: none of these · ← → move")));
    this.frame = make("div", "pls-pictures", {}, this.root);
    this.picker = new ClassPicker({
      choose: (slot) => this.answerSlot(slot),
      closed: () => this.root.focus({ preventScroll: true }),
    });
    this.root.addEventListener("keydown", (event) => this.keyDown(event));
    this.listeners = {
      "change:items": () => this.begin(), "change:classes": () => this.offer(),
      "msg:custom": (message, buffers) => this.receive(message, buffers),
    };
    for (const [event, action] of Object.entries(this.listeners)) model.on(event, action);
    el.append(this.frame);
    this.offer();
    this.begin();
  }

  dispose() {
    for (const [event, action] of Object.entries(this.listeners)) this.model.off(event, action);
    this.forget();
    this.picker.dispose();
    this.frame.remove();
  }

  forget() {
    for (const address of this.pictures.values()) URL.revokeObjectURL(address);
    this.pictures.clear();
  }

  get items() {
    return this.model.get("items");
  }

  get item() {
    return this.items[this.at] ?? NOTHING;
  }

  /** Another sample, or more of the same: go on at the first picture that is not checked. */
  begin() {
    const { items } = this;
    const ids = new Set(items.map(({ id }) => id));
    if (!items.length || ![...this.answers.keys()].every((id) => ids.has(id))) {
      this.answers.clear();
      this.forget();
    }
    for (const { id, answer } of items) if (answer !== null && answer !== undefined) this.answers.set(id, answer);
    const open = items.findIndex(({ id }) => !this.answers.has(id));
    this.at = open < 0 ? Math.max(0, items.length - 1) : open;
    this.show();
    // Enter is about the picture then, and not about the button that drew the sample.
    if (items.length && this.root.closest(".pls-panel")?.contains(document.activeElement)) this.root.focus({ preventScroll: true });
  }

  offer() {
    const classes = this.model.get("classes");
    this.picker.offer(classes);
    this.classes.replaceChildren(...classes.filter(({ key }) => key).map(({ slot, name, colour, key }) => {
      const choice = button("pls-audit-button", `It shows ${name} (${key})`, `${key}  ${name}`, () => this.answerSlot(slot));
      choice.style.borderLeft = `4px solid ${colour}`;
      return choice;
    }));
    this.other.hidden = classes.every(({ key }) => key);
  }

  show() {
    const { item, items } = this;
    this.root.hidden = !items.length;
    if (!items.length) return;
    for (const { id } of items.slice(this.at, this.at + 1 + AHEAD)) this.ask(id);
    this.count.textContent = `Picture ${this.at + 1} of ${items.length}, ${this.answers.size} checked`;
    const dot = make("span", "pls-dot");
    dot.style.setProperty("--colour", item.colour);
    this.asks.replaceChildren("Is this", " ", dot, " ", make("b", "", {}, item.text), "?");
    this.picture.alt = `${item.name}, labelled ${item.text}`;
    this.picture.title = item.name;
    const said = this.answers.get(item.id);
    this.said.textContent = said === undefined ? "" : `You said: ${said === item.text ? "right" : said || "none of these"}`;
    this.back.disabled = !this.at;
    this.showPicture();
  }

  showPicture() {
    const address = this.pictures.get(this.item.id);
    if (address) this.picture.src = address;
    this.picture.style.visibility = address ? "" : "hidden";
  }

  ask(id) {
    if (this.pictures.has(id)) return;
    this.pictures.set(id, "");
    this.model.send({ ask: id });
  }

  receive(message, buffers) {
    const id = message?.picture;
    if (!Number.isInteger(id)) return;
    const bytes = typed(buffers?.[0], Uint8Array);
    if (bytes.length) this.pictures.set(id, URL.createObjectURL(new Blob([bytes], { type: "image/jpeg" })));
    if (id === this.item.id) this.showPicture();
  }

  /** What the picture that is up shows; the next one is up at once. */
  answer(name) {
    const { id } = this.item;
    if (id < 0) return;
    this.answers.set(id, name);
    this.model.send({ answer: id, name });
    this.go(1);
  }

  answerSlot(slot) {
    const found = this.model.get("classes").find((one) => one.slot === slot);
    if (found) this.answer(found.name);
  }

  go(step) {
    this.at = Math.max(0, Math.min(this.items.length - 1, this.at + step));
    this.show();
  }

  pick() {
    this.picker.open(this.frame);
  }

  keyDown(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Enter" && event.target.closest("button")) return;
    const actions = {
      Enter: () => this.answer(this.item.text), ArrowLeft: () => this.go(-1), ArrowRight: () => this.go(1),
      z: () => this.go(-1), 0: () => this.answer(""), c: () => this.pick(), "/": () => this.pick(),
    };
    const keyed = this.model.get("classes").find(({ key }) => key === event.key);
    const action = keyed ? () => this.answer(keyed.name) : actions[event.key];
    if (!action) return;
    event.preventDefault();
    event.stopPropagation();
    action();
  }
}

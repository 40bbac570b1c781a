// NameList: groups of pictures, each with the words that may name it; click, merge, rename, leave.
import { button, make } from "./dom.js";

export class NameList {
  constructor(model, el) {
    this.model = model;
    this.address = ""; // of the sheet with all pictures
    this.picked = new Set(); // ids of the groups to merge
    this.level = make("input", "pls-level", { type: "range", min: "0", step: "1", "aria-label": "Coarse to fine" });
    this.level.addEventListener("input", () => this.tellLevel());
    this.count = make("span", "pls-faint", { role: "status" });
    this.all = button("pls-take-all", "Every group that has a name becomes a class", "Take all", () => this.tellAll());
    this.merge = button("pls-merge", "The ticked groups become one", "Merge", () => this.tellMerge());
    this.control = make("div", "pls-names-control", {},
      make("span", "", {}, "coarse"), this.level, make("span", "", {}, "fine"), this.count, this.all, this.merge);
    this.list = make("div", "pls-names-list", { role: "list" });
    this.root = make("div", "pls-pictures pls-names", { "data-lm-suppress-shortcuts": "true" }, this.control, this.list);
    this.listeners = {
      "change:groups": () => this.draw(), "change:sheet": () => this.draw(),
      "change:level": () => this.drawLevel(), "change:counts": () => this.drawLevel(),
    };
    for (const [event, action] of Object.entries(this.listeners)) model.on(event, action);
    el.append(this.root);
    this.drawLevel();
    this.draw();
  }

  dispose() {
    for (const [event, action] of Object.entries(this.listeners)) this.model.off(event, action);
    URL.revokeObjectURL(this.address);
    this.root.remove();
  }

  send(message) {
    this.model.send(message);
  }

  tellLevel() {
    this.model.set("level", Number(this.level.value));
    this.model.save_changes();
  }

  tellAll() {
    this.send({ take_all: this.model.get("groups").filter(({ name }) => name).map(({ id }) => id) });
  }

  tellMerge() {
    const ids = [...this.picked];
    this.picked.clear();
    this.send({ merge: ids });
  }

  drawLevel() {
    const counts = this.model.get("counts");
    this.level.max = String(Math.max(0, counts.length - 1));
    this.level.value = String(this.model.get("level"));
    this.level.setAttribute("aria-valuetext", `${counts[this.model.get("level")] ?? 0} groups`);
  }

  draw() {
    const groups = this.model.get("groups");
    const sheet = this.model.get("sheet");
    URL.revokeObjectURL(this.address);
    this.address = sheet?.byteLength ? URL.createObjectURL(new Blob([sheet], { type: "image/jpeg" })) : "";
    const known = new Set(groups.map((group) => group.id));
    this.picked = new Set([...this.picked].filter((id) => known.has(id)));
    const rows = groups.length;
    this.control.hidden = !this.model.get("counts").length;
    this.count.textContent = this.model.get("note");
    this.all.disabled = !groups.some((group) => group.name);
    this.list.replaceChildren(...groups.map((group, row) => this.group(group, row, rows)));
    this.offerMerge();
  }

  offerMerge() {
    this.merge.disabled = this.picked.size < 2;
  }

  group(group, row, rows) {
    const called = group.name || "without a name";
    const tick = make("input", "", { type: "checkbox", "aria-label": `Merge the group ${called}` });
    tick.checked = this.picked.has(group.id);
    tick.addEventListener("change", () => {
      if (tick.checked) this.picked.add(group.id);
      else this.picked.delete(group.id);
      this.offerMerge();
    });
    const name = make("input", "pls-name-field", { type: "text", "aria-label": "Name of the group", placeholder: "no good word" });
    name.value = group.name;
    name.addEventListener("change", () => this.send({ rename: group.id, name: name.value }));
    const words = group.words.map((word) =>
      button("pls-name-word", `Name the group ${word}`, word, () => this.send({ rename: group.id, name: word })));
    for (const [place, word] of words.entries())
      word.setAttribute("aria-pressed", String(group.words[place] === group.name));
    const take = button("pls-take", "This group becomes a class", "Take", () => this.send({ take: group.id, name: name.value }));
    const leave = button("pls-leave", "Remove the group from this list", "Leave", () => this.send({ leave: group.id }));
    return make("div", "pls-name-group", { role: "listitem" },
      tick, this.pictures(group, row, rows, called),
      make("div", "pls-name-words", {},
        make("div", "pls-name-line", {}, name, take, leave),
        make("div", "pls-name-line", {}, ...words),
        make("div", "pls-faint", {}, group.note)));
  }

  pictures(group, row, rows, called) {
    const box = make("div", "pls-name-pictures", { role: "img", "aria-label": `${group.pictures} pictures of the group ${called}` });
    for (let column = 0; column < group.pictures; column++) {
      const tile = make("span", "pls-name-picture");
      if (this.address) tile.style.backgroundImage = `url("${this.address}")`;
      tile.style.backgroundSize = `400% ${100 * rows}%`;
      tile.style.backgroundPosition = `${(100 * column) / 3}% ${rows > 1 ? (100 * row) / (rows - 1) : 0}%`;
      box.append(tile);
    }
    return box;
  }
}

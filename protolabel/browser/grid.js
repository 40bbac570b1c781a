// Pictures in a grid: click or arrows choose, number keys relabel. Text is only ever text.
function render({ model, el }) {
  const root = document.createElement("div");
  root.className = "pls-grid";
  root.tabIndex = 0;
  root.setAttribute("role", "listbox");
  root.setAttribute("aria-multiselectable", "true");
  root.setAttribute("aria-label", "Pictures: arrows move, space chooses, A chooses all, numbers relabel, Z takes back");
  // JupyterLab's own keys (1 makes a heading) must not act while pictures are labelled.
  root.dataset.lmSuppressShortcuts = "true";
  el.appendChild(root);
  let address = "";
  let cells = [];
  let at = 0;
  let anchor = 0;
  let telling = false;
  let shown = []; // ids, place by place
  const chosen = new Set(); // ids too: the same pictures stay chosen when others come

  function ids() {
    return chosen.size ? shown.filter((id) => chosen.has(id)) : shown.slice(at, at + 1);
  }
  function mark() {
    cells.forEach((cell, i) => {
      cell.setAttribute("aria-selected", chosen.has(shown[i]));
      cell.classList.toggle("here", i === at);
    });
    if (cells[at]) root.setAttribute("aria-activedescendant", cells[at].id);
  }
  function tell() {
    mark();
    telling = true;
    model.set("chosen", ids());
    telling = false;
    model.save_changes();
  }
  function told() {
    if (telling) return;
    chosen.clear();
    for (const id of model.get("chosen")) chosen.add(id);
    mark();
  }
  function turn(id) {
    chosen.has(id) ? chosen.delete(id) : chosen.add(id);
  }
  function move(i, event) {
    at = Math.max(0, Math.min(cells.length - 1, i));
    if (event.shiftKey) {
      chosen.clear();
      for (let k = Math.min(at, anchor); k <= Math.max(at, anchor); k++) chosen.add(shown[k]);
    } else {
      anchor = at;
      chosen.clear();
      chosen.add(shown[at]);
    }
    cells[at]?.scrollIntoView({ block: "nearest" });
    tell();
  }
  function draw() {
    const tiles = model.get("tiles");
    const columns = model.get("columns");
    URL.revokeObjectURL(address);
    const sheet = model.get("sheet");
    address = sheet.byteLength ? URL.createObjectURL(new Blob([sheet], { type: "image/jpeg" })) : "";
    const rows = Math.ceil(tiles.length / columns);
    shown = tiles.map((tile) => tile.id);
    for (const id of chosen) if (!shown.includes(id)) chosen.delete(id);
    at = Math.min(at, Math.max(0, tiles.length - 1));
    cells = tiles.map((tile, i) => {
      const cell = document.createElement("div");
      cell.className = tile.unfit ? "pls-tile pls-unfit" : "pls-tile";
      cell.id = `pls-${model.model_id ?? "grid"}-${i}`;
      cell.setAttribute("role", "option");
      const words = `${tile.text} ${tile.note ?? ""}`.trim();
      cell.setAttribute("aria-label", `${tile.name}: ${words}`);
      cell.title = `${tile.name}\n${words}`;
      const picture = document.createElement("div");
      picture.className = "pls-picture";
      if (address) {
        picture.style.backgroundImage = `url(${address})`;
        picture.style.backgroundSize = `${columns * 100}% ${rows * 100}%`;
        // In percent of what the sheet is larger than the tile, so that a tile can have any size.
        const across = columns > 1 ? ((i % columns) / (columns - 1)) * 100 : 0;
        const down = rows > 1 ? (Math.floor(i / columns) / (rows - 1)) * 100 : 0;
        picture.style.backgroundPosition = `${across}% ${down}%`;
      }
      const line = document.createElement("div");
      line.className = "pls-line";
      const dot = document.createElement("span");
      dot.className = tile.pinned ? "pls-dot pls-fixed" : "pls-dot";
      dot.style.setProperty("--colour", tile.colour);
      const text = document.createElement("span");
      text.className = "pls-word";
      text.textContent = tile.text;
      const note = document.createElement("span");
      note.className = "pls-note";
      note.textContent = tile.note ?? "";
      line.append(dot, text, " ", note);
      cell.append(picture, line);
      cell.addEventListener("click", (event) => {
        root.focus({ preventScroll: true });
        if (event.ctrlKey || event.metaKey) {
          turn(tile.id);
          at = anchor = i;
          tell();
        } else move(i, event);
      });
      return cell;
    });
    root.replaceChildren(...cells);
    mark();
  }
  root.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const across = Math.max(1, cells.filter((c) => c.offsetTop === cells[0].offsetTop).length);
    const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -across, ArrowDown: across }[event.key];
    if (step !== undefined) move(at + step, event);
    else if (event.key === "Home") move(0, event);
    else if (event.key === "End") move(cells.length - 1, event);
    else if (event.key === "a") {
      for (const id of shown) chosen.add(id);
      tell();
    } else if (event.key === " ") {
      if (cells.length) turn(shown[at]);
      tell();
    } else if (/^[1-9]$/.test(event.key)) model.send({ relabel: Number(event.key) - 1, ids: ids() });
    else if (event.key === "0" || event.key === "Delete") model.send({ unpin: true, ids: ids() });
    else if (event.key === "z" || event.key === "u") model.send({ undo: true });
    else if (event.key === "y") model.send({ redo: true });
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  model.on("change:tiles", draw);
  model.on("change:chosen", told);
  draw();
  return () => {
    model.off("change:tiles", draw);
    model.off("change:chosen", told);
    URL.revokeObjectURL(address);
  };
}
export default { render };

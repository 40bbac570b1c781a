// Pictures in a grid: click or arrows choose, number keys relabel. Text is only ever text.
function render({ model, el }) {
  const root = document.createElement("div");
  root.className = "pls-grid";
  root.tabIndex = 0;
  root.setAttribute("role", "listbox");
  root.setAttribute("aria-multiselectable", "true");
  root.setAttribute("aria-label", "Pictures: arrows move, space chooses, numbers relabel");
  // JupyterLab's own keys (1 makes a heading) must not act while pictures are labelled.
  root.dataset.lmSuppressShortcuts = "true";
  el.appendChild(root);
  let address = "";
  let cells = [];
  let at = 0;
  let anchor = 0;
  const chosen = new Set();

  function ids() {
    const tiles = model.get("tiles");
    const some = chosen.size ? [...chosen] : tiles.length ? [at] : [];
    return some.filter((i) => i < tiles.length).map((i) => tiles[i].id);
  }
  function mark() {
    cells.forEach((cell, i) => {
      cell.setAttribute("aria-selected", chosen.has(i));
      cell.classList.toggle("here", i === at);
    });
    if (cells[at]) root.setAttribute("aria-activedescendant", cells[at].id);
  }
  function tell() {
    mark();
    model.set("chosen", ids());
    model.save_changes();
  }
  function move(i, event) {
    at = Math.max(0, Math.min(cells.length - 1, i));
    if (event.shiftKey) {
      chosen.clear();
      for (let k = Math.min(at, anchor); k <= Math.max(at, anchor); k++) chosen.add(k);
    } else {
      anchor = at;
      chosen.clear();
      chosen.add(at);
    }
    cells[at]?.scrollIntoView({ block: "nearest" });
    tell();
  }
  function draw() {
    const tiles = model.get("tiles");
    const size = model.get("size");
    const columns = model.get("columns");
    URL.revokeObjectURL(address);
    const sheet = model.get("sheet");
    address = sheet.byteLength ? URL.createObjectURL(new Blob([sheet], { type: "image/jpeg" })) : "";
    const rows = Math.ceil(tiles.length / columns);
    chosen.clear();
    at = Math.min(at, Math.max(0, tiles.length - 1));
    cells = tiles.map((tile, i) => {
      const cell = document.createElement("div");
      cell.className = "pls-tile";
      cell.id = `pls-${model.model_id ?? "grid"}-${i}`;
      cell.setAttribute("role", "option");
      cell.setAttribute("aria-label", `${tile.name}: ${tile.text}${tile.pinned ? ", fixed" : ""}`);
      cell.title = `${tile.name}\n${tile.text}`;
      const picture = document.createElement("div");
      picture.className = "pls-picture";
      picture.style.cssText = `width:${size}px;height:${size}px`;
      if (address) {
        picture.style.backgroundImage = `url(${address})`;
        picture.style.backgroundSize = `${columns * size}px ${rows * size}px`;
        const x = (i % columns) * size, y = Math.floor(i / columns) * size;
        picture.style.backgroundPosition = `-${x}px -${y}px`;
      }
      const line = document.createElement("div");
      line.className = "pls-line";
      line.style.width = `${size}px`;
      const dot = document.createElement("span");
      dot.style.color = tile.colour;
      dot.textContent = tile.pinned ? "📌" : "●";
      const text = document.createElement("span");
      text.textContent = ` ${tile.text}`;
      line.append(dot, text);
      cell.append(picture, line);
      cell.addEventListener("click", (event) => {
        root.focus({ preventScroll: true });
        if (event.ctrlKey || event.metaKey) {
          chosen.has(i) ? chosen.delete(i) : chosen.add(i);
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
    else if (event.key === " ") {
      chosen.has(at) ? chosen.delete(at) : chosen.add(at);
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
  draw();
  return () => {
    model.off("change:tiles", draw);
    URL.revokeObjectURL(address);
  };
}
export default { render };

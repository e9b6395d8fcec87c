// The map of folders and files: areas to scale on a canvas, a folder in which one can go deeper by click or Enter.

const map = {
  /** Pixels that a folder's name takes. */
  header: 19,
  /** Square pixels below which a thing is drawn together with its neighbours. */
  least: 12,
  /** Pixels around what is in a folder. */
  gap: 2,
  font: '12px system-ui, -apple-system, "Segoe UI", sans-serif',
};

class Treemap {
  /** `describe` tells what a file is, in words. */
  constructor(describe) {
    this.describe = describe;
    this.canvas = make("canvas", { tabindex: "0", role: "application", "aria-roledescription": "treemap" });
    this.marks = make("canvas", { class: "marks", "aria-hidden": "true" });
    this.crumbs = make("nav", { class: "crumbs", "aria-label": "Folder that the map shows" });
    this.status = announcer();
    this.legend = make("ul", { class: "legend" });
    this.empty = make("p", { class: "empty", hidden: true });
    this.frame = make("div", { class: "map" }, this.canvas, this.marks, this.empty);
    this.element = make("div", {}, this.crumbs, this.frame, this.status, this.legend);
    this.folder = 0;
    this.picked = null;
    this.cells = [];
    this.listen();
  }

  /**
   * Shows these files. `weigh` gives the bytes of each, 0 for one that is not to be seen; `fill` the number of its colour
   * among `fills`, each with a `name` and a `fill` of the style sheet.
   */
  show({ files, weigh, fill, fills, label, empty }) {
    if (this.files !== files) [this.files, this.folder] = [files, 0];
    Object.assign(this, { weigh, fill, fills, label });
    this.empty.textContent = empty;
    this.sums = files.sums(weigh);
    this.numbers = files.sums((file) => (weigh(file) > 0 ? files.number(file) : 0));
    this.sumsByFill = fills.map((_, at) => files.sums((file) => (fill(file) === at ? weigh(file) : 0)));
    while (this.folder !== 0 && this.sums[this.folder] === 0) this.folder = files.up[this.folder];
    this.legend.replaceChildren(
      ...fills.flatMap(({ name, fill: of }, at) =>
        this.sumsByFill[at][0] > 0 ? [make("li", {}, swatch(of), ` ${name} `, make("b", {}, size(this.sumsByFill[at][0])))] : [],
      ),
    );
    this.zoom(this.folder);
  }

  listen() {
    this.canvas.addEventListener("mousemove", (event) => this.hover(this.cellAt(event)));
    this.canvas.addEventListener("mouseleave", () => this.hover(null));
    this.canvas.addEventListener("click", (event) => this.open(this.cellAt(event)));
    this.canvas.addEventListener("focus", () => this.pick(this.picked ?? this.outer()[0] ?? null));
    this.canvas.addEventListener("blur", () => this.mark(null));
    this.canvas.addEventListener("keydown", (event) => this.press(event));
    // The canvas is drawn in pixels of the screen: another width or colour scheme is another drawing.
    new ResizeObserver(settled(60, () => this.draw())).observe(this.frame);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
    addEventListener("beforeprint", () => this.draw());
    addEventListener("afterprint", () => this.draw());
  }

  press(event) {
    const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    if (event.key in steps) this.pick(this.neighbour(...steps[event.key]));
    else if (event.key === "Home") this.pick(this.outer()[0] ?? null);
    else if (event.key === "Enter" || event.key === " ") this.open(this.picked);
    else if (event.key === "Escape" || event.key === "Backspace") this.leave();
    else return;
    event.preventDefault();
  }

  /** The cells of what is directly in the folder that is shown, largest first: those that keys go through. */
  outer() {
    return this.cells.filter((cell) => cell.depth === 0);
  }

  /** The nearest of them in a direction; the picked one when there is none. */
  neighbour(right, down) {
    const from = this.picked;
    if (from === null) return this.outer()[0] ?? null;
    const middle = (cell) => [cell.x + cell.w / 2, cell.y + cell.h / 2];
    const [x, y] = middle(from);
    let [best, least] = [from, Infinity];
    for (const cell of this.outer()) {
      const [dx, dy] = [middle(cell)[0] - x, middle(cell)[1] - y];
      const ahead = dx * right + dy * down;
      const aside = Math.abs(dx * down) + Math.abs(dy * right);
      if (cell !== from && ahead > 0.5 && ahead + 2 * aside < least) [best, least] = [cell, ahead + 2 * aside];
    }
    return best;
  }

  /** Goes into a folder; of a file within a folder, into that one. */
  open(cell) {
    if (cell === null) return;
    const folder = cell.folder ?? (cell.depth > 0 ? this.files.folder[cell.file] : undefined);
    if (folder === undefined || folder === this.folder) this.pick(cell);
    else this.zoom(folder);
  }

  /** Goes out of a folder, to one that holds more than it. */
  leave() {
    if (this.folder === 0) return;
    const [from, sum] = [this.folder, this.sums[this.folder]];
    let folder = this.files.up[from];
    while (folder !== 0 && this.sums[folder] === sum && this.numbers[folder] === this.numbers[from]) {
      folder = this.files.up[folder];
    }
    this.zoom(folder);
    this.pick(this.outer().find((cell) => cell.folder === from || cell.shownAs === from) ?? null);
  }

  zoom(folder) {
    this.folder = folder;
    this.picked = null;
    const trail = [];
    for (let at = folder; at !== 0; at = this.files.up[at]) trail.unshift(at);
    const crumb = (at, name) =>
      at === folder
        ? make("span", { "aria-current": "true" }, name)
        : make("button", { type: "button", click: () => this.zoom(at) }, name);
    this.crumbs.replaceChildren(
      crumb(0, "/"),
      ...trail.map((at) => [crumb(at, this.files.folderNames[at]), at === folder ? "" : make("i", { "aria-hidden": "true" }, "/")]).flat(),
      make("span", { class: "sum" }, size(this.sums[folder])),
    );
    this.draw();
    if (document.activeElement === this.canvas) this.pick(this.outer()[0] ?? null);
    else this.tell(null);
  }

  cellAt({ offsetX: x, offsetY: y }) {
    const holds = (cell) => x >= cell.x && x < cell.x + cell.w && y >= cell.y && y < cell.y + cell.h;
    // Cells come after those that they are in.
    return this.cells.findLast(holds) ?? null;
  }

  hover(cell) {
    this.mark(cell ?? (document.activeElement === this.canvas ? this.picked : null));
    this.tell(cell ?? this.picked);
  }

  pick(cell) {
    this.picked = cell;
    this.mark(cell);
    this.tell(cell);
  }

  /** Says in words what a cell is. */
  tell(cell) {
    const whole = this.sums[this.folder];
    if (cell === null) {
      const name = this.files.folderPaths[this.folder] || "/";
      this.status.textContent = `${name}: ${size(whole)} in ${plural(this.numbers[this.folder], "file")}`;
      return;
    }
    const share = `${size(cell.bytes)}, ${percent(cell.bytes, whole)}`;
    if (cell.file !== undefined) {
      this.status.textContent = `${this.files.path(cell.file)}: ${share}; ${this.describe(cell.file)}`;
    } else if (cell.folder !== undefined) {
      this.status.textContent = `${this.files.folderPaths[cell.folder]}/: ${share}; ${plural(this.numbers[cell.folder], "file")}`;
    } else {
      this.status.textContent = `what is too small to be drawn: ${share}`;
    }
  }

  /** What is in a folder, largest first. */
  content(folder) {
    const { files } = this;
    const items = [];
    for (const inner of files.folders(folder)) {
      if (this.sums[inner] > 0) items.push({ bytes: this.sums[inner], folder: inner });
    }
    for (let file = files.firstFile[folder]; file < files.firstFile[folder + 1]; file += 1) {
      const bytes = this.weigh(file);
      if (bytes > 0) items.push({ bytes, file });
    }
    return items.sort((a, b) => b.bytes - a.bytes);
  }

  /** What is in a folder; one that only holds another one is passed through, and the name tells of it. */
  through(folder) {
    let [at, name] = [folder, this.files.folderNames[folder]];
    let items = this.content(at);
    while (items.length === 1 && items[0].folder !== undefined) {
      at = items[0].folder;
      name += `/${this.files.folderNames[at]}`;
      items = this.content(at);
    }
    return { at, name, items };
  }

  draw() {
    const [w, h] = [this.frame.clientWidth, this.frame.clientHeight];
    if (this.files === undefined || w === 0 || h === 0) return;
    const sharp = Math.min(devicePixelRatio || 1, 3);
    for (const canvas of [this.canvas, this.marks]) {
      canvas.width = Math.round(w * sharp);
      canvas.height = Math.round(h * sharp);
      canvas.getContext("2d").setTransform(sharp, 0, 0, sharp, 0, 0);
    }
    this.pen = this.canvas.getContext("2d");
    this.pen.font = map.font;
    this.pen.textBaseline = "middle";
    this.ink = { on: colour("on-fill"), ink: colour("ink"), folder: colour("folder"), rest: colour("rest") };
    this.paints = this.fills.map(({ fill }) => colour(fill));
    const was = this.picked;
    this.cells = [];
    this.empty.hidden = this.sums[this.folder] > 0;
    this.drawItems(this.content(this.folder), { x: 0, y: 0, w, h }, 0);
    const whole = `${this.label}: ${size(this.sums[this.folder])}`;
    this.canvas.setAttribute("aria-label", `${whole}. Arrow keys pick, Enter goes in, Escape goes out. The table has the same.`);
    if (was !== null) {
      this.picked = this.cells.find((cell) => cell.file === was.file && cell.folder === was.folder) ?? null;
    }
    this.mark(document.activeElement === this.canvas ? this.picked : null);
  }

  drawItems(items, place, depth) {
    const rest = squarify(items, place, map.least);
    for (const item of rest === null ? items : items.slice(0, rest.from)) {
      item.depth = depth;
      if (item.folder === undefined) this.drawFile(item);
      else this.drawFolder(item);
    }
    if (rest !== null && rest.w > 0 && rest.h > 0) {
      const { x, y, w, h, bytes } = rest;
      this.cells.push({ x, y, w, h, bytes, depth: depth + 1 });
      this.box(rest, this.ink.rest);
    }
  }

  drawFolder(item) {
    const { at, name, items } = this.through(item.folder);
    item.shownAs = at;
    this.cells.push(item);
    if (item.w < 8 || item.h < 8) {
      const sums = this.sumsByFill.map((of) => of[at]);
      this.box(item, this.paints[sums.indexOf(Math.max(...sums))]);
      return;
    }
    const inner = { x: item.x + map.gap, y: item.y + map.gap, w: item.w - 2 * map.gap, h: item.h - 2 * map.gap };
    if (item.w > 44 && item.h > 44) {
      this.box(item, this.ink.folder);
      this.text(`${name}/`, size(item.bytes), item.x + 6, item.y + map.header / 2 + 1, item.w - 12, this.ink.ink);
      inner.y += map.header - map.gap;
      inner.h -= map.header - map.gap;
    } else {
      Object.assign(inner, { x: item.x + 0.5, y: item.y + 0.5, w: item.w - 1, h: item.h - 1 });
    }
    this.drawItems(items, inner, item.depth + 1);
  }

  drawFile(item) {
    this.cells.push(item);
    this.box(item, this.paints[this.fill(item.file)]);
    if (item.h < 18 || item.w < 40) return;
    const bytes = size(item.bytes);
    const name = this.files.name(item.file);
    if (item.h < 36) {
      this.text(name, bytes, item.x + 6, item.y + item.h / 2, item.w - 12, this.ink.on);
    } else {
      this.text(name, "", item.x + 6, item.y + 13, item.w - 12, this.ink.on);
      this.text(bytes, "", item.x + 6, item.y + 28, item.w - 12, this.ink.on);
    }
  }

  /** Fills a cell but for a thin gap beside the next one. */
  box({ x, y, w, h }, fill) {
    this.pen.fillStyle = fill;
    this.pen.fillRect(x + 0.5, y + 0.5, Math.max(w - 1, 0.5), Math.max(h - 1, 0.5));
  }

  /** Writes text as far as it fits, which loses its middle, and `after` at the right where there is room for both. */
  text(text, after, x, y, width, ink) {
    this.pen.fillStyle = ink;
    const room = (of) => this.pen.measureText(of).width;
    const wide = after === "" ? 0 : room(after) + 10;
    // A name that is much too long is not worth measuring.
    text = shortened(text, 80);
    if (wide > 0 && room(text) + wide <= width) {
      this.pen.fillText(after, x + width - room(after), y);
      this.pen.fillText(text, x, y);
      return;
    }
    for (let most = [...text].length; room(text) > width && most > 5; ) {
      most -= Math.max(1, Math.ceil((most * (1 - width / room(text))) / 2));
      text = shortened(text, most);
    }
    if (room(text) <= width) this.pen.fillText(text, x, y);
  }

  /** Draws a line around a cell. */
  mark(cell) {
    const pen = this.marks.getContext("2d");
    pen.clearRect(0, 0, this.marks.width, this.marks.height);
    if (cell === null || cell === undefined) return;
    for (const [wide, name] of [[5, "page"], [2, "ink"]]) {
      pen.lineWidth = wide;
      pen.strokeStyle = colour(name);
      pen.strokeRect(cell.x + 2, cell.y + 2, Math.max(cell.w - 4, 1), Math.max(cell.h - 4, 1));
    }
  }
}

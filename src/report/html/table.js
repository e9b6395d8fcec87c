// The table of files: sorted by any column, searched by words, a thousand rows at a time.

const rowsAtOnce = 1000;

class Table {
  /**
   * `columns` each have a `key`, a `name`, `cell(file)` (text or an element) and `value(file)` to sort by; `isNumber` aligns
   * right and sorts the largest first. `fields` are what the search box knows.
   */
  constructor({ columns, fields, example, caption }) {
    Object.assign(this, { columns, fields });
    this.sorted = { column: columns.find((column) => column.isFirst), isDown: true };
    this.shown = 0;
    this.order = [];
    this.input = make("input", {
      type: "search",
      id: "search",
      placeholder: example,
      autocomplete: "off",
      spellcheck: "false",
      "aria-describedby": "search-help",
      input: settled(120, () => this.update()),
      keydown: (event) => {
        if (event.key === "Escape") [this.input.value] = [""];
        if (event.key === "Escape" || event.key === "Enter") this.update();
      },
    });
    this.status = announcer();
    this.problem = make("p", { class: "problem", role: "alert", hidden: true });
    this.heads = columns.map((column) =>
      make("th", { scope: "col", class: column.key }, make("button", { type: "button", click: () => this.sortBy(column) }, column.name)),
    );
    this.body = make("tbody");
    this.more = make("button", { type: "button", class: "more", hidden: true, click: () => this.addRows() });
    const help = Object.values(fields).map((field) => field.help);
    this.element = make(
      "div",
      {},
      make("div", { class: "search" }, make("label", { for: "search" }, "Search"), this.input),
      make("p", { class: "help", id: "search-help" }, "Part of a path, and ", ...help.flatMap((text, at) => [at > 0 ? " " : "", make("code", {}, text)])),
      this.problem,
      this.status,
      make(
        "div",
        { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
        make("table", { class: "files" }, make("caption", { class: "unseen" }, caption), make("thead", {}, make("tr", {}, ...this.heads)), this.body),
      ),
      this.more,
    );
  }

  /** Shows those of these files that `accepts` takes, and the sum of what `weigh` says, in words of `sum`. */
  show({ files, accepts, weigh, sum = size }) {
    if (this.files !== files) [this.files, this.paths] = [files, null];
    Object.assign(this, { accepts, weigh, sum });
    this.update();
  }

  /** Every path in lower case, made when one is first looked for. */
  lowerPaths() {
    this.paths ??= Array.from({ length: this.files.count }, (_, file) => this.files.path(file).toLowerCase());
    return this.paths;
  }

  update() {
    const { accepts, problem } = parseQuery(this.input.value, (file) => this.lowerPaths()[file], this.fields);
    this.problem.hidden = problem === null;
    this.problem.textContent = problem ?? "";
    this.order = [];
    let [bytes, number, all] = [0, 0, 0];
    for (let file = 0; file < this.files.count; file += 1) {
      if (!this.accepts(file)) continue;
      all += this.files.number(file);
      if (!accepts(file)) continue;
      this.order.push(file);
      bytes += this.weigh(file);
      number += this.files.number(file);
    }
    const of = number === all ? plural(all, "file") : `${count(number)} of ${plural(all, "file")}`;
    this.status.textContent = `${of}, ${this.sum(bytes)}`;
    this.sort();
  }

  sortBy(column) {
    const isSame = this.sorted.column === column;
    this.sorted = { column, isDown: isSame ? !this.sorted.isDown : column.isNumber === true };
    this.sort();
  }

  sort() {
    const { column, isDown } = this.sorted;
    const keys = new Map(this.order.map((file) => [file, column.value(file)]));
    const direction = isDown ? -1 : 1;
    this.order.sort((a, b) => {
      const [left, right] = [keys.get(a), keys.get(b)];
      return left < right ? -direction : left > right ? direction : a - b;
    });
    this.columns.forEach((other, at) => {
      const order = other === column ? (isDown ? "descending" : "ascending") : "none";
      this.heads[at].setAttribute("aria-sort", order);
    });
    this.shown = 0;
    this.body.replaceChildren();
    this.addRows();
  }

  addRows() {
    const next = this.order.slice(this.shown, this.shown + rowsAtOnce);
    const row = (file) => make("tr", {}, ...this.columns.map((column) => make("td", { class: column.key, "data-name": column.name }, column.cell(file))));
    this.body.append(...next.map(row));
    this.shown += next.length;
    const left = this.order.length - this.shown;
    this.more.hidden = left === 0;
    this.more.textContent = `Show ${count(Math.min(left, rowsAtOnce))} more of ${count(left)}`;
  }
}

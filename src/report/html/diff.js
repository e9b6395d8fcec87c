// The page of a difference.

const data = JSON.parse(document.getElementById("data").textContent);
const page = document.getElementById("page");

const hows = {
  added: { name: "added", fill: "added" },
  removed: { name: "removed", fill: "removed" },
  grown: { name: "grown", fill: "grown" },
  shrunk: { name: "shrunk", fill: "shrunk" },
  changed: { name: "changed", fill: "changed" },
};

/** How a row differs. */
function howOf(files, file) {
  return files.data.changes[files.data.change[file]].how;
}

/** Bytes that came with a row, or went. */
function delta(files, file) {
  return files.data.after[file] - files.bytes[file];
}

/** Rows of each kind: how many files, and bytes that came or went. */
function sums(files) {
  const sums = Object.fromEntries(Object.keys(hows).map((how) => [how, { number: 0, bytes: 0 }]));
  for (let file = 0; file < files.count; file += 1) {
    const sum = sums[howOf(files, file)];
    sum.number += files.number(file);
    sum.bytes += delta(files, file);
  }
  return sums;
}

function head(image) {
  const { files, bytes: [before, after], entries } = image;
  const byHow = sums(files);
  const all = Object.values(byHow).reduce((sum, { number }) => sum + number, 0);
  const whole = Math.max(before, after, 1);
  const change = after - before;
  const lead = all === 0 && image.config.length === 0
    ? ["Nothing differs."]
    : [make("strong", {}, plural(all, "path")), ` ${all === 1 ? "differs" : "differ"}; `, change === 0 ? "as many bytes as before." : `${signedSize(change)} of contents.`];
  const side = (name, title, bytes, paths) =>
    make("li", {}, make("p", {}, make("b", {}, size(bytes)), ` ${name} `, make("bdi", { class: "note" }, title), make("span", { class: "note" }, ` · ${plural(paths, "path")}`)), bar([{ bytes, fill: "live" }], whole, `${size(bytes)} ${name}`));
  const kinds = Object.entries(hows).filter(([how]) => byHow[how].number > 0);
  return make(
    "header",
    {},
    make("h1", {}, make("bdi", {}, image.names[0] ?? "(no name)")),
    make("p", { class: "facts" }, image.platform),
    make("p", { class: "lead" }, ...lead),
    make("ol", { class: "actions" }, side("before", data.old, before, entries[0]), side("after", data.new, after, entries[1])),
    make(
      "ul",
      { class: "key" },
      ...kinds.map(([how, { name, fill }]) =>
        make("li", {}, swatch(fill), make("b", {}, count(byHow[how].number)), make("span", {}, name), make("span", { class: "note" }, signedSize(byHow[how].bytes))),
      ),
    ),
  );
}

function mapSection(image) {
  const { files } = image;
  const shown = Object.keys(hows);
  const map = new Treemap((file) => {
    const { how, what } = files.data.changes[files.data.change[file]];
    const [before, after] = [files.bytes[file], files.data.after[file]];
    return `${how}${what === "" ? "" : ` in ${what}`}, ${size(before)} before, ${size(after)} after`;
  });
  const element = section("map", "Map", make("p", { class: "help" }, "Areas are bytes that came or went. What differs otherwise has no area: the table has it."), map.element);
  const show = () =>
    map.show({
      files,
      label: "What came and went",
      weigh: (file) => Math.abs(delta(files, file)),
      fill: (file) => shown.indexOf(howOf(files, file)),
      fills: Object.values(hows),
      empty: "No file came, went, grew or shrank.",
    });
  return { element, show };
}

function tableSection(image) {
  const { files } = image;
  const { data: columns } = files;
  const whatOf = (file) => columns.changes[columns.change[file]].what;
  const how = (file) => howOf(files, file);
  const table = new Table({
    caption: "Paths that differ",
    example: "change:grown size:>1M",
    columns: [
      { key: "path", name: "Path", cell: (file) => pathText(files.path(file)), value: (file) => files.path(file) },
      { key: "cause", name: "Change", cell: (file) => [swatch(hows[how(file)].fill), ` ${how(file)}`], value: how },
      { key: "bytes before", name: "Before", cell: (file) => (how(file) === "added" ? "" : size(files.bytes[file])), value: (file) => files.bytes[file], isNumber: true },
      { key: "bytes after", name: "After", cell: (file) => (how(file) === "removed" ? "" : size(columns.after[file])), value: (file) => columns.after[file], isNumber: true },
      { key: "bytes delta", name: "Difference", cell: (file) => signedSize(delta(files, file)), value: (file) => Math.abs(delta(files, file)), isNumber: true, isFirst: true },
      { key: "kind", name: "In what", cell: whatOf, value: whatOf },
    ],
    fields: {
      change: { type: "text", help: "change:added", value: how },
      size: { type: "size", help: "size:>1M", value: (file) => Math.max(files.bytes[file], columns.after[file]) },
      difference: { type: "size", help: "difference:>1M", value: (file) => Math.abs(delta(files, file)) },
      in: { type: "text", help: "in:mode", value: whatOf },
    },
  });
  table.show({ files, accepts: () => true, weigh: (file) => delta(files, file), sum: signedSize });
  return section("files", "Paths that differ", table.element);
}

function configSection(image) {
  if (image.config.length === 0) return "";
  const cell = (name, value) => make("td", { "data-name": name }, value === null ? make("span", { class: "note" }, "nothing") : make("bdi", { class: "path" }, value));
  return section(
    "config",
    "Config",
    make(
      "table",
      { class: "members" },
      make("thead", {}, make("tr", {}, ...["Member", "Before", "After"].map((name) => make("th", { scope: "col" }, name)))),
      make("tbody", {}, ...image.config.map(({ member, old, new: after }) => make("tr", {}, make("td", {}, make("bdi", { class: "path" }, member)), cell("before", old), cell("after", after)))),
    ),
  );
}

/** Images that only one of the archives has. */
function onlySection() {
  const lists = [[data.only_old, data.old], [data.only_new, data.new]].filter(([names]) => names.length > 0);
  if (lists.length === 0) return "";
  const list = ([names, input]) => [make("p", {}, "Only in ", make("bdi", { class: "path" }, input)), make("ul", { class: "only" }, ...names.map((name) => make("li", {}, make("bdi", {}, name))))];
  return section("only", "Images without a counterpart", ...lists.flatMap(list));
}

function show(at) {
  const image = { ...data.images[at], files: new Files(data.images[at].files) };
  const map = mapSection(image);
  page.replaceChildren(pageTop(at, show), make("div", {}, head(image), configSection(image), tableSection(image), map.element, onlySection()), pageBottom());
  map.show();
}

if (data.images.length > 0) show(0);
else page.replaceChildren(pageTop(0, show), onlySection(), pageBottom());

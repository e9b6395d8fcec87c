// The page of an inspection.

const data = JSON.parse(document.getElementById("data").textContent);
const page = document.getElementById("page");

const causes = {
  deleted: "deleted later",
  cleared: "cleared with its directory",
  overwritten: "overwritten",
  buried: "replaced with its directory",
  metadata_copies: "copied to change metadata",
  repeated_directories: "directories again",
  duplicates: "twice in one layer",
};

const kinds = {
  package: { name: "packages", fill: "package" },
  application: { name: "application", fill: "application" },
  prunable: { name: "prunable", fill: "prunable" },
  secret: { name: "secrets", fill: "secret" },
};

/** In words how much of an image is hidden. */
function lead(image) {
  const share = image.unpacked_bytes > 0 ? image.hidden_bytes / image.unpacked_bytes : 0;
  if (image.hidden_bytes === 0) return ["Every byte in its layers is seen."];
  if (share < 0.01) return ["Less than 1 % of the bytes in its layers are never seen."];
  const [part, whole] = share < 0.095 ? [1, Math.round(1 / share)] : [Math.round(share * 10), 10];
  return [make("strong", {}, `${part} of ${whole} bytes`), ` in its layers ${part === 1 ? "is" : "are"} never seen, and pulled by everybody.`];
}

function who({ user, uid, is_root: isRoot }) {
  const number = uid === null ? "" : ` (${uid})`;
  return isRoot ? `runs as root${user === "" || user === "root" ? "" : `, as ${user}`}${number}` : `runs as ${user}${number}`;
}

/** A number with what it is. */
function figure(name, value, note = "") {
  return make("div", { class: "figure" }, make("dt", {}, name), make("dd", {}, make("b", {}, value), note === "" ? "" : make("span", {}, note)));
}

/** Bytes of the final file system that prune rules would take. */
function prunableBytes({ files }) {
  const prunable = files.data.kinds.indexOf("prunable");
  let bytes = 0;
  for (let file = 0; file < files.count; file += 1) {
    if (files.data.state[file] === 0 && files.data.kind[file] === prunable) bytes += files.bytes[file];
  }
  return bytes;
}

function head(image) {
  const prunable = Math.min(prunableBytes(image), image.live_bytes);
  const parts = [
    { bytes: image.live_bytes - prunable, fill: "live", words: "seen by containers" },
    { bytes: prunable, fill: "prunable", words: "seen, and prunable", note: "caches, lists, logs" },
    ...image.hidden.map(({ cause, bytes, words, between: [most] }) => ({
      bytes,
      fill: cause,
      isHidden: true,
      words: causes[cause] ?? words,
      note: most === undefined ? "" : `layer ${most.layer} by ${most.by}, in ${most.below}`,
    })),
  ].filter(({ bytes }) => bytes > 0);
  const label = parts.map(({ bytes, words }) => `${size(bytes)} ${words}`).join(", ");
  const [first, ...others] = image.names.length > 0 ? image.names : ["(no name)"];
  const best = image.savings.reduce((least, saving) => (saving.what === "squash" ? saving : least), null);
  const facts = [image.platform, plural(image.layers.length, "layer"), who(image.settings), image.created === null ? "" : `created ${image.created.slice(0, 10)}`];
  return make(
    "header",
    {},
    make("h1", {}, make("bdi", {}, first)),
    others.length > 0 ? make("p", { class: "names" }, "also ", make("bdi", {}, others.join(", "))) : "",
    make("p", { class: "facts" }, facts.filter((fact) => fact !== "").join(" · ")),
    make("p", { class: "lead" }, ...lead(image)),
    bar(parts.map((part) => ({ ...part, title: `${size(part.bytes)} ${part.words}` })), image.unpacked_bytes, label),
    make(
      "ul",
      { class: "key" },
      ...parts.map(({ bytes, fill, isHidden, words, note = "" }) =>
        make("li", {}, swatch(fill, isHidden), make("b", {}, size(bytes)), make("span", {}, words), note === "" ? "" : make("bdi", { class: "note" }, note)),
      ),
    ),
    make(
      "dl",
      { class: "figures" },
      figure("as pushed", pushedSize(image.pushed), image.pushed.is_estimated ? "estimated" : ""),
      figure("unpacked", size(image.unpacked_bytes)),
      figure("hidden", size(image.hidden_bytes), percent(image.hidden_bytes, image.unpacked_bytes)),
      best === null ? "" : figure("after a squash", pushedSize(best.pushed), saved(image.pushed.bytes, best.pushed.bytes)),
    ),
  );
}

function layerRow(layer, largest, view) {
  const seen = Math.max(layer.unpacked_bytes - layer.hidden_bytes, 0);
  const byCause = Object.entries(layer.hidden).filter(([, bytes]) => bytes > 0);
  const told = `${size(seen)} seen${layer.hidden_bytes > 0 ? `, ${size(layer.hidden_bytes)} hidden` : ""}`;
  const parts = [
    { bytes: seen, fill: "live", title: `${size(seen)} seen` },
    { bytes: layer.hidden_bytes, fill: "hidden", isHidden: true, title: `${size(layer.hidden_bytes)} hidden` },
  ];
  const toggle = () => view.filterBy(view.layer === layer.position ? null : layer.position);
  const button = make("button", { type: "button", class: "number", "aria-pressed": "false", "aria-label": `Only layer ${layer.position}`, click: toggle }, String(layer.position));
  const step = make(
    "details",
    {},
    make("summary", {}, make("bdi", {}, layer.short ?? "(the history does not tell)"), layer.is_base ? make("span", { class: "tag" }, "base") : ""),
    layer.step === null ? "" : make("pre", {}, layer.step),
    make("p", {}, `${plural(layer.files, "file")} in ${plural(layer.entries, "entry", "entries")}; ${told}`),
    ...byCause.map(([cause, bytes]) => make("p", {}, swatch(cause, true), ` ${size(bytes)} ${causes[cause] ?? cause}`)),
    make("p", { class: "digest" }, layer.digest),
  );
  const cell = (name, text) => make("td", { class: "size", "data-name": name }, text);
  const row = make(
    "tr",
    {
      click: (event) => {
        if (event.target.closest("details, button") === null) toggle();
      },
    },
    make("td", { class: "position" }, button),
    cell("pushed", pushedSize(layer.pushed)),
    cell("unpacked", size(layer.unpacked_bytes)),
    cell("hidden", layer.hidden_bytes === 0 ? make("span", { "aria-label": "nothing" }, "–") : make("b", {}, size(layer.hidden_bytes))),
    make("td", { class: "bars" }, bar(parts, largest, told)),
    make("td", { class: "step" }, step),
  );
  view.onFilter(() => {
    const isPicked = view.layer === layer.position;
    row.classList.toggle("picked", isPicked);
    button.setAttribute("aria-pressed", String(isPicked));
  });
  return row;
}

function layers(image, view) {
  const largest = Math.max(1, ...image.layers.map((layer) => layer.unpacked_bytes));
  const names = ["#", "pushed", "unpacked", "hidden", "seen and hidden, to scale", "what made it"];
  const isNumber = (name) => ["pushed", "unpacked", "hidden"].includes(name);
  return section(
    "layers",
    "Layers",
    make("p", { class: "help" }, "Pick a layer to see only what is in it."),
    make(
      "table",
      { class: "layers" },
      make("thead", {}, make("tr", {}, ...names.map((name) => make("th", { scope: "col", class: isNumber(name) ? "size" : "" }, name)))),
      make("tbody", {}, ...image.layers.map((layer) => layerRow(layer, largest, view))),
    ),
  );
}

/** What a file is, as one word or two. */
function kindOf(files, file) {
  const owner = files.data.packages[files.data.package[file]];
  const kind = files.data.kinds[files.data.kind[file]];
  return owner !== "" ? owner : kind === "unknown" ? "" : kind;
}

function hiddenBy(files, file) {
  const state = files.data.states[files.data.state[file]];
  return state === null ? "" : `${causes[state.cause] ?? state.cause}${state.by > 0 ? `, by ${state.by}` : ""}`;
}

function describe(files, file) {
  const why = hiddenBy(files, file);
  const layer = files.data.layer[file];
  return [kindOf(files, file), layer > 0 ? `layer ${layer}` : "", why].filter((text) => text !== "").join(", ");
}

function mapSection(image, view) {
  const { files } = image;
  const { data: columns } = files;
  const map = new Treemap((file) => describe(files, file));
  const shownKinds = Object.keys(kinds);
  const kindFill = columns.kinds.map((kind) => shownKinds.indexOf(kind));
  const shownCauses = Object.keys(causes).map((cause) => ({ cause, name: causes[cause], fill: cause }));
  const causeFill = columns.states.map((state) => (state === null ? -1 : shownCauses.findIndex(({ cause }) => cause === state.cause)));
  const isIn = (file) => view.layer === null || columns.layer[file] === view.layer;
  const views = {
    final: {
      name: "Final file system",
      weigh: (file) => (columns.state[file] === 0 && isIn(file) ? files.bytes[file] : 0),
      fill: (file) => kindFill[columns.kind[file]],
      fills: Object.values(kinds),
      empty: "No file of it is in the final file system.",
    },
    hidden: {
      name: "Hidden",
      weigh: (file) => (columns.state[file] !== 0 && isIn(file) ? files.bytes[file] : 0),
      fill: (file) => causeFill[columns.state[file]],
      fills: shownCauses,
      empty: "Nothing is hidden.",
    },
  };
  let shown = "final";
  const sums = make("div", { class: "switch", role: "group", "aria-label": "What the map shows" });
  const buttons = Object.entries(views).map(([key, { name }]) => {
    const button = make("button", { type: "button", click: () => show(key) }, name, " ", make("span", {}));
    sums.append(button);
    return [key, button];
  });
  const show = (key) => {
    shown = key;
    for (const [other, button] of buttons) {
      button.setAttribute("aria-pressed", String(other === key));
      let bytes = 0;
      for (let file = 0; file < files.count; file += 1) bytes += views[other].weigh(file);
      button.lastElementChild.textContent = size(bytes);
    }
    map.show({ files, label: views[key].name, ...views[key] });
  };
  view.onFilter(() => show(shown));
  return section("map", "Map", sums, map.element);
}

function tableSection(image, view) {
  const { files } = image;
  const { data: columns } = files;
  const layerText = (file) => (columns.layer[file] > 0 ? String(columns.layer[file]) : "");
  const state = (file) => (columns.state[file] === 0 ? "live" : "hidden");
  const causeOf = (file) => columns.states[columns.state[file]]?.cause ?? "";
  const table = new Table({
    caption: "Files",
    example: "size:>1M state:hidden",
    columns: [
      { key: "path", name: "Path", cell: (file) => pathText(files.path(file)), value: (file) => files.path(file) },
      { key: "bytes", name: "Size", cell: (file) => size(files.bytes[file]), value: (file) => files.bytes[file], isNumber: true, isFirst: true },
      { key: "layer", name: "Layer", cell: layerText, value: (file) => columns.layer[file] },
      { key: "state", name: "State", cell: (file) => make("span", { class: `state ${state(file)}` }, state(file)), value: state },
      { key: "cause", name: "Hidden because", cell: (file) => hiddenBy(files, file), value: (file) => hiddenBy(files, file) },
      { key: "kind", name: "Package or kind", cell: (file) => make("bdi", {}, kindOf(files, file)), value: (file) => kindOf(files, file) },
    ],
    fields: {
      size: { type: "size", help: "size:>1M", value: (file) => files.bytes[file] },
      state: { type: "text", help: "state:hidden", value: state },
      layer: { type: "number", help: "layer:3", value: (file) => columns.layer[file] },
      cause: { type: "text", help: "cause:deleted", value: causeOf },
      kind: { type: "text", help: "kind:prunable", value: (file) => columns.kinds[columns.kind[file]] },
      package: { type: "text", help: "package:libc6", value: (file) => columns.packages[columns.package[file]] },
    },
  });
  view.onFilter(() => table.show({ files, accepts: (file) => view.layer === null || columns.layer[file] === view.layer, weigh: (file) => files.bytes[file] }));
  return section("files", "Files", table.element);
}

function findingItem({ severity, title, subject, state = "", message, remedy, accepted = null }) {
  return make(
    "li",
    { class: `finding ${accepted === null ? severity : "accepted"}` },
    make("span", { class: "severity" }, accepted === null ? severity : "accepted"),
    make(
      "div",
      {},
      make("p", { class: "what" }, make("b", {}, title), subject === "" ? "" : make("bdi", { class: "path" }, subject), state === "" ? "" : make("span", { class: "tag" }, state)),
      message === "" ? "" : make("p", {}, make("bdi", {}, message)),
      remedy === null || remedy === "" ? "" : make("p", { class: "remedy" }, make("bdi", {}, remedy)),
      accepted === null ? "" : make("p", { class: "remedy" }, "accepted: ", make("bdi", {}, accepted)),
    ),
  );
}

function findings(image, view) {
  const order = ["critical", "high", "medium", "low", "info"];
  const all = [...image.secrets, ...image.findings, ...data.findings];
  all.sort((a, b) => Number(Boolean(a.accepted)) - Number(Boolean(b.accepted)) || order.indexOf(a.severity) - order.indexOf(b.severity));
  const list = make("ul", { class: "findings" });
  const note = make("p", { class: "help" });
  view.onFilter(() => {
    const shown = all.filter(({ layer = null }) => view.layer === null || layer === null || layer === view.layer);
    list.replaceChildren(...shown.map(findingItem));
    note.textContent = shown.length === 0 ? "Nothing was found." : plural(shown.length, "finding");
  });
  return section("findings", "Findings", note, list);
}

function command(text) {
  const code = make("code", {}, text);
  const status = make("span", { class: "copied", "aria-live": "polite" });
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      status.textContent = "copied";
    } catch {
      getSelection().selectAllChildren(code);
      status.textContent = "selected";
    }
  };
  return make("div", { class: "command" }, code, make("button", { type: "button", click: copy, "aria-label": `Copy ${text}` }, "Copy"), status);
}

function actions(image) {
  const whole = Math.max(1, image.pushed.bytes, ...image.savings.map((saving) => saving.pushed.bytes));
  const row = (name, pushed, note, ...more) =>
    make("li", {}, make("p", {}, make("b", {}, pushedSize(pushed)), ` ${name} `, make("span", { class: "note" }, note)), bar([{ bytes: pushed.bytes, fill: "live" }], whole, `${pushedSize(pushed)} ${name}`), ...more);
  const names = { squash: "squashed", "keep-base": "squashed onto the base that others share", prune: "squashed and pruned" };
  return section(
    "actions",
    "What to do",
    make(
      "ol",
      { class: "actions" },
      row("as it is", image.pushed, plural(image.layers.length, "layer")),
      ...image.savings.map((saving) => row(names[saving.what] ?? saving.what, saving.pushed, `${saved(image.pushed.bytes, saving.pushed.bytes)} · ${plural(saving.layers, "layer")}`, command(saving.command))),
    ),
  );
}

/** What is picked, and who has to know when something else is. */
class View {
  constructor() {
    this.layer = null;
    this.listeners = [];
  }

  onFilter(listener) {
    this.listeners.push(listener);
  }

  filterBy(layer) {
    this.layer = layer;
    for (const listener of this.listeners) listener();
  }
}

/** A line that stays in sight as long as only one layer is shown. */
function filterLine(image, view) {
  const text = make("span", {});
  const line = make("div", { class: "filter", hidden: true }, text, make("button", { type: "button", click: () => view.filterBy(null) }, "Show all layers"));
  view.onFilter(() => {
    line.hidden = view.layer === null;
    const layer = image.layers.find(({ position }) => position === view.layer);
    text.textContent = layer === undefined ? "" : `Only layer ${layer.position}: ${layer.short ?? "(the history does not tell)"}`;
  });
  return line;
}

function show(at) {
  const image = { ...data.images[at], files: new Files(data.images[at].files) };
  const view = new View();
  const map = mapSection(image, view);
  const table = tableSection(image, view);
  const body = make("div", {}, head(image), layers(image, view), filterLine(image, view), map, table, findings(image, view), actions(image));
  page.replaceChildren(pageTop(at, show), body, pageBottom());
  // On a small screen the map is a drawing below what can be read.
  const narrow = matchMedia("(max-width: 640px)");
  const arrange = () => (narrow.matches ? table.after(map) : table.before(map));
  narrow.addEventListener("change", arrange);
  arrange();
  view.filterBy(null);
}

if (data.images.length > 0) show(0);

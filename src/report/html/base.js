// What every part of the page uses: elements, numbers in words, colours.

/** An element with attributes, listeners (functions) and children; a string becomes text, never markup. */
function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(key, value);
    else if (value === true) element.setAttribute(key, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(key, value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== ""));
  return element;
}

/** A section of the page with its heading. */
function section(id, title, ...children) {
  return make("section", { id, "aria-labelledby": `${id}-title` }, make("h2", { id: `${id}-title` }, title), ...children);
}

/** Bytes in decimal units with three digits, as the terminal shows them. */
function size(bytes) {
  let [unit, name] = [1, "B"];
  for (const [next, nextName] of [[1e3, "kB"], [1e6, "MB"], [1e9, "GB"], [1e12, "TB"]]) {
    if (bytes >= next) [unit, name] = [next, nextName];
  }
  if (unit === 1) return `${bytes} B`;
  const value = bytes / unit;
  const digits = value < 10 ? 2 : value < 100 ? 1 : 0;
  const cut = Math.floor((bytes * 10 ** digits) / unit) / 10 ** digits;
  return `${cut.toFixed(digits)} ${name}`;
}

/** What a registry holds: an estimate says so. */
function pushedSize(pushed) {
  return (pushed.is_estimated ? "~" : "") + size(pushed.bytes);
}

const minus = "\u2212";

/** Bytes that came or went. */
function signedSize(bytes) {
  return bytes === 0 ? "0 B" : (bytes > 0 ? "+" : minus) + size(Math.abs(bytes));
}

/** A share in percent, without decimals unless it is small. */
function percent(part, whole) {
  if (whole <= 0) return "0 %";
  const share = (part / whole) * 100;
  if (share > 0 && share < 0.1) return "<0.1 %";
  return `${share < 1 && share > 0 ? share.toFixed(1) : Math.round(share)} %`;
}

/** How much less than `before` it is, in percent and signed. */
function saved(before, after) {
  if (before <= 0) return "";
  const change = Math.round(((after - before) / before) * 100);
  return change === 0 ? "±0 %" : `${change > 0 ? "+" : minus}${Math.abs(change)} %`;
}

/** A count with its thousands apart. */
function count(number) {
  return String(number).replace(/\B(?=(\d{3})+$)/g, "\u202f");
}

/** A count and the word for it. */
function plural(number, word, words = `${word}s`) {
  return `${count(number)} ${number === 1 ? word : words}`;
}

/** Text that fits into so many characters: it loses its middle. */
function shortened(text, most) {
  const characters = [...text];
  if (characters.length <= most) return text;
  const before = Math.ceil((most - 1) / 2);
  return `${characters.slice(0, before).join("")}…${characters.slice(characters.length - (most - 1 - before)).join("")}`;
}

/** What the style sheet says of a colour. */
function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

/** A path, its folders quieter than its name. */
function pathText(path) {
  const at = path.lastIndexOf("/") + 1;
  return make("bdi", { class: "path" }, make("span", { class: "folders" }, path.slice(0, at)), path.slice(at));
}

/** A square of a colour beside what it means. */
function swatch(name, isHidden = false) {
  return make("span", { class: `swatch fill-${name}${isHidden ? " hatched" : ""}`, "aria-hidden": "true" });
}

/** A bar of parts, drawn to scale: `whole` is as wide as the bar. */
function bar(parts, whole, label) {
  const element = make("div", { class: "bar", role: "img", "aria-label": label });
  for (const { bytes, fill, isHidden, title } of parts) {
    if (bytes <= 0 || whole <= 0) continue;
    const part = make("span", { class: `part fill-${fill}${isHidden ? " hatched" : ""}`, title });
    part.style.width = `${(bytes / whole) * 100}%`;
    element.append(part);
  }
  return element;
}

/** Tells what changed to those who do not see it. */
function announcer() {
  return make("p", { class: "status", "aria-live": "polite" });
}

/** Calls back once the calls have ended for so many milliseconds. */
function settled(milliseconds, callback) {
  let timer = 0;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(callback, milliseconds);
  };
}

/** What the page is about, and which image of several it shows. */
function pageTop(shown, show) {
  const name = ({ names, platform }) => `${names[0] ?? "(no name)"}  ${platform}`;
  const options = data.images.map((image, at) => make("option", { value: String(at), selected: at === shown }, name(image)));
  const picker = make("select", { id: "image", change: (event) => show(Number(event.target.value)) }, ...options);
  return make(
    "div",
    { class: "top" },
    make("p", {}, make("bdi", {}, data.about)),
    options.length > 1 ? make("p", {}, make("label", { for: "image" }, "Image "), picker) : "",
  );
}

/** What is not on the page, and what made it. */
function pageBottom() {
  return make("footer", {}, ...data.left_out.map((text) => make("p", {}, text)), make("p", {}, `imgsquash ${data.version}`));
}

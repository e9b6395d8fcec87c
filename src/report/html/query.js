// What is typed into the search box.

const units = { "": 1, k: 1e3, m: 1e6, g: 1e9, t: 1e12, ki: 2 ** 10, mi: 2 ** 20, gi: 2 ** 30, ti: 2 ** 40 };

/** Bytes from text as in 10k or 1.5MB; null when it is none. */
function parseSize(text) {
  const found = /^(\d+(?:\.\d+)?)(|[kmgt]i?)b?$/i.exec(text);
  return found === null ? null : Number(found[1]) * units[found[2].toLowerCase()];
}

function compare(sign, left, right) {
  if (sign === "<") return left < right;
  if (sign === "<=") return left <= right;
  if (sign === ">") return left > right;
  if (sign === ">=") return left >= right;
  return left === right;
}

/** Whether a file is meant by one word, as a function; or what is wrong with the word, as text. */
function parseTerm(word, paths, fields) {
  const found = /^([a-z]+):([<>]=?|=)?(.*)$/i.exec(word);
  const field = found === null ? undefined : fields[found[1].toLowerCase()];
  if (field === undefined) {
    const part = word.toLowerCase();
    return (file) => paths(file).includes(part);
  }
  const [, , sign = "=", value] = found;
  if (field.type === "text") {
    const part = value.toLowerCase();
    return (file) => field.value(file).toLowerCase().includes(part);
  }
  const number = field.type === "size" ? parseSize(value) : /^\d+$/.test(value) ? Number(value) : null;
  if (number === null) {
    return `${found[1]}: expects a number, as in ${field.type === "size" ? "size:>1M" : `${found[1]}:3`}`;
  }
  return (file) => compare(sign, field.value(file), number);
}

/**
 * Whether a file is meant, as a function, and what is wrong with the words, if something is. Every word has to be met: part
 * of a path, `field:value`, `field:>value`, or one of these after a minus. Words that hold spaces stand in quotes.
 */
function parseQuery(text, paths, fields) {
  const terms = [];
  let problem = null;
  for (const [word, , quoted] of text.matchAll(/-?("([^"]*)"?|[^\s"]+)/g)) {
    const isNot = word.startsWith("-") && word.length > 1;
    const term = parseTerm(quoted ?? (isNot ? word.slice(1) : word), paths, fields);
    if (typeof term === "string") problem = term;
    else terms.push(isNot ? (file) => !term(file) : term);
  }
  return { accepts: (file) => terms.every((term) => term(file)), problem };
}

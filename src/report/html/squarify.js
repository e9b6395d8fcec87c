// Rectangles whose areas are as their sizes (Bruls, Huizing, van Wijk: Squarified Treemaps, 2000).

/** The worst ratio of the sides in a row of areas, given their least, largest and sum, along a side. */
function worst(least, largest, sum, side) {
  const square = side * side;
  const sums = sum * sum;
  return Math.max((square * largest) / sums, sums / (square * least));
}

/**
 * Gives each of `items`, whose `bytes` fall, its rectangle (`x`, `y`, `w`, `h`) within another. What would be smaller than
 * `least` square pixels shares one rectangle, which is returned; null when nothing is so small.
 */
function squarify(items, { x, y, w, h }, least) {
  let left = items.reduce((sum, item) => sum + item.bytes, 0);
  if (left <= 0 || w <= 0 || h <= 0) return null;
  const scale = (w * h) / left;
  let at = 0;
  while (at < items.length) {
    if (items[at].bytes * scale < least) return { x, y, w, h, bytes: left, from: at };
    const side = Math.min(w, h);
    const first = items[at].bytes * scale;
    let [end, sum, small] = [at + 1, first, first];
    while (end < items.length) {
      const next = items[end].bytes * scale;
      if (next < least || worst(next, first, sum + next, side) > worst(small, first, sum, side)) break;
      [sum, small, end] = [sum + next, next, end + 1];
    }
    const thick = sum / side;
    let along = 0;
    for (; at < end; at += 1) {
      const item = items[at];
      const length = (item.bytes * scale) / thick;
      if (w >= h) Object.assign(item, { x, y: y + along, w: thick, h: length });
      else Object.assign(item, { x: x + along, y, w: length, h: thick });
      along += length;
      left -= item.bytes;
    }
    if (w >= h) [x, w] = [x + thick, Math.max(w - thick, 0)];
    else [y, h] = [y + thick, Math.max(h - thick, 0)];
  }
  return null;
}

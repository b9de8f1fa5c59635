// Masks as they travel, COCO run lengths down the columns, on a canvas: inside tinted, outline sharp.

const HUES = ["#58a6ff", "#ffa657", "#79dea0", "#ff7bc2", "#e2c85a", "#78dce8"];

/** Run lengths of their compressed spelling: background first. */
export function runs(counts) {
  const found = [];
  let place = 0;
  while (place < counts.length) {
    let value = 0;
    let shift = 0;
    let more = true;
    while (more) {
      const six = counts.charCodeAt(place++) - 48;
      value |= (six & 31) << shift;
      more = (six & 32) !== 0;
      shift += 5;
      if (!more && six & 16) value |= -1 << shift;
    }
    if (found.length > 2) value += found[found.length - 2];
    found.push(value);
  }
  return found;
}

/** The stretches that are set: [x, top, bottom), column by column. */
export function stretches(counts, height) {
  const found = [];
  let at = 0;
  runs(counts).forEach((length, index) => {
    if (index % 2) {
      for (let begin = at; begin < at + length; ) {
        const x = Math.floor(begin / height);
        const end = Math.min(at + length, (x + 1) * height);
        found.push([x, begin - x * height, end - x * height]);
        begin = end;
      }
    }
    at += length;
  });
  return found;
}

/** Draw a view as large as its canvas allows; `tint` says how it was judged, where it was. */
export function draw(canvas, look, picture = null) {
  const ratio = window.devicePixelRatio || 1;
  const [width, height] = [canvas.clientWidth * ratio, canvas.clientHeight * ratio].map(Math.round);
  if (!width || !height) return;
  if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
  const pen = canvas.getContext("2d");
  pen.clearRect(0, 0, width, height);
  const [rows, columns] = look.size;
  if (!rows || !columns) return;
  const scale = Math.min(width / columns, height / rows);
  pen.save();
  pen.translate((width - columns * scale) / 2, (height - rows * scale) / 2);
  pen.strokeStyle = "#2d3641";
  pen.strokeRect(0.5, 0.5, columns * scale - 1, rows * scale - 1);
  if (picture) pen.drawImage(picture, 0, 0, columns * scale, rows * scale);
  look.shapes.forEach((shape, index) => paint(pen, shape, rows, scale, HUES[(shape.id ?? index) % HUES.length], ratio));
  pen.restore();
}

function paint(pen, shape, rows, scale, hue, ratio) {
  const [x, y, width, height] = shape.box.map((side) => side * scale);
  pen.fillStyle = `${hue}59`;
  pen.strokeStyle = hue;
  pen.lineWidth = 2 * ratio;
  if (shape.counts) {
    const set = stretches(shape.counts, rows);
    const inside = new Path2D();
    for (const [column, top, bottom] of set) inside.rect(column * scale, top * scale, scale + 0.5, (bottom - top) * scale);
    pen.fill(inside);
    pen.stroke(edges(set, scale));
  } else {
    pen.strokeRect(x, y, width, height);
  }
  if (shape.id !== null) {
    pen.fillStyle = "#f0f6fc";
    pen.font = `600 ${13 * ratio}px system-ui, sans-serif`;
    pen.fillText(`#${shape.id}`, Math.max(2, x + 4 * ratio), Math.max(13 * ratio, y - 4 * ratio));
  }
}

/** The line around what is set: where a pixel has a neighbour that is not. */
function edges(set, scale) {
  const path = new Path2D();
  const columns = new Map();
  for (const [x, top, bottom] of set) columns.set(x, [...(columns.get(x) ?? []), [top, bottom]]);
  for (const [x, mine] of columns) {
    for (const [top, bottom] of mine) {
      for (const y of [top, bottom]) line(path, x * scale, y * scale, (x + 1) * scale, y * scale);
      for (const side of [-1, 1]) {
        for (const [from, to] of without([top, bottom], columns.get(x + side) ?? [])) {
          const edge = (side < 0 ? x : x + 1) * scale;
          line(path, edge, from * scale, edge, to * scale);
        }
      }
    }
  }
  return path;
}

function line(path, x, y, toX, toY) {
  path.moveTo(x, y);
  path.lineTo(toX, toY);
}

/** What of a stretch is in none of others, which are in order. */
export function without([top, bottom], others) {
  const left = [];
  let at = top;
  for (const [from, to] of others) {
    if (from > at && at < bottom) left.push([at, Math.min(from, bottom)]);
    at = Math.max(at, to);
  }
  if (at < bottom) left.push([at, bottom]);
  return left;
}

/** Reads and writes the text of a seat plan as the server does (reservation/web/seat_plan), for the editor.
 *
 * A plan is {legend, seats}: letters with their kinds, as the text has them, and seats {row, number, type, modifier, x, y},
 * x and y null for a seat without a place. What the server finds wrong makes readPlan return null: the server tells why.
 */
export const BUILT_IN = new Map(
  Object.entries({ A: "regular", P: "premium", W: "wheelchair", C: "companion" }).map(([letter, type]) => [
    letter,
    { type, modifier: "1.00" },
  ]),
);
const LEGEND = /^\s*(\p{L})\s*=\s*([a-z0-9]+(?:-[a-z0-9]+)*)\s*(\d{1,2}(?:\.\d{1,2})?)?\s*$/u;
const PLACE = /^@(?:none|(-?\d{1,6})(?:,(-?\d{1,6}))?)$/;
const NUMBERS = /^\d{1,4}(-\d{1,4})?(,\d{1,4}(-\d{1,4})?)*$/;
const [WIDEST_GAP, MOST_EMPTY_LINES, LONGEST_ALIGNED] = [20, 5, 8];

export function readPlan(text) {
  const plan = { legend: new Map(), seats: [] };
  const lines = text.replaceAll("\r\n", "\n").split("\n").map((line) => line.replace(/#.*/, "").trimEnd());
  for (const line of lines.filter((each) => each.includes("="))) {
    const found = LEGEND.exec(line);
    if (!found || plan.legend.has(found[1])) return null;
    plan.legend.set(found[1], { type: found[2], modifier: Number(found[3] ?? 1).toFixed(2) });
  }
  const known = { y: 1, hasRows: false, label: null, highest: new Map(), taken: new Set() };
  for (const line of lines) {
    if (/^[_. ]*$/.test(line)) known.y += known.hasRows ? 1 : 0;
    else if (!line.includes("=") && !readRow(line, plan, known)) return null;
  }
  return plan;
}

function readRow(line, plan, known) {
  const colon = line.lastIndexOf(":");
  const head = readHead(line.slice(0, Math.max(colon, 0)), known.y);
  if (!head) return false;
  const cells = line.slice(colon + 1).replace(colon < 0 ? /^$/ : /^ /, "");
  if (/^[_. ]*$/.test(cells)) return Boolean(++known.y);
  const label = head.label ?? labelAfter(known.label);
  const found = [...cells].map((letter, index) => [index, letter]).filter(([, letter]) => !"_. ".includes(letter));
  const first = (known.highest.get(label) ?? 0) + 1;
  const numbers = head.numbers ?? found.map((_, index) => first + index);
  const { x, y } = head.place ?? { x: 1, y: known.y };
  if (numbers.length !== found.length || label.length > 3) return false;
  if (x === null && /[_. ]/.test(cells.trim())) return false;
  for (const [order, [index, letter]] of found.entries()) {
    const kind = kindOf(plan, letter) ?? kindOf(plan, letter.toUpperCase());
    const seat = { row: label, number: numbers[order], ...kind, x: x === null ? null : x + index, y };
    const names = [`${label} ${seat.number}`, x === null ? null : `${seat.x},${y}`].filter(Boolean);
    if (!kind || seat.number < 1 || seat.number > 1000 || names.some((name) => known.taken.has(name))) return false;
    names.forEach((name) => known.taken.add(name));
    plan.seats.push(seat);
  }
  if (y !== null) known.y = y + 1;
  known.hasRows = true;
  known.label = label;
  known.highest.set(label, Math.max(first - 1, ...numbers));
  return true;
}

function readHead(text, y) {
  const head = {};
  for (const word of text.split(/\s+/).filter(Boolean)) {
    const place = PLACE.exec(word);
    if (place) head.place = word === "@none" ? { x: null, y: null } : { x: Number(place[1]), y: Number(place[2] ?? y) };
    else if (NUMBERS.test(word)) head.numbers = word.split(",").flatMap(range);
    else if (/^[A-Z]{1,3}$/.test(word) && !head.label) head.label = word;
    else return null;
  }
  return head;
}

function range(part) {
  const [start, end = start] = part.split("-").map(Number);
  return Array.from({ length: Math.abs(end - start) + 1 }, (_, index) => (start <= end ? start + index : start - index));
}

/** What a letter stands for; undefined for one that the plan does not know. */
export function kindOf(plan, letter) {
  return plan.legend.get(letter) ?? BUILT_IN.get(letter);
}

export function rowNumber(label) {
  return [...label].reduce((number, letter) => number * 26 + letter.charCodeAt(0) - 64, 0);
}

/** The row label after one, A after none. */
export function labelAfter(label) {
  let [number, text] = [label ? rowNumber(label) + 1 : 1, ""];
  for (; number > 0; number = Math.floor((number - 1) / 26)) text = String.fromCharCode(65 + ((number - 1) % 26)) + text;
  return text;
}

export function writePlan(plan) {
  const letters = new Map();
  for (const [letter, kind] of [...plan.legend, ...BUILT_IN]) {
    const name = `${kind.type} ${kind.modifier}`;
    if (!letters.has(name) && kindOf(plan, letter) === kind) letters.set(name, letter);
  }
  const letterOf = (seat) => letters.get(`${seat.type} ${seat.modifier}`);
  const used = new Set(plan.seats.map(letterOf));
  const listed = [...new Set([...plan.legend.keys(), ...[...BUILT_IN.keys()].filter((letter) => used.has(letter))])];
  listed.sort((left, right) => compare([left.toLowerCase(), left], [right.toLowerCase(), right]));
  const legend = listed.map((letter) => `${letter} = ${kindOf(plan, letter).type} ${kindOf(plan, letter).modifier}`);
  const rows = [...writeRows(plan.seats, letterOf)];
  const width = Math.max(0, ...rows.map(([head]) => head.length).filter((length) => length <= LONGEST_ALIGNED));
  const lines = rows.map(([head, cells]) => (head ? `${head.padEnd(width)}: ${cells}` : ""));
  return rows.length ? [...legend, "", ...lines, ""].join("\n") : "";
}

function* writeRows(seats, letterOf) {
  const known = { y: 1, hasRows: false, highest: new Map() };
  const cellsOf = (part, begin) => {
    const cells = Array(part.at(-1).x - begin + 1).fill("_");
    for (const seat of part) cells[seat.x - begin] = letterOf(seat);
    return cells.join("");
  };
  const placed = sorted(seats.filter((seat) => seat.x !== null), (seat) => [seat.y, rowNumber(seat.row), seat.x]);
  const isSameLine = (left, right) => left.y === right.y && left.row === right.row && right.x - left.x <= WIDEST_GAP;
  for (const part of groups(placed, isSameLine)) {
    const [{ x, y, row }] = part;
    let empty = y - known.y;
    for (; known.hasRows && empty > 0 && y - known.y <= MOST_EMPTY_LINES; empty--) yield ["", ""];
    const place = empty ? `@${x},${y}` : x >= 1 && x <= WIDEST_GAP ? "" : `@${x}`;
    yield [headOf(row, part, place, known), cellsOf(part, place ? x : 1)];
    known.y = y + 1;
    known.hasRows = true;
  }
  const others = sorted(seats.filter((seat) => seat.x === null), (seat) => [rowNumber(seat.row), seat.number]);
  for (const part of groups(others, (left, right) => left.row === right.row)) {
    yield [headOf(part[0].row, part, "@none", known), part.map(letterOf).join("")];
  }
}

function headOf(label, seats, place, known) {
  const first = (known.highest.get(label) ?? 0) + 1;
  const numbers = seats.map((seat) => seat.number);
  known.highest.set(label, Math.max(first - 1, ...numbers));
  const isKnown = numbers.every((number, index) => number === first + index);
  return [label, isKnown ? "" : ranges(numbers).join(","), place].filter(Boolean).join(" ");
}

function ranges(numbers) {
  const parts = [];
  for (let begin = 0; begin < numbers.length; ) {
    let end = begin;
    for (const step of [1, -1]) {
      let last = begin;
      while (numbers[last + 1] === numbers[last] + step) last++;
      end = Math.max(end, last);
    }
    parts.push(end === begin ? `${numbers[begin]}` : `${numbers[begin]}-${numbers[end]}`);
    begin = end + 1;
  }
  return parts;
}

function* groups(items, isSame) {
  let part = [];
  for (const item of items) {
    if (part.length && !isSame(part.at(-1), item)) {
      yield part;
      part = [];
    }
    part.push(item);
  }
  if (part.length) yield part;
}

function sorted(items, key) {
  return items.map((item) => [key(item), item]).sort((left, right) => compare(left[0], right[0])).map(([, item]) => item);
}

function compare(left, right) {
  const at = left.findIndex((value, index) => value !== right[index]);
  return at < 0 ? 0 : left[at] < right[at] ? -1 : 1;
}

/** Draws the plan of the text field, and lets mouse and keyboard change it. Each change is written to the text at once. */
import { BUILT_IN, kindOf, labelAfter, readPlan, rowNumber, writePlan } from "./seat_plan_text.js";

const MOST_CELLS = 20_000;
const KNOWN_TYPES = new Set([...BUILT_IN.values()].map((kind) => kind.type));
const LETTER = /^\p{L}$/u;

class Editor {
  constructor(section, text) {
    this.section = section;
    this.text = text;
    this.grid = section.querySelector("[role=grid]");
    this.words = section.dataset;
    this.cursor = { x: 1, y: 1 };
    this.anchor = this.cursor;
    this.before = [];
    this.after = [];
    this.plan = null;
    this.drawn = new Map(); // by y
    this.load();
    section.hidden = false;
    // The server's drawing shows what saving changes; before that, it is what the editor draws.
    document.getElementById("plan-drawing").hidden = !section.closest("form").elements.checked.value;
    text.addEventListener("input", () => this.load());
    this.grid.addEventListener("keydown", (event) => this.key(event));
    this.grid.addEventListener("pointerdown", (event) => this.point(event, event.shiftKey));
    this.grid.addEventListener("pointerover", (event) => event.buttons === 1 && this.point(event, true));
    section.addEventListener("click", (event) => this.click(event));
    section.addEventListener("keydown", (event) => this.enterField(event));
  }

  /** Read the text; a text with a mistake leaves no drawing. */
  load() {
    this.plan = readPlan(this.text.value);
    this.draw();
  }

  /** Replace the seats, and remember the text of before. */
  change(seats, legend = this.plan.legend) {
    this.before.push(this.text.value);
    this.after = [];
    this.write({ seats, legend });
  }

  write(plan) {
    this.text.value = writePlan(plan);
    this.plan = readPlan(this.text.value);
    this.draw();
  }

  restore(from, to) {
    if (!from.length) return;
    to.push(this.text.value);
    this.text.value = from.pop();
    this.load();
    this.say(this.words.undone);
  }

  say(message) {
    this.section.querySelector("[data-status]").textContent = message;
  }

  // The drawing

  draw() {
    const seats = (this.plan?.seats ?? []).filter((seat) => seat.x !== null);
    const [xs, ys] = [seats.map((seat) => seat.x), seats.map((seat) => seat.y)];
    const most = (values, low) => values.reduce((found, value) => Math.max(found, value), low);
    const least = (values, high) => values.reduce((found, value) => Math.min(found, value), high);
    this.edge = { left: least(xs, 1), top: least(ys, 1), right: most(xs, 9) + 1, bottom: most(ys, 4) + 1 };
    const { left, top, right, bottom } = this.edge;
    const isWide = (right - left + 1) * (bottom - top + 1) > MOST_CELLS;
    this.seatAt = new Map(seats.map((seat) => [`${seat.x},${seat.y}`, seat]));
    this.turn(this.plan && !isWide);
    if (this.isOff) return this.say(this.plan ? this.words.wide : this.words.mistake);
    this.say("");
    this.drawLines(seats);
    this.drawKinds();
    this.select(this.cursor, this.anchor);
  }

  /** On, or off as long as there is nothing to draw: then only the text can be changed, or a change undone. */
  turn(on) {
    this.isOff = !on;
    this.grid.parentElement.hidden = !on;
    for (const button of this.section.querySelectorAll("button")) {
      button.disabled = !on && !["undo", "redo"].includes(button.dataset.command);
    }
  }

  /** Lines that are as before stay: a large room is not drawn again for each key. */
  drawLines(seats) {
    const { left, top, right, bottom } = this.edge;
    const lines = new Map(Array.from({ length: bottom - top + 1 }, (_, index) => [top + index, []]));
    for (const seat of seats) lines.get(seat.y).push(seat);
    const drawn = new Map();
    for (const [y, line] of lines) {
      const sign = JSON.stringify([left, right, line]);
      const old = this.drawn.get(y);
      drawn.set(y, old?.sign === sign ? old : { sign, row: this.line(y, line) });
    }
    this.drawn = drawn;
    this.grid.replaceChildren(...[...drawn.values()].map(({ row }) => row));
  }

  line(y, seats) {
    const { left, right } = this.edge;
    const row = element("div", { role: "row" });
    const labels = new Set(seats.map((seat) => seat.row));
    row.append(element("span", { role: "rowheader", "data-y": y }, [...labels].join("/") || "\u00b7"));
    for (let x = left; x <= right; x++) {
      const seat = this.seatAt.get(`${x},${y}`);
      const kind = seat && (KNOWN_TYPES.has(seat.type) ? seat.type : "other");
      const attributes = { role: "gridcell", id: `place-${x}-${y}`, class: `place ${kind ?? "gap"}`, "data-x": x, "data-y": y };
      const cell = element("span", { ...attributes, "aria-label": this.nameOf(x, y), "aria-selected": "false" });
      cell.textContent = seat ? seat.number : "";
      row.append(cell);
    }
    return row;
  }

  nameOf(x, y) {
    const seat = this.seatAt.get(`${x},${y}`);
    if (!seat) return filled(this.words.gap, { line: y, place: x });
    return filled(this.words.seat, { row: seat.row, number: seat.number, kind: nameOfKind(seat) });
  }

  drawKinds() {
    const kinds = new Map([...BUILT_IN, ...this.plan.legend]);
    const buttons = [...kinds].map(([letter, kind]) => {
      const button = element("button", { type: "button", class: "outline", "data-letter": letter, "aria-keyshortcuts": letter });
      const swatch = element("span", { class: `place ${KNOWN_TYPES.has(kind.type) ? kind.type : "other"}`, "aria-hidden": "true" }, letter);
      button.append(swatch, ` ${nameOfKind(kind)}`);
      return button;
    });
    const focused = document.activeElement?.dataset?.letter;
    this.section.querySelector("[data-kinds]").replaceChildren(...buttons);
    buttons.find((button) => button.dataset.letter === focused)?.focus();
  }

  // The selection: the rectangle between cursor and anchor

  select(cursor, anchor = cursor) {
    const { left, top, right, bottom } = this.edge;
    const within = ({ x, y }) => ({ x: Math.min(Math.max(x, left), right), y: Math.min(Math.max(y, top), bottom) });
    for (const cell of this.grid.querySelectorAll("[aria-selected=true], .cursor")) {
      cell.setAttribute("aria-selected", "false");
      cell.classList.remove("cursor");
    }
    this.cursor = within(cursor);
    this.anchor = within(anchor);
    for (const place of this.places()) cellAt(place).setAttribute("aria-selected", "true");
    const cell = cellAt(this.cursor);
    cell.classList.add("cursor");
    this.grid.setAttribute("aria-activedescendant", cell.id);
    if (document.activeElement === this.grid) cell.scrollIntoView({ block: "nearest", inline: "nearest" });
    const seats = this.places().filter(({ x, y }) => this.seatAt.has(`${x},${y}`)).length;
    if (cursor.x !== anchor.x || cursor.y !== anchor.y) this.say(filled(this.words.selected, { seats }));
  }

  places() {
    const [low, high] = [Math.min, Math.max].map((of) => ({ x: of(this.cursor.x, this.anchor.x), y: of(this.cursor.y, this.anchor.y) }));
    const found = [];
    for (let y = low.y; y <= high.y; y++) for (let x = low.x; x <= high.x; x++) found.push({ x, y });
    return found;
  }

  isSelected(seat) {
    const between = (value, one, other) => value >= Math.min(one, other) && value <= Math.max(one, other);
    return seat.x !== null && between(seat.x, this.cursor.x, this.anchor.x) && between(seat.y, this.cursor.y, this.anchor.y);
  }

  // Changes

  make(letter) {
    const kind = kindOf(this.plan, letter) ?? kindOf(this.plan, letter.toUpperCase());
    if (!kind) return;
    const seats = this.plan.seats.map((seat) => (this.isSelected(seat) ? { ...seat, ...kind } : seat));
    const labels = new Labels(seats);
    for (const place of this.places().filter(({ x, y }) => !this.seatAt.has(`${x},${y}`))) {
      const seat = { ...labels.next(place), ...kind, ...place };
      seats.push(seat);
      labels.add(seat);
    }
    this.change(seats);
    this.advance();
  }

  /** After a letter for one place, the next place is current: a row is typed. */
  advance() {
    if (this.cursor.x === this.anchor.x && this.cursor.y === this.anchor.y) this.select({ x: this.cursor.x + 1, y: this.cursor.y });
  }

  clear() {
    const isOne = this.cursor.x === this.anchor.x && this.cursor.y === this.anchor.y;
    if (this.plan.seats.some((seat) => this.isSelected(seat))) this.change(this.plan.seats.filter((seat) => !this.isSelected(seat)));
    return isOne;
  }

  shift(by) {
    const { x, y } = this.cursor;
    const rest = by < 0 ? this.plan.seats.filter((seat) => seat.x !== x || seat.y !== y) : this.plan.seats;
    this.change(rest.map((seat) => (seat.y === y && seat.x >= x ? { ...seat, x: seat.x + by } : seat)));
  }

  shiftLines(by) {
    const { y } = this.cursor;
    const rest = by < 0 ? this.plan.seats.filter((seat) => seat.y !== y) : this.plan.seats;
    this.change(rest.map((seat) => (seat.y !== null && seat.y >= y ? { ...seat, y: seat.y + by } : seat)));
  }

  number(direction) {
    const rows = new Set(this.plan.seats.filter((seat) => this.isInLines(seat)).map((seat) => seat.row));
    const order = this.plan.seats.filter((seat) => seat.x !== null).sort((a, b) => a.y - b.y || (a.x - b.x) * direction);
    const next = new Map();
    const numbers = new Map();
    for (const seat of this.plan.seats.filter((each) => each.x === null && rows.has(each.row))) order.push(seat);
    for (const seat of order.filter((each) => rows.has(each.row))) {
      next.set(seat.row, (next.get(seat.row) ?? 0) + 1);
      numbers.set(seat, next.get(seat.row));
    }
    this.change(this.plan.seats.map((seat) => ({ ...seat, number: numbers.get(seat) ?? seat.number })));
  }

  isInLines(seat) {
    return seat.y !== null && seat.y >= Math.min(this.cursor.y, this.anchor.y) && seat.y <= Math.max(this.cursor.y, this.anchor.y);
  }

  rename() {
    const label = this.field("label").value.trim().toUpperCase();
    const [own, others] = [[], []];
    for (const seat of this.plan.seats) (seat.y === this.cursor.y && seat.x !== null ? own : others).push(seat);
    const taken = new Set(others.filter((seat) => seat.row === label).map((seat) => seat.number));
    if (!/^[A-Z]{1,3}$/.test(label)) return this.field("label").focus();
    if (own.some((seat) => taken.has(seat.number))) return this.say(this.words.labelTaken);
    this.change(this.plan.seats.map((seat) => (own.includes(seat) ? { ...seat, row: label } : seat)));
  }

  addKind() {
    const [letter, type, modifier] = ["letter", "type", "modifier"].map((name) => this.field(name).value.trim());
    if (!LETTER.test(letter)) return this.field("letter").focus();
    if (!/^[a-z0-9]+(-[a-z0-9]+)*$/.test(type)) return this.field("type").focus();
    if (!/^(\d{1,2}(\.\d{1,2})?)?$/.test(modifier)) return this.field("modifier").focus();
    const kind = { type, modifier: Number(modifier || 1).toFixed(2) };
    const old = kindOf(this.plan, letter);
    const isOld = (seat) => old && seat.type === old.type && seat.modifier === old.modifier;
    const seats = this.plan.seats.map((seat) => (this.isSelected(seat) || isOld(seat) ? { ...seat, ...kind } : seat));
    this.change(seats, new Map(this.plan.legend).set(letter, kind));
  }

  field(name) {
    return this.section.querySelector(`[data-field=${name}]`);
  }

  commands = {
    clear: () => this.clear(),
    insertPlace: () => this.shift(1),
    removePlace: () => this.shift(-1),
    insertLine: () => this.shiftLines(1),
    removeLine: () => this.shiftLines(-1),
    numberFromLeft: () => this.number(1),
    numberFromRight: () => this.number(-1),
    undo: () => this.restore(this.before, this.after),
    redo: () => this.restore(this.after, this.before),
    addKind: () => this.addKind(),
    rename: () => this.rename(),
  };

  // Mouse and keyboard

  click(event) {
    const button = event.target.closest("button");
    if (!button) return;
    if (button.dataset.letter) this.make(button.dataset.letter);
    else this.commands[button.dataset.command]?.();
  }

  point(event, extend) {
    const cell = event.target.closest("[data-y]");
    if (!cell || event.button > 0) return;
    const [x, y] = [Number(cell.dataset.x ?? this.edge.right - 1), Number(cell.dataset.y)];
    const isRow = cell.dataset.x === undefined;
    const anchor = extend ? this.anchor : isRow ? { x: this.edge.left, y } : { x, y };
    this.grid.focus({ preventScroll: true });
    this.select({ x, y }, anchor);
    if (event.pointerType === "mouse") event.preventDefault(); // no selection of text
  }

  enterField(event) {
    if (event.key !== "Enter" || !event.target.dataset.field) return;
    event.preventDefault(); // the form is not sent
    if (this.isOff) return;
    this.commands[event.target.dataset.field === "label" ? "rename" : "addKind"]();
  }

  key(event) {
    const { left, right, top, bottom } = this.edge;
    const { x, y } = this.cursor;
    const isPage = event.ctrlKey || event.metaKey;
    const to = {
      ArrowLeft: { x: x - 1, y },
      ArrowRight: { x: x + 1, y },
      ArrowUp: { x, y: y - 1 },
      ArrowDown: { x, y: y + 1 },
      Home: { x: left, y: isPage ? top : y },
      End: { x: right - 1, y: isPage ? bottom : y },
      Enter: { x: 1, y: y + 1 },
    }[event.key];
    const act = to ? () => this.select(to, event.shiftKey ? this.anchor : to) : this.action(event, isPage);
    if (!act || event.altKey || this.isOff) return;
    event.preventDefault();
    act();
  }

  action(event, isControl) {
    const { key, shiftKey } = event;
    const { left, right, top, bottom } = this.edge;
    if (isControl) {
      const undo = shiftKey ? this.commands.redo : this.commands.undo;
      const all = () => this.select({ x: right - 1, y: bottom - 1 }, { x: left, y: top });
      return { z: undo, Z: undo, y: this.commands.redo, a: all }[key];
    }
    if (key === "Delete") return shiftKey ? this.commands.removePlace : this.commands.clear;
    if (key === "Insert") return shiftKey ? this.commands.insertLine : this.commands.insertPlace;
    if (key === "Backspace") return this.commands.clear;
    if (key === "_" || key === "." || key === " ") return () => this.clear() && this.advance();
    return LETTER.test(key) ? () => this.make(key) : undefined;
  }
}

function cellAt({ x, y }) {
  return document.getElementById(`place-${x}-${y}`);
}

/** Labels for new seats: the row of the nearest seat in the line, or one that no seat has, and its lowest free number. */
class Labels {
  constructor(seats) {
    this.lines = new Map(); // seats by y
    this.numbers = new Map(); // sets by row
    this.last = null;
    seats.forEach((seat) => this.add(seat));
  }

  add(seat) {
    if (seat.y !== null) this.lines.set(seat.y, [...(this.lines.get(seat.y) ?? []), seat]);
    if (!this.numbers.has(seat.row)) this.numbers.set(seat.row, new Set());
    this.numbers.get(seat.row).add(seat.number);
    if (this.last === null || rowNumber(seat.row) > rowNumber(this.last)) this.last = seat.row;
  }

  next({ x, y }) {
    const nearest = (one, other) => (Math.abs(other.x - x) < Math.abs(one.x - x) ? other : one);
    const row = this.lines.get(y)?.reduce(nearest).row ?? labelAfter(this.last);
    let number = 1;
    while (this.numbers.get(row)?.has(number)) number++;
    return { row, number };
  }
}

function nameOfKind({ type, modifier }) {
  return modifier === "1.00" ? type : `${type} \u00d7 ${modifier}`;
}

function filled(text, values) {
  return text.replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

function element(tag, attributes, text = "") {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.textContent = text;
  return made;
}

new Editor(document.getElementById("plan-editor"), document.getElementById("plan-text"));

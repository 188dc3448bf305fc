// The summary beside the seat map: a line with a ticket for each seat that is chosen, and the total.

const root = document.querySelector("[data-booking]");
const map = root.querySelector("[data-seat-map]");
const hold = document.getElementById("hold");
const lines = hold.querySelector(".seat-lines");
const texts = root.dataset;
const money = new Intl.NumberFormat(texts.locale, { style: "currency", currency: texts.currency });
const plural = new Intl.PluralRules(texts.locale);

// "Row A, seat 14" of a seat's whole name, whose last three parts are the zone, the price and the status.
const nameOf = (seat) => seat.getAttribute("aria-label").split(", ").slice(0, -3).join(", ");
const lineOf = (seat) => lines.querySelector(`input[value="${seat.value}"]`)?.closest("[data-line]");
const seatOf = (line) => map.querySelector(`input[name=seat_id][value="${line.querySelector("[name=seat_id]").value}"]`);

function addLine(seat) {
  const zone = seat.closest("[data-zone]").dataset.zone;
  const line = root.querySelector(`[data-zone-line="${zone}"]`).content.firstElementChild.cloneNode(true);
  const field = document.createElement("input");
  Object.assign(field, { type: "hidden", name: "seat_id", value: seat.value });
  line.append(field);
  line.querySelector("[data-name]").textContent = nameOf(seat);
  const select = line.querySelector("select");
  if (select) {
    select.name = `ticket_type_${seat.value}`;
    select.value = keptType(select) ?? select.value;
    select.setAttribute("aria-label", texts.textTicket.replace("{seat}", nameOf(seat)));
  }
  lines.append(line);
  prepare(line);
}

// Of the tickets of the seats that are exchanged, the type of the first one that no other line has.
function keptType(select) {
  const left = texts.ticketTypes.split(" ");
  for (const { value } of lines.querySelectorAll("select")) {
    if (left.includes(value)) left.splice(left.indexOf(value), 1);
  }
  return left.find((type) => [...select.options].some(({ value }) => value === type));
}

function prepare(line) {
  const remove = line.querySelector("[data-remove]");
  remove.hidden = false;
  remove.setAttribute("aria-label", texts.textRemove.replace("{seat}", line.querySelector("[data-name]").textContent));
  remove.addEventListener("click", () => {
    const seat = seatOf(line);
    seat.checked = false;
    seat.dispatchEvent(new Event("change", { bubbles: true }));
    document.getElementById("booking-seats-heading").focus();
  });
}

function centsOf(line) {
  const priced = line.querySelector("select")?.selectedOptions[0] ?? line.querySelector("[data-price]");
  return Math.round(Number(priced.dataset.price) * 100);
}

function showTotal() {
  const all = [...lines.children];
  const sum = all.reduce((cents, line) => cents + centsOf(line), 0) / 100;
  const text = plural.select(all.length) === "one" ? texts.textOne : texts.textOther.replace("{n}", String(all.length));
  root.querySelector("[data-count]").textContent = all.length ? text : "";
  root.querySelector("[data-total]").textContent = all.length ? money.format(sum) : "";
  showDifference(all.length ? sum - Number(texts.before) : null);
  root.querySelector("[data-empty]").hidden = all.length > 0;
  // Another choice is another request; the same one sent twice acts once.
  hold.elements.idempotency_key.value = randomKey();
}

// Of an exchange: what the new seats cost more or less than the old ones.
function showDifference(more) {
  const place = root.querySelector("[data-difference]");
  if (!place) return;
  const cents = Math.round((more ?? 0) * 100);
  const text = cents > 0 ? texts.textMore : cents < 0 ? texts.textLess : texts.textSame;
  place.textContent = more === null ? "" : text.replace("{amount}", money.format(Math.abs(cents) / 100));
}

function randomKey() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

map.addEventListener("change", ({ target }) => {
  if (target.name !== "seat_id") return;
  const line = lineOf(target);
  if (target.checked && !line) addLine(target);
  if (!target.checked) line?.remove();
  showTotal();
});
lines.addEventListener("change", showTotal);
hold.addEventListener("submit", (event) => {
  if (lines.children.length) {
    map.dataset.sending = "true"; // what the feed says of these seats from now on is this request's own doing
    return;
  }
  event.preventDefault();
  root.querySelector("[data-count]").textContent = texts.textNone;
  root.querySelector("[data-total]").textContent = "";
});
window.addEventListener("pageshow", (event) => {
  delete map.dataset.sending;
  if (event.persisted) showTotal();
});
[...lines.children].forEach(prepare);
showTotal();

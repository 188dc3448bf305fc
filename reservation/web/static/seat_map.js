// The seat map: arrow keys in the room's geometry, zoom, the limit on seats, and statuses by the event feed.
// It works on the checkboxes that the page has; what is chosen is what is checked. Each change that it makes itself is
// told by a `change` event, as a click is.

const ENDED = 2; // EventSource.CLOSED
const [RECONNECT_MS, MOST_DOUBLINGS] = [2000, 4];
const STATUS_CLASSES = ["held", "booked", "blocked", "lost"];
const INTERRUPTED_MS = 3000; // a stream that is back before that, such as after a restart, is not worth a notice
const LEAST_TARGET = 24; // CSS pixels, by WCAG 2.2
const [LEAST_SIZE, MOST_SIZE, ZOOM_STEP] = [12, 96, 1.3];

for (const map of document.querySelectorAll("[data-seat-map]")) {
  showWithScript(document);
  const seats = [...map.querySelectorAll("input[name=seat_id]")];
  moveByKeys(map, seats);
  zoom(map);
  limit(map, seats);
  follow(map, new Map(seats.map((seat) => [Number(seat.value), seat])));
}

function showWithScript(root) {
  for (const each of root.querySelectorAll("[data-with-script]")) each.hidden = false;
  for (const each of root.querySelectorAll("[data-without-script]")) each.hidden = true;
}

function tell(map, text) {
  const notice = document.createElement("p");
  notice.className = "notice notice-error";
  notice.textContent = text;
  map.querySelector(".seat-map-alert").replaceChildren(notice);
}

/** "Row A, seat 14" of a seat's whole name, whose last three parts are the zone, the price and the status. */
function nameOf(seat) {
  return seat.getAttribute("aria-label").split(", ").slice(0, -3).join(", ");
}

// Keyboard: one seat is in the order of Tab; the arrows go to the next seat that can be chosen.

function moveByKeys(map, seats) {
  const rows = [...map.querySelectorAll(".seat-row")].map((row) =>
    [...row.children].map((cell) => cell.querySelector("input")),
  );
  const isFree = (seat) => seat && !seat.disabled;
  const isReachable = (seat) => seat && (!seat.disabled || seat === document.activeElement);
  let current = null;
  const makeCurrent = (seat) => {
    for (const each of seats) each.tabIndex = each === seat ? 0 : -1;
    current = seat;
  };
  const ensureCurrent = () => {
    if (!current || current.disabled) makeCurrent(seats.find((seat) => seat.checked) ?? seats.find(isFree) ?? null);
  };
  const across = (row, column, step) => {
    for (let at = column + step; at >= 0 && at < row.length; at += step) if (isFree(row[at])) return row[at];
    return null;
  };
  const along = (index, column, step) => {
    for (let at = index + step; at >= 0 && at < rows.length; at += step) {
      const free = rows[at].map((seat, place) => [Math.abs(place - column), seat]).filter(([, seat]) => isFree(seat));
      if (free.length) return free.reduce((best, each) => (each[0] < best[0] ? each : best))[1];
    }
    return null;
  };
  map.addEventListener("focusin", ({ target }) => {
    if (isReachable(target) && target.name === "seat_id") makeCurrent(target);
  });
  map.addEventListener("statuses", ensureCurrent);
  map.addEventListener("keydown", (event) => {
    const index = rows.findIndex((row) => row.includes(event.target));
    if (index < 0 || event.ctrlKey || event.altKey || event.metaKey) return;
    const row = rows[index];
    const column = row.indexOf(event.target);
    const moves = {
      ArrowLeft: () => across(row, column, -1),
      ArrowRight: () => across(row, column, 1),
      ArrowUp: () => along(index, column, -1),
      ArrowDown: () => along(index, column, 1),
      Home: () => row.find(isFree),
      End: () => row.findLast(isFree),
    };
    if (event.key === "Enter") event.preventDefault(); // it would send the form
    if (!(event.key in moves)) return;
    event.preventDefault();
    const next = moves[event.key]();
    next?.focus();
    next?.scrollIntoView({ block: "nearest", inline: "nearest" });
  });
  ensureCurrent();
}

// Zoom, by the buttons and by two fingers, about the middle of what is seen. Until then the stylesheet chooses the size.

function zoom(map) {
  const scroller = map.querySelector(".seat-map-scroll");
  const sizeNow = () => map.querySelector(".seat")?.getBoundingClientRect().width ?? LEAST_TARGET;
  const set = (wanted) => {
    const before = scroller.scrollWidth;
    const middle = scroller.scrollLeft + scroller.clientWidth / 2;
    const size = `${Math.min(Math.max(wanted, LEAST_SIZE), MOST_SIZE)}px`;
    map.style.setProperty("--seat-min", size);
    map.style.setProperty("--seat-most", size);
    scroller.scrollLeft = (middle / before) * scroller.scrollWidth - scroller.clientWidth / 2;
  };
  for (const button of map.querySelectorAll("[data-zoom]")) {
    const step = button.dataset.zoom === "in" ? ZOOM_STEP : 1 / ZOOM_STEP;
    button.addEventListener("click", () => set(sizeNow() * step));
  }
  const spread = ([one, other]) => Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY);
  let pinch = null;
  const onTouch = ({ touches }) => {
    pinch = touches.length === 2 ? { size: sizeNow(), spread: spread(touches) } : null;
  };
  scroller.addEventListener("touchstart", onTouch, { passive: true });
  scroller.addEventListener("touchend", onTouch, { passive: true });
  const onMove = (event) => {
    if (!pinch || event.touches.length !== 2) return;
    event.preventDefault();
    set((pinch.size * spread(event.touches)) / pinch.spread);
  };
  scroller.addEventListener("touchmove", onMove, { passive: false });
  scroller.classList.add("is-scripted");
  // A room that is only a little wider than the screen is shown whole, with seats that a finger still hits.
  const fit = scroller.clientWidth / scroller.scrollWidth;
  if (fit < 1) set(Math.max(sizeNow() * fit - 1, LEAST_TARGET));
  scroller.scrollLeft = (scroller.scrollWidth - scroller.clientWidth) / 2;
}

function limit(map, seats) {
  const most = Number(map.dataset.most);
  map.addEventListener("click", (event) => {
    if (event.target.getAttribute("aria-disabled") === "true") event.preventDefault();
  });
  map.addEventListener("change", ({ target }) => {
    if (!target.checked || seats.filter((seat) => seat.checked).length <= most) return;
    target.checked = false;
    tell(map, map.dataset.textMost.replace("{most}", String(most)));
  });
}

// Live: statuses of the event feed. A seat that has the focus keeps it; one that was chosen is lost.

function follow(map, seats) {
  let version = map.dataset.version;
  const take = (event) => {
    if (map.dataset.sending) return; // the page is about to be left
    const data = JSON.parse(event.data);
    const lost = data.seats.filter((each) => show(map, seats.get(each.id), each.status));
    version = String(data.version);
    map.dataset.version = version;
    if (lost.length) tell(map, map.dataset.textLost.replace("{seat}", lost.map((each) => nameOf(seats.get(each.id))).join("; ")));
    if (data.seats.some((each) => !seats.has(each.id))) tell(map, map.dataset.textChanged);
    map.dispatchEvent(new CustomEvent("statuses"));
  };
  const tellInterrupted = interruption(map);
  let [feed, retry] = [null, null];
  let waits = 0; // after an answer that is no stream, such as a 503: longer each time
  const stop = () => {
    clearTimeout(retry);
    feed?.close();
  };
  const connect = () => {
    stop();
    feed = new EventSource(`${map.dataset.events}?since=${version}`);
    feed.addEventListener("snapshot", take);
    feed.addEventListener("seats", take);
    feed.addEventListener("gone", () => {
      window.removeEventListener("online", connect);
      stop();
    });
    feed.addEventListener("open", () => {
      map.dataset.live = "true";
      waits = 0;
      tellInterrupted(false);
    });
    feed.addEventListener("error", () => {
      tellInterrupted(true);
      if (feed.readyState !== ENDED) return; // an interrupted one connects again by itself
      retry = setTimeout(connect, RECONNECT_MS * 2 ** Math.min(waits++, MOST_DOUBLINGS) * (0.5 + Math.random()));
    });
  };
  window.addEventListener("pagehide", stop);
  window.addEventListener("pageshow", (event) => event.persisted && connect());
  // Without a network a stream is silent for minutes before it fails.
  window.addEventListener("offline", () => {
    stop();
    tellInterrupted(true);
  });
  window.addEventListener("online", connect);
  connect();
}

/** Gives a function that says whether the feed is interrupted, which the page shows until it is not. */
function interruption(map) {
  const notice = map.querySelector("[data-feed-notice]");
  let timer = null;
  return (isInterrupted) => {
    if (isInterrupted) {
      timer ??= setTimeout(() => say(notice, "notice notice-warn", map.dataset.textInterrupted), INTERRUPTED_MS);
      return;
    }
    clearTimeout(timer);
    timer = null;
    if (notice.textContent) say(notice, "visually-hidden", map.dataset.textLive);
  };
}

function say(notice, className, text) {
  notice.className = className;
  notice.textContent = text;
}

/** Show a seat's status; true if it was chosen and is lost. */
function show(map, seat, status) {
  if (!seat || seat.classList.contains("own")) return false;
  const isLost = seat.checked && status !== "available";
  if (!isLost && seat.classList.contains("lost") && status !== "available") return false; // it stays marked
  const shown = isLost ? "lost" : status;
  if (shown === (STATUS_CLASSES.find((each) => seat.classList.contains(each)) ?? "available")) return false;
  const name = seat.getAttribute("aria-label").split(", ").slice(0, -1);
  seat.setAttribute("aria-label", [...name, map.dataset[`word${shown[0].toUpperCase()}${shown.slice(1)}`]].join(", "));
  seat.classList.remove(...STATUS_CLASSES);
  if (shown !== "available") seat.classList.add(shown);
  if (isLost) {
    seat.checked = false;
    seat.dispatchEvent(new Event("change", { bubbles: true }));
  }
  disable(seat, status !== "available");
  return isLost;
}

/** A seat that has the focus is only marked until it has lost it: a disabled one would drop the focus. */
function disable(seat, isTaken) {
  if (!isTaken || seat !== document.activeElement) {
    seat.disabled = isTaken;
    seat.removeAttribute("aria-disabled");
    return;
  }
  seat.setAttribute("aria-disabled", "true");
  seat.addEventListener("blur", () => {
    if (seat.getAttribute("aria-disabled") === "true") disable(seat, true);
  }, { once: true });
}

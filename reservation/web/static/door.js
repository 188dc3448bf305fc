// The door without reloading: codes from the field, from a scanner that types, and from the camera. Without a connection, QR codes
// are verified by the published keys, and who was let in is sent later, each with a key of its own.

import { TicketKeys } from "./ticket_keys.js";

const door = document.querySelector("[data-door]");
const form = door.querySelector("[data-code-form]");
const field = form.elements.code;
const token = form.elements.form_token.value;
const text = (name) => door.getAttribute(`data-text-${name}`);
const part = (name) => door.querySelector(`[data-${name}]`);
const showtime = Number(door.dataset.showtime);
const RETRY_MS = 10000;
const SAME_CODE_MS = 4000; // the camera sees a ticket many times

const store = `door-${showtime}`;
const kept = JSON.parse(localStorage.getItem(store) ?? '{"letIn": [], "queue": [], "conflicts": []}');
const keep = () => localStorage.setItem(store, JSON.stringify(kept));
const keys = new TicketKeys();
let sending = false;

async function send(fields) {
  const body = new URLSearchParams({ form_token: token, ...fields });
  const answer = await fetch(`/door/${showtime}/scans`, { method: "POST", body });
  if (!answer.headers.get("Content-Type")?.startsWith("application/json") || answer.status >= 400) throw new Refused();
  return answer.json();
}

class Refused extends Error {}

async function check(code) {
  const key = crypto.randomUUID();
  try {
    const result = await send({ code, key });
    if (result.outcome === "ok") {
      remember(code);
      part("last").hidden = false;
      part("last-list").prepend(line("li", "", result.detail));
    }
    show(result.outcome === "ok", result.heading, result.detail);
    if (result.count) part("checked-in").textContent = result.count.checked_in;
  } catch (error) {
    if (error instanceof Refused) show(false, text("failed"), text("again"));
    else await checkOffline(code, key);
  }
}

async function checkOffline(code, key) {
  const claims = await keys.verified(code);
  if (claims === undefined) show(false, text("unchecked"), text("use-qr"));
  else if (claims === null) show(false, text("forged"), "");
  else if (claims.showtime !== showtime) show(false, text("other"), "");
  else if (kept.letIn.includes(claims.code)) show(false, text("seen"), claims.seat);
  else {
    kept.letIn.push(claims.code);
    kept.queue.push({ code, key, seat: claims.seat, checked_in_at: new Date().toISOString() });
    keep();
    show(true, text("offline-ok"), `${claims.seat}. ${text("sent-later")}`);
    showWaiting();
  }
}

function remember(code) {
  const known = keys.claims(code)?.code;
  if (known && !kept.letIn.includes(known)) {
    kept.letIn.push(known);
    keep();
  }
}

async function sendQueue() {
  if (sending || kept.queue.length === 0) return;
  sending = true;
  try {
    while (kept.queue.length > 0) {
      const { seat, ...fields } = kept.queue[0];
      const result = await send(fields);
      kept.queue.shift();
      if (result.outcome !== "ok") kept.conflicts.push(`${seat}: ${result.heading}. ${result.detail}`);
      if (result.count) part("checked-in").textContent = result.count.checked_in;
      keep();
    }
  } catch {
    // No connection yet, or signed out: they stay, and are sent by the next try.
  } finally {
    sending = false;
    showWaiting();
  }
}

function showWaiting() {
  const waiting = part("waiting");
  waiting.hidden = kept.queue.length === 0;
  waiting.textContent = waiting.hidden ? "" : `${text("waiting")} ${kept.queue.length}`;
  part("conflicts").hidden = kept.conflicts.length === 0;
  part("conflict-list").replaceChildren(...kept.conflicts.map((each) => line("li", "", each)));
}

function line(tag, name, content) {
  const made = document.createElement(tag);
  if (name) made.className = name;
  made.textContent = content;
  return made;
}

function show(isGood, heading, detail) {
  const result = part("result");
  result.className = `door-result ${isGood ? "door-good" : "door-bad"}`;
  const sign = line("p", "door-sign", isGood ? "✓" : "✕");
  sign.setAttribute("aria-hidden", "true");
  result.replaceChildren(sign, line("p", "door-heading", heading), line("p", "door-detail", detail));
  if (part("sound").checked) beep(isGood);
}

function beep(isGood) {
  const audio = new AudioContext();
  const tone = audio.createOscillator();
  tone.type = isGood ? "sine" : "square";
  tone.frequency.value = isGood ? 880 : 180;
  tone.connect(audio.destination);
  tone.start();
  tone.stop(audio.currentTime + (isGood ? 0.15 : 0.5));
  tone.onended = () => audio.close();
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const code = field.value.trim();
  field.value = "";
  field.focus();
  if (code) await check(code);
});

async function useCamera() {
  const video = part("video");
  try {
    video.srcObject = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
    await video.play();
  } catch {
    show(false, text("camera-refused"), "");
    return;
  }
  video.hidden = false;
  part("camera").hidden = true;
  const detector = new BarcodeDetector({ formats: ["qr_code"] });
  let last = "", lastAt = 0;
  const look = async () => {
    const [found] = await detector.detect(video).catch(() => []);
    if (found && (found.rawValue !== last || Date.now() - lastAt > SAME_CODE_MS)) await check(found.rawValue);
    if (found) [last, lastAt] = [found.rawValue, Date.now()];
    setTimeout(look, 150);
  };
  look();
}

if ("BarcodeDetector" in window && navigator.mediaDevices) {
  part("camera").hidden = false;
  part("camera").addEventListener("click", useCamera);
}
part("sound-label").hidden = false;
addEventListener("online", sendQueue);
setInterval(sendQueue, RETRY_MS);
showWaiting();
keys.load();
sendQueue();

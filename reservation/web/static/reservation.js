// A hold's time: shown every second, spoken at some moments, and its end. Also the button that prints.

const SPOKEN_AT = [300, 120, 60, 30];

function countDown(held) {
  const ends = Date.now() + Number(held.dataset.secondsLeft) * 1000;
  const clock = document.querySelector("[data-clock]");
  const spoken = document.querySelector("[data-spoken]");
  let before = Number(held.dataset.secondsLeft);

  function tick() {
    const left = Math.max(0, Math.ceil((ends - Date.now()) / 1000));
    clock.textContent = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
    clock.classList.toggle("ends-soon", left <= 60);
    const reached = SPOKEN_AT.filter((mark) => before > mark && left <= mark).pop();
    if (left === 0) end();
    else if (reached) spoken.textContent = held.getAttribute(`data-say-${reached}`);
    before = left;
  }

  function end() {
    clearInterval(timer);
    const hadFocus = held.contains(document.activeElement);
    held.hidden = true;
    for (const each of document.querySelectorAll("[data-while-held]")) each.hidden = true;
    const name = document.querySelector("[data-state-name] .state");
    name.textContent = held.dataset.expiredName;
    name.className = "state state-expired";
    const expired = document.querySelector("[data-expired]");
    expired.hidden = false;
    spoken.textContent = held.dataset.saidAtTheEnd;
    if (hadFocus) expired.querySelector("h2").focus();
  }

  const timer = setInterval(tick, 1000);
  document.addEventListener("visibilitychange", () => held.hidden || tick());
  document.querySelector("[data-countdown]").hidden = false;
  for (const each of document.querySelectorAll("[data-without-script]")) each.hidden = true;
  tick();
}

const held = document.querySelector("[data-seconds-left]");
if (held) countDown(held);

const print = document.querySelector("[data-print]");
if (print) {
  print.hidden = false;
  print.addEventListener("click", () => window.print());
}

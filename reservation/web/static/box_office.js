// Keys of the box office: digits go to the number of the showtime, arrow keys move in the list, Escape goes back.

const list = document.querySelector("[data-arrow-keys]");
const numberField = document.getElementById("field-number");
const isTyping = (element) => element.matches("input, select, textarea");

document.addEventListener("keydown", (event) => {
  if (event.altKey || event.ctrlKey || event.metaKey || event.isComposing) return;
  if (event.key === "Escape") {
    const back = document.querySelector("[data-escape]");
    if (back) {
      event.preventDefault();
      back.click();
    }
  } else if (list && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
    moveInList(event);
  } else if (numberField && /^[0-9]$/.test(event.key) && !isTyping(event.target)) {
    numberField.focus(); // the key then types into it
  }
});

function moveInList(event) {
  if (event.target !== numberField && isTyping(event.target)) return;
  const links = [...list.querySelectorAll("a")];
  const here = links.indexOf(document.activeElement);
  const next = here + (event.key === "ArrowDown" ? 1 : -1);
  event.preventDefault();
  if (next < 0) numberField.focus();
  else links[Math.min(next, links.length - 1)].focus();
}

// A form that is being sent is not sent again by a second click or Enter: it would create a second thing.

const forms = [...document.querySelectorAll("form[method=post]")];

for (const form of forms) {
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) {
      event.preventDefault();
      return;
    }
    form.dataset.sent = "true";
    event.submitter?.setAttribute("aria-busy", "true");
  });
}

// Back from the next page.
window.addEventListener("pageshow", () => {
  for (const form of forms) {
    delete form.dataset.sent;
    form.querySelector("[aria-busy]")?.removeAttribute("aria-busy");
  }
});

// The page on which a customer waits for a payment: it looks for it, and leads on when the wait is over.

const EVERY_MS = 3000;

async function look() {
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (answer.redirected) {
      location.replace(answer.url);
      return;
    }
  } catch {
    // No connection: the next look may have one.
  }
  setTimeout(look, EVERY_MS);
}

document.querySelector("[data-by-itself]").hidden = false;
setTimeout(look, EVERY_MS);

/** Shows the poster at the address that is typed, as soon as the field is left. */
for (const field of document.querySelectorAll("input[data-poster]")) {
  const preview = document.getElementById(field.dataset.poster);
  field.addEventListener("change", () => {
    const address = field.value.trim();
    preview.hidden = !address;
    if (address) preview.src = address;
  });
}

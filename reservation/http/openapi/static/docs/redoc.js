"use strict";

window.addEventListener("load", () => {
  const sans = "system-ui, sans-serif";
  const mono = "ui-monospace, monospace";
  Redoc.init(
    "/openapi.json",
    {
      hideSchemaPattern: true, // most of them only keep NUL out
      nativeScrollbars: true,
      theme: { typography: { fontFamily: sans, headings: { fontFamily: sans }, code: { fontFamily: mono } } },
    },
    document.getElementById("redoc"),
  );
});

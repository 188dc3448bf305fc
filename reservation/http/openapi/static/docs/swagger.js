"use strict";

window.addEventListener("load", () => {
  SwaggerUIBundle({
    url: "/openapi.json",
    dom_id: "#swagger-ui",
    deepLinking: true,
    displayRequestDuration: true,
    validatorUrl: null, // no document of ours goes to somebody else's validator
    onComplete: () => {
      // The operations above have pushed the problems down: go to the one that the address names.
      const named = document.getElementById(decodeURIComponent(location.hash.slice(1)));
      if (named) named.scrollIntoView();
    },
  });
});

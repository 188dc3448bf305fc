"""The OpenAPI 3.1 document, generated from the operations and their schemas, and the pages that show it."""

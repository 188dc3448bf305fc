"""The product and its peers measured side by side, in one run, on the machine at hand."""

"""Movies and showtimes as CSV files: parsing, validation by the API's schemas, import and export."""

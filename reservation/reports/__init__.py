"""Reports: sales and occupancy, on connections of their own, as tables for JSON, CSV and text."""

"""Opening one file of a shop as a table: CSV in any dialect, Parquet, NDJSON, Excel, packed or not."""

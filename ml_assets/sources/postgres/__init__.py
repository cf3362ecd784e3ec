"""The shop's own PostgreSQL as a source: a table, a view or a query, read by day."""

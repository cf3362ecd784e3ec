"""Recommendations and customer segments, computed every day and served from PostgreSQL."""

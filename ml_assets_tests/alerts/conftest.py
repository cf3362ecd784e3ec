"""The database of the serving tests, for alerts."""

from ml_assets_tests.serving.conftest import connection

__all__ = ["connection"]

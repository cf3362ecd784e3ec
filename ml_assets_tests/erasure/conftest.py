"""The same shops as in the tests of serving."""

from ml_assets_tests.serving.conftest import connection, text_connection

__all__ = ["connection", "text_connection"]

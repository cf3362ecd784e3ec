"""The same shop as in the tests of serving."""

from ml_assets_tests.serving.conftest import connection

__all__ = ["connection"]

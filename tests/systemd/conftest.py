"""The container is made once for all tests here."""
from container import container, tree  # noqa: F401

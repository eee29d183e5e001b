"""The version, as pbr wrote it when the package was built."""

import importlib.metadata


def version_string() -> str:
    return importlib.metadata.version('steal-scheduler')

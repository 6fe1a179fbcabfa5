"""pytest-mlready: Lighthouse for model services, as a pytest plugin.

Importing this package costs nothing: pytest loads it on every start for the plugin's hooks, so the public names
are resolved when first used.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_mlready.finding import Finding, Measurement, Severity, Status

__version__ = "0.1.0"
__all__ = ["Finding", "Measurement", "Severity", "Status", "__version__"]


def __getattr__(name: str) -> object:
    if name in __all__:
        from pytest_mlready import finding

        return getattr(finding, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

"""A fitted pipeline as bytes, and back.

The skops format holds data, not code: reading it builds only types that are named here or that skops itself trusts.
"""

from __future__ import annotations

from typing import Any

import skops.io

from reference_service.artifacts.manifest import Untrusted

# What our own pipelines hold beyond the types that skops trusts of itself.
KNOWN_TYPES = frozenset({"numpy.dtype", "sklearn.tree._tree.Tree"})


def dump(estimator: Any) -> bytes:
    """A fitted estimator in the skops format."""
    return bytes(skops.io.dumps(estimator))


def load(content: bytes) -> Any:
    """The estimator in a file's bytes.

    Raises:
        Untrusted: the file names a type that is neither trusted by skops nor known to us.
    """
    foreign = sorted(set(skops.io.get_untrusted_types(data=content)) - KNOWN_TYPES)
    if foreign:
        raise Untrusted(f"the artifact holds types that are not allowed: {', '.join(foreign)[:200]}")
    return skops.io.loads(content, trusted=sorted(KNOWN_TYPES))

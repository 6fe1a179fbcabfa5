"""Evidence about a share of requests that may be looked at after every request (e-processes).

An e-process starts at 1 and, while its null hypothesis holds, exceeds 1/α at any time with probability at most α
(Ville 1939; Ramdas, Grünwald, Vovk and Shafer, Statistical Science 2023): looking often costs nothing.
"""

from __future__ import annotations

import math

import scipy

_PRIOR_STRENGTH = 2.0
"""First parameter of the fail side's prior; the larger, the less weight right at the limit and far above it."""
_PRIOR_MEAN = 2.0
"""Mean of the fail side's prior, in multiples of the limit."""


def log_evidence_below(k: float, n: float, share: float) -> float:
    """Log of the e-process against "the share is `share` or more" after `k` of `n`.

    Likelihood ratios of all smaller shares to `share`, mixed uniformly. Each ratio's mean under any share p >= `share`
    is at most 1, because it falls in p and is 1 at `share`; so the mixture is valid for the whole null.
    """
    return _log_mixture(k, n, share, 1.0, 1.0, below=True)


def log_evidence_above(k: float, n: float, share: float) -> float:
    """Log of the e-process against "the share is `share` or less" after `k` of `n`: as `log_evidence_below`, mirrored.

    The mixture over larger shares is a Beta law cut at `share`, with its weight near a few times `share`.
    """
    other = _PRIOR_STRENGTH * (1 - _PRIOR_MEAN * share) / (_PRIOR_MEAN * share)
    return _log_mixture(k, n, share, _PRIOR_STRENGTH, max(1.0, other), below=False)


def _log_mixture(k: float, n: float, share: float, a: float, b: float, *, below: bool) -> float:
    if not 0 <= k <= n or not 0 < share < 1:
        raise ValueError(f"needs 0 <= k <= n and 0 < share < 1, not k={k!r}, n={n!r}, share={share!r}")
    inside = scipy.special.betainc if below else scipy.special.betaincc
    prior, posterior = float(inside(a, b, share)), float(inside(a + k, b + n - k, share))
    if posterior == 0.0:
        return -math.inf
    mixture = float(scipy.special.betaln(a + k, b + n - k) - scipy.special.betaln(a, b)) + math.log(posterior / prior)
    return mixture - k * math.log(share) - (n - k) * math.log1p(-share)

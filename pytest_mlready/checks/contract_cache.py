"""The check of a prediction cache: it hits, it tells the truth, and it forgets."""

from __future__ import annotations

from pytest_mlready.catalogue import check
from pytest_mlready.finding import SERVICE, Finding, Measurement, failed, inconclusive, passed
from pytest_mlready.measure.agreement import difference
from pytest_mlready.records import Answered, CacheDrill, Prediction


@check(
    "contract.cache_truth",
    "should",
    remedy="Key the cache by model version and canonical input, give entries a life time, and keep ids out of the key.",
)
def cache_truth(cache_drill: CacheDrill) -> Finding:
    """The cache hits on a repeated row, answers as the miss did, by the serving version, and forgets in time.

    A cache that never hits costs without use; one that hits on the wrong key gives another customer's answer.
    """
    header, asked = cache_drill.header, cache_drill.asked
    lost = [one for one in asked if one.only is None]
    if lost or not asked:
        return inconclusive(f"{len(lost)} of {len(asked)} requests got no readable answer")
    if all(one.exchange.header(header) is None for one in asked):
        return failed(f"no answer carries the declared header {header}", replay=asked[0].exchange.curl(SERVICE))
    hits = [one for one in asked[1:] if _hit(one, header)]
    measured = Measurement(len(hits) / max(1, len(asked) - 1), "1", n=len(asked) - 1, limit=0.0)
    if not hits:
        what = f"the same row asked {len(asked)} times never hit ({header}: {asked[-1].exchange.header(header)})"
        return failed(what, measured, replay=asked[-1].exchange.curl(SERVICE))
    for one in hits:
        if (unlike := difference(_sure(asked[0]), _sure(one))) is not None:
            return failed(f"{one.exchange.case}: the hit differs from the first answer: {unlike}", measured,
                          replay=one.exchange.curl(SERVICE))  # fmt: skip
    others = [one for one in cache_drill.others if one.only is not None]
    for one in others:
        if _hit(one, header):
            what = f"{one.exchange.case}, never asked before, hit: the key leaves out a part of the input"
            return failed(what, measured, replay=one.exchange.curl(SERVICE))
    if not others:
        return inconclusive("no other row was answered: nothing tells what the key holds")
    now, then = _sure(others[0]).version, _sure(hits[-1]).version
    if now is not None and then is not None and now != then:
        return failed(f"a hit answers as version {then}, the service is at {now}", measured)
    if cache_drill.after_ttl is not None and _hit(cache_drill.after_ttl, header):
        return failed(f"the entry still hits after its life time of {cache_drill.ttl_s:g} s", measured)
    return passed(f"{len(hits)} of {len(asked) - 1} repeats hit, and answer as the miss did", measured)


def _hit(one: Answered, header: str) -> bool:
    return "hit" in (one.exchange.header(header) or "").lower()


def _sure(one: Answered) -> Prediction:
    return next(iter(one.predictions))

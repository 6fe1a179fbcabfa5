"""Services that cannot be measured: each run ends in bounded time, says why, and keeps what it has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from pytest_mlready.openloop.document import read
from tests.real.loadtests.conftest import ROOT, Server, locust
from tests.real.loadtests.truth_server import CERTIFICATE

SHORT = ("--headless", "--only-summary", "--rate", "30", "--duration", "1", "--arrivals", "constant", "--pool", "64")


@dataclass(frozen=True)
class Bad:
    """A server's mode (or an address where there is none), what is said of it, and what is kept of its 30 requests."""

    server: str
    word: str
    said: str
    failures: Mapping[str, int] = field(default_factory=dict)
    statuses: Mapping[str, int] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)
    dropped: int = 0


TABLE = {
    "nothing listens": Bad("http://127.0.0.1:9", "FAIL", "no connection to 127.0.0.1:9: ", {"refused": 30}),
    "TLS where there is none": Bad("fast as https", "FAIL", "errors 30 of 30 (30 deadline)", {"deadline": 30}),
    "untrusted": Bad("tls", "INCONCLUSIVE", "unsent: the certificate is not trusted: self-signed", dropped=30),
    "trusted": Bad("tls", "INCONCLUSIVE", "errors 0 of 30,", {}, {"200": 30}, {"SSL_CERT_FILE": str(CERTIFICATE)}),
    "closes": Bad("close", "FAIL", "errors 30 of 30 (30 closed)", {"closed": 30}),
    "never answers": Bad("never", "FAIL", "errors 30 of 30 (30 deadline)", {"deadline": 30}),
    "no HTTP": Bad("noise", "FAIL", "errors 30 of 30 (30 malformed)", {"malformed": 30}),
    "errors": Bad("errors", "FAIL", "errors 30 of 30 (30 500)", {}, {"500": 30}),
}


@pytest.mark.parametrize("bad", TABLE.values(), ids=TABLE)
def test_a_bad_target_is_told_and_what_came_is_kept(server: Server, tmp_path: Path, bad: Bad) -> None:
    mode, _, scheme = bad.server.partition(" as ")
    url = mode if mode.startswith("http") else server(mode)
    url = f"{scheme or url.partition(':')[0]}:{url.partition(':')[2]}"
    lenient = ("--slo-p99-ms", "60000", "--slo-error-rate", "0.2", "--request-timeout", "0.5")
    words = ("-f", str(ROOT / "loadtests/steady.py"), *SHORT, *lenient, "--result", str(tmp_path / "result"))
    code, output = locust(url, tmp_path, *words, **bad.variables)
    assert code == 1, output
    assert f"steady: {bad.word}" in output
    assert bad.said in output
    assert "Traceback" not in output
    (predict,) = read(tmp_path / "result" / "steady").classes
    assert predict.offered == 30
    assert (predict.failures, predict.statuses, predict.dropped) == (bad.failures, bad.statuses, bad.dropped)

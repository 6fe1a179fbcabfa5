"""HAProxy before replicas that are started with it: `python -m tests.real.haproxy --port P -- COMMAND … @PORT`."""

from __future__ import annotations

import argparse
import signal
import subprocess
import tempfile
from pathlib import Path

from pytest_mlready.service.launch import free_port

REPLICAS = 3
SETTINGS = """global
  maxconn 200
defaults
  mode http
  timeout connect 1s
  timeout client 5s
  timeout server 5s
  option redispatch 1
  retry-on conn-failure empty-response
frontend all
  bind 127.0.0.1:{port}
  default_backend replicas
backend replicas
  balance roundrobin
  option httpchk GET /health/live
  http-response set-header X-Served-By %si:%sp
{servers}
"""
SERVER = "  server r{port} 127.0.0.1:{port} check inter 300ms fall 2\n"


def main() -> None:
    """Start all, and end with HAProxy."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("command", nargs="+")
    options = parser.parse_args()
    ports = [free_port() for _ in range(REPLICAS)]
    servers = "".join(SERVER.format(port=port) for port in ports)
    with tempfile.TemporaryDirectory(prefix="haproxy-") as directory:
        settings = Path(directory, "haproxy.cfg")
        settings.write_text(SETTINGS.format(port=options.port, servers=servers))
        started = [subprocess.Popen([word.replace("@PORT", str(port)) for word in options.command]) for port in ports]
        started.append(subprocess.Popen(["haproxy", "-db", "-f", str(settings)]))

        def end(*_: object) -> None:
            for one in started:
                one.terminate()

        signal.signal(signal.SIGTERM, end)
        for one in reversed(started):
            one.wait()


if __name__ == "__main__":
    main()

"""Open-loop load scenarios for `locust -f loadtests`, against the reference service or any other that speaks JSON.

    locust -f loadtests --headless                               every scenario in turn
    locust -f loadtests --headless Steady                        one of them
    locust -f loadtests --headless --processes 2 --rate 4000     one schedule, sent by two processes
    locust -f loadtests                                          with Locust's web page and class picker

The service is `--host` (http://127.0.0.1:8000); `--mlready-toml FILE` says how another one lays out its bodies.
`--rate`, `--duration`, `--stairs`, `--trace`, `--slo-p99-ms` and the rest stand under "Open-loop load" in `--help`. At
the end stands one line for each scenario, and one for each stage of those that have several: PASS, FAIL or
INCONCLUSIVE, and why. Exit code 0: all passed; 1: not so.

Each file holds one scenario and works alone: `locust -f loadtests/steady.py`.
"""

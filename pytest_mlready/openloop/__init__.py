"""Open-loop load: requests leave on a schedule, whatever the answers do.

A closed loop waits for an answer before it sends again, and so forgets the requests that a frozen server would have
kept waiting (coordinated omission). Here every request has an intended time and its latency counts from there.

The pytest side uses `plan`, `process` and `document`, which import neither locust nor gevent (both patch the
interpreter); everything else lives in a process of its own, or in `locust -f loadtests`.
"""

"""Which ends of a used connection are a server's right, and the round trip that tells."""

from __future__ import annotations

import socket

import pytest

from pytest_mlready.protocols.keep_alive import closed_before, round_trip_s


@pytest.mark.parametrize(
    ("ended_s", "away_s", "right"),
    [(0.0001, 0.00005, True), (0.03, 0.00005, False), (0.13, 0.13, True), (0.2, 0.13, False)],
    ids=["crossed on the loopback", "died at work on the loopback", "crossed far away", "died at work far away"],
)
def test_a_close_that_crossed_a_request_is_here_within_a_round_trip(ended_s: float, away_s: float, right: bool) -> None:
    assert closed_before(ended_s, away_s) is right


def test_the_round_trip_is_the_kernels() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_connection(listener.getsockname()) as one:
        assert 0 < round_trip_s(one) < 0.05


def test_where_the_kernel_does_not_tell_a_tenth_of_a_second_is_taken() -> None:
    with socket.socket(socket.AF_UNIX) as none:
        assert round_trip_s(none) == 0.1

"""The assignment function is what is published: recomputed here from its words, by other means than the service's."""

from __future__ import annotations

import json
import subprocess
import unicodedata
from functools import cache
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings

from reference_service.experiments import assignment
from reference_service.vectors import generate

PUBLISHED: dict[str, Any] = json.loads(generate.FILE.read_text("ascii"))
VECTORS: list[dict[str, Any]] = PUBLISHED["vectors"]
PRIMES = [n for n in range(2, 312) if all(n % divisor for divisor in range(2, n))]
UNTIMED = settings(deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])


def hashed(salt: str, unit: object) -> bytes:
    """utf8(NFC(salt)) 0x1F utf8(NFC(user id)), by the words of the contract."""
    return b"\x1f".join(unicodedata.normalize("NFC", f"{part}").encode("utf-8") for part in (salt, unit))


@cache
def root(number: int, power: int) -> int:
    """The first 32 bits of the fraction of a root."""
    low, high = 0, number << 32
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if middle**power <= number << (32 * power) else (low, middle - 1)
    return low & 0xFFFFFFFF


def sha256(content: bytes) -> bytes:
    """FIPS 180-4, written out: the round constants are cube roots, the first state is square roots, of primes."""

    def turned(x: int, bits: int) -> int:
        return (x >> bits | x << (32 - bits)) & 0xFFFFFFFF

    constants = [root(prime, 3) for prime in PRIMES]
    state = [root(prime, 2) for prime in PRIMES[:8]]
    padded = content + b"\x80" + b"\0" * ((55 - len(content)) % 64) + (8 * len(content)).to_bytes(8, "big")
    for at in range(0, len(padded), 64):
        words = [int.from_bytes(padded[i : i + 4], "big") for i in range(at, at + 64, 4)]
        for i in range(16, 64):
            x, y = words[i - 15], words[i - 2]
            low = turned(x, 7) ^ turned(x, 18) ^ x >> 3
            high = turned(y, 17) ^ turned(y, 19) ^ y >> 10
            words.append((words[i - 16] + low + words[i - 7] + high) & 0xFFFFFFFF)
        a, b, c, d, e, f, g, h = state
        for constant, word in zip(constants, words, strict=True):
            mixed = h + (turned(e, 6) ^ turned(e, 11) ^ turned(e, 25)) + (e & f ^ ~e & g) + constant + word
            other = (turned(a, 2) ^ turned(a, 13) ^ turned(a, 22)) + (a & b ^ a & c ^ b & c)
            a, b, c, d, e, f, g, h = (mixed + other) & 0xFFFFFFFF, a, b, c, (d + mixed) & 0xFFFFFFFF, e, f, g
        state = [(x + y) & 0xFFFFFFFF for x, y in zip(state, (a, b, c, d, e, f, g, h), strict=True)]
    return b"".join(word.to_bytes(4, "big") for word in state)


def test_there_are_enough_vectors_of_every_kind() -> None:
    strings = [each["unit"] for each in VECTORS if isinstance(each["unit"], str)]
    assert len(VECTORS) >= 1000
    assert sum(not unit.isascii() for unit in strings) >= 300
    assert sum(isinstance(each["unit"], int) for each in VECTORS) >= 100
    assert {each["bucket"] for each in VECTORS if each["family"] == "edge"} == set(generate.EDGES)
    assert {0, 999, 1000, 4999, 5000, 9999} <= set(generate.EDGES)
    assert len({(each["salt"], type(each["unit"]), each["unit"]) for each in VECTORS}) == len(VECTORS)
    assert any(unit != unit.strip() for unit in strings)
    assert any("\u200d" in unit for unit in strings)
    assert any("\0" in unit for unit in strings)
    assert max(map(len, strings)) == 256


def test_the_generator_writes_the_published_file() -> None:
    assert generate.content() == generate.FILE.read_text("ascii")


def test_every_vector_by_a_sha256_of_our_own() -> None:
    assert sha256(b"abc").hex() == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    for each in VECTORS:
        digest = sha256(hashed(each["salt"], each["unit"]))
        assert int.from_bytes(digest[:8], "big") % 10_000 == each["bucket"], each


def test_a_sample_of_vectors_by_openssl() -> None:
    for each in VECTORS[:: len(VECTORS) // 40]:
        command = ["openssl", "dgst", "-sha256", "-r"]
        found = subprocess.run(command, input=hashed(each["salt"], each["unit"]), capture_output=True, check=True)
        assert int(found.stdout[:16], 16) % 10_000 == each["bucket"], each


def test_worked_vectors_show_the_input_of_the_hash() -> None:
    for each in PUBLISHED["worked"]:
        assert bytes.fromhex(each["input"]) == hashed(each["salt"], each["unit"])
        assert int.from_bytes(sha256(bytes.fromhex(each["input"]))[:8], "big") % 10_000 == each["bucket"]


def test_the_service_computes_every_vector() -> None:
    assert PUBLISHED["declaration"] == assignment.DECLARATION
    for each in VECTORS:
        assert assignment.bucket(each["salt"], each["unit"]) == each["bucket"], each


@pytest.mark.parametrize("refused", PUBLISHED["refused"], ids=lambda each: json.dumps(each["unit"]))
def test_what_names_no_user_is_refused(refused: dict[str, Any]) -> None:
    with pytest.raises(assignment.NoUserId):
        assignment.bucket("checkout", refused["unit"])


@UNTIMED
@given(st.integers(), st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1))
def test_an_integer_is_its_decimal_digits(number: int, salt: str) -> None:
    assert assignment.bucket(salt, number) == assignment.bucket(salt, str(number))


@UNTIMED
@given(st.text(min_size=1), st.sampled_from(["NFC", "NFD"]))
def test_equal_characters_are_equal_however_composed(text: str, form: Any) -> None:
    if not any("\ud800" <= character <= "\udfff" for character in text):
        assert assignment.bucket("a", unicodedata.normalize(form, text)) == assignment.bucket("a", text)


@pytest.mark.parametrize(
    ("one", "other"),
    [("user", "User"), ("user", " user"), ("user", "user "), ("7", "07"), ("7", "7.0"), ("fi", "\ufb01"), ("a", "a\0")],
)
def test_nothing_else_makes_two_ids_one(one: str, other: str) -> None:
    assert [assignment.bucket(str(i), one) for i in range(3)] != [assignment.bucket(str(i), other) for i in range(3)]


def test_experiments_are_independent_and_buckets_are_even() -> None:
    """Quantiles of chi-square: a change of the function is seen, chance is not (the ids are fixed)."""
    users = [f"user-{i}" for i in range(20_000)]
    one, other = ([assignment.bucket(salt, user) // 1000 for user in users] for salt in ("checkout", "price"))
    counts = [one.count(tenth) for tenth in range(10)]
    assert sum((count - 2000) ** 2 / 2000 for count in counts) < 33.7  # 9 degrees of freedom, p = 0.0001
    pairs = [10 * x + y for x, y in zip(one, other, strict=True)]
    counts = [pairs.count(pair) for pair in range(100)]
    assert sum((count - 200) ** 2 / 200 for count in counts) < 160.1  # 99 degrees of freedom, p = 0.0001

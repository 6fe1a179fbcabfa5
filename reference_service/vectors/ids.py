"""The user ids of the test vectors: all that implementations are known to disagree on."""

from __future__ import annotations

import random
import unicodedata
import uuid
from collections.abc import Callable, Iterable, Mapping

Unit = str | int

SALTS = (
    "checkout",
    "checkout-2",
    "Checkout",
    "a",
    " padded ",
    "pr\u00e9sentation",
    "pre\u0301sentation",  # the same salt as the one before
    "\u5b9f\u9a13",
    "\u05e0\u05d9\u05e1\u05d5\u05d9",
    "\U0001f9ea",
    "x" * 128,
)

WORDS = ("ada", "grace", "alan", "edsger", "barbara", "donald", "radia", "linus", "margaret", "dennis")
ACCENTED = (
    "jos\u00e9",
    "zo\u00eb",
    "\u00c5ngstr\u00f6m",
    "na\u00efve",
    "\u0141\u00f3d\u017a",
    "\u1ec7",
    "\u01d6",
    "\u1e69",
    "\u0390",
    "\u0439\u043e\u0433",
    "\u0622\u0628",
    "\u0929\u0915",
    "\u304c\u3074",
    "\uac00\ub294",
    "\ud55c\uae00",
    "\ud06c\ub9bc",
    "cr\u00e8me",
    "br\u00fbl\u00e9e",
    "se\u00f1or",
    "\u1f82",
    "\u0958\u093e",
    "\u1fe4\u1f70\u03b2",
    "\u0e01\u0e33",
    "M\u00fcnchen",
    "\u00dcber",
    "S\u00e3o",
    "Reykjav\u00edk",
)
CANONICAL = "\u212b\u2126\u212a\u0340\u0344\u0374\u037e\u1f71\u2329\uf900\ufb1d\ufb2c\u0958\u2adc\u2000\u2001"
MARKS = "\u0301\u0308\u0323\u0327\u0331\u0345\u05b0\u05bc\u064b\u0651\u093c\u094d\u0e38\u0e48\u302a\u3099"
COMPATIBLE = (
    "\ufb01",
    "fi",
    "\uff21",
    "A",
    "\u2460",
    "1",
    "\u00b2",
    "2",
    "\u00bd",
    "\u2122",
    "TM",
    "\u3392",
    "\uff76",
    "\u30ab",
    "\u017f",
    "s",
    "\u1e9b\u0323",
)
SCRIPTS = {
    "latin": (0x0100, 0x017F),
    "greek": (0x03B1, 0x03C9),
    "cyrillic": (0x0410, 0x044F),
    "hebrew": (0x05D0, 0x05EA),
    "arabic": (0x0621, 0x063A),
    "devanagari": (0x0905, 0x0939),
    "thai": (0x0E01, 0x0E2E),
    "georgian": (0x10D0, 0x10F0),
    "hiragana": (0x3041, 0x3094),
    "cjk": (0x4E00, 0x9FA5),
    "hangul": (0xAC00, 0xD7A3),
    "beyond the basic plane": (0x20000, 0x2A6D6),
}
FACES = (0x1F600, 0x1F64F)
SKIN = tuple(map(chr, range(0x1F3FB, 0x1F400)))
EMOJI = (
    "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466",
    "\U0001f469\U0001f3fd\u200d\U0001f680",
    "\U0001f3f3\ufe0f\u200d\U0001f308",
    "\U0001f1e9\U0001f1ea",
    "\U0001f1eb\U0001f1f7",
    "\u2764\ufe0f",
    "\u2764",
    "\u2764\ufe0e",
    "1\ufe0f\u20e3",
    "\U0001f9d1\u200d\u2764\ufe0f\u200d\U0001f9d1",
    "\U0001f3f4\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f",
)
SPACES = (
    " ",
    "\t",
    "\n",
    "\r\n",
    "\u00a0",
    "\u2003",
    "\u3000",
    "\u200b",
    "\ufeff",
    "\u2060",
    "\u0000",
    "\u001f",
    "\u200e",
    "\u200f",
)
CASES = (
    ("User", "user", "USER"),
    ("stra\u00dfe", "STRASSE", "stra\u1e9ee"),
    ("\u0130", "i", "I", "\u0131"),
    ("\u03a3\u03c3\u03c2", "\u03c3\u03c3\u03c3"),
    ("\u01c5", "\u01c4", "\u01c6"),
)
NUMBERS = (
    0,
    1,
    7,
    9,
    10,
    42,
    99,
    100,
    999,
    1000,
    9999,
    10000,
    65536,
    2**31 - 1,
    2**31,
    2**32,
    2**53 - 1,
    2**53,
    2**53 + 1,
    2**63 - 1,
)
LIKE_NUMBERS = (
    "-0",
    "+7",
    "07",
    "7.0",
    "7e0",
    "1_000",
    "0x7",
    " 7",
    "7 ",
    "\u0667",
    "\uff17",
    "\u00b9",
    "null",
    "None",
    "true",
    "nan",
    "1e400",
)


def plain(chance: random.Random) -> Iterable[Unit]:
    """What most ids look like."""
    for i, word in enumerate(WORDS * 8):
        yield from (f"user-{i}", f"{word}{i}@example.org", str(uuid.UUID(int=chance.getrandbits(128), version=4)))
    yield from map(chr, range(0x20, 0x7F))


def integers(chance: random.Random) -> Iterable[Unit]:
    """An integer and its decimal digits are one user; what only looks like a number is a string like any other."""
    drawn = [chance.getrandbits(bits) for bits in range(8, 63, 3)]
    for number in (*NUMBERS, *drawn):
        yield from (number, str(number), -number - 1, str(-number - 1))
    yield from LIKE_NUMBERS


def compositions(chance: random.Random) -> Iterable[Unit]:
    """The same characters composed and decomposed are one user."""
    for word in (*ACCENTED, *CANONICAL):
        yield from (unicodedata.normalize(form, word) for form in ("NFC", "NFD"))
        yield word
    for _ in range(40):  # marks on one letter are ordered by their class, and only then composed
        yield chance.choice("aeiou\u05d0\u0627\u0915\u0e01\u304b") + "".join(
            chance.choices(MARKS, k=chance.randint(1, 6))
        )
    yield "z\u0335" + "\u0300\u0316\u0346" * 40


def scripts(chance: random.Random) -> Iterable[Unit]:
    """Names in many scripts, written from the left and from the right."""
    for first, last in SCRIPTS.values():
        for _ in range(12):
            yield "".join(chr(chance.randint(first, last)) for _ in range(chance.randint(1, 12)))


def emoji(chance: random.Random) -> Iterable[Unit]:
    """Characters of two UTF-16 units, joined, coloured and chosen between forms."""
    yield from EMOJI
    for _ in range(40):
        yield "".join(chr(chance.randint(*FACES)) for _ in range(chance.randint(1, 5)))
        yield "\U0001f44b" + chance.choice(SKIN) + chr(chance.randint(*FACES))
        yield f"user-{chr(chance.randint(*FACES))}-{chance.randint(1, 99)}"


def spaces(chance: random.Random) -> Iterable[Unit]:
    """Nothing is trimmed, and nothing ends a string early."""
    for space in SPACES:
        yield from (space, f"{space}user-1", f"user-1{space}", f"user{space}1", f"{space}{space}")


def cases(chance: random.Random) -> Iterable[Unit]:
    """No case is folded, and compatible characters are not the same."""
    yield from (word for group in CASES for word in group)
    yield from COMPATIBLE
    for word in WORDS:
        yield from (word, word.upper(), word.title())


def lengths(chance: random.Random) -> Iterable[Unit]:
    """Around the block size of SHA-256, which is 64 bytes, and up to the longest id."""
    for count in (1, 46, 47, 48, 54, 55, 56, 63, 64, 65, 119, 120, 127, 128, 255, 256):
        yield from ("a" * count, "\u00e9" * count, "\U0001f600" * count, "e\u0301" * (count // 2 or 1))


FAMILIES: Mapping[str, Callable[[random.Random], Iterable[Unit]]] = {
    "plain": plain,
    "integer": integers,
    "composition": compositions,
    "scripts": scripts,
    "emoji": emoji,
    "space": spaces,
    "case": cases,
    "length": lengths,
}

REFUSED: tuple[tuple[object, str], ...] = (
    ("", "empty"),
    (None, "null"),
    (True, "boolean"),
    (False, "boolean"),
    (0.5, "number that is no integer"),
    (-0.0, "number that is no integer"),
    (7.0, "number that is no integer: written as 7.0"),
    (1e21, "number that is no integer: written with an exponent"),
    ([], "neither string nor integer"),
    (["user-1"], "neither string nor integer"),
    ({}, "neither string nor integer"),
    ({"id": "user-1"}, "neither string nor integer"),
    ("\ud83d", "half of a surrogate pair"),
    ("\ude00", "half of a surrogate pair"),
    ("user-\ud800", "half of a surrogate pair"),
    ("\udfffuser", "half of a surrogate pair"),
    ("\ude00\ud83d", "halves of a surrogate pair in the wrong order"),
    ("a\ud83d b\ude00", "halves of a surrogate pair apart"),
)

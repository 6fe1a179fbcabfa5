"""The two hashes of experiment SDKs that Python does not ship."""

from __future__ import annotations

_WORD = 0xFFFFFFFF


def fnv1a32(text: str) -> int:
    """FNV-1a with 32 bits over UTF-16 code units, as JavaScript has it (draft-eastlake-fnv; GrowthBook's SDKs)."""
    units = text.encode("utf-16-le", "surrogatepass")
    value = 0x811C9DC5
    for at in range(0, len(units), 2):
        value = (value ^ (units[at] | units[at + 1] << 8)) * 0x01000193 & _WORD
    return value


def murmur3_32(data: bytes, seed: int = 0) -> int:
    """MurmurHash3_x86_32 (A. Appleby, SMHasher; public domain)."""
    value, whole = seed, len(data) & ~3
    for at in range(0, whole, 4):
        value ^= _scrambled(int.from_bytes(data[at : at + 4], "little"))
        value = (_rotated(value, 13) * 5 + 0xE6546B64) & _WORD
    value ^= _scrambled(int.from_bytes(data[whole:], "little")) ^ len(data)
    value = (value ^ value >> 16) * 0x85EBCA6B & _WORD
    value = (value ^ value >> 13) * 0xC2B2AE35 & _WORD
    return value ^ value >> 16


def _scrambled(block: int) -> int:
    return _rotated(block * 0xCC9E2D51 & _WORD, 15) * 0x1B873593 & _WORD


def _rotated(word: int, bits: int) -> int:
    return (word << bits | word >> (32 - bits)) & _WORD

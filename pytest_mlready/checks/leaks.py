"""What of a service's inside stands in an error text: stacks, paths, exceptions, a library's own words."""

from __future__ import annotations

import re

_DIRECTORIES = r"home|usr|opt|root|tmp|mnt|srv|Users|workspace|var/(?:lib|log|run|task|www)|app(?=/\S*\.py)"
_EXCEPTIONS = (
    "ArithmeticError|AssertionError|AttributeError|ConnectionError|FileNotFoundError|FloatingPointError|ImportError|"
    "IndexError|JSONDecodeError|KeyError|LookupError|MemoryError|ModuleNotFoundError|NameError|NotFittedError|"
    "NotImplementedError|NullPointerException|OSError|OverflowError|PermissionError|RecursionError|RuntimeError|"
    "TypeError|UnicodeDecodeError|UnicodeEncodeError|ValueError|XGBoostError|ZeroDivisionError"
)
_WORDS = (
    r"could not convert string to float|is not JSON serializable|codec can't (?:de|en)code|has no attribute '|"
    r"object is not (?:subscriptable|iterable|callable)|unsupported operand type|unhashable type|"
    r"(?:list|tuple) indices must be integers|string indices must be integers|object of type '\w+' has no len|"
    r"not supported between instances of|argument must be a string or a (?:real )?number|"
    r"has \d+ features?, but \w+ is expecting|Input \w* ?contains (?:NaN|infinity)|Found array with \d+ |"
    r"Expected 2D array, got|setting an array element with a sequence|inhomogeneous shape|could not be broadcast|"
    r"maximum recursion depth exceeded|: line \d+ column \d+ \(char \d+\)|Feature names (?:seen at fit|must be in)|"
    r"\[Errno -?\d+\]|No such file or directory|"
    r"takes \d+ positional arguments?|unexpected keyword argument|mat1 and mat2 shapes"
)
PATTERNS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("a traceback", re.compile(r"Traceback \(most recent call last\)|stack_?trace|Werkzeug Debugger", re.IGNORECASE)),
    ("a stack frame", re.compile(r'File "[^"]+", line \d+|\bat [\w.$<>]+\([\w.]+:\d+\)|goroutine \d+ \[')),
    (
        "a file's path",
        re.compile(rf"(?<![\w/:.])/(?:{_DIRECTORIES})/[\w./-]+|\b[A-Z]:\\+\w+|site-packages|\w\.py:\d+"),
    ),
    ("an exception's name", re.compile(rf"\b(?:{_EXCEPTIONS})\b")),
    ("a library's words", re.compile(_WORDS)),
    ("a library's module", re.compile(r"\b(?:sklearn|numpy|pandas|torch|tensorflow|xgboost|lightgbm)\.[a-z_]\w*")),
    ("an exception's text", re.compile(r'"(?:detail|error|message)":\s*"\'\w+\'"')),
)


def leak(text: str) -> str | None:
    """What leaks, as "a traceback: …"; None if nothing does.

    JSON pointers ("/features/3") and a validator's messages to the client are no leaks.
    """
    plain = (
        text.replace('\\"', '"').replace("\\n", "\n").replace("\\/", "/") if '\\"' in text or "\\n" in text else text
    )
    for kind, pattern in PATTERNS:
        for candidate in dict.fromkeys((text, plain)):
            if (match := pattern.search(candidate)) is not None:
                return f"{kind}: {match[0][:120]!r}"
    return None

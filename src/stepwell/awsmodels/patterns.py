"""Patterns of the models, which are Java's, as Python's regular expressions."""

import re

_CLASSES = {
    "ASCII": r"\x00-\x7f",
    "Alnum": r"a-zA-Z0-9",
    "Graph": r"!-~",
    "L": r"\w",
    "N": r"\d",
    "Print": r" -~",
    "Z": r" \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000",
}
"""What stands inside the brackets for Java's `\\p{...}`. `\\w` is wider than letters; Python has no `\\p{L}`."""

_PROPERTY = re.compile(r"\\p\{(\w+)\}")
_TOKEN = re.compile(r"\\p\{\w+\}|\\.|[\[\]]", re.DOTALL)


def compile_pattern(pattern: str) -> re.Pattern[str]:
    """The Python form of a model's pattern. KeyError when it uses a character class that is not known here."""
    depth = 0

    def replace(match: re.Match[str]) -> str:
        nonlocal depth
        token = match.group()
        depth += (token == "[") - (token == "]" and depth > 0)
        found = _PROPERTY.fullmatch(token)
        if found is None:
            return token
        members = _CLASSES[found.group(1)]
        return members if depth else f"[{members}]"

    return re.compile(_TOKEN.sub(replace, pattern))

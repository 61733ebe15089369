"""Text that compresses like program source: a vocabulary with few frequent and many rare words, functions, comments."""

from __future__ import annotations

import random
from itertools import accumulate

SUBJECT = b"\0"
"""Stands in a function for the name that the file it goes to gives it."""

_CONSONANTS = "bcdfghklmnprstvwz"
_VOWELS = "aeiou"
_COMMENT = ("the", "of", "a", "is", "when", "not", "must", "for", "which", "only", "has", "been", "before")


class Author:
    """Writes functions and headers; the same seed writes the same."""

    def __init__(self, seed: int, vocabulary: int = 4000) -> None:
        self._rng = random.Random(seed)
        self._words = [self._word() for _ in range(vocabulary)]
        self._frequent = list(accumulate(1 / (rank + 3) for rank in range(vocabulary)))

    def names(self, count: int) -> list[str]:
        """Identifiers as they occur in text, some much more often than others."""
        return self._rng.choices(self._words, cum_weights=self._frequent, k=count)

    def header(self) -> bytes:
        """What stands at the top of a project's every file."""
        lines = [" ".join(self._prose(11)) for _ in range(9)]
        return ("".join(f"# {line}\n" for line in lines) + "\n").encode()

    def function(self) -> bytes:
        """One function of 5 to 40 lines, indented, with its comment and :data:`SUBJECT` here and there."""
        rng = self._rng
        name, first, second = self.names(3)
        lines = [f"def {name}_\0({first}, {second}=None):", f'    """{" ".join(self._prose(8)).capitalize()}."""']
        depth = 1
        for _ in range(rng.randint(3, 38)):
            one, two, three = self.names(3)
            shape = rng.randrange(8)
            indent = "    " * depth
            if shape == 0 and depth < 5:
                lines.append(f"{indent}for {one} in {two}.{three}():")
                depth += 1
            elif shape == 1 and depth < 5:
                lines.append(f"{indent}if {one} is not None and {two} < {rng.randrange(300)}:")
                depth += 1
            elif shape == 2:
                lines.append(f"{indent}self.{one} = {two}({first}, '{three}')")
            elif shape == 3:
                lines.append(f"{indent}# {' '.join(self._prose(7))}")
            elif shape == 4:
                lines.append(f"{indent}{one}.{two}(\0.{three}, {rng.randrange(4096):#06x})")
            else:
                lines.append(f"{indent}{one} = {second}.{two}[{three}] + {rng.randrange(64)}")
                depth = max(1, depth - rng.randrange(2))
        lines.append(f"    return {first}\n\n")
        return "\n".join(lines).encode()

    def _prose(self, count: int) -> list[str]:
        return [a if i % 2 else b for i, (a, b) in enumerate(zip(self.names(count), self._little(count), strict=True))]

    def _little(self, count: int) -> list[str]:
        return self._rng.choices(_COMMENT, k=count)

    def _word(self) -> str:
        rng = self._rng
        parts = ["".join(rng.choice(_CONSONANTS) + rng.choice(_VOWELS) for _ in range(rng.randint(1, 3)))]
        while rng.random() < 0.4:
            parts.append(rng.choice(_CONSONANTS) + rng.choice(_VOWELS) + rng.choice("nrstl"))
        return "_".join(parts)

"""What is chosen where a sentence leaves a choice?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Pick = Callable[[object, list], Any]


class Choices:
    """What was chosen where the sentence leaves a choice: by a script, and the first beyond it."""

    def __init__(self, script: list[int]) -> None:
        self.script, self.made, self.options = script, {}, []

    def __call__(self, key: object, options: list) -> Any:
        if len(options) == 1:
            return options[0]
        if key not in self.made:
            place = len(self.options)
            self.made[key] = self.script[place] if place < len(self.script) else 0
            self.options.append(len(options))
        return options[self.made[key]]

    def next(self) -> list[int] | None:
        chosen = [*self.script, *[0] * (len(self.options) - len(self.script))]
        while chosen:
            if chosen[-1] + 1 < self.options[len(chosen) - 1]:
                return [*chosen[:-1], chosen[-1] + 1]
            chosen.pop()
        return None

"""The rows of `ml.benchmark --baskets`: each way with its setting by the basket before the last, judged on the last."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from ml.baskets import counting, training, trees
from ml.baskets.model import BasketModel, Positions
from ml.baskets.pairs import Pairs, pairs_of
from ml.baskets.protocol import PROTOCOL, BasketScorer, judge
from ml.baskets.visits import Baskets
from ml.common.arrays import evenly
from ml.common.model_settings import Config

TEST, VALIDATION = 0, 1
CUTS, EXAMPLES = 5, 40_000  # cuts that are learned from, fewer where there are many users, but two
TUNED_ON = 1_500  # users of the validation, evenly over all

# The ways that count: name -> settings, each with the scorer of baskets at a cut.
COUNTING: dict[str, list[tuple[dict, Callable[[Baskets, int], BasketScorer]]]] = {
    "popular": [({}, counting.popular)],
    "own_frequency": [({}, counting.own_frequency)],
    "up_cf": [(vars(setting), setting.scorer) for setting in counting.UP_CF],
    "tifu_knn": [(vars(setting), setting.scorer) for setting in counting.TIFU],
}


class Comparison:
    """Baskets, the users that are judged, and the rows so far. say: told a line a row."""

    def __init__(self, baskets: Baskets, config: Config, say: Callable[[str], None]) -> None:
        self.baskets, self.config, self.say = baskets, config, say
        self.rows: dict[str, dict] = {}
        asked = baskets.asked(VALIDATION)
        self.users = {TEST: baskets.asked(TEST), VALIDATION: asked[evenly(len(asked), TUNED_ON)]}
        self._pairs: dict[int, Pairs] = {}

    def counting(self, name: str) -> None:
        began, tried = time.perf_counter(), COUNTING[name]
        setting, of = tried[0] if len(tried) == 1 else max(tried, key=lambda one: self._valid(one[1]))
        self._add(name, of(self.baskets, TEST), began, setting)

    def trees(self) -> None:
        """Learned on the cuts before the validation to choose a setting, then on those before the test."""
        began = time.perf_counter()
        setting = max(trees.SETTINGS, key=lambda one: self._valid(lambda _, cut: self._trees(one, cut)))
        self._add("boosted_trees", self._trees(setting, TEST), began, setting)

    def _trees(self, setting: dict, cut: int) -> BasketScorer:
        examples = [self.pairs(older) for older in self.examples(cut)]
        fitted, asked = trees.fit(examples, setting, self.config.train.seed), self.pairs(cut)
        return trees.scorer_of(asked, fitted.decision_function(asked.columns_NF), len(self.baskets.names))

    def model(self) -> None:
        """A training of as many epochs as validate best in another one, on the cuts before the validation."""
        began = time.perf_counter()
        _, epochs = self._trained(VALIDATION, self.config.train.epochs, validated=True)
        model, _ = self._trained(TEST, epochs, validated=False)
        positions = Positions(self.baskets, {TEST: self.pairs(TEST)}, self.config.model.max_len)
        scorer = training.scorer_of(model, positions, TEST)
        self._add("model", scorer, began, {"epochs": epochs})

    def _trained(self, cut: int, epochs: int, validated: bool) -> tuple[BasketModel, int]:
        pairs = {older: self.pairs(older) for older in (cut, *self.examples(cut))}

        def valid(scorer: BasketScorer) -> float:
            return judge(self.baskets, cut, self.users[cut], scorer)["ndcg@10"]

        return training.train(self.baskets, pairs, self.config, valid if validated else None, epochs, self.say)

    def examples(self, cut: int) -> list[int]:
        """The cuts to learn from for what a cut asks: those before it."""
        count = max(2, min(CUTS, EXAMPLES // len(self.users[TEST])))
        return [older for older in range(cut + 1, cut + 1 + count) if len(self.baskets.asked(older))]

    def pairs(self, cut: int) -> Pairs:
        """Of all users that are asked at the cut; counted once, by TIFU-KNN's chosen setting."""
        if cut not in self._pairs:
            tifu = counting.Tifu(**self.rows["tifu_knn"]["setting"])
            self._pairs[cut] = pairs_of(self.baskets, cut, self.baskets.asked(cut), tifu)
        return self._pairs[cut]

    def _valid(self, of: Callable[[Baskets, int], BasketScorer]) -> float:
        scorer = of(self.baskets, VALIDATION)
        return judge(self.baskets, VALIDATION, self.users[VALIDATION], scorer)["ndcg@10"]

    def _add(self, name: str, scorer: BasketScorer, began: float, setting: dict[str, Any]) -> None:
        row = judge(self.baskets, TEST, self.users[TEST], scorer)
        self.rows[name] = row | {"setting": setting, "seconds": time.perf_counter() - began}
        figures = " ".join(f"{key} {row[key]:.4f}" for key in ("recall@10", "ndcg@10", "hit@10"))
        self.say(f"{name}: {figures}, of repeats {row['repeats']['recall@10']:.4f}, of new products "
                 f"{row['new']['recall@10']:.4f}; {self.rows[name]['seconds']:.0f} s")  # fmt: skip


def run(baskets: Baskets, config: Config, say: Callable[[str], None]) -> dict:
    """All rows with their settings, what each took, and the row that the command is about."""
    began, compared = time.perf_counter(), Comparison(baskets, config, say)
    for name in COUNTING:
        compared.counting(name)
    compared.model()
    compared.trees()
    return compared.rows["model"] | {
        "rows": compared.rows,
        "users": len(compared.users[TEST]),
        "items": len(baskets.names),
        "seconds": time.perf_counter() - began,
        "seed": config.train.seed,
        "protocol": PROTOCOL,
    }

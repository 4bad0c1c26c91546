"""The behaviour Transformer of Huaxiang for Hugging Face transformers; needs nothing else of Huaxiang:

    from transformers import AutoFeatureExtractor, AutoModel

    extractor = AutoFeatureExtractor.from_pretrained(FOLDER, trust_remote_code=True)
    model = AutoModel.from_pretrained(FOLDER, trust_remote_code=True).eval()
    vectors = model(**extractor(rows)).pooler_output            # rows: dicts with the columns of gold.user_sequences
    best = extractor.products(model.scores(vectors).topk(10).indices)

`python -m ml.export --hf FOLDER` copies this file into the folder. A plain rendering of ml/transformer/model.py, with
padding on the right, to read and to serve; tests hold the two equal.

Legend: B users, T places (events and one placeholder), C context features, D width, H heads, K channels, I products,
E events of a user, J numbers about their times.
"""

from __future__ import annotations

import datetime
import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import BatchFeature, FeatureExtractionMixin, PreTrainedConfig, PreTrainedModel
from transformers.modeling_outputs import BaseModelOutputWithPooling

PADDING, UNKNOWN, FIRST = 0, 1, 2
TYPES, PRICES, GAPS, HOURS, WEEKDAYS, VISIT_ENDS = 16, 32, 32, 24, 7, 2
VISIT_SECONDS, DAY_SECONDS = 1800, 86_400
FADING = 0.97  # an event's weight in a mean to that of the next one
# Of the times of events: days after which one counts half; which of the last days; days of a day that there is not, and
# of the gap that everybody is given one of.
HALF_LIVES, RECENT, LONG_AGO, USUAL_GAP = (3.5, 7.0, 14.0, 28.0, 56.0, 112.0), (1, 2, 3, 5, 8), 366.0, 28.0


class HuaxiangConfig(PreTrainedConfig):
    """The shape of the model. products: with the two rows for padding and for unknown products. block_units: what the
    two blocks of means are divided by; None: a user's vector is his state alone. outlook: the numbers that the network
    of the last block reads, has inside, and gives; None: there is no such block.
    """

    model_type = "huaxiang"

    def __init__(
        self,
        d_model: int = 64,
        layers: int = 2,
        heads: int = 2,
        hidden: int = 256,
        products: int = FIRST,
        block_units: list[float] | None = None,
        outlook: list[int] | None = None,
        **others: object,
    ) -> None:
        self.d_model, self.layers, self.heads, self.hidden, self.products = d_model, layers, heads, hidden, products
        self.block_units, self.outlook = block_units, outlook
        super().__init__(**others)


class HuaxiangFeatureExtractor(FeatureExtractionMixin):
    """Events of users as ids: the vocabulary of the model.

    product_ids: in the order of the model's rows. event_types: id of each. price_shift: buckets of price that the
    shop's are moved down. shop_clock: hours and weekdays are the shop's where the rows have them, not UTC's. time_mean,
    time_scale: of the numbers about the times of events that the model reads; empty: it reads none.
    """

    def __init__(
        self,
        product_ids: list[str] | None = None,
        event_types: dict[str, int] | None = None,
        price_shift: int = 0,
        max_len: int = 128,
        shop_clock: bool = True,
        time_mean: list[float] | None = None,
        time_scale: list[float] | None = None,
        **others: object,
    ) -> None:
        super().__init__(**others)
        self.time_mean, self.time_scale = list(time_mean or []), list(time_scale or [])
        self.product_ids, self.event_types = list(product_ids or []), dict(event_types or {})
        self.price_shift, self.max_len, self.shop_clock = price_shift, max_len, shop_clock

    def __call__(self, rows: list[dict], as_of: datetime.date | None = None) -> BatchFeature:
        """A user a row, events from the oldest to the newest, with the columns event_times (seconds since 1970, UTC),
        event_types, product_ids and price_buckets, and event_days and event_hours of the shop where they are known.
        as_of: the day of the shop at whose end the vectors are true; None: each row's own `ds`.

        input_ids (B, T), context_ids (B, T, 6), attention_mask (B, T) with 0 where there is no event; one place more
        than the longest user has events. time_facts (B, J), where the model reads them.
        """
        row_of = {name: row for row, name in enumerate(self.product_ids, start=FIRST)}
        users = [self._user(row, row_of) for row in rows]
        longest = 1 + max((len(items) for items, *_ in users), default=0)
        ids, context = np.zeros((len(users), longest), np.int64), np.zeros((len(users), longest, 6), np.int64)
        mask = np.zeros((len(users), longest), np.int64)
        for user, (items, of_events, _) in enumerate(users):
            ids[user, : len(items)], context[user, : len(items)], mask[user, : len(items)] = items, of_events, 1
        arrays = {"input_ids": ids, "context_ids": context, "attention_mask": mask}
        if self.time_mean:
            facts = [self._time_facts(of_events, days, _day_after(row, as_of))
                     for row, (_, of_events, days) in zip(rows, users, strict=True)]  # fmt: skip
            told = (np.reshape(facts, (-1, len(self.time_mean))) - self.time_mean) / self.time_scale
            arrays["time_facts"] = told.astype(np.float32)
        return BatchFeature({name: torch.from_numpy(values) for name, values in arrays.items()})

    def products(self, indices_BK: Tensor) -> list[list[str]]:
        """The ids of products by their places in the scores of the model."""
        return [[self.product_ids[index] for index in row] for row in indices_BK.tolist()]

    def _user(self, row: dict, row_of: dict[str, int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Rows of the products (E), context (E, 6) and days since 1970 (E) of the newest max_len events."""
        times = np.asarray(row["event_times"], np.int64)
        items = [row_of.get(name, UNKNOWN) if name else PADDING for name in row["product_ids"]]
        types = [self.event_types.get(name, UNKNOWN) if name else PADDING for name in row["event_types"]]
        prices = np.asarray([bucket or 0 for bucket in row["price_buckets"]], np.int64)
        prices = np.where(prices > 0, np.clip(prices - self.price_shift, 1, PRICES - 1), 0)
        gaps = np.diff(times)
        gap_ids = 1 + np.minimum(np.log2(1 + np.maximum(gaps, 0)).astype(np.int64), GAPS - 2)
        days, hours = times // DAY_SECONDS, times // 3600 % 24
        if self.shop_clock:
            days, hours = _stored(row, "event_days", days), _stored(row, "event_hours", hours)
        ends = np.append(gaps >= VISIT_SECONDS, True)[: len(times)]
        columns = [types, prices, np.append(0, gap_ids)[: len(times)], hours, (days + 3) % 7, ends]
        bases = 1 + np.cumsum([0, TYPES, PRICES, GAPS, HOURS, WEEKDAYS])
        context = np.stack([np.asarray(column, np.int64) for column in columns], axis=1) + bases
        newest = slice(-self.max_len, None)
        days = _stored(row, "event_days", times // DAY_SECONDS)
        return np.asarray(items, np.int64)[newest], context[newest], days[newest]

    def _time_facts(self, context: np.ndarray, days: np.ndarray, end: int) -> list[float]:
        """What the times of events say at the end of the day before `end`: of all, and of purchases alone."""
        ages, level = end - 0.5 - days, context[:, 1] - (1 + TYPES)
        worth = np.where(level > 0, 2.0 ** ((level - 0.5) / 2) - 1, 0.0)
        bought = context[:, 0] == 1 + self.event_types.get("purchase", -2)
        whole = [np.log1p(len(ages)), np.log1p(ages.max(initial=0.0))]
        return [*_rhythm(ages, worth), *_rhythm(ages[bought], worth[bought]), *whole]


def _day_after(row: dict, as_of: datetime.date | None) -> int:
    """The day after as_of, or after the row's `ds`, since 1970."""
    day = as_of or row.get("ds")
    if day is None:
        raise ValueError(
            "expected as_of, or `ds` in each row: the day at whose end the vectors are true; found neither"
        )
    day = day if isinstance(day, datetime.date) else datetime.date.fromisoformat(day)
    return (day - datetime.date(1970, 1, 1)).days + 1


def _rhythm(ages: np.ndarray, worth: np.ndarray) -> list[float]:
    """Of events, oldest first, by their ages in days: faded numbers of events, days and worth; ages of the last days;
    mean gap between days, mean logarithm of gaps, and the age of the last day against the mean gap.
    """
    first = np.append(True, ages[1:] != ages[:-1])[: len(ages)]
    weights = [0.5 ** (ages / half_life) for half_life in HALF_LIVES]
    sums = [(weight * of).sum() for weight in weights for of in (1.0, first, worth)]
    days = ages[first]
    recent = [days[-place] if len(days) >= place else LONG_AGO for place in RECENT]
    gaps = -np.diff(days)
    mean = (gaps.sum() + USUAL_GAP) / (len(gaps) + 1)
    log = (np.log(np.maximum(gaps, 1)).sum() + np.log(USUAL_GAP)) / (len(gaps) + 1)
    return [*np.log1p(sums), *np.log1p(recent), np.log(mean), log, np.log((recent[0] + 1) / mean)]


def _stored(row: dict, name: str, of_utc: np.ndarray) -> np.ndarray:
    """A column of lists (E); of_utc where the row does not have it."""
    values = row.get(name)
    return np.asarray(values, np.int64) if values is not None and len(values) == len(of_utc) else of_utc


class Block(nn.Module):
    """Pre-norm attention, causal, with rotary places, and feed-forward."""

    def __init__(self, config: HuaxiangConfig) -> None:
        super().__init__()
        self.heads = config.heads
        self.norm_attention, self.norm_hidden = nn.LayerNorm(config.d_model), nn.LayerNorm(config.d_model)
        self.qkv, self.out = nn.Linear(config.d_model, 3 * config.d_model), nn.Linear(config.d_model, config.d_model)
        self.hidden = nn.Sequential(
            nn.Linear(config.d_model, config.hidden), nn.GELU(), nn.Linear(config.hidden, config.d_model)
        )

    def forward(self, x_BTD: Tensor, turns_TK: Tensor) -> Tensor:
        B, T, D = x_BTD.shape
        heads_BHTK = (
            part.view(B, T, self.heads, D // self.heads).transpose(1, 2)
            for part in self.qkv(self.norm_attention(x_BTD)).split(D, dim=2)
        )
        q, k, v = heads_BHTK
        mixed = F.scaled_dot_product_attention(turned(q, turns_TK), turned(k, turns_TK), v, is_causal=True)
        x_BTD = x_BTD + self.out(mixed.transpose(1, 2).reshape(B, T, D))
        return x_BTD + self.hidden(self.norm_hidden(x_BTD))


def turned(x_BHTK: Tensor, turns_TK: Tensor) -> Tensor:
    """Pairs of channels turned by the angle of their place."""
    pairs = torch.view_as_complex(x_BHTK.float().unflatten(-1, (-1, 2)))
    return torch.view_as_real(pairs * turns_TK).flatten(-2).to(x_BHTK.dtype)


class HuaxiangModel(PreTrainedModel):
    """States of a user after each event; state . item vector + popularity is the score of a product as the next one."""

    config_class = HuaxiangConfig
    base_model_prefix = "huaxiang"

    def __init__(self, config: HuaxiangConfig) -> None:
        super().__init__(config)
        self.items = nn.Embedding(config.products, config.d_model)
        self.context = nn.EmbeddingBag(
            1 + TYPES + PRICES + GAPS + HOURS + WEEKDAYS + VISIT_ENDS, config.d_model, mode="sum", padding_idx=0
        )
        self.bos_D = nn.Parameter(torch.zeros(config.d_model))
        self.popularity_I = nn.Parameter(torch.zeros(config.products - FIRST), requires_grad=False)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.norm = nn.LayerNorm(config.d_model)
        if config.outlook:
            read, inside, given = config.outlook
            self.outlook = nn.Sequential(
                nn.Linear(read, inside), nn.GELU(), nn.Linear(inside, inside), nn.GELU(), nn.Linear(inside, given)
            )
        self.post_init()

    def forward(
        self,
        input_ids: Tensor,
        context_ids: Tensor,
        attention_mask: Tensor,
        time_facts: Tensor | None = None,
        **_: object,
    ) -> BaseModelOutputWithPooling:
        """last_hidden_state (B, T, D): the state at place t knows the events before it. pooler_output, the user's
        vector: the state at the place after the last event (D), the faded means of states and of products (2 D), and
        what the times of his events let expect as of the day.
        """
        B, T = input_ids.shape
        items_BTD = self.items(input_ids)
        x_BTD = items_BTD + self.context(context_ids.flatten(0, 1)).view(B, T, -1)
        before_BTD = x_BTD[:, :-1] * math.sqrt(self.config.d_model)
        x_BTD = torch.cat([self.bos_D.expand(B, 1, -1), before_BTD], dim=1)
        channels = self.config.d_model // self.config.heads
        rate = 10_000.0 ** (-torch.arange(0, channels, 2, device=x_BTD.device) / channels)
        angle_TK = torch.arange(T, device=x_BTD.device)[:, None] * rate
        turns_TK = torch.polar(torch.ones_like(angle_TK), angle_TK)
        for block in self.blocks:
            x_BTD = block(x_BTD, turns_TK)
        states_BTD = self.norm(x_BTD)
        last_B1 = attention_mask.sum(1, keepdim=True)
        blocks = [states_BTD.take_along_dim(last_B1[:, :, None], dim=1)[:, 0]]
        if self.config.block_units:
            age_BT = last_B1 - torch.arange(T, device=x_BTD.device)
            weight_BT = torch.where(age_BT >= 0, FADING ** age_BT.clamp(min=0), 0.0)
            weight_BT = weight_BT / weight_BT.sum(1, keepdim=True)
            known_BTD = items_BTD * (input_ids >= FIRST)[:, :, None]
            means = (torch.einsum("bt,btd->bd", weight_BT, part) for part in (states_BTD, known_BTD))
            blocks += [mean / unit for mean, unit in zip(means, self.config.block_units, strict=True)]
        if self.config.outlook:
            blocks.append(self.outlook(time_facts))
        return BaseModelOutputWithPooling(last_hidden_state=states_BTD, pooler_output=torch.cat(blocks, dim=1))

    def scores(self, vectors_BD: Tensor) -> Tensor:
        """Logits (B, I) of all products as the next one, in the order of the extractor's product_ids."""
        return vectors_BD[:, : self.config.d_model] @ self.items.weight[FIRST:].T + self.popularity_I

"""The behaviour Transformer of Huaxiang for Hugging Face transformers; needs nothing else of Huaxiang:

    from transformers import AutoFeatureExtractor, AutoModel

    extractor = AutoFeatureExtractor.from_pretrained(FOLDER, trust_remote_code=True)
    model = AutoModel.from_pretrained(FOLDER, trust_remote_code=True).eval()
    vectors = model(**extractor(rows)).pooler_output            # rows: dicts with the columns of gold.user_sequences
    best = extractor.products(model.scores(vectors).topk(10).indices)

`python -m ml.export --hf FOLDER` copies this file into the folder. A plain rendering of ml/transformer/model.py, with
padding on the right, to read and to serve; tests hold the two equal.

Legend: B users, T places (events and one placeholder), C context features, D width, H heads, K channels, I products.
"""

from __future__ import annotations

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


class HuaxiangConfig(PreTrainedConfig):
    """The shape of the model. products: with the two rows for padding and for unknown products. block_units: what the
    two blocks of means are divided by; None: a user's vector is his state alone.
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
        **others: object,
    ) -> None:
        self.d_model, self.layers, self.heads, self.hidden, self.products = d_model, layers, heads, hidden, products
        self.block_units = block_units
        super().__init__(**others)


class HuaxiangFeatureExtractor(FeatureExtractionMixin):
    """Events of users as ids: the vocabulary of the model.

    product_ids: in the order of the model's rows. event_types: id of each. price_shift: buckets of price that the
    shop's are moved down. shop_clock: hours and weekdays are the shop's where the rows have them, not UTC's.
    """

    def __init__(
        self,
        product_ids: list[str] | None = None,
        event_types: dict[str, int] | None = None,
        price_shift: int = 0,
        max_len: int = 128,
        shop_clock: bool = True,
        **others: object,
    ) -> None:
        super().__init__(**others)
        self.product_ids, self.event_types = list(product_ids or []), dict(event_types or {})
        self.price_shift, self.max_len, self.shop_clock = price_shift, max_len, shop_clock

    def __call__(self, rows: list[dict]) -> BatchFeature:
        """A user a row, events from the oldest to the newest, with the columns event_times (seconds since 1970, UTC),
        event_types, product_ids and price_buckets, and event_days and event_hours of the shop where they are known.

        input_ids (B, T), context_ids (B, T, 6), attention_mask (B, T) with 0 where there is no event; one place more
        than the longest user has events.
        """
        row_of = {name: row for row, name in enumerate(self.product_ids, start=FIRST)}
        users = [self._user(row, row_of) for row in rows]
        longest = 1 + max((len(items) for items, _ in users), default=0)
        ids, context = np.zeros((len(users), longest), np.int64), np.zeros((len(users), longest, 6), np.int64)
        mask = np.zeros((len(users), longest), np.int64)
        for user, (items, of_events) in enumerate(users):
            ids[user, : len(items)], context[user, : len(items)], mask[user, : len(items)] = items, of_events, 1
        put = torch.from_numpy
        return BatchFeature({"input_ids": put(ids), "context_ids": put(context), "attention_mask": put(mask)})

    def products(self, indices_BK: Tensor) -> list[list[str]]:
        """The ids of products by their places in the scores of the model."""
        return [[self.product_ids[index] for index in row] for row in indices_BK.tolist()]

    def _user(self, row: dict, row_of: dict[str, int]) -> tuple[np.ndarray, np.ndarray]:
        """Rows of the products (E) and context (E, 6) of the newest max_len events."""
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
        return np.asarray(items, np.int64)[-self.max_len :], context[-self.max_len :]


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
        self.post_init()

    def forward(
        self, input_ids: Tensor, context_ids: Tensor, attention_mask: Tensor, **_: object
    ) -> BaseModelOutputWithPooling:
        """last_hidden_state (B, T, D): the state at place t knows the events before it. pooler_output (B, 3 D), the
        user's vector: the state at the place after the last event, then the faded means of states and of products.
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
        return BaseModelOutputWithPooling(last_hidden_state=states_BTD, pooler_output=torch.cat(blocks, dim=1))

    def scores(self, vectors_BD: Tensor) -> Tensor:
        """Logits (B, I) of all products as the next one, in the order of the extractor's product_ids."""
        return vectors_BD[:, : self.config.d_model] @ self.items.weight[FIRST:].T + self.popularity_I

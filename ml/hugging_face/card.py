"""The model card: what the model is, of which data, how good, with which limits."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass

from ml.transformer.encoder import Encoder

RANKINGS = {"model": "this model", "popularity": "popularity", "item_knn": "item neighbours"}
METRICS = {"hr_10": "HR@10", "ndcg_10": "NDCG@10", "mrr": "MRR"}
CARD = """\
---
library_name: transformers
license: other
license_name: as-the-shops-data
tags: [user-embeddings, sequential-recommendation, e-commerce]
---
# {name}, version {version}

A causal Transformer over the events of a shop's users, made by Huaxiang. It turns a user's newest {max_len} events into
a vector of {width} numbers, that of `gold.user_embeddings`: his state, faded means of states and of products, and what
the times of his events let expect as of a day. It scores the shop's products as the next one.

    from datetime import date

    from deltalake import DeltaTable
    from transformers import AutoFeatureExtractor, AutoModel

    night = [("ds", "=", date.fromisoformat("{ds}"))]
    table = DeltaTable("warehouse/gold/user_sequences").to_pyarrow_table(filters=night)
    extractor = AutoFeatureExtractor.from_pretrained("FOLDER", trust_remote_code=True)
    model = AutoModel.from_pretrained("FOLDER", trust_remote_code=True).eval()
    vectors = model(**extractor(table.slice(0, 64).to_pylist())).pooler_output
    best = extractor.products(model.scores(vectors).topk(10).indices)

The extractor takes dicts with the columns of `gold.user_sequences`: `event_times`, `event_types`, `product_ids`,
`price_buckets`, and `event_days`, `event_hours` where they are known; `ds` is the day at whose end a vector is true
(`extractor(rows, as_of=day)` in place of it). `trust_remote_code` runs `modeling_huaxiang.py` of this folder; read it
first. The weights alone are `model.safetensors`.

## Data
Event logs of one shop up to {ds}; events from {cutoff} on were held out. Users who refuse training were left out.
{products:,} products are known, with the descriptions that they had when the folder was written. Code: git {git_sha}.

## Figures
The products of the held-out week's first visit among all products, history not masked:

{figures}

## Limits
- It knows one shop: its products, prices and event types. A product that is not among its `product_ids` is read as
  unknown and never suggested; write the folder anew for products that came later.
- Vectors of different versions cannot be compared.
- A vector is made of a person's behaviour. It is personal data wherever the user is known, and no ground for a decision
  that matters to a person.
- float32 on another machine may differ by 1e-5.

## Licence
Weights and product ids belong to the shop whose logs they were learned from and may be used as its data may. The
licence of the code in `modeling_huaxiang.py` is Huaxiang's.
"""


@dataclass(frozen=True)
class Origin:
    """Where a model is from: its name and version in the registry, the tags and the metrics of its training."""

    name: str
    version: str
    cutoff: datetime.date
    tags: Mapping[str, str]
    metrics: Mapping[str, float]


def card(encoder: Encoder, origin: Origin) -> str:
    """The text of README.md."""
    config = encoder.model.config
    return CARD.format(
        name=origin.name, version=origin.version, max_len=config.max_len, width=encoder.width,
        ds=origin.tags.get("ds", "an unknown day"), cutoff=origin.cutoff, products=len(encoder.catalogue.product_ids),
        git_sha=origin.tags.get("mlflow.source.git.commit", "unknown"), figures=_figures(origin.metrics),
    )  # fmt: skip


def _figures(metrics: Mapping[str, float]) -> str:
    """A table of METRICS by ranking; a sentence where nothing was measured."""
    rows = [
        [label, *(f"{metrics[key]:.4f}" if (key := f"test.{ranking}.{name}") in metrics else "" for name in METRICS)]
        for ranking, label in RANKINGS.items()
    ]
    if not any(cell for _, *cells in rows for cell in cells):
        return "Not measured."
    head = [["ranking", *METRICS.values()], ["---"] * (1 + len(METRICS))]
    return "\n".join(f"| {' | '.join(row)} |" for row in head + rows)

"""A model at work: sequences in, states and vectors out."""

from __future__ import annotations

import datetime
import hashlib
import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from jobs.texts import TextVectors
from ml.common.hashing import mixed
from ml.data.catalogue import TEXTS, Catalogue
from ml.data.events import day_number
from ml.data.sequences import Sequences, purchase_id
from ml.data.vocabulary import FIRST, Vocabularies
from ml.transformer import clock, package
from ml.transformer.layout import Layout
from ml.transformer.model import BehaviourModel
from ml.transformer.readout import FADING, Readout

LEAST_ROWS = 16  # 8 are enough on AMD Zen; on Intel Xeon with AMX a matmul of 8 rows is rounded otherwise
_PRODUCTS = 65_536  # described at a time
BATCH_USERS = 64  # 8,192 positions: activations stay near the caches


@dataclass(frozen=True)
class Encoder:
    """A model with the vectors of a catalogue's products; vectors_ID follows the rows of the catalogue. readout: None
    of a model whose states are what is published.
    """

    model: BehaviourModel
    vocabularies: Vocabularies
    catalogue: Catalogue
    vectors_ID: Tensor
    readout: Readout | None = None

    @classmethod
    @torch.no_grad()
    def of(
        cls, model: BehaviourModel, vocabularies: Vocabularies, catalogue: Catalogue, readout: Readout | None = None
    ) -> Encoder:
        device = model.bos_D.device
        parts = torch.from_numpy(catalogue.features_IF).split(_PRODUCTS)
        texts: Iterable[Tensor | None] = itertools.repeat(None)
        if catalogue.texts is not None:
            rows_I, texts_TE = map(torch.from_numpy, catalogue.texts.rows(catalogue.text_I))
            texts = (texts_TE[rows].to(device) for rows in rows_I.split(_PRODUCTS))
        vectors = torch.cat([model.items(part.to(device), text) for part, text in zip(parts, texts, strict=False)])
        return cls(model.eval(), vocabularies, catalogue, vectors, readout)

    @classmethod
    def load(cls, folder: Path, products: pa.Table, device: str = "cpu") -> Encoder:
        """From the files of a model; the products (PRODUCT_COLUMNS) are described by its own vocabularies."""
        model, vocabularies = package.load(folder, device)
        known = TextVectors.load(folder / TEXTS)
        catalogue = Catalogue.of(products, vocabularies, model.config, known)
        return cls.of(model, vocabularies, catalogue, Readout.load(folder))

    @classmethod
    def packaged(cls, folder: Path) -> Encoder:
        """From the files of a model alone, with the products of the training's day."""
        model, vocabularies = package.load(folder, "cpu")
        catalogue = Catalogue.load(folder / "catalogue.parquet")
        return cls.of(model, vocabularies, catalogue, Readout.load(folder))

    def prior(self) -> Tensor:
        """What a product's popularity adds to its score (I); follows the rows of the catalogue."""
        counts_I = torch.from_numpy(self.catalogue.log_count_I).to(self.vectors_ID.device)
        return self.model.popularity.detach() * counts_I

    def fingerprints(self, sequences: Sequences) -> np.ndarray:
        """int64 (users): equal where all that `states` reads of a user is equal, products' descriptions and the weights
        included: a version's number says nothing of a model once a registry was made anew.
        """
        item_I = np.zeros(len(self.catalogue.features_IF), np.uint64)
        for column in self.catalogue.features_IF.T:
            item_I = mixed(item_I + column.astype(np.uint64))
        if self.catalogue.text_I is not None:
            item_I = mixed(item_I + self.catalogue.text_I)
        prints = sequences.fingerprints(item_I, self.model.config.max_len).view(np.uint64)
        return mixed(prints + self._weights).view(np.int64)

    @cached_property
    def _weights(self) -> np.uint64:
        digest = hashlib.blake2b(digest_size=8)
        for weight in self.model.state_dict().values():
            digest.update(weight.cpu().numpy().tobytes())
        return np.frombuffer(digest.digest(), np.uint64)[0]

    @torch.no_grad()
    def every_state(
        self, sequences: Sequences, users: np.ndarray, lengths: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(items P, states (P, D), places of each user B) of the newest events of users, and one placeholder after."""
        items_P, context_PC, places_B = sequences.latest(users, lengths, self.model.config.max_len)
        layout, device = Layout.of(places_B, self.vectors_ID.device, steady=True), self.vectors_ID.device
        states_PD = self.model(
            self.vectors_ID, torch.from_numpy(items_P).to(device), torch.from_numpy(context_PC).to(device), layout
        )
        return items_P, states_PD.float().cpu().numpy(), places_B

    @torch.no_grad()
    def states(self, sequences: Sequences, lengths: np.ndarray | None = None) -> np.ndarray:
        """float32 (users, D): each user after the first `lengths` events (None: all). Batches are of similar length.

        A user's bits do not depend on who else is encoded: see `steady` of Layout.of; a row of a matmul of fewer than
        LEAST_ROWS rows could be rounded otherwise than in a larger one.
        """
        lengths = np.diff(sequences.offsets) if lengths is None else lengths
        out = np.empty((len(sequences), self.model.config.d_model), np.float32)
        for users in self._batches(lengths):
            _, states_PD, places_B = self.every_state(sequences, users, lengths[users])
            out[users] = states_PD[np.cumsum(places_B) - 1]
        return out

    def _batches(self, lengths: np.ndarray) -> Iterator[np.ndarray]:
        """Users (indices) of similar lengths; some are there again where they are few."""
        kept = np.minimum(lengths, self.model.config.max_len)
        for users in np.array_split(np.argsort(-kept, kind="stable"), -(-len(kept) // BATCH_USERS) or 1):
            if len(users):
                yield users if len(users) >= LEAST_ROWS else np.resize(users, LEAST_ROWS)

    def readings(self, sequences: Sequences, lengths: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """`states`, and float32 (users, 2 D): means of the states at a user's events, and of the products' vectors."""
        lengths = np.diff(sequences.offsets) if lengths is None else lengths
        state, means = (np.empty((len(sequences), k * self.model.config.d_model), np.float32) for k in (1, 2))
        for users in self._batches(lengths):
            items_P, states_PD, places_B = self.every_state(sequences, users, lengths[users])
            ends = np.cumsum(places_B)
            state[users] = states_PD[ends - 1]
            weight_P = FADING ** (np.repeat(ends, places_B) - 1.0 - np.arange(len(items_P)))
            total_B = np.add.reduceat(weight_P, ends - places_B)[:, None]
            products = self.vectors_ID[torch.from_numpy(items_P)].cpu().numpy() * (items_P >= FIRST)[:, None]
            both = np.hstack([states_PD, products]) * weight_P[:, None]
            means[users] = np.add.reduceat(both, ends - places_B, axis=0) / total_B
        return state, means

    @property
    def lasting_width(self) -> int:
        """Numbers of a vector that only an event changes; they come first."""
        return self.model.config.d_model * (1 if self.readout is None else 3)

    @property
    def width(self) -> int:
        """Numbers of a vector."""
        states = self.model.config.d_model
        return states if self.readout is None else self.readout.width(states)

    def lasting(self, sequences: Sequences, lengths: np.ndarray | None = None) -> np.ndarray:
        """float32 (users, lasting_width) of vectors."""
        if self.readout is None:
            return self.states(sequences, lengths)
        return self.readout.lasting(*self.readings(sequences, lengths))

    def outlook(self, sequences: Sequences, as_of: datetime.date, lengths: np.ndarray | None = None) -> np.ndarray:
        """float32 (users, width - lasting_width): the rest of vectors, at the end of a day; none is without."""
        if self.width == self.lasting_width:
            return np.zeros((len(sequences), 0), np.float32)
        return self.readout.expected(self.facts(sequences, day_number(as_of) + 1, lengths))

    def facts(self, sequences: Sequences, end: int, lengths: np.ndarray | None = None) -> np.ndarray:
        """`clock.facts` of what the model reads of users."""
        lengths = np.diff(sequences.offsets) if lengths is None else lengths
        return clock.facts(sequences, lengths, end, purchase_id(self.vocabularies), self.model.config.max_len)

    def vectors(self, sequences: Sequences, as_of: datetime.date, lengths: np.ndarray | None = None) -> np.ndarray:
        """float32 (users, width): what gold.user_embeddings holds of users at the end of a day, which is not before
        their first `lengths` events (None: all). See ml/transformer/readout.py.
        """
        return np.hstack([self.lasting(sequences, lengths), self.outlook(sequences, as_of, lengths)])

    def next_product(self, sequences: Sequences, lengths: np.ndarray) -> Callable[[np.ndarray], Tensor]:
        """Of users (B, indices): probability (B, I) that each product comes after their first `lengths` events, without
        padding and the unknown product.
        """
        states, vectors_ID, prior_I = self.states(sequences, lengths), self.vectors_ID[FIRST:], self.prior()[FIRST:]

        def probabilities(users: np.ndarray) -> Tensor:
            states_BD = torch.from_numpy(states[users]).to(vectors_ID.device)
            return (states_BD @ vectors_ID.T + prior_I).softmax(dim=1)

        return probabilities

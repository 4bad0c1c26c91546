"""Ask every sentence of its shop, and judge the answers by members."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from bench.ask import sentences
from bench.ask.members import members
from bench.ask.score import Judged, judged
from bench.ask.sentences import LANGUAGES, NIGHTS, SOURCES
from jobs.audiences.ask import Answer, model, reader, vocabulary
from jobs.lake import session
from jobs.language.connection import Connection
from jobs.settings import Settings

Reader = Callable[[str, vocabulary.Vocabulary], Answer]


def with_model() -> Reader:
    """The grammar and the language model of conf/language_model.yaml together, nothing kept."""
    config = model.configured()

    def read(sentence: str, known: vocabulary.Vocabulary) -> Answer:
        offline = reader.read(sentence, known)
        return model.settled(offline, model.exchange(sentence, known, offline, Connection(config), {}).proposal)

    return read


def vocabularies(warehouses: Mapping[str, str]) -> dict[str, vocabulary.Vocabulary]:
    """What a sentence may name, by shop."""
    return {shop: vocabulary.load(warehouse, NIGHTS[shop], SOURCES[shop]) for shop, warehouse in warehouses.items()}


def run(warehouses: Mapping[str, str], read: Reader = reader.read, *, held_out: bool = False) -> list[Judged]:
    """The verdicts on the sentences about the shops of `warehouses`; which language one is in, the reader tells."""
    listed = [one for language in LANGUAGES for one in sentences.read(language, held_out=held_out)]
    spark, found = session.build("huaxiang bench ask"), []
    try:
        for shop, known in vocabularies(warehouses).items():
            some = [one for one in listed if one.shop == shop]
            s = Settings(known.ds, known.ds, warehouses[shop], SOURCES[shop], "", "bench")
            found += judged(some, [read(one.say, known) for one in some], partial(members, spark, s))
    finally:
        spark.stop()
    return found

"""How a frame of records holds the source's columns: see `Layout`."""

from __future__ import annotations

from dataclasses import dataclass

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import IntegralType, NumericType, StringType, StructType

from jobs.lake.engine import columns


@dataclass(frozen=True, slots=True)
class Layout:
    """The columns of `record`: a struct where the format gives every record the same (CSV, Parquet), else a map of
    texts (JSON), whose `types` are None. A struct is read column by column; a map costs several times as much.
    """

    types: dict[str, object] | None

    @classmethod
    def of(cls, records: DataFrame) -> Layout:
        kind = records.schema["record"].dataType
        return cls({field.name: field.dataType for field in kind} if isinstance(kind, StructType) else None)

    def has(self, column: str) -> bool:
        """False where no record can hold the column."""
        return self.types is None or column in self.types

    def is_number(self, column: str) -> bool:
        return self.types is not None and isinstance(self.types.get(column), NumericType)

    def is_whole(self, column: str) -> bool:
        return self.types is not None and isinstance(self.types.get(column), IntegralType)

    def _held(self, column: str) -> Column:
        """What stands under exactly this name, as it was read."""
        if self.types is None:
            return F.col("record").getItem(column)
        return F.col("record").getField(column) if column in self.types else F.lit(None).cast("string")

    def value(self, column: str) -> Column:
        """What a record holds in a column; in `a.b`, where no column is called so, the field b of the JSON object a."""
        head, _, rest = column.partition(".")
        if not rest or not self.has(head):
            return self._held(column)
        inside = columns.json_field(self._held(head).cast("string"), rest)
        return F.coalesce(self._held(column), inside) if self.has(column) else inside

    def text(self, column: str) -> Column:
        """The same as text."""
        found = self.value(column)
        is_text = self.types is None or isinstance(self.types.get(column, StringType()), StringType)
        return found if is_text else found.cast("string")

    def stands(self, column: str) -> Column:
        """True where the record has the column, empty or not."""
        if self.types is not None:
            there = F.lit(column in self.types) & F.col("record").isNotNull()
        else:
            there = F.map_contains_key("record", column)
        return there | self.value(column).isNotNull() if "." in column else there

    def others(self, named: set[str]) -> list[str] | None:
        """The columns beside `named`; None where each record has its own."""
        return None if self.types is None else sorted(set(self.types) - named)

    def attributes(self, named: set[str]) -> Column:
        """map<string,string> of every column beside `named` that holds something."""
        if self.types is None:
            names = sorted(named)
            return F.map_filter("record", lambda key, value: ~key.isin(names) & value.isNotNull())
        # Put together from pieces: a function over a map, as above, is interpreted entry by entry.
        nothing = F.create_map().cast("map<string,string>")
        pieces = []
        for name in self.others(named):
            held = self.text(name)
            pieces.append(F.when(held.isNotNull(), F.create_map(F.lit(name), held)).otherwise(nothing))
        return F.map_concat(*pieces) if len(pieces) > 1 else (pieces or [nothing])[0]

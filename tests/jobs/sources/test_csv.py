"""CSV as people have it: quotes, lines around the table, names, delimiters, bytes that are no text."""

from __future__ import annotations

import re

import pytest

from jobs.sources.dialect import Dialect
from jobs.sources.formats import csv_rows
from jobs.sources.formats.parts import UnreadableFileError

QUOTES = "expected quotes that close, and are doubled within quotes"


def of_csv(path, text: str | bytes = "", parts=None, most=0, named=True, **said) -> tuple[list[str], list[tuple]]:
    """The names of a CSV, and line and fields of each row, or line, raw and fault of one that is none."""
    if text:
        path.write_bytes(text.encode() if isinstance(text, str) else text)
    dialect = Dialect(**said)
    names = csv_rows.header(f"file:{path}", dialect)
    most = most or path.stat().st_size
    parts = csv_rows.split(f"file:{path}", path.stat().st_size, most, dialect, tuple(names))
    batches = [batch for part in parts for batch in csv_rows.read(part, dialect, names)]
    if not named:
        rows = [row for batch in batches for row in zip(*[column.to_pylist() for column in batch.columns], strict=True)]
        return names, [(line, *fields) for _, line, _, *fields in rows]
    rows = [row for batch in batches for row in batch.to_pylist()]
    if names:
        assert csv_rows.count(f"file:{path}", dialect, tuple(names)) == len(rows), "counted apart from the parse"
    said = [(row["line"], *([row["raw"], row["fault"]] if row["fault"] else [row[name] for name in names]))
            for row in sorted(rows, key=lambda row: row["line"])]  # fmt: skip
    return names, said


def test_a_csv_is_read_by_rfc_4180(tmp_path):
    names, rows = of_csv(
        tmp_path / "a",
        b'\xef\xbb\xbfid,"na\nme",x\r\n1,"a ""q"", b",3\r\n2,short\r\n\r\n3,"two\n\nlines\n",\r\n4,,""\r\n5,a,b,c\r\n'
        b'6,\xff,6\r\n7,32" tv,{"a"}\n\0\0',
    )
    assert names == ["id", "na\nme", "x"]
    assert rows == [
        (2, "1", 'a "q", b', "3"), (3, "2,short", "expected 3 columns, found 2"), (4, "3", "two\n\nlines\n", None),
        (5, "4", None, ""), (6, "5,a,b,c", "expected 3 columns, found 4"),
        (7, "withheld, 5 bytes that are no text: 36 2c ff 2c 36", "expected UTF-8, found bytes that are none"),
        (8, "7", '32" tv', '{"a"}'), (9, "withheld, 2 bytes that are no text: 00 00", "expected 3 columns, found 1"),
    ]  # fmt: skip


@pytest.mark.parametrize("block", [16, 1 << 20])
def test_a_half_line_is_no_record_and_takes_none_with_it(tmp_path, monkeypatch, block):
    monkeypatch.setattr("jobs.sources.formats.texts.BLOCK", block)
    text = 'id,n\n1,"a ""b""\n c"\n2,"b\n3,c\n4,"x"\n5,"{"k":1}"\n6,"d" \n"7","e"\n'
    assert of_csv(tmp_path / "a", text)[1] == [
        (2, "1", 'a "b"\n c'), (3, '2,"b\n3,c\n4,"x"', f"{QUOTES}, found a record of 3 lines"),
        (4, '5,"{"k":1}"', QUOTES), (5, "6", "d "), (6, "7", "e"),
    ]  # fmt: skip
    with pytest.raises(UnreadableFileError, match="a quote in the record of line 3 that is not closed"):
        of_csv(tmp_path / "a", 'id,n\n1,a\n2,"b\n3,c\n')
    with pytest.raises(UnreadableFileError, match=r"line 5 .* say multiline: false"):
        of_csv(tmp_path / "a", 'x\n\nid,n\n1,a\n2,"b\n' + "3,c\n" * 200 + '4,"d"x\n', skip=2)


def test_without_fields_of_several_lines_each_line_stands_alone(tmp_path, monkeypatch):
    monkeypatch.setattr("jobs.sources.formats.texts.BLOCK", 1 << 10)
    said = {"multiline": False}
    text = 'id,n\n1,a\n2,"b\n3,c\n4,"d\n5,"e ""q"""\n6,a"b\n'
    assert of_csv(tmp_path / "a", text, **said)[1] == [
        (2, "1", "a"), (3, '2,"b', QUOTES), (4, "3", "c"), (5, '4,"d', QUOTES), (6, "5", 'e "q"'), (7, "6", 'a"b'),
    ]  # fmt: skip
    lines = "".join(f'{n},"m"\n' if n % 7 else f"{n}\n" for n in range(3_000))
    rows = of_csv(tmp_path / "b", "id,n\n" + lines, most=5_000, **said)[1]
    assert [(row[0], row[1]) for row in rows] == [(n + 2, str(n)) for n in range(3_000)]
    dialect = Dialect(**said)
    assert len(csv_rows.split(f"file:{tmp_path}/b", 30_000, 5_000, dialect, ("id", "n"))) > 3
    assert len(csv_rows.split(f"file:{tmp_path}/b", 30_000, 5_000, Dialect(), ("id", "n"))) == 1


@pytest.mark.parametrize(
    ("said", "text", "rows"),
    [
        ({"delimiter": "\\t", "quote": "none"}, 'id\tn\n1\t"a\n2\tb"\n', [(2, "1", '"a'), (3, "2", 'b"')]),
        ({"delimiter": "\t"}, 'id\tn\n1\t"a\tb"\n2\t"c" \n"3"\t"{"d"}"\n',
         [(2, "1", "a\tb"), (3, "2", "c "), (4, '"3"\t"{"d"}"', QUOTES)]),
        ({"delimiter": " "}, 'id n\n1 "a b"\n2 "c"\t\n', [(2, "1", "a b"), (3, "2", "c\t")]),
        ({"delimiter": "||"}, 'id||n\n1||"a||b"\n2||c|d\n3\n', [(2, "1", "a||b"), (3, "2", "c|d"),
                                                               (4, "3", "expected 2 columns, found 1")]),
        ({"delimiter": "§"}, "id§n\n1§茶\n", [(2, "1", "茶")]),
        ({"delimiter": "|", "escape": "\\"}, 'id|n\n1|"a \\"q\\" b"\n2|\\N\n3|"x\\\\"\n4|a\\|b\n',
         [(2, "1", 'a "q" b'), (3, "2", None), (4, "3", "x\\"), (5, "4", "a|b")]),
        ({"escape": '"'}, 'id,n\n1,"a ""q"""\n', [(2, "1", 'a "q"')]),
        ({"quote": "'"}, "id,n\n1,'it''s, so'\n", [(2, "1", "it's, so")]),
        ({"delimiter": ";"}, "sep=;\nid;n\n1;a,b\n", [(2, "1", "a,b")]),
        ({"skip": 3, "skip_last": 2}, 'Report "x\n\n,,\nid,n\n1,a\n2,b\n\nTotal\n,3\n', [(2, "1", "a"), (3, "2", "b")]),
        ({"comment": "#", "skip_last": 1}, '# a "quote\nid,n\n1,"a\n# no comment"\n# gone, too\n2,#b\n# end\nTotal,2\n',
         [(2, "1", "a\n# no comment"), (3, "2", "#b")]),
        ({"columns": ("id", "n"), "delimiter": "::"}, "1::a\n2::b\n", [(1, "1", "a"), (2, "2", "b")]),
        ({"encoding": "GBK"}, "id,n\n1,茶\n".encode("GBK") + b"2,\xff\n",
         [(2, "1", "茶"),
          (3, "withheld, 3 bytes that are no text: 32 2c ff", "expected GBK, found bytes that are none")]),
        ({}, "id,n\n1,茶\n".encode("UTF-16"), [(2, "1", "茶")]),
        ({}, "id,n\r1,a\r2,b", [(2, "1", "a"), (3, "2", "b")]),
        ({}, 'id,n\n1, "a, ""b""" \n 2,"c, ""d"" , e"\n3, 4" tv\n4, "e" f\n',
         [(2, "1", 'a, "b" '), (3, " 2", 'c, "d" , e'), (4, "3", ' 4" tv'), (5, "4", ' "e" f')]),
        ({}, 'id,n\n="001","=""002"""\na="b",="c\n', [(2, "001", "002"), (3, 'a="b"', '="c')]),
        ({}, "id,n\ncafe\u0301,か\u3099\n", [(2, "caf\u00e9", "\u304c")]),
        # What programs write who say the one is a larger one.
        ({"encoding": "GBK"}, "id,n\n1,㐀茶\n".encode("GB18030"), [(2, "1", "㐀茶")]),
        ({"encoding": "ISO-8859-1"}, "id,n\n1,“5 €”\n".encode("cp1252"), [(2, "1", "“5 €”")]),
        ({"encoding": "Shift_JIS"}, "id,n\n1,①髙\n".encode("cp932"), [(2, "1", "①髙")]),
    ],
)  # fmt: skip
def test_a_dialect_that_is_said_is_read(tmp_path, said, text, rows):
    assert of_csv(tmp_path / "a", text, **said) == (["id", "n"], rows)


def test_names_are_told_apart_and_a_delimiter_at_the_end_is_no_field(tmp_path):
    assert of_csv(tmp_path / "a", ",n,id,n, ,n_2\n0,1,2,3,4,5\n") == (
        ["_c0", "n", "id", "n_3", "_c4", "n_2"], [(2, "0", "1", "2", "3", "4", "5")],
    )  # fmt: skip
    assert of_csv(tmp_path / "a", "id,n\n1,a,\n2,b,\n") == (
        ["id", "n", "_c2"], [(2, "1", "a", None), (3, "2", "b", None)],
    )  # fmt: skip
    assert of_csv(tmp_path / "a", "id,n,\n1,a\n2,b\n") == (["id", "n"], [(2, "1", "a"), (3, "2", "b")])


def test_a_header_that_stands_again_is_no_row(tmp_path):
    rows = [(2, "1", "a"), (4, "2", "id"), (6, "id", "b")]
    assert of_csv(tmp_path / "a", "id,n\n1,a\nid,n\n2,id\n ID,n\nid,b\n") == (["id", "n"], rows)
    with pytest.raises(UnreadableFileError, match="a second header in record 3, of the columns in another order"):
        of_csv(tmp_path / "a", "id,n\n1,a\nn,id\nb,2\n")


def test_columns_may_be_called_as_the_reader_calls_its_own(tmp_path):
    assert of_csv(tmp_path / "a", "line,fault,raw\n7,b,\nline,fault,raw\n8,,c\n9,,\n", skip_last=1, named=False) == (
        ["line", "fault", "raw"], [(2, "7", "b", None), (4, "8", None, "c")],
    )  # fmt: skip


def test_an_empty_csv_has_no_columns_and_a_header_alone_no_rows(tmp_path):
    (tmp_path / "a").write_text("")
    assert of_csv(tmp_path / "a") == ([], [])
    assert of_csv(tmp_path / "a", " \n") == ([], [])
    assert of_csv(tmp_path / "b", "id;name\n\n", delimiter=";") == (["id", "name"], [])
    with pytest.raises(UnreadableFileError, match="no header behind the 3 lines that skip leaves out"):
        of_csv(tmp_path / "b", "id,n\n1,a\n", skip=3)


@pytest.mark.parametrize(
    ("said", "text", "message"),
    [
        ({}, b"id,\xff\n", "a header that is none: expected UTF-8, found bytes that are none; is its encoding windows"),
        ({}, "编号,名称\n".encode("GBK"), "is its encoding GB18030?"),
        ({}, "编号,名称\n1,牛奶\n".encode("UTF-16LE"), "written in UTF-16LE; say encoding: UTF-16LE"),
        ({}, "编号,名称\r\n1,牛奶\r\n".encode("UTF-16BE"), "written in UTF-16BE; say encoding: UTF-16BE"),
        ({"encoding": "GBK"}, "id,n\n1,牛奶和茶\n2,可口可乐\n", "it is written in UTF-8, and the mapping"),
        ({"encoding": "cp1252"}, "id,n\n1,é\n2,ü\n", "it is written in UTF-8, and the mapping says encoding: cp1252"),
        ({}, '[{"id":1,"n":"a"}]\n', "JSON; say format: jsonl"),
    ],
)  # fmt: skip
def test_a_file_of_another_encoding_or_format_says_which(tmp_path, said, text, message):
    with pytest.raises(UnreadableFileError, match=re.escape(message)):
        of_csv(tmp_path / "c", text, **said)


def test_few_letters_may_be_of_either_encoding(tmp_path):
    assert of_csv(tmp_path / "a", "id,n\n1,联通\n".encode("GBK"), encoding="GBK")[1] == [(2, "1", "联通")]

"""Numbers and casts: cases of the contract."""

from __future__ import annotations

from decimal import Decimal

from pyspark.sql import Column
from pyspark.sql import functions as F

from jobs.chance import Chance, at
from jobs.lake.engine import columns
from jobs.sources.consent import consent
from tests.engines.cases import NAN, Case, given


def cases() -> list[Case]:
    return [*_plain(), *_decimals(), *_mathematics(), *_ours(), *_read_numbers(), *_casts()]


def _decimal(text: str | None, kind: str = "decimal(18,4)") -> Column:
    return given(text, kind)


def _plain() -> list[Case]:
    nan, nothing = given(NAN), given(None, "double")
    return [
        Case("abs: decimal", F.abs(_decimal("-1.50")), Decimal("1.5000")),
        Case("abs: null", F.abs(given(None, "bigint")), None),
        Case("floor: below 0", F.floor(given(-0.5)), -1),
        Case("floor: decimal", F.floor(_decimal("-1.5", "decimal(20,4)")), Decimal(-2)),
        Case("floor: whole decimal", _decimal("3.0000") == F.floor(_decimal("3.0000")), True),
        Case("floor: null", F.floor(nothing), None),
        Case("floor: bigint", F.floor(given(2**60, "bigint")), 2**60),
        Case("signum: below 0", F.signum(given(-0.1)), -1.0),
        Case("signum: 0", F.signum(given(0.0)), 0.0),
        Case("greatest: null is left out", F.greatest(given(1), given(None, "int")), 1),
        Case("greatest: nothing but nulls", F.greatest(nothing, nothing), None),
        Case("greatest: nan", F.greatest(nan, given(1.0)), NAN),
        Case("greatest: int and double", F.greatest(given(2), given(1.5)), 2.0),
        Case("greatest: days", F.greatest(given("2017-01-02", "date"), given(None, "date")).cast("string"),
             "2017-01-02"),
        Case("least: null is left out", F.least(given(None, "int"), given(2), given(1)), 1),
        Case("least: nan", F.least(nan, given(1.0)), 1.0),
        Case("least: nothing but nulls", F.least(nothing, nothing), None),
        Case("coalesce: int and decimal", F.coalesce(given(None, "decimal(18,4)"), given(3)), Decimal("3.0000")),
        Case("coalesce: nan is no null", F.coalesce(nan, given(1.0)), NAN),
        Case("when: null is not true", F.when(given(None, "boolean"), "a").otherwise("b"), "b"),
        Case("when: without otherwise", F.when(given(False), "a"), None),
        Case("pmod: below 0", F.pmod(given(-7, "bigint"), F.lit(3)), 2),
        Case("pmod: null", F.pmod(given(None, "bigint"), F.lit(3)), None),
        Case("%: below 0", given(-7) % 3, -1),
        Case("bitwiseAND: below 0", given(-5, "bigint").bitwiseAND((1 << 44) - 1), (1 << 44) - 5),
        Case("shiftleft: bigint", F.shiftleft(given(17000, "bigint"), 44), 17000 << 44),
        Case("shiftright: bigint", F.shiftright(given(17000 << 44, "bigint"), 44), 17000),
        Case("shiftright: below 0", F.shiftright(given(-5, "bigint"), 1), -3),
        Case("shiftrightunsigned: below 0", F.shiftrightunsigned(given(-1, "bigint"), 11), 2**53 - 1),
        Case("nan: above all", nan > given(1e308), True),
        Case("nan: equal to itself", nan == given(NAN), True),
        Case("-0.0: is 0.0", given(-0.0) == given(0.0), True),
        Case("between: the ends are in", given(3).between(1, 3), True),
        Case("between: null", given(None, "int").between(1, 3), None),
        Case("and: false beside null", given(False) & given(None, "boolean"), False),
        Case("or: true beside null", given(True) | given(None, "boolean"), True),
        Case("not: null", ~given(None, "boolean"), None),
        Case("isin: numbers", given(1).isin(2, 3), False),
        Case("isin: null in the list", given(1).isin(2, None), None),
        Case("/: whole numbers", given(1) / given(3), 1 / 3),
        Case("/: large whole numbers", given(2**60 + 1, "bigint") / given(3, "bigint"), (2**60 + 1) / 3),
    ]  # fmt: skip


def _decimals() -> list[Case]:
    return [
        Case("+: decimals", _decimal("1.10") + _decimal("2.345", "decimal(18,2)"), Decimal("3.4500")),
        Case("-: decimals", _decimal("1.10") - _decimal("2.20"), Decimal("-1.1000")),
        Case("*: decimals", _decimal("1.2345") * _decimal("1.2345"), Decimal("1.52399025")),
        Case("*: decimal and bigint", _decimal("1.2345") * given(3, "bigint"), Decimal("3.7035")),
        Case("*: decimal and double", _decimal("1.5") * given(0.1), 1.5 * 0.1),
        Case("-: unary", -_decimal("1.5"), Decimal("-1.5000")),
        Case("<: decimal and double", _decimal("0.1") < given(0.1), False),
        Case(">: decimal and int", _decimal("0.0001") > 0, True),
        Case("round: decimal halves", F.round(_decimal("1.005"), 2), Decimal("1.01")),
        Case("round: decimal halves below 0", F.round(_decimal("-2.675"), 2), Decimal("-2.68")),
        Case("cast: decimal halves", _decimal("1.00005", "decimal(18,5)").cast("decimal(18,4)"), Decimal("1.0001")),
        Case("cast: decimal halves below 0", _decimal("-0.125").cast("decimal(18,2)"), Decimal("-0.13")),
        Case("cast: decimal to bigint", _decimal("-1.9").cast("bigint"), -1),
        Case("cast: decimal to text", _decimal("1.50").cast("string"), "1.5000"),
        Case("cast: decimal to double", _decimal("0.1").cast("double"), 0.1),
        Case("try_cast: a decimal that does not fit", _decimal("123456.7").try_cast("decimal(5,2)"), None),
        Case("try_cast: a text that does not fit", given("1e20").try_cast("decimal(18,4)"), None),
        Case("columns.divided: by 0", columns.divided(_decimal("1"), given(0)), None),
        Case("columns.divided: by null", columns.divided(_decimal("1"), given(None, "int")), None),
        Case("columns.divided: doubles", columns.divided(given(1.0), given(0.0)), None),
        Case("columns.divided: to 4 digits", columns.divided(_decimal("2", "decimal(28,2)"), given(3, "bigint"))
             .cast("decimal(18,4)"), Decimal("0.6667")),
        Case("columns.divided: half to 4 digits", columns.divided(_decimal("1", "decimal(28,2)"), given(8000, "bigint"))
             .cast("decimal(18,4)"), Decimal("0.0001")),
        Case("columns.divided: half of 4 digits", columns.divided(_decimal("1.0001", "decimal(18,4)"), given(2, "bigint"))
             .cast("decimal(18,4)"), Decimal("0.5001")),
        Case("/: money by pieces", (_decimal("10", "decimal(18,2)") / _decimal("3")).cast("decimal(18,4)"),
             Decimal("3.3333")),
        Case("/: small money by many pieces", (_decimal("0.01", "decimal(18,2)") / given(7, "bigint"))
             .cast("decimal(18,4)"), Decimal("0.0014")),
        Case("/: 4 digits after 9s", (_decimal("0.99", "decimal(18,2)") / given(20000, "bigint"))
             .cast("decimal(18,4)"), Decimal("0.0000")),
    ]  # fmt: skip


def _mathematics() -> list[Case]:
    return [
        Case("sqrt: below 0", F.sqrt(given(-1.0)), NAN),
        Case("sqrt: whole", F.sqrt(given(2, "bigint")), 2**0.5),
        Case("exp: too large", F.exp(given(710.0)), float("inf")),
        Case("exp: far below 0", F.exp(given(-800.0)), 0.0),
        Case("exp: some", F.exp(given(1.234)), 3.43494186080076),
        Case("ln: some", F.ln(given(1.234)), 0.21026092548319605),
        Case("ln: null", F.ln(given(None, "double")), None),
        Case("log: near 1", F.log(1 - given(2.0**-53)), -1.1102230246251565e-16),
        Case("log1p: 0", F.log1p(given(0.0)), 0.0),
        Case("log1p: some", F.log1p(given(0.5)), 0.4054651081081644),
        Case("log2: some", F.log2(given(1234567)), 20.235573703046512),
        *[Case(f"log2: of 2**{k} is no less", F.floor(F.log2(given(2.0**k))), k) for k in range(1, 40)],
        Case("pow: some", F.pow(given(1.1), given(3.3)), 1.3696066657894779),
        Case("pow: 0", F.pow(given(0.0), given(0.0)), 1.0),
        Case("cos: some", F.cos(given(2.5)), -0.8011436155469337),
        Case("try_multiply: too large", F.try_multiply(given(2**62, "bigint"), F.lit(1000)), None),
        Case("try_multiply: null", F.try_multiply(given(None, "bigint"), F.lit(1000)), None),
        Case("try_multiply: fits", F.try_multiply(given(-3, "bigint"), F.lit(1_000_000)), -3_000_000),
    ]


def _ours() -> list[Case]:
    halves = {
        2.0**63: None,
        -1e300: None,
        NAN: None,
        2.5: 3,
        -2.5: -3,
        0.49999999999999994: 1,
        0.5: 1,
        -0.5: -1,
        1e15 + 0.5: 10**15 + 1,
        0.0: 0,
    }
    two_digits = {1.005: "1.01", 2.675: "2.68", -1.005: "-1.01", 0.004999: "0.00", 1e-7: "0.00", 12345678.905: "12345678.91",
                  1e7: "10000000.00", 0.0: "0.00", 1e15: "1000000000000000.00"}  # fmt: skip
    chance = Chance(7)
    return [
        *[Case(f"columns.whole: {value}", columns.whole(given(value)), whole) for value, whole in halves.items()],
        Case("columns.whole: null", columns.whole(given(None, "double")), None),
        *[Case(f"columns.rounded: {value}", columns.rounded(given(value), 2).cast("string"), text)
          for value, text in two_digits.items()],
        *[Case(f"columns.near: {value}", columns.near(given(value), 2), near)
          for value, near in {1.005: 1.0, 2.5: 2.5, -0.125: -0.12, 0.0: 0.0, 1e-9: 0.0, 8.5 / 3: 2.83}.items()],
        Case("columns.near: null", columns.near(given(None, "double"), 2), None),
        Case("columns.rounded: null", columns.rounded(given(None, "double"), 2), None),
        Case("Chance.draw: of a text", chance.draw("a", given("u1")), 0.39815089101456946),
        Case("Chance.normal: of a text", chance.normal("a", given("u1")), 0.15762333006745796),
        Case("Chance.whole: of a text and a number", chance.whole(1000, "a", given("u1"), given(5, "bigint")), 955),
        Case("get: a list of doubles", at([1.5, 2.25e-7], given(1)), 2.25e-7),
        Case("get: behind the end", at([1, 2], given(2)), None),
        Case("get: before the start", at([1, 2], given(-1)), None),
    ]  # fmt: skip


def _read_numbers() -> list[Case]:
    money = {
        "1.5": "1.5000", " 1.5 ": "1.5000", "\t1.5\n": "1.5000", "+1.5": "1.5000", ".5": "0.5000", "5.": "5.0000", "-0": "0.0000",
        "": None, "abc": None, "1,000": None, "1.5d": None, "1.5f": None, "1_000": None, "0x10": None, "１２": None,
        "NaN": None, "Infinity": None, "inf": None, "1e400": None, "1.00005": "1.0001", "-1.00005": "-1.0001",
        "2.2e-16": "0.0000", "1e3": "1000.0000", "1.5E+2": "150.0000", "1.00005e0": "1.0001", "12.34565e2": "1234.5650",
        "99999999999999.99994": "99999999999999.9999", "99999999999999.99995": None, "1e14": None,
        "00001.5": "1.5000", "1 2": None, "--1": None, "1.2.3": None, "e5": None, "true": None, "1e": None, "1e5.5": None,
        "0.00004999999999999999999999": "0.0000", "1" * 50: None, "0." + "1" * 50: "0.1111", "$5": None, "5%": None,
        "1.5L": None, "\u00a01": None, "\u30001": None, "1\x00": None, "１.5": None, "-.5e1": "-5.0000", "1.00015e0": "1.0002", "-8.00005E0": "-8.0001", "1e-7": "0.0000",
    }  # fmt: skip
    return [
        Case("columns.summed: one", columns.summed([given(7, "bigint")]), 7),
        Case("columns.summed: an odd number of them", columns.summed([given(n, "bigint") for n in range(101)]), 5050),
        Case("columns.summed: null", columns.summed([given(1, "bigint"), given(None, "bigint")]), None),
        *[Case(f"columns.number: {text!r}", columns.number(given(text), "decimal(18,4)").cast("string"), read)
          for text, read in money.items()],
        Case("columns.number: null", columns.number(given(None, "string"), "decimal(18,4)"), None),
        Case("try_cast: an int as a decimal", given(5).try_cast("decimal(20,4)"), Decimal("5.0000")),
        Case("try_cast: a decimal as a shorter one", _decimal("1.00005", "decimal(38,5)").try_cast("decimal(18,4)"),
             Decimal("1.0001")),
        Case("try_cast: a decimal too large", _decimal("1" * 30, "decimal(38,0)").try_cast("decimal(18,4)"), None),
        *[Case(f"try_cast: {text!r} as bigint", given(text).try_cast("bigint"), read)
          for text, read in {"7": 7, " 7 ": 7, "\t7\n": 7, "+7": 7, "-7": -7, "1.5": None, "1.": None, ".5": None, "1e3": None, "": None,
                             "9223372036854775807": 2**63 - 1, "9223372036854775808": None, "0x7": None, "７": None,
                             "7L": None, "1_0": None, "-": None, "1.x": None, "abc": None, "1.5e1": None}.items()],
        *[Case(f"try_cast: {text!r} as int", given(text).try_cast("int"), read)
          for text, read in {"5": 5, "": None, "2147483648": None, "a": None}.items()],
        *[Case(f"consent: {text!r}", consent(given(text, "string")), read)
          for text, read in {"true": True, "YES": True, "Opt-In": True, "已订阅": True, "no": False, "unsubscribed": False, "opted out": False,
                             "退订": False, "maybe": False, "2": False, None: None}.items()],
        *[Case(f"columns.without_fraction: {text!r}", columns.without_fraction(given(text, "string")), read)
          for text, read in {"266079.0": "266079", "1.2345678E7": "12345678", "1.5e1": "15", "1.25E1": "1.25E1", "6.93217E+12": "6.93217E+12",
                             "-5.00": "-5", "5.0\n": "5.0\n", "1.5": "1.5", "a.0": "a.0", "0042": "0042", "1E400": "1E400", None: None}.items()],
    ]  # fmt: skip


def _casts() -> list[Case]:
    return [
        Case("cast: int to decimal", given(7).cast("decimal(18,4)"), Decimal("7.0000")),
        Case("cast: double to int", given(-1.9).cast("int"), -1),
        Case("cast: double to bigint", given(1e15 + 0.5).cast("bigint"), 10**15),
        Case("cast: bigint to double", given(2**53 + 1, "bigint").cast("double"), 2.0**53),
        Case("cast: double to decimal", given(0.07).cast("decimal(18,4)"), Decimal("0.0700")),
        Case("cast: bigint to text", given(-(2**63) + 1, "bigint").cast("string"), "-9223372036854775807"),
        Case("cast: flag to text", given(True).cast("string"), "true"),
        Case("cast: flag to int", given(True).cast("int"), 1),
        Case("cast: double to text", given(0.1).cast("string"), "0.1"),
        Case("cast: null", given(None, "string").cast("int"), None),
    ]

"""source draft: what it finds in small files in the style of known ones, and what it says where it cannot know."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, date, datetime, timedelta

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from pyspark.sql import functions as F

from jobs.__main__ import main
from jobs.collect import times
from jobs.conf import loaded
from jobs.errors import DataError, UsageError
from jobs.sources import spec
from jobs.sources.draft import hunches, looks, places, proposal, run
from jobs.sources.draft.looks import look
from jobs.sources.formats import texts
from jobs.sources.mapping import FieldSpec

K = range(40)


def drafted(tmp_path, name: str, content: str | bytes) -> tuple[dict, str]:
    """The mapping as spec.load reads it, as a dict of what the YAML says, and its text."""
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return of_file(tmp_path, path)


def of_file(tmp_path, path) -> tuple[dict, str]:
    folder = tmp_path / "conf"
    folder.mkdir()
    run.run(str(path), "my_shop", True, folder)
    spec.load("my_shop", folder)
    text = (folder / "my_shop.yaml").read_text()
    return loaded(text), text


def lines(header: str, *rows: str) -> str:
    return "\n".join([header, *rows, ""])


def test_json_lines_of_an_app(tmp_path):
    events = [
        {"event_id": f"e{k}", "uid": 1000 + k % 7, "ts": 1769817600123 + k * 1000, "sku": f"S{k % 9}", "qty": 1,
         "action": ["pv", "buy", "fav", "open_app"][k % 4], "paid": 9.9 + k, "email": f"u{k % 7}@shop.example"}
        for k in K
    ]  # fmt: skip
    text = "\n".join(map(json.dumps, events))
    said, text = drafted(tmp_path, "logs/app/2026-01-31/part-0.jsonl.gz", gzip.compress(text.encode()))
    feed = said["events"]
    assert feed["files"] == "{ds}/*.jsonl.gz"
    assert feed["id"] == ["event_id"]
    assert feed["pii"] == {"email": "drop"}
    assert feed["fields"] == {
        "user_id": "uid", "event_time": {"column": "ts", "format": "epoch_ms"}, "product_id": "sku", "quantity": "qty",
        "event_type": {"column": "action", "map": {"pv": "view", "buy": "purchase", "fav": "favourite"}},
        "amount": "paid",
    }  # fmt: skip
    assert "#   open_app:  # 10 records" in text
    assert "shop.example" not in text, "a draft is read by many: it says no mail address"
    assert f"--landing {tmp_path}/logs/app" in text


def test_a_csv_in_gbk(tmp_path):
    rows = [f"D{k // 2},{8800 + k % 5},2026/1/{k % 28 + 1} 10:0{k % 10},P{k % 6},牛奶,{k % 3 + 1},{k * 1.5:.2f},"
            f"138001380{k % 5:02d}" for k in K]  # fmt: skip
    said, text = drafted(
        tmp_path, "a.csv", lines("订单号,会员卡号,下单时间,商品编号,商品名称,数量,实付金额,手机号", *rows).encode("gbk")
    )
    feed = said["events"]
    assert (said["shop_zone"], feed["format"], feed["encoding"]) == ("Asia/Shanghai", "csv", "GB18030")
    assert feed["pii"] == {"手机号": "drop"}
    assert feed["fields"]["event_time"] == {
        "column": "下单时间",
        "format": "yyyy/M/d HH:mm",
        "zone": "Asia/Shanghai",
    }
    assert feed["fields"] | {"event_time": 0, "event_type": 0} == {
        "user_id": "会员卡号", "event_time": 0, "event_type": 0, "product_id": "商品编号", "quantity": "数量",
        "amount": "实付金额", "session_id": "订单号",
    }  # fmt: skip
    assert feed["fields"]["event_type"] == {"constant": "purchase"}
    assert "# ? no column of event types was seen" in text
    assert said["products"]["fields"] == {"title": "商品名称"}
    assert "13800138" not in text


def test_the_csv_of_a_wholesaler_and_its_numbered_customers(tmp_path):
    rows = [f'{536365 + k // 3},{85123 + k % 7}A,"WHITE, HEART",{-1 if k % 11 == 0 else 6},12/{k % 28 + 1}/2010 8:26,'
            f"2.55,{'' if k % 5 == 0 else f'{17850 + k % 4}.0'},France" for k in K]  # fmt: skip
    header = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country"
    said, text = drafted(tmp_path, "online.csv", lines(header, *rows))
    feed = said["events"]
    assert feed["fields"] == {
        "user_id": "CustomerID", "event_time": {"column": "InvoiceDate", "format": "M/d/yyyy H:mm"},
        "event_type": {"constant": "purchase"}, "product_id": "StockCode", "quantity": "Quantity", "price": "UnitPrice",
        "session_id": "InvoiceNo",
    }  # fmt: skip
    assert feed["whole"] == ["CustomerID"]
    assert "# ? records without a user are refused" in text
    assert "no zone is written" in text
    assert said["users"]["fields"] == {"region": "Country"}


def test_pieces_that_are_called_an_amount_and_a_day_without_hours(tmp_path):
    rows = [f"11/{k % 28 + 1}/2000,{1104905 + k % 9:08d},45-49,110411,{4710199010372 + k % 8},"
            f"{1 if k % 3 else 2},{24 + k}" for k in K]  # fmt: skip
    header = "TRANSACTION_DT,CUSTOMER_ID,AGE_GROUP,PRODUCT_SUBCLASS,PRODUCT_ID,AMOUNT,SALES_PRICE"
    said, text = drafted(tmp_path, "ta_feng.csv", lines(header, *rows))
    fields = said["events"]["fields"]
    assert fields["event_time"] == {"column": "TRANSACTION_DT", "format": "M/d/yyyy"}
    assert (fields["user_id"], fields["product_id"]) == ("CUSTOMER_ID", "PRODUCT_ID")
    assert (fields["quantity"], fields["amount"]) == ("AMOUNT", "SALES_PRICE")
    assert "# ? by its name it may be money" in text


def test_parquet_by_day(tmp_path):
    path = tmp_path / "log_20260131.parquet"
    times = [datetime(2026, 1, 31, tzinfo=UTC) + timedelta(minutes=k) for k in K]
    pq.write_table(pa.table({
        "user_id": [f"u{k % 6}" for k in K], "created_at": pa.array(times, pa.timestamp("us", "UTC")),
        "event": ["view", "add_to_cart"] * 20, "item_id": list(K), "price": [1.5] * 40,
    }), path)  # fmt: skip
    said, _ = of_file(tmp_path, path)
    assert (said["events"]["files"], said["events"]["format"]) == ("log_{ds:yyyyMMdd}.parquet", "parquet")
    assert said["events"]["fields"] == {
        "user_id": "user_id", "event_time": "created_at", "product_id": "item_id", "price": "price",
        "event_type": {"column": "event", "map": {"view": "view", "add_to_cart": "cart"}},
    }  # fmt: skip


def test_semicolons_and_a_decimal_comma(tmp_path):
    rows = [f"B{k // 2};{4711 + k % 4};{k % 28 + 1:02d}.01.2026 14:30;A{k % 5};Käse;{k % 3 + 1};{k % 9},99;"
            f"1.{k:03d},50 €" for k in K]  # fmt: skip
    header = "Bestellnummer;Kundennr;Bestelldatum;Artikelnr;Bezeichnung;Menge;Einzelpreis;Gesamt"
    said, _ = drafted(tmp_path, "kasse.csv", lines(header, *rows).encode("cp1252"))
    feed = said["events"]
    assert (feed["delimiter"], feed["encoding"]) == (";", "windows-1252")
    assert feed["fields"] == {
        "user_id": "Kundennr", "event_time": {"column": "Bestelldatum", "format": "dd.MM.yyyy HH:mm"},
        "event_type": {"constant": "purchase"}, "product_id": "Artikelnr", "quantity": "Menge",
        "price": {"column": "Einzelpreis", "decimal": ","},
        "amount": {"column": "Gesamt", "decimal": ",", "thousands": ".", "sign": "€"}, "session_id": "Bestellnummer",
    }  # fmt: skip


def test_lines_without_a_header(tmp_path):
    rows = [
        f"{k % 5 + 1},{2268318 + k % 7},{2520377 + k % 3},{['pv', 'cart', 'buy'][k % 3]},{1511544070 + k}" for k in K
    ]
    said, text = drafted(tmp_path, "behavior.csv", lines(*rows))
    feed = said["events"]
    assert feed["columns"] == ["c1", "c2", "c3", "c4", "c5"]
    assert (feed["fields"]["user_id"], feed["fields"]["product_id"]) == ("c1", "c2")
    assert feed["fields"]["event_time"] == {"column": "c5", "format": "epoch_s"}
    assert text.count("# ? chosen by its look alone") == 3


def test_lists_and_objects_in_an_array(tmp_path):
    orders = [
        {"user": {"id": k % 3}, "time": "2024-01-01T00:00:00+01:00", "lines": [{"sku": "a", "qty": 1}]} for k in K
    ]
    said, _ = drafted(tmp_path, "orders.json", json.dumps(orders))
    feed = said["events"]
    assert (feed["format"], feed["explode"]) == ("jsonl", "lines")
    assert (feed["fields"]["user_id"], feed["fields"]["product_id"]) == ("user.id", "lines.sku")
    assert feed["fields"]["event_time"] == "time", "which carries its zone"


def test_a_day_and_an_hour_in_two_columns_and_days_of_two_readings(tmp_path):
    rows = [f"0{k % 9 + 1}/0{k % 7 + 1}/2024\t10:0{k % 10}:00\tC{k % 4}\tS{k % 5}" for k in K]
    said, text = drafted(tmp_path, "two.tsv", lines("day\ttime\tcustomer\tsku", *rows))
    assert said["events"]["fields"]["event_time"] == {"column": ["day", "time"], "format": "MM/dd/yyyy H:mm:ss"}
    assert "# ? dd/MM/yyyy reads all of them too" in text


def test_mail_addresses_as_users_are_hashed(tmp_path):
    mails = ["ann@shop.example", "Ann@shop.example", "guest"]
    rows = [f"#{1000 + k // 2},{mails[k % 3]},2024-01-0{k % 9 + 1} 10:00:00 +0100,T{k % 4},2,5.00,Ann B" for k in K]
    header = "Name,Email,Created at,Lineitem sku,Lineitem quantity,Lineitem price,Billing Name"
    said, text = drafted(tmp_path, "orders_export.csv", lines(header, *rows))
    feed = said["events"]
    assert (feed["pii"], feed["lower"]) == ({"Email": "hash", "Billing Name": "drop"}, ["Email"])
    assert feed["fields"] == {
        "user_id": "Email", "event_time": "Created at", "event_type": {"constant": "purchase"},
        "product_id": "Lineitem sku", "quantity": "Lineitem quantity", "price": "Lineitem price",
    }  # fmt: skip
    assert "shop.example" not in text
    assert "Ann B" not in text


def test_objects_in_objects_and_lists_in_them(tmp_path):
    events = [{"userId": f"u{k % 4}", "timestamp": "2024-01-01T10:00:00Z", "event": "Order Completed",
               "properties": {"total": 9.5, "products": [{"product_id": f"p{k}", "quantity": 1}]},
               "context": {"device": {"phone": "+49 170 1234567"}}} for k in K]  # fmt: skip
    said, text = drafted(tmp_path, "track.jsonl", "\n".join(map(json.dumps, events)))
    feed = said["events"]
    assert feed["explode"] == "properties.products"
    assert feed["fields"]["product_id"] == "properties.products.product_id"
    assert feed["fields"]["event_type"]["map"] == {"Order Completed": "purchase"}
    assert feed["pii"] == {"context.device": "drop"}
    assert "1234567" not in text


def test_the_order_of_a_shop_system(tmp_path):
    """Its total stands in each of its lines, a state says whether anybody paid, -1 that nobody knows a campaign."""
    rows = [f"{900 + k // 2};wc-{['completed', 'cancelled'][k % 10 == 9]};{k % 9 + 1}/3/2024 3:05 p.m.;{k % 7};Ann B;"
            f"S{k % 5};{['Rs. 1,23,400.50', 'Rs. 99.00'][k % 2]};Rs. {300 + k // 2}.10;{[-1, 7, 8][k % 3]}"
            for k in K]  # fmt: skip
    header = "Order Number,Order Status,Order Date,Customer No.,Billing Name,SKU,Line Total,Order Total,Campaign"
    said, text = drafted(tmp_path, "orders.csv", lines(header.replace(",", ";"), *rows))
    feed = said["events"]
    assert feed["fields"] == {
        "user_id": "Customer No.", "event_time": {"column": "Order Date", "format": "d/M/yyyy h:mm a"},
        "event_type": {"constant": "purchase"}, "product_id": "SKU",
        "amount": {"column": "Line Total", "thousands": ",", "sign": "Rs."}, "session_id": "Order Number",
    }  # fmt: skip
    assert feed["ignore"] == {"Order Status": ["wc-cancelled"]}
    assert feed["null"] == {"Campaign": ["-1"]}
    assert "Order Status is wc-completed 36, wc-cancelled 4" in text


def test_values_with_their_types_in_a_list_of_an_object(tmp_path):
    charges = [
        {"_id": {"$oid": f"65e{k}"}, "createdAt": {"$date": {"$numberLong": str(1709650000000 + k)}},
         "customer": {"$oid": f"75e{k % 6}"}, "amount": {"$numberInt": str(950 + 100 * k)}}
        for k in K
    ]  # fmt: skip
    said, text = drafted(tmp_path, "charges.json", json.dumps({"object": "list", "data": charges}, indent=1))
    feed = said["events"]
    assert (feed["explode"], feed["id"]) == ("data", ["data._id.$oid"])
    assert feed["fields"]["user_id"] == "data.customer.$oid"
    assert feed["fields"]["event_time"] == {"column": "data.createdAt.$date.$numberLong", "format": "epoch_ms"}
    assert feed["fields"]["amount"] == "data.amount.$numberInt"
    assert "# ? all are whole and end as prices in cents do: then say scale: 0.01" in text


def test_what_a_draft_does_not_read_is_said(tmp_path):
    rows = [f"c{k % 5},2024-01-01 10:0{k % 10}:00,s{k % 3},{k % 3 + 1},000,12.{k:03d},about {k}" for k in K]
    rows = ["id,yyyy-mm-dd,,pcs,EUR,EUR", *[row.replace(",000,", ".000,") for row in rows]]
    said, text = drafted(tmp_path, "a.csv", lines("customer,date,sku,qty,price,total", *rows))
    assert said["events"]["fields"]["price"] == {"column": "price", "decimal": ",", "thousands": "."}
    assert "# ? just three digits behind the sign: taken as thousands" in text
    assert "# ? amount: total holds 'EUR', which a draft does not take" in text
    with pytest.raises(DataError, match=r"found user, date \(date is called so, and holds '115/03/01'"):
        drafted(tmp_path / "b", "b.csv", lines("user,date", *["u1,115/03/01"] * 20))


@pytest.mark.parametrize(
    ("text", "encoding", "zone"),
    [
        ("Номер;Клиент;Товар\n{k};Иванов Пётр;Чашка для чая", "windows-1251", "UTC"),
        ("注文番号,顧客,商品名\n{k},山田太郎,マグカップ", "Shift_JIS", "Asia/Tokyo"),
        ("訂單編號,會員,商品名稱\n{k},王小明,馬克杯", "Big5", "Asia/Shanghai"),
        ("订单编号,会员,商品\n{k},用户{k},玻璃杯{k}号", "GB18030", "Asia/Shanghai"),
        ("주문번호,회원아이디,상품명\n{k},hong{k},오리온 초코파이 농심 신라면 삼성 갤럭시", "EUC-KR", "Asia/Seoul"),
        ("Numéro;Client;Produit\n{k};Élodie Lefèvre;thé glacé", "windows-1252", "UTC"),
    ],
)
def test_encodings_and_zones_by_letters(text, encoding, zone):
    head, row = text.split("\n")
    whole = lines(head, *[row.replace("{k}", str(k)) for k in range(200)])
    assert texts.likely(whole.encode(encoding))[0] == encoding
    assert proposal._zone({"a": whole.splitlines()}) == zone


def test_french_orders(tmp_path):
    rows = [
        f"{k};{k % 28 + 1} juin 2026 14:05;{k % 5};R{k % 4};1;1 {200 + k},50 €;{'Annulée' if k % 9 else 'Payée'}"
        for k in K
    ]
    said, _ = drafted(
        tmp_path, "a.csv", lines("N° commande;Date;N° client;Référence;Quantité;Montant TTC;Statut", *rows)
    )
    fields = said["events"]["fields"]
    assert fields["event_time"] == {"column": "Date", "format": "d MMM yyyy HH:mm"}
    assert (fields["user_id"], fields["product_id"], fields["quantity"]) == ("N° client", "Référence", "Quantité")
    assert fields["amount"] == {"column": "Montant TTC", "decimal": ",", "thousands": " ", "sign": "€"}
    assert said["events"]["ignore"] == {"Statut": ["Annulée"]}


def test_what_is_void_is_left_out_and_a_share_is_no_discount(tmp_path):
    head = "id,user_id,created_at,sku,sales,discount,status,_fivetran_deleted,is_test,cancelled_at,discount_pct"
    rows = [
        f"{k},u{k % 5},2026-06-10 10:00:00,s{k % 3},{k}.5,{[0, 0.2][k % 2]},{['shipped', 'wc-refunded'][k % 2]},"
        f"{str(k % 7 == 0).lower()},0,{'2026-06-11 10:00:00' if k % 8 == 0 else ''},15"
        for k in K
    ]  # fmt: skip
    said, text = drafted(tmp_path, "a.csv", lines(head, *rows))
    assert said["events"]["ignore"] == {"_fivetran_deleted": ["true"]}
    assert said["events"]["where"] == {"cancelled_at": [""]}
    assert "discount" not in said["events"]["fields"]
    assert "# ? discount: discount holds '0', a share and no money" in text
    assert "wc-refunded was given back: leave it out by ignore" in text


def test_days_that_begin_with_the_year_and_ids_of_as_many_digits_as_a_time(tmp_path):
    rows = [f"{1234567890123450000 + k},u{k % 5},26/06/{k % 20 + 10},1.{k % 9}万元" for k in K]
    said, text = drafted(tmp_path, "a.csv", lines("订单编号,用户,日期,金额", *rows))
    fields = said["events"]["fields"]
    assert (fields["event_time"]["column"], fields["event_time"]["format"]) == ("日期", "yy/MM/dd")
    assert fields["session_id"] == "订单编号"
    assert fields["amount"] == {"column": "金额", "units": {"万": 10000}, "sign": "元"}
    assert "# ? d/M/yy reads all of them too" in text


def test_folders_and_lists_beside_the_records(tmp_path):
    rows = [{"user_id": f"u{k % 5}", "sku": f"s{k % 3}"} for k in K]
    told = {"schema": {"fields": [{"name": "user_id"}]}, "data": rows}
    said, _ = drafted(tmp_path, "dt=2026-06-10/action=view/{a}.json", json.dumps(told))
    feed = said["events"]
    assert feed["files"] == "dt={ds}/action=*/*.json"
    assert feed["explode"] == "data"
    assert feed["fields"] == {"user_id": "data.user_id", "event_time": "dt", "event_type": "action",
                              "product_id": "data.sku"}  # fmt: skip


def test_an_order_beside_the_list_of_its_lines(tmp_path):
    orders = [
        {"id": k, "created_at": "2026-06-10T10:00:00Z", "customer": {"id": k % 5}, "total_price": "19.90",
         "test": k == 3, "line_items": [{"id": 10 * k + j, "product_id": j, "price": "9.95"} for j in range(2)]}
        for k in K
    ]  # fmt: skip
    said, text = drafted(tmp_path, "a.jsonl", "\n".join(map(json.dumps, orders)))
    assert said["events"]["fields"]["price"] == "line_items.price"
    assert "amount" not in said["events"]["fields"]
    assert "# ? amount: total_price stands beside the list, and would count in each of its entries" in text
    assert said["events"]["ignore"] == {"test": ["true"]}


def test_names_with_dots_states_of_two_kinds_and_single_quotes(tmp_path):
    rows = [
        f"'{k}';'u{k % 5}';'2026-Jun-10';'1.50';'{['等待付款', '完成'][k % 2]}';'{['退款成功', '无'][k % 2]}'"
        for k in K
    ]
    said, text = drafted(
        tmp_path, "a.csv", lines("'id';'Customer code';'date';'Total (incl. tax)';'订单状态';'售后状态'", *rows)
    )
    feed = said["events"]
    assert (feed["quote"], feed["id"], feed["ignore"]) == ("'", ["id"], {"订单状态": ["等待付款"]})
    assert (feed["fields"]["user_id"], feed["fields"]["amount"]) == ("Customer code", "Total (incl. tax)")
    assert feed["fields"]["event_time"]["format"] == "yyyy-MMM-dd"
    assert "退款成功 was given back" in text


def test_hunches():
    prices, some = [*["1999", "850", "2495"] * 10], [str(k) for k in range(30)]
    assert hunches.in_cents(prices)
    assert not any(map(hunches.in_cents, [[*prices, "8.5"], ["12000", "9900"] * 15, ["1980", "2480"] * 15, some]))
    assert hunches.filler([*some, "-1"]) == "-1"
    assert hunches.filler([*some, "-1"], may_be_negative=True) is None
    assert hunches.filler([*some, "-3", "-1"]) is None
    assert (hunches.filler([*some, *["9999"] * 2]), hunches.filler([*some, "n/a"])) == ("9999", "n/a")
    assert hunches.filler([*some, "999", "1000"]) is None
    assert (hunches.guest(["0"] * 20 + some), hunches.guest([*some, *some])) == ("0", None)
    orders = [f"o{k // 2}" for k in range(30)]
    assert hunches.is_of_order([f"{k // 2}" for k in range(30)], orders)
    assert not hunches.is_of_order(["9.90"] * 30, orders)
    assert not hunches.is_of_order(some, orders)
    assert hunches.is_one_of_two(some, some, ["2", "1", "3"] * 10)
    assert not hunches.is_one_of_two(some, some, ["1"] * 30)
    assert not hunches.is_one_of_two(some, prices, ["2"] * 30)


@pytest.mark.parametrize(
    ("header", "row", "said"),
    [
        ("user,time,sku", "u1,2024-01-01 10:00:00,s1,", {}),  # a delimiter ends every line but the header
        ("user::time::sku", "u1::1781085600::s1", {"delimiter": "::"}),
        ("report of May;;\n\nuser;time;sku", "u1;2024-01-01;s1", {"delimiter": ";", "skip": 2}),
        ("user,time,sku", "u1\0,46183.4375,s1", {}),
    ],
)
def test_tables_that_are_written_otherwise(tmp_path, header, row, said):
    feed = drafted(tmp_path, "a.csv", lines(header, *[row] * 30))[0]["events"]
    assert {key: feed[key] for key in ("delimiter", "skip", "encoding", "columns") if key in feed} == said
    assert (feed["fields"]["user_id"], feed["fields"]["product_id"]) == ("user", "sku")


@pytest.mark.parametrize(
    ("value", "format_"),
    [
        ("1706659200", "epoch_s"), ("1706659200123456", "epoch_us"), ("2024-01-31", "iso"), ("20240131", "yyyyMMdd"),
        ("2024-01-31T10:00:00.5+08:00", "iso"), ("31/12/2024 9:05", "dd/MM/yyyy H:mm"),
        ("2024年1月3日", "yyyy年M月d日"), ("12/31/24", "M/d/yy"), ("5 Jan 2024", "d MMM yyyy"),
        ("2024013109", "yyyyMMddHH"), ("10. Mai 2024", "d. MMM yyyy"), ("9 de junio de 2024", "d 'de' MMM 'de' yyyy"),
        ("Jun-10-26", "MMM-dd-yy"), ("Jun  1 2026  2:05PM", "MMM d yyyy h:mma"),
        ("Jun 10, 2026, 1:05:33\u202fPM", "MMM d, yyyy, h:mm:ss a"), ("10 juin 2026 14:05", "dd MMM yyyy HH:mm"),
    ],
)  # fmt: skip
def test_times(value, format_):
    assert look("x", [value]).time.format == format_


def test_the_loader_reads_every_pattern_that_a_draft_may_propose(spark):
    piece = {"yyyy": "2024", "yy": "24", "MMM": "März", "MM": "03", "M": "3", "dd": "05", "d": "5", "HH": "09",
             "H": "9",
             "hh": "09", "h": "9", "mm": "08", "ss": "07", "SSS": "123", "a": "AM", "'T'": "T",
             "EEE": "Tue", "SSSSSS": "123456", "'GMT'": "GMT", "'UTC'": "UTC", "'de'": "de", "XXX": "+08:00",
             "XX": "+0800"}  # fmt: skip
    every = [pattern for pattern in looks.PATTERNS if pattern not in looks.COMBINED]
    every += [day + looks.HOURS[k % len(looks.HOURS)] for day in looks.DATES for k in (0, len(day))]
    every += [looks.DATES[0] + hours for hours in looks.HOURS]
    texts = {pattern: looks.LETTERS.sub(lambda found: piece[found.group()], pattern) for pattern in every}
    assert all(looks.PATTERNS[pattern].fullmatch(text) for pattern, text in texts.items())
    read = [times.instant(F.lit(text), FieldSpec(column="t", format=pattern)) for pattern, text in texts.items()]
    days = spark.range(1).select(F.array(*[F.to_date(time) for time in read])).first()[0]
    assert {pattern for pattern, day in zip(texts, days, strict=True) if day != date(2024, 3, 5)} == set()


@pytest.mark.parametrize(
    ("values", "written"),
    [
        (["1.50", "(2)"], (".", "", ())), (["1,234"], (".", ",", ())), (["7,99"], (",", "", ())),
        (["1.234,50"], (",", ".", ())), (["1 234,50"], (",", " ", ())), (["$5", "$6.10", "-$.5"], (".", "", ("$",))),
        (["1899123"], (".", "", ())), (["4711234567890"], (".", "", ())), (["1'234.50"], (".", "'", ())),
        (["￥12.50元"], (".", "", ("￥", "元"))), (["Rs. 1,23,400"], (".", ",", ("Rs.",))),
        (["1 234,50 руб.", "12,50 руб."], (",", " ", ("руб.",))), (["USD 1.50"], (".", "", ("USD",))),
    ],
)  # fmt: skip
def test_numbers(values, written):
    seen = look("x", values)
    assert seen.time is None
    assert (seen.number.decimal, seen.number.thousands, seen.number.signs) == written


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["13812345678"], "phone"), (["a@b.de"], "mail"), (["10:22:01"], "clock"), (["kids.car", "tools.saw"], "path"),
        (["red", "dark blue"], ""), (["Mozilla/5.0 (X11)"], "agent"),
    ],
)  # fmt: skip
def test_other_looks(values, kind):
    assert look("x", values).kind == kind


@pytest.mark.parametrize(
    ("path", "landing", "glob"),
    [
        ("/l/dt=2026-01-31/a-0.csv", "/l", "dt={ds}/*.csv"),
        ("/l/app/year=2026/month=01/day=31/x.parquet", "/l/app", "year={ds:yyyy}/month={ds:MM}/day={ds:dd}/*.parquet"),
        ("/l/2026/01/31/x.csv.gz", "/l", "{ds:yyyy/MM/dd}/*.csv.gz"),
        ("/l/orders-20260131.csv", "/l", "orders-{ds:yyyyMMdd}.csv"),
        ("/l/orders.csv", "/l", "orders.csv"),
    ],
)
def test_where_files_of_other_days_lie(path, landing, glob):
    found = places.place(path)
    assert (found.landing, found.files) == (landing, glob)


def test_files_that_tell_no_events(tmp_path):
    with pytest.raises(DataError, match="expected a column of times, found user_id, age"):
        drafted(tmp_path, "users.csv", "user_id,age\n1,30\n2,31\n")
    (tmp_path / "empty.csv").write_text("")
    with pytest.raises(DataError, match="expected records in"):
        run.run(str(tmp_path / "empty.csv"), "shop", False)
    with pytest.raises(UsageError, match="expected a file of events"):
        run.run(str(tmp_path / "none.csv"), "shop", False)
    with pytest.raises(UsageError, match="expected --name of a-z"):
        run.run(str(tmp_path / "empty.csv"), "My Shop", False)


def test_the_verb_prints_and_a_draft_overwrites_nothing(tmp_path, capsys):
    path = tmp_path / "a.csv"
    path.write_text("user_id,event_time,event_type,product_id\nu1,2024-01-01 10:00:00,view,p1\n")
    assert main(["source", "draft", str(path), "--name", "my_shop"]) == 0
    assert yaml.safe_load(capsys.readouterr().out)["events"]["fields"]["product_id"] == "product_id"
    run.run(str(path), "my_shop", True, tmp_path)
    with pytest.raises(UsageError, match="is there already"):
        run.run(str(path), "my_shop", True, tmp_path)

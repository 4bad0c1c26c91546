"""Changes posted to a receiver: signed, each once, through failures; who may not be told of is not."""

from __future__ import annotations

import base64
import json
import time
from datetime import UTC, date, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from pydantic import ValidationError

from jobs import __main__, tables
from jobs.audiences.definition import Definition
from jobs.audiences.delivery import destinations, ledger, run
from jobs.audiences.delivery.destinations import Destination
from jobs.audiences.delivery.post import Poster
from jobs.errors import EXIT_CRASH, UnavailableError, UsageError
from jobs.lake import delta
from tests.jobs.kills import Killed

SECRET, KEY = "not a secret at all", "0123456789abcdef"
FIRST, SECOND, THIRD = (date(2026, 3, day) for day in (1, 2, 3))
USERS = [f"u{n:02d}" for n in range(30)]
SAID = {"name": "A", "name_zh": "甲", "description": "x", "description_zh": "x", "owner": "crm", "where": "true"}


class Receiver(ThreadingHTTPServer):
    """Answers as `answers` say, one after the other (then 204): a status, headers with it, or seconds to be silent."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers, self.got = [], []
        Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/audiences"

    def known(self):
        """user_id: the mark of the holdout, as the requests that were taken leave it."""
        members = {}
        for headers, body in self.got:
            assert right(headers, body)
            said = json.loads(body)
            members = {} if said["previous_ds"] is None and said["batch"] == 1 else members
            for change in said["changes"]:
                members.pop(change["user_id"], None)
                if change["change"] == "enter":
                    members[change["user_id"]] = change.get("holdout")
        return members


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        answer = self.server.answers.pop(0) if self.server.answers else 204
        if isinstance(answer, float):
            time.sleep(answer)
            return
        status, more = answer if isinstance(answer, tuple) else (answer, {})
        if status < 300:
            self.server.got.append((dict(self.headers), body))
        self.send_response(status)
        for name, value in more.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *_):
        pass


def right(headers, body, secret=SECRET):
    """A receiver's check, as the page shows it."""
    page = (Path(__file__).parents[3] / "docs" / "audiences.md").read_text(encoding="utf-8")
    names = {}
    exec(page.split("```python\n")[1].split("```")[0], names)
    return names["is_ours"](headers, body, secret)


@pytest.fixture
def receiver():
    server = Receiver()
    yield server
    server.shutdown()
    server.server_close()


class Shop:
    """A warehouse of a few nights, and a file of destinations."""

    def __init__(self, folder, receiver):
        self.warehouse, self.file, self.receiver, self.runs = str(folder / "wh"), folder / "d.yaml", receiver, {}
        self.consents()
        self.conf()

    def conf(self, **more):
        said = {"url": self.receiver.url, "secret_from": "SECRET", "audiences": ["a"], "batch": 8, "tries": 2,
                "pause": 0} | more  # fmt: skip
        self.file.write_text(json.dumps({"destinations": {"crm": said}}))

    def consents(self, *refusing):
        rows = [{"user_id": user, "marketing_consent": user not in refusing} for user in USERS]
        self._put(tables.SILVER_USERS, rows, "true")

    def publish(self, ds, users, held_out=(), when=None):
        """The night of ds with an audience `a` of some users, and a small one."""
        row = {"ds": ds, "definition": Definition.model_validate(SAID).text(), "definition_hash": "h"}
        sizes = {"a": len(users), "few": 3}
        night = f"ds = '{ds}'"
        self._put(tables.AUDIENCES, [row | {"audience_id": one, "size": sizes[one]} for one in sizes], night)
        members = [{"audience_id": "a", "ds": ds, "user_id": user, "holdout": user in held_out} for user in users]
        self._put(tables.AUDIENCE_MEMBERS, members, night)
        named = [(t.full_name, delta.version(self.warehouse, t)) for t in (tables.AUDIENCES, tables.AUDIENCE_MEMBERS)]
        at = when or datetime(2026, 3, ds.day, 6 + len(self.runs), tzinfo=UTC)
        self.runs[ds] = {"run_id": f"r{ds}", "ds": ds, "published_at": at, "table_versions": named}
        self._put(tables.RUNS, list(self.runs.values()), "true")

    def deliver(self, ds, **more):
        return run.run(self.warehouse, ds, **more)

    def _put(self, table, rows, where):
        empty = dict.fromkeys(table.column_names)
        delta.replace_rows([empty | row for row in rows], self.warehouse, table, where)


@pytest.fixture
def shop(spark, tmp_path, receiver, monkeypatch):
    monkeypatch.setenv("SECRET", SECRET)
    monkeypatch.setattr(destinations, "FILE", tmp_path / "d.yaml")
    return Shop(tmp_path, receiver)


def test_a_destination_is_told_of_each_night_once(shop, receiver, capsys):
    shop.publish(FIRST, USERS[:24], held_out=["u01"])
    shop.consents("u00")
    shop.deliver(FIRST)
    assert set(receiver.known()) == set(USERS[2:24])  # of u00, who refuses, and u01, who is held out, nothing
    assert [len(json.loads(body)["changes"]) for _, body in receiver.got] == [7, 8, 7]
    assert "crm a: told of 2026-03-01: 22 entered, 0 left; 3 batches; 1 refused; a new list" in capsys.readouterr()[0]
    shop.publish(SECOND, USERS[4:28], held_out=["u05"])
    shop.deliver(SECOND)
    assert set(receiver.known()) == set(USERS[4:28]) - {"u05"}
    changes = [change for _, body in receiver.got[3:] for change in json.loads(body)["changes"]]
    assert {change["user_id"] for change in changes} == {"u00", "u02", "u03", "u05", *USERS[24:28]}
    requests = len(receiver.got)
    for ds in (SECOND, FIRST):
        shop.deliver(ds)
    assert len(receiver.got) == requests
    assert capsys.readouterr()[0].endswith("crm a: nothing new\ncrm a: was told of 2026-03-02 already\n")
    [log] = delta.rows(shop.warehouse, tables.DELIVERIES, "ds = '2026-03-01' AND batch = 1")
    assert (log["entered"], log["left"], log["refused"], log["batches"], log["previous_ds"]) == (7, 0, 1, 3, None)
    assert log["delivered_by"]


def test_what_fails_half_way_goes_on_with_the_batch_that_was_not_taken(shop, receiver):
    shop.publish(FIRST, USERS)
    receiver.answers = [500, 204, 503, (429, {"Retry-After": "0"})]
    with pytest.raises(UnavailableError, match=r"crm a: expected batch 2 of 4 .* found HTTP 429 in 2 tries"):
        shop.deliver(FIRST)
    shop.deliver(FIRST)
    batches = [json.loads(body)["batch"] for _, body in receiver.got]
    assert batches == [1, 2, 3, 4]
    keys = [headers["webhook-id"] for headers, _ in receiver.got]
    assert len({key.rpartition("-")[0] for key in keys}) == 1
    assert set(receiver.known()) == set(USERS)


def killed(*_):
    raise Killed


def test_a_request_that_was_taken_and_not_written_down_comes_again_under_its_key(shop, receiver, monkeypatch):
    shop.publish(FIRST, USERS)
    with monkeypatch.context() as kills:
        kills.setattr(ledger, "note", killed)
        with pytest.raises(Killed):
            shop.deliver(FIRST)
    shop.deliver(FIRST)
    (first, body), (again, same) = receiver.got[:2]
    assert first["webhook-id"] == again["webhook-id"] == again["Idempotency-Key"]
    assert body == same
    assert [json.loads(body)["batch"] for _, body in receiver.got] == [1, 1, 2, 3, 4]


def test_a_system_that_does_not_answer_is_worth_another_try_of_the_task(monkeypatch, capsys):
    def unanswered(_):
        raise UnavailableError("crm a: expected batch 1 to be taken")

    monkeypatch.setattr(__main__, "_deliver", unanswered)
    assert __main__.main(["audience", "deliver", "--ds", "2026-03-01"]) == EXIT_CRASH
    assert capsys.readouterr().err == "unavailable: crm a: expected batch 1 to be taken\n"


def test_what_was_told_in_part_is_made_good_by_a_later_night(shop, receiver):
    shop.publish(FIRST, USERS[:20])
    shop.deliver(FIRST)
    shop.publish(SECOND, USERS[10:30])  # u00..u07 leave, in the one batch that is taken
    receiver.answers = [204, 400]
    with pytest.raises(UsageError, match=r"crm a: expected batch 2 of 3 .*HTTP 400, which is not tried again"):
        shop.deliver(SECOND)
    assert set(receiver.known()) == set(USERS[8:20])
    shop.publish(THIRD, USERS[:22])  # of which u00..u07 are known as gone, and as there before
    shop.deliver(THIRD)
    assert set(receiver.known()) == set(USERS[:22])
    shop.publish(THIRD, USERS[2:23])  # the night again
    shop.deliver(THIRD)
    assert set(receiver.known()) == set(USERS[2:23])


def test_a_receiver_that_hears_nothing_or_is_slow_is_tried_again(shop, receiver):
    shop.conf(seconds=1, tries=4)
    shop.publish(FIRST, USERS[:20])
    receiver.answers = [1.5]
    shop.deliver(FIRST)
    assert set(receiver.known()) == set(USERS[:20])
    shop.publish(SECOND, USERS[:21])
    receiver.server_close()
    with pytest.raises(UnavailableError, match=r"no answer \(ConnectError\) in 4 tries"):
        shop.deliver(SECOND)


def test_held_out_users_may_be_marked_and_everybody_told_anew(shop, receiver):
    shop.publish(FIRST, USERS[:20], held_out=["u01"])
    shop.deliver(FIRST)
    shop.conf(holdout="marked")
    shop.deliver(FIRST)
    assert {user for user, mark in receiver.known().items() if mark} == {"u01"}
    assert len(receiver.known()) == 20
    before = len(receiver.got)
    for _ in range(2):
        shop.deliver(FIRST, anew=True)
    keys = [headers["webhook-id"] for headers, _ in receiver.got]
    assert len(set(keys)) == len(keys) == before + 6
    assert len(receiver.known()) == 20


def test_an_audience_that_got_too_small_or_is_gone_leaves_nobody_behind(shop, receiver, capsys):
    shop.publish(FIRST, USERS)
    shop.deliver(FIRST)
    shop.publish(SECOND, USERS[:3])
    shop.deliver(SECOND)
    assert receiver.known() == {}
    assert "withheld: fewer than 20 members" in capsys.readouterr()[0]
    shop.conf(audiences=["b"])
    with pytest.raises(UsageError, match="crm b: expected an audience of 2026-03-02, found 'b'"):
        shop.deliver(SECOND)
    with pytest.raises(UsageError, match="expected a published night of 2026-03-03"):
        shop.deliver(THIRD)


def test_another_secret_or_another_body_is_told_by_the_signature(receiver, monkeypatch):
    monkeypatch.setenv("SECRET", "whsec_" + base64.b64encode(KEY.encode()).decode())
    said = Destination(url=receiver.url, secret_from="SECRET", audiences=["a"])
    with Poster(said) as poster:
        poster.post("key", b"{}", "it")
    [(headers, body)] = receiver.got
    assert right(headers, body, KEY)
    assert not right(headers, body)
    assert not right(headers, b"{ }", KEY)
    assert not right(headers | {"webhook-id": "other"}, body, KEY)


@pytest.mark.parametrize(
    "url", ["http://crm.example.com/x", "https://me:pass@crm.example.com", "crm.example.com", "ftp://a"]
)
def test_ids_go_over_no_open_line_and_passwords_stand_in_no_file(url):
    with pytest.raises(ValidationError, match="expected"):
        Destination(url=url, secret_from="SECRET", audiences=["a"])


@pytest.mark.parametrize(
    ("value", "said"),
    [(None, "environment variable SECRET"), ("short", "16 bytes or more in SECRET, found 5"), ("whsec_?", "base64")],
)
def test_without_a_good_secret_nothing_is_sent(monkeypatch, value, said):
    if value is not None:
        monkeypatch.setenv("SECRET", value)
    with pytest.raises(UsageError, match=said):
        Poster(Destination(url="https://crm.example.com", secret_from="SECRET", audiences=["a"]))

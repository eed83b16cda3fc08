"""What is told of what a person has to do: once, and nothing of those who are not disclosed."""

import base64
import hashlib
import hmac
import json
import logging
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import duckdb
import pytest

from orchestration import cli, endings
from orchestration.alerts import topics, webhook
from orchestration.alerts.tell import Topic, tell
from orchestration.faults import WrongSurroundings
from tests.conftest import LANDING, Published


class Webhook:
    """A server on this machine that keeps what it is sent.

    Attributes:
        url: Its address.
        taken: What it was sent, as JSON.
        paths: To which paths.
        answer: The status and the body that it answers.
    """

    def __init__(self) -> None:
        self.taken: list[dict[str, Any]] = []
        self.paths: list[str] = []
        self.answer: tuple[int, bytes] = (200, b'{"errcode": 0}')
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                hook.taken.append(json.loads(body))
                hook.paths.append(self.path)
                self.send_response(hook.answer[0])
                self.end_headers()
                self.wfile.write(hook.answer[1])

            def log_message(self, *_: object) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/send?key=k3y"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch) -> Iterator[Webhook]:
    hook = Webhook()
    monkeypatch.setenv(webhook.URL, hook.url)
    yield hook
    hook.server.shutdown()
    hook.server.server_close()


def of_year(*lines: str, hidden: int = 0) -> Topic:
    return Topic("incomplete", 2023, "2023 有缺口：", lines, hidden)


def test_a_thing_to_do_is_told_once_and_again_when_it_comes_back(
    hook: Webhook, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "jixiao"):
        tell(tmp_path, [of_year("甲：缺表", "乙：缺表")])
        tell(tmp_path, [of_year("甲：缺表", "乙：缺表")])
        # One less is nothing to do; one more is.
        tell(tmp_path, [of_year("乙：缺表")])
        tell(tmp_path, [of_year("乙：缺表", "丙：缺表")])
        tell(tmp_path, [of_year()])
        tell(tmp_path, [of_year("乙：缺表")])
    assert [taken["lines"] for taken in hook.taken] == [
        ["甲：缺表", "乙：缺表"],
        ["丙：缺表", "此外 1 项已通知"],
        ["乙：缺表"],
    ]
    assert caplog.messages[0] == "2023 有缺口：；甲：缺表；乙：缺表"
    assert len(caplog.messages) == 3


def test_topics_and_years_are_told_apart(hook: Webhook, tmp_path: Path) -> None:
    tell(tmp_path, [of_year("甲"), Topic("refused", 2023, "", ("甲",))])
    tell(tmp_path, [Topic("incomplete", 2024, "", ("甲",))])
    assert [(taken["kind"], taken["fiscal_year"]) for taken in hook.taken] == [
        ("incomplete", 2023), ("refused", 2023), ("incomplete", 2024),
    ]  # fmt: skip


def test_what_the_webhook_has_not_taken_is_told_with_the_next(
    hook: Webhook, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    for answer in ((500, b""), (200, b'{"errcode": 93000}'), (302, b"")):
        hook.answer = answer
        tell(tmp_path, [of_year("甲")])
    monkeypatch.setenv(webhook.URL, "http://127.0.0.1:9/k3y")
    tell(tmp_path, [of_year("甲")])
    assert "k3y" not in caplog.text
    assert "127.0.0.1" not in caplog.text
    assert "answered 500" in caplog.text
    assert "answered errcode 93000" in caplog.text
    assert "answered 302" in caplog.text
    assert "no answer (ConnectionError)" in caplog.text
    monkeypatch.setenv(webhook.URL, hook.url)
    hook.answer = (200, b"ok")
    tell(tmp_path, [of_year("甲")])
    tell(tmp_path, [of_year("甲")])
    assert len(hook.taken) == 4


def test_each_form_is_what_its_service_takes(
    hook: Webhook, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = tuple(f'部门{number}"}} {{{{ 7 * 7 }}}} 缺表' + "，" * 100 for number in range(30))
    for form in ("json", "wecom", "dingtalk"):
        monkeypatch.setenv(webhook.FORM, form)
        tell(tmp_path / form, [of_year(*lines)])
    plain, wecom, dingtalk = hook.taken
    assert plain["lines"] == [*lines[:20], "另有 10 项"]
    assert plain["source"] == "jixiao"
    assert wecom["msgtype"] == dingtalk["msgtype"] == "text"
    assert dingtalk["text"]["content"] == plain["text"]
    assert len(wecom["text"]["content"].encode()) <= webhook.LIMIT
    assert plain["text"].startswith(wecom["text"]["content"].removesuffix("…"))


def test_a_template_of_ones_own(
    hook: Webhook, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "own.jinja"
    own.write_text('{"message": {{ text | json }}, "year": {{ fiscal_year | json }}}', "utf-8")
    monkeypatch.setenv(webhook.FORM, str(own))
    tell(tmp_path, [of_year("甲")])
    assert hook.taken == [{"message": "2023 有缺口：\n甲", "year": 2023}]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({webhook.FORM: "feishu"}, "expected one of dingtalk, json, wecom, or the path"),
        ({webhook.URL: "qyapi/send?key=k3y"}, "expected an address that begins with https://"),
    ],
)
def test_a_wrong_setting_is_told_before_the_run(
    settings: dict[str, str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    status = cli.main(["run", "--warehouse", str(tmp_path / "warehouse")])
    told = capsys.readouterr().err
    assert status == endings.WRONG_USAGE
    assert said in told
    assert "k3y" not in told


def test_dingtalk_asks_for_a_signature(
    hook: Webhook, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(webhook.SECRET, "SEC0")
    tell(tmp_path, [of_year("甲")])
    query = parse_qs(urlsplit(hook.paths[0]).query)
    (stamp,), (sign,) = query["timestamp"], query["sign"]
    expected = hmac.new(b"SEC0", f"{stamp}\nSEC0".encode(), hashlib.sha256).digest()
    assert base64.b64decode(sign) == expected
    assert query["key"] == ["k3y"]


def test_a_template_that_gives_no_json_is_told(tmp_path: Path, monkeypatch: Any) -> None:
    own = tmp_path / "own.jinja"
    own.write_text("{{ text }}", "utf-8")
    monkeypatch.setenv(webhook.FORM, str(own))
    with pytest.raises(WrongSurroundings, match="the template gives no JSON"):
        webhook.body(webhook.Alert("refused", 2023, "a", ["b"]))


@pytest.fixture
def exempt(published: Published) -> Path:
    """A publication in which Yantian's is not disclosed and incomplete, and so is Nanshan's."""
    database = published.warehouse / "published" / "scores.duckdb"
    database.chmod(0o644)
    with duckdb.connect(str(database)) as con:
        con.execute(
            "update marts.dim_departments set is_disclosure_exempt = true "
            "where unit_code = '440308-fzyj'"
        )
        con.execute("update marts.fct_evaluations set status_reason = '缺少 满意度'")
    return database


@pytest.mark.builds
def test_nothing_is_told_of_those_who_are_not_disclosed(
    exempt: Path, hook: Webhook, tmp_path: Path
) -> None:
    tell(tmp_path, topics.published(exempt, 2023))
    tell(
        tmp_path,
        [
            topics.refused(
                exempt, 2023, ["2023/x.csv row 2: 440308-fzyj", "盐田区发展研究中心", "2023/y.csv"]
            )
        ],
    )
    sent = json.dumps(hook.taken, ensure_ascii=False)
    assert "440305-gxj" in sent
    assert "440308" not in sent
    assert "盐田" not in sent.replace("盐田区发展研究中心", "")
    assert "另有 1 项属于不公开的单位，见日志" in sent


@pytest.mark.builds
def test_the_command_tells_too(
    hook: Webhook, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "landing" / "2023").mkdir(parents=True)
    (tmp_path / "landing" / "2023" / "budget.csv").write_text("x\n")
    arguments = ["--landing", str(tmp_path / "landing"), "--warehouse", str(tmp_path / "w")]
    for _ in range(2):
        assert cli.main(["run", *arguments]) == endings.REFUSED
    (taken,) = hook.taken
    assert (taken["kind"], taken["fiscal_year"]) == ("refused", 2023)
    assert any(line.startswith("2023/budget.csv: ") for line in taken["lines"])
    assert LANDING.is_dir()

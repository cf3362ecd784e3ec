"""Addresses of channels: where their secrets come from, and what is shown of them."""

from pathlib import Path
from typing import Any

import apprise
import pytest

from ml_assets.alerts.message import Message
from ml_assets.alerts.send.channels import resolve, send, with_incident
from ml_assets.errors import UserError
from ml_assets_tests.alerts.receivers import http_receiver, smtp_receiver

MESSAGE = Message("Title", "First line.\nSecond line with <b>signs</b> & an ümlaut.", "opened", "error", 12)


def test_secrets_come_from_variables_or_files_and_keep_their_signs(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("p@ss/w:rd\n")
    known = {"USER_NAME": "me@shop", "PASSWORD_FILE": str(tmp_path / "password"), "WHOLE": "slack://a/b/c"}
    found = resolve("mailtos://${USER_NAME}:${PASSWORD}@smtp.example.com", known)
    assert found.url == "mailtos://me%40shop:p%40ss%2Fw%3Ard@smtp.example.com"
    assert found.scrub("login p@ss/w:rd of p%40ss%2Fw%3Ard refused") == "login *** of *** refused"
    assert resolve("${WHOLE}", known).url == "slack://a/b/c"


def test_a_secret_that_is_not_set_is_named() -> None:
    with pytest.raises(UserError, match=r"\$\{TOKEN\} of a channel is not set\. Set the variable TOKEN, or TOKEN_FILE"):
        resolve("slack://${TOKEN}", {})


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#ops", "TIiajkdnlazkcOXrIdevi7FQ"),
        ("jsons://user:secret-word@hooks.example.com/services/verysecret?token=alsosecret", "verysecret"),
        ("jsons://user:secret-word@hooks.example.com/services/verysecret?token=alsosecret", "secret-word"),
        ("jsons://user:secret-word@hooks.example.com/services/verysecret?token=alsosecret", "token=alsosecret"),
        ("pagerduty://IntegrationKey1@ApiKey12345", "ApiKey12345"),
    ],
)
def test_every_part_of_an_address_that_may_be_a_token_is_blotted_out(url: str, shown: str) -> None:
    assert "***" in resolve(url, {}).scrub(f"error about {shown}!")
    assert shown not in resolve(url, {}).scrub(f"error about {shown}!")


def test_pagerduty_gets_one_key_for_the_beginning_and_the_end_of_an_incident() -> None:
    url = with_incident("pagerduty://IntegrationKey1@ApiKey12345", MESSAGE)
    plugin: Any = apprise.Apprise.instantiate(url)
    assert (plugin.dedup, str(plugin.action)) == ("ml_assets-12", "map")
    assert with_incident("slack://a/b/c", MESSAGE) == "slack://a/b/c"


def test_text_arrives_as_it_was_written() -> None:
    with http_receiver() as hook, smtp_receiver() as mail:
        assert send(hook.url, MESSAGE) is None
        assert send(mail.url, MESSAGE) is None
    assert hook.messages == [{"title": "Title", "body": MESSAGE.body, "type": "failure"}]
    assert mail.messages[0]["title"] == "Title"
    assert mail.messages[0]["body"].splitlines() == MESSAGE.body.splitlines()
    assert mail.messages[0]["to"] == "team@shop.example"


@pytest.mark.parametrize("url", ["smoke://signals", "not an address", "slack://"])
def test_an_address_that_apprise_does_not_know_is_an_error_without_the_address(url: str) -> None:
    assert send(url, MESSAGE) == "Its URL is not one that Apprise understands; see https://appriseit.com/services/."

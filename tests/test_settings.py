"""Settings from the environment."""

from __future__ import annotations

import pytest

from flowworker.errors import InvalidInput
from flowworker.jetstream import TopologyOptions
from flowworker.jetstream.backend import LEAST_PAYLOAD
from flowworker.jetstream.topology.durability import check_cluster
from flowworker.settings import Settings, check_fit, from_environment, settings_from


def test_nothing_said_gives_the_defaults():
    assert settings_from({"PATH": "/bin"}) == Settings()


def test_what_is_said_is_taken():
    environment = {
        "FLOWWORKER_LEASE": "2.5",
        "FLOWWORKER_CONCURRENCY": "8",
        "FLOWWORKER_REPLY_PREFIXES": "_INBOX.,replies.",
    }

    settings = settings_from(environment)

    assert (settings.lease, settings.concurrency) == (2.5, 8)
    assert settings.reply_prefixes == ("_INBOX.", "replies.")


def test_streams_are_described_the_same_way():
    environment = {"FLOWWORKER_REPLICAS": "3", "FLOWWORKER_STORAGE": "memory"}

    assert from_environment(TopologyOptions, environment) == TopologyOptions(
        replicas=3, storage="memory"
    )


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("FLOWWORKER_LEASE", "soon"),
        ("FLOWWORKER_LEASE", "0"),
        ("FLOWWORKER_LEASE", "-1"),
        ("FLOWWORKER_LEASE", "inf"),
        ("FLOWWORKER_LEASE", "nan"),
        ("FLOWWORKER_CONCURRENCY", "1.5"),
    ],
)
def test_a_bad_value_is_one_clear_error(variable, text):
    with pytest.raises(InvalidInput, match=f"{variable}='{text}'"):
        settings_from({variable: text})


def test_a_bad_storage_is_one_clear_error():
    with pytest.raises(InvalidInput, match="FLOWWORKER_STORAGE='tape'"):
        from_environment(TopologyOptions, {"FLOWWORKER_STORAGE": "tape"})


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"durability": "machine", "replicas": 1}, "expected replicas=3 or more, found 1"),
        ({"durability": "machine", "replicas": 2}, "expected replicas=3 or more, found 2"),
        ({"durability": "power", "replicas": 3}, "durability=power: expected replicas=1, found 3"),
        ({"durability": "process", "replicas": 3}, "expected replicas=1, found 3"),
        ({"durability": "power", "storage": "memory"}, "streams in memory outlive nothing"),
    ],
)
def test_a_durability_that_other_options_contradict_is_one_clear_error(options, text):
    with pytest.raises(InvalidInput, match=text):
        TopologyOptions(**options)


def test_a_durability_says_how_many_copies_there_are():
    assert TopologyOptions().copies == TopologyOptions(durability="power").copies == 1
    assert TopologyOptions(durability="machine").copies == 3
    assert TopologyOptions(durability="machine", replicas=5).copies == 5


def test_an_unknown_durability_is_one_clear_error():
    with pytest.raises(InvalidInput, match="FLOWWORKER_DURABILITY='always'"):
        from_environment(TopologyOptions, {"FLOWWORKER_DURABILITY": "always"})


def test_power_is_for_a_server_that_stands_alone():
    for durability in (None, "process", "machine"):
        check_cluster(durability, "c1")
    check_cluster("power", "")

    with pytest.raises(InvalidInput, match="belongs to cluster 'c1': expected durability=machine"):
        check_cluster("power", "c1")


@pytest.mark.parametrize(
    ("make", "value"),
    [
        (Settings, {"lease": -1.0}),
        (Settings, {"sweep": 0.0}),
        (Settings, {"retention": float("nan")}),
        (Settings, {"retention": 10**12}),
        (Settings, {"concurrency": 0}),
        (TopologyOptions, {"events_age": 10**12}),
        (TopologyOptions, {"partitions": 0}),
    ],
)
def test_numbers_are_positive_wherever_they_come_from(make, value):
    (name,) = value

    with pytest.raises(InvalidInput, match=f"{name}=.*: expected a positive number"):
        make(**value)


@pytest.mark.parametrize(
    ("text", "prefixes"),
    [("_INBOX.,", ("_INBOX.",)), (" a. , b.", ("a.", "b.")), (",", ()), (" , ", ())],
)
def test_nothing_between_commas_is_no_prefix(text, prefixes):
    settings = settings_from({"FLOWWORKER_REPLY_PREFIXES": text})

    assert settings.reply_prefixes == prefixes


def test_sizes_are_no_times():
    assert Settings(payload_limit=10**9).payload_limit == 10**9


def test_a_prefix_that_allows_everything_is_refused():
    with pytest.raises(InvalidInput, match="reply_prefixes"):
        Settings(reply_prefixes=("_INBOX.", ""))


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"inline_limit": 300_000}, "inline_limit=300000: expected at most message_limit"),
        (
            {"message_limit": 90_000, "inline_limit": 80_000, "payload_limit": 70_000},
            "inline_limit=80000: expected at most payload_limit, which is 70000",
        ),
    ],
)
def test_settings_that_contradict_each_other_are_refused(settings, text):
    with pytest.raises(InvalidInput, match=text):
        Settings(**settings)


def test_settings_that_the_server_contradicts_are_refused():
    settings = Settings(message_limit=900_000, inline_limit=900_000)

    check_fit(settings, 3_000_000)
    with pytest.raises(InvalidInput, match="raise the server's max_payload"):
        check_fit(settings, 1_000_000)


def test_the_defaults_fit_the_smallest_server_that_is_taken():
    check_fit(Settings(), LEAST_PAYLOAD)

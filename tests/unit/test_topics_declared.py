"""What the declarations say, and how differences from them are put."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pydantic import ValidationError

from connectors.kafka.topic_differences import ExistingTopic, differences
from connectors.kafka.topics import DAY_MS, HOUR_MS, TopicDeclaration, TopicSettings, declared_topics
from schemas.errors import ConfigurationError
from schemas.limits import DEAD_LETTER_HEADROOM_BYTES, MAX_REQUEST_BYTES
from schemas.taxonomy import MODEL_TYPES
from schemas.topics import DEAD_LETTERS, MODEL_STATUS, REPLY_PREFIX, REQUEST_PREFIX, RESULTS

SETTINGS = TopicSettings()
DECLARED = {topic.name: topic for topic in declared_topics(SETTINGS, clients=["bridge", "erp"])}


def test_every_topic_of_the_service_is_declared_once() -> None:
    requests = {REQUEST_PREFIX + name for name in MODEL_TYPES}
    assert len(requests) == 11
    replies = {"veriaidpo.replies.bridge", "veriaidpo.replies.erp"}
    assert set(DECLARED) == requests | {RESULTS, DEAD_LETTERS, MODEL_STATUS} | replies
    twice = declared_topics(SETTINGS, clients=["bridge", "erp", "bridge"])
    assert len(twice) == len(DECLARED)


def test_requests_are_stamped_by_the_broker_and_kept_for_the_replay_horizon() -> None:
    for name, topic in DECLARED.items():
        if name.startswith(REQUEST_PREFIX):
            assert topic.configs["message.timestamp.type"] == "LogAppendTime"
            assert topic.configs["retention.ms"] == str(30 * DAY_MS)
            assert topic.configs["max.message.bytes"] == str(MAX_REQUEST_BYTES)


def test_a_result_stays_as_long_as_its_request_can_be_replayed() -> None:
    longer = {topic.name: topic for topic in declared_topics(TopicSettings(request_retention_days=90))}
    assert longer[RESULTS].configs["retention.ms"] == str(90 * DAY_MS)


def test_a_dead_letter_has_room_for_the_largest_request_and_its_provenance() -> None:
    room = int(DECLARED[DEAD_LETTERS].configs["max.message.bytes"])
    assert room == MAX_REQUEST_BYTES + DEAD_LETTER_HEADROOM_BYTES
    assert DECLARED[DEAD_LETTERS].configs["retention.ms"] == str(14 * DAY_MS)


def test_replies_go_within_hours_and_heartbeats_are_compacted() -> None:
    for name, topic in DECLARED.items():
        if name.startswith(REPLY_PREFIX):
            assert topic.configs["retention.ms"] == str(HOUR_MS)
    assert DECLARED[MODEL_STATUS].configs["cleanup.policy"] == "compact,delete"
    assert DECLARED[MODEL_STATUS].partitions == 1


def test_no_topic_keeps_a_segment_longer_than_its_records() -> None:
    for topic in DECLARED.values():
        assert int(topic.configs["segment.ms"]) <= int(topic.configs["retention.ms"])


def test_no_topic_elects_an_unclean_leader() -> None:
    assert {topic.configs["unclean.leader.election.enable"] for topic in DECLARED.values()} == {"false"}


@pytest.mark.parametrize(
    ("brokers", "replicas", "in_sync"), [(1, 1, "1"), (2, 1, "1"), (3, 3, "2"), (5, 3, "2")]
)
def test_three_brokers_make_three_replicas_of_which_two_are_in_sync(
    brokers: int, replicas: int, in_sync: str
) -> None:
    for topic in declared_topics(SETTINGS, brokers=brokers):
        assert (topic.replication_factor, topic.configs["min.insync.replicas"]) == (replicas, in_sync)


def test_an_installation_may_choose_replicas_itself() -> None:
    chosen = TopicSettings(replication_factor=2, min_insync_replicas=2)
    [topic, *_] = declared_topics(chosen, brokers=3)
    assert (topic.replication_factor, topic.configs["min.insync.replicas"]) == (2, "2")
    with pytest.raises(ValidationError):
        TopicSettings(partitions=0)


def test_more_replicas_in_sync_than_there_are_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="MIN_INSYNC_REPLICAS"):
        declared_topics(TopicSettings(min_insync_replicas=2), brokers=1)


def test_topics_as_declared_do_not_differ() -> None:
    assert differences(list(DECLARED.values()), _cluster(), "kafka:9092") == []


def test_the_order_of_cleanup_policies_and_settings_of_others_are_no_difference() -> None:
    cluster = _cluster()
    status = cluster[MODEL_STATUS]
    cluster[MODEL_STATUS] = replace(
        status, configs={**status.configs, "cleanup.policy": "delete,compact", "flush.ms": "1"}
    )
    assert differences(list(DECLARED.values()), cluster, "kafka:9092") == []


def test_what_is_missing_says_the_command_that_makes_it() -> None:
    cluster = _cluster()
    del cluster[RESULTS], cluster["veriaidpo.replies.erp"]
    results, replies = differences(list(DECLARED.values()), cluster, "kafka:9092")
    assert (results.topic, results.found, results.remedy) == (RESULTS, "missing", "veriaidpo topics create")
    assert replies.remedy == "veriaidpo topics create --client erp"


def test_each_difference_says_the_command_that_mends_it() -> None:
    cluster = _cluster()
    cluster[RESULTS] = replace(
        cluster[RESULTS],
        partitions=1,
        replication_factor=2,
        configs={**cluster[RESULTS].configs, "segment.ms": "7"},
    )
    status = cluster[MODEL_STATUS]
    cluster[MODEL_STATUS] = replace(status, configs={**status.configs, "cleanup.policy": "delete"})
    found = differences(list(DECLARED.values()), cluster, "kafka:9092")
    remedies = {(each.topic, each.setting): each.remedy for each in found}
    assert remedies == {
        (RESULTS, "partitions"): (
            "kafka-topics.sh --bootstrap-server kafka:9092 --alter --topic veriaidpo.results --partitions 4"
        ),
        (RESULTS, "replication factor"): (
            "move the replicas with kafka-reassign-partitions.sh, "
            "or set VERIAIDPO_TOPICS__REPLICATION_FACTOR=2"
        ),
        (RESULTS, "segment.ms"): (
            "kafka-configs.sh --bootstrap-server kafka:9092 --alter --entity-type topics "
            "--entity-name veriaidpo.results --add-config segment.ms=86400000"
        ),
        (MODEL_STATUS, "cleanup.policy"): (
            "kafka-configs.sh --bootstrap-server kafka:9092 --alter --entity-type topics "
            "--entity-name veriaidpo.model-status --add-config cleanup.policy=[compact,delete]"
        ),
    }


@pytest.mark.parametrize(
    ("topic", "setting"), [(RESULTS, "PARTITIONS"), ("veriaidpo.replies.erp", "REPLY_PARTITIONS")]
)
def test_more_partitions_than_declared_are_declared_by_a_setting(topic: str, setting: str) -> None:
    cluster = _cluster()
    cluster[topic] = replace(cluster[topic], partitions=64)
    [found] = differences(list(DECLARED.values()), cluster, "kafka:9092")
    assert found.remedy == f"set VERIAIDPO_TOPICS__{setting}=64"


def _cluster() -> dict[str, ExistingTopic]:
    """A cluster on which everything is as declared."""
    return {name: _existing(topic) for name, topic in DECLARED.items()}


def _existing(topic: TopicDeclaration) -> ExistingTopic:
    return ExistingTopic(topic.name, topic.partitions, topic.replication_factor, topic.configs)

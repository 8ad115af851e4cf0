"""Model types, their labels and their topics."""

from __future__ import annotations

import pytest
from msgspec import structs

from schemas.content import check_content
from schemas.errors import BadRecord, ConfigurationError, RecordMismatch, UnknownModelType
from schemas.events import ClassificationRequest
from schemas.taxonomy import MODEL_TYPES, model_type
from schemas.topics import client_of, model_type_of, reply_topic, request_topic


def test_the_eleven_model_types_come_in_their_order() -> None:
    assert list(MODEL_TYPES) == [
        "principles",
        "legal_basis",
        "breach_triage",
        "cross_border",
        "consent_type",
        "data_sensitivity",
        "dpo_tasks",
        "risk_level",
        "compliance_status",
        "regional",
        "industry",
    ]
    assert sum(len(kind.labels) for kind in MODEL_TYPES.values()) == 49


@pytest.mark.parametrize("kind", MODEL_TYPES.values(), ids=MODEL_TYPES)
def test_labels_are_in_id_order_and_named_in_both_languages(kind: object) -> None:
    found = model_type(getattr(kind, "name"))  # noqa: B009

    assert [label.category_id for label in found.labels] == list(range(len(found.labels)))
    assert len(set(found.label_names)) == len({label.name_vi for label in found.labels}) == len(found.labels)
    assert all(label.name.isascii() and label.name_vi.strip() for label in found.labels)
    assert found.title
    assert found.title_vi


def test_labels_are_the_checkpoints_own() -> None:
    assert MODEL_TYPES["principles"].label_names == (
        "Lawfulness",
        "Purpose Limitation",
        "Data Minimization",
        "Accuracy",
        "Storage Limitation",
        "Security",
        "Transparency",
        "Accountability",
    )
    assert MODEL_TYPES["risk_level"].label_names[2] == "High Risk (DPIA Required)"
    assert MODEL_TYPES["compliance_status"].label_names[3] == "Unknown/Requires Assessment"


def test_an_unknown_model_type_is_answered_with_the_known_ones() -> None:
    with pytest.raises(UnknownModelType) as caught:
        model_type("horoscope")

    assert "principles, legal_basis" in caught.value.text
    assert caught.value.http_status == 400


@pytest.mark.parametrize("field", ["model_type", "language"])
def test_a_text_in_the_wrong_field_is_not_repeated_by_the_error(field: str) -> None:
    text = "Khách hàng Nguyễn Văn A"
    request = structs.replace(ClassificationRequest("r", "t", "principles", "vi", "x"), **{field: text})

    with pytest.raises(BadRecord) as caught:
        check_content(request)
    assert "Nguyễn" not in f"{caught.value} {caught.value!r} {caught.value.text_vi}"


@pytest.mark.parametrize("name", MODEL_TYPES)
def test_a_request_topic_names_its_model_type(name: str) -> None:
    assert model_type_of(request_topic(name)) == name


def test_other_topics_serve_no_model_type() -> None:
    with pytest.raises(RecordMismatch):
        model_type_of("veriaidpo.results")
    with pytest.raises(UnknownModelType):
        model_type_of("veriaidpo.requests.horoscope")
    with pytest.raises(UnknownModelType):
        request_topic("horoscope")


@pytest.mark.parametrize("client", ["", "a.b", "a/b", "x" * 101, "ệ"])
def test_a_clients_name_is_one_segment_of_a_topic(client: str) -> None:
    assert reply_topic("crm-1") == "veriaidpo.replies.crm-1"
    with pytest.raises(ConfigurationError):
        reply_topic(client)


@pytest.mark.parametrize(
    "topic",
    ["veriaidpo.results", "veriaidpo.replies.", "veriaidpo.replies.a.b", "veriaidpo.replies." + "x" * 101],
)
def test_a_reply_topic_names_its_client_and_no_other_topic_does(topic: str) -> None:
    assert client_of(reply_topic("crm-1")) == "crm-1"
    assert client_of(topic) is None

"""Everything that can go wrong, as one tree.

VeriAIDPOError
├── BadRecord                   dead-lettered, never retried
│   ├── NotAvro                 bytes that no schema of ours explains
│   │   └── (siblings) UnknownSchema, TruncatedRecord, TrailingBytes
│   ├── BadHeaders              headers missing, doubled, oversized or not text
│   ├── RecordMismatch          key, value, headers and claims name different things
│   ├── ClaimsRefused           what the publisher signed doesn't allow this record
│   │   ├── ClaimsMissing       no token
│   │   ├── ClaimsUnverified    signature, algorithm, key, issuer or token type
│   │   │   └── UnknownKey      nobody published this key (yet): key sets may be read again
│   │   ├── ClaimsExpired       time
│   │   ├── ClaimsMismatch      signed for another value, topic, audience or reply address
│   │   └── ClaimsForbidden     the issuer may not claim this tenant, permission, topic or reply topic
│   ├── UnknownModelType, EmptyText, TextTooLong, UnsupportedLanguage
│   ├── ReplyUndeliverable      the result exists, its reply address doesn't
│   └── Internal                our fault: the exception's class, never its text
├── Unavailable                 retriable, after `retry_after_s` seconds
│   ├── ModelUnavailable        this model can't be loaded just now; the others can
│   ├── Overloaded              queue full
│   ├── NoWorker                nobody serves this model type just now
│   ├── KafkaUnavailable, KeysUnavailable, RegistryUnavailable
├── DeadlineExceeded            nobody waits for this answer any more
├── CallerError                 a caller of the bridge: 401, 403, 413, 422
│   ├── Unauthenticated, PermissionDenied, RequestTooLarge, InvalidRequest
└── OperatorError               a command can't go on; the message says what to do
    ├── ConfigurationError, TopicsDiffer, MissingTool, BrokerFailed
    └── ModelsDamaged, ConversionRefused

The class carries code, retriability, HTTP status and both languages; no table elsewhere repeats them.
Details are values fit for a log line and an answer: never a text, a token or a secret.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar


class VeriAIDPOError(Exception):
    """Something this project knows how to name."""

    code: ClassVar[str] = "ERROR"
    retriable: ClassVar[bool] = False
    http_status: ClassVar[int] = 500
    message: ClassVar[str] = "Something went wrong: {reason}."
    message_vi: ClassVar[str] = "Đã xảy ra lỗi: {reason}."
    default_retry_after_s: ClassVar[int | None] = None

    def __init__(self, **details: object) -> None:
        super().__init__()
        self.details: dict[str, object] = details
        self._received: tuple[str, str] | None = None

    @property
    def text(self) -> str:
        """The message in English, details filled in."""
        return self._received[0] if self._received else self.message.format_map(_Details(self.details))

    @property
    def text_vi(self) -> str:
        """The message in Vietnamese, details filled in."""
        return self._received[1] if self._received else self.message_vi.format_map(_DetailsVi(self.details))

    @property
    def retry_after_s(self) -> int | None:
        value = self.details.get("retry_after_s", self.default_retry_after_s)
        return value if isinstance(value, int) else None

    def __str__(self) -> str:
        return f"{self.code}: {self.text}"

    def __repr__(self) -> str:
        details = ", ".join(f"{name}={value!r}" for name, value in self.details.items())
        return f"{type(self).__name__}({details})"

    def __reduce__(self) -> tuple[object, ...]:
        # Keyword arguments get lost in Exception's own pickling; errors cross from the inference process.
        return (_restore, (type(self), self.details, self._received))


# Bad records: dead-lettered byte for byte, never retried.


class BadRecord(VeriAIDPOError):
    """The record can't be classified, now or later."""

    code = "BAD_RECORD"
    http_status = 400
    message = "The record can't be processed: {reason}. Correct it and publish it again."
    message_vi = "Không thể xử lý bản ghi: {reason}. Hãy sửa và gửi lại."


class NotAvro(BadRecord):
    """The value is not Avro in a framing and schema we read."""

    code = "NOT_AVRO"
    message = "The value isn't a valid Avro record: {reason}. Encode it with a released schema."
    message_vi = "Giá trị không phải bản ghi Avro hợp lệ: {reason}. Hãy mã hóa bằng lược đồ đã phát hành."


class UnknownSchema(BadRecord):
    """The value names a schema that nobody released or registered."""

    code = "UNKNOWN_SCHEMA"
    message = "Schema {fingerprint} is unknown here. Encode the value with a released or registered schema."
    message_vi = "Không nhận ra lược đồ {fingerprint}. Hãy mã hóa bằng lược đồ đã phát hành hoặc đã đăng ký."


class TruncatedRecord(BadRecord):
    """The value ends before its schema does."""

    code = "TRUNCATED_RECORD"
    message = "The value ends too early: {reason}. Publish the whole record."
    message_vi = "Giá trị bị cắt cụt: {reason}. Hãy gửi toàn bộ bản ghi."


class TrailingBytes(BadRecord):
    """The value goes on after its schema ends."""

    code = "TRAILING_BYTES"
    message = "The value goes on after the record ends: {reason}. Publish one record a value."
    message_vi = "Giá trị còn thừa byte sau bản ghi: {reason}. Mỗi giá trị chỉ chứa một bản ghi."


class BadHeaders(BadRecord):
    """The record's headers are missing, doubled, oversized or not what their names say."""

    code = "BAD_HEADERS"
    message = "The record's headers are wrong: {reason}. Correct them and publish again."
    message_vi = "Header của bản ghi không hợp lệ: {reason}. Hãy sửa và gửi lại."


class RecordMismatch(BadRecord):
    """Key, value, headers, topic and claims don't name the same request."""

    code = "RECORD_MISMATCH"
    message = (
        "The record contradicts itself in {field}. Key, request_id, ce_id and jti must be equal, "
        "and tenant and model type those of the claims and the topic."
    )
    message_vi = (
        "Bản ghi tự mâu thuẫn ở {field}. Khóa, request_id, ce_id và jti phải giống nhau; "
        "tenant và loại mô hình phải khớp với claims và topic."
    )


class ClaimsRefused(BadRecord):
    """What the publisher signed doesn't allow this record."""

    code = "CLAIMS_REFUSED"
    message = "The record's claims are refused: {reason}. Sign the record anew."
    message_vi = "Claims của bản ghi bị từ chối: {reason}. Hãy ký lại bản ghi."


class ClaimsMissing(ClaimsRefused):
    """The record has no token."""

    code = "CLAIMS_MISSING"
    message = "The record has no 'authorization: Bearer …' header. Sign the record and send its token."
    message_vi = "Bản ghi thiếu header 'authorization: Bearer …'. Hãy ký bản ghi và gửi kèm token."


class ClaimsUnverified(ClaimsRefused):
    """The token's signature, algorithm, key, issuer or type isn't one we trust."""

    code = "CLAIMS_UNVERIFIED"
    message = "The token isn't trusted: {reason}. Sign with a key of the issuer list."
    message_vi = "Token không đáng tin cậy: {reason}. Hãy ký bằng khóa có trong danh sách bên phát hành."


class UnknownKey(ClaimsUnverified):
    """The issuer is known and this key id isn't: its key set may have moved on (details: issuer, kid)."""

    code = "CLAIMS_UNVERIFIED"


class ClaimsExpired(ClaimsRefused):
    """The token wasn't valid when the record was appended, or the record is too old."""

    code = "CLAIMS_EXPIRED"
    message = "The claims aren't valid at the record's time: {reason}. Sign the record anew."
    message_vi = "Claims không có hiệu lực tại thời điểm của bản ghi: {reason}. Hãy ký lại bản ghi."


class ClaimsMismatch(ClaimsRefused):
    """The token was signed for another value, topic, audience or reply address."""

    code = "CLAIMS_MISMATCH"
    message = "The claims were signed for something else: {reason}. Sign exactly what is sent."
    message_vi = "Claims được ký cho nội dung khác: {reason}. Hãy ký đúng nội dung được gửi."


class ClaimsForbidden(ClaimsRefused):
    """The issuer may not claim this tenant, permission, topic or reply topic."""

    code = "CLAIMS_FORBIDDEN"
    http_status = 403
    message = "The claims go beyond what their issuer may claim: {reason}. Ask for it in the issuer list."
    message_vi = (
        "Claims vượt quá quyền của bên phát hành: {reason}. Hãy xin bổ sung vào danh sách bên phát hành."
    )


class UnknownModelType(BadRecord):
    """There is no model of this type."""

    code = "UNKNOWN_MODEL_TYPE"
    message = "There is no model type {model_type}. Use one of: {known}."
    message_vi = "Không có loại mô hình {model_type}. Hãy dùng một trong các loại: {known}."


class EmptyText(BadRecord):
    """There is nothing to classify."""

    code = "EMPTY_TEXT"
    message = "The text is empty. Send at least one word."
    message_vi = "Văn bản trống. Hãy gửi ít nhất một từ."


class TextTooLong(BadRecord):
    """The text has more characters than we take."""

    code = "TEXT_TOO_LONG"
    http_status = 413
    message = "The text is longer than {limit} characters. Split it and send the parts."
    message_vi = "Văn bản dài hơn {limit} ký tự. Hãy chia nhỏ và gửi từng phần."


class UnsupportedLanguage(BadRecord):
    """The models weren't trained on this language."""

    code = "UNSUPPORTED_LANGUAGE"
    message = "Language {language} isn't supported. Use one of: {known}."
    message_vi = "Ngôn ngữ {language} chưa được hỗ trợ. Hãy dùng: {known}."


class ReplyUndeliverable(BadRecord):
    """The result was published, its reply address can't take it."""

    code = "REPLY_UNDELIVERABLE"
    message = "The reply can't be delivered: {reason}. Read the result from veriaidpo.results."
    message_vi = "Không gửi được phản hồi: {reason}. Hãy đọc kết quả từ veriaidpo.results."


class Internal(BadRecord):
    """Our own code failed on this record (details: exception, the class's name only)."""

    code = "INTERNAL"
    http_status = 500
    message = "The record hit a fault of ours ({exception}). It's kept in the dead letters; report it."
    message_vi = (
        "Bản ghi gặp lỗi của hệ thống ({exception}). Bản ghi được giữ lại; hãy báo cho quản trị viên."
    )


# Unavailable: the same request can succeed later.


class Unavailable(VeriAIDPOError):
    """It can't be done just now; try again."""

    code = "UNAVAILABLE"
    retriable = True
    http_status = 503
    default_retry_after_s = 5
    message = "The service is unavailable: {reason}. Try again later."
    message_vi = "Dịch vụ tạm thời không sẵn sàng: {reason}. Hãy thử lại sau."


class ModelUnavailable(Unavailable):
    """The model can't be loaded just now; other models go on."""

    code = "MODEL_UNAVAILABLE"
    message = "Model {model_type} is unavailable: {reason}. Try again later."
    message_vi = "Mô hình {model_type} tạm thời không sẵn sàng: {reason}. Hãy thử lại sau."


class Overloaded(Unavailable):
    """More is asked than can be answered in time."""

    code = "OVERLOADED"
    default_retry_after_s = 1
    message = "There are too many requests just now. Try again later."
    message_vi = "Hiện có quá nhiều yêu cầu. Hãy thử lại sau."


class NoWorker(Unavailable):
    """Nobody serves this model type just now."""

    code = "NO_WORKER"
    message = "No worker serves model {model_type} just now. Try again later."
    message_vi = "Hiện không có worker nào phục vụ mô hình {model_type}. Hãy thử lại sau."


class KafkaUnavailable(Unavailable):
    """The brokers can't be reached or don't answer in time."""

    code = "KAFKA_UNAVAILABLE"
    message = "Kafka doesn't answer: {reason}. Try again later."
    message_vi = "Kafka không phản hồi: {reason}. Hãy thử lại sau."


class KeysUnavailable(Unavailable):
    """An issuer's key set can't be read just now, so its records wait."""

    code = "KEYS_UNAVAILABLE"
    message = "The keys of issuer {issuer} can't be read: {reason}. Its records wait."
    message_vi = "Không đọc được khóa của bên phát hành {issuer}: {reason}. Bản ghi sẽ chờ."


class RegistryUnavailable(Unavailable):
    """The schema registry can't be reached just now, so records that need it wait."""

    code = "REGISTRY_UNAVAILABLE"
    message = "The schema registry doesn't answer: {reason}. Records wait for it."
    message_vi = "Schema registry không phản hồi: {reason}. Bản ghi sẽ chờ."


# Too late.


class DeadlineExceeded(VeriAIDPOError):
    """The deadline passed before an answer was there."""

    code = "DEADLINE_EXCEEDED"
    http_status = 504
    message = "The deadline passed before an answer was there. Allow more time, or ask again."
    message_vi = "Đã quá thời hạn trước khi có kết quả. Hãy cho thêm thời gian hoặc gửi lại."


# Callers of the bridge.


class CallerError(VeriAIDPOError):
    """The caller's request can't be accepted as it is."""

    code = "CALLER_ERROR"
    http_status = 400
    message = "The request is refused: {reason}."
    message_vi = "Yêu cầu bị từ chối: {reason}."


class Unauthenticated(CallerError):
    """The caller's token is missing, expired or not ours."""

    code = "UNAUTHENTICATED"
    http_status = 401
    message = "Authentication failed: {reason}. Send a valid bearer token."
    message_vi = "Xác thực thất bại: {reason}. Hãy gửi bearer token hợp lệ."


class PermissionDenied(CallerError):
    """The caller is known and may not do this."""

    code = "PERMISSION_DENIED"
    http_status = 403
    message = "This needs the permission {required_permission}; your role is {user_role}."
    message_vi = "Thao tác này cần quyền {required_permission}; vai trò của bạn là {user_role}."


class RequestTooLarge(CallerError):
    """The request has more bytes than we take."""

    code = "REQUEST_TOO_LARGE"
    http_status = 413
    message = "The request is larger than {limit} bytes. Send less at once."
    message_vi = "Yêu cầu lớn hơn {limit} byte. Hãy gửi ít hơn mỗi lần."


class InvalidRequest(CallerError):
    """The request hasn't the shape the route takes."""

    code = "INVALID_REQUEST"
    http_status = 422
    message = "The request is invalid: {reason}. Correct it and send it again."
    message_vi = "Yêu cầu không hợp lệ: {reason}. Hãy sửa và gửi lại."


# Operators: a command stops and says what to do.


class OperatorError(VeriAIDPOError):
    """A command can't go on."""

    code = "OPERATOR_ERROR"


class ConfigurationError(OperatorError):
    """A setting is missing or wrong (details: setting, reason; what is wrong and what to set instead)."""

    code = "CONFIGURATION"
    message = "Setting {setting} is wrong: {reason}. Correct it and start again."
    message_vi = "Cấu hình {setting} sai: {reason}. Hãy sửa và khởi động lại."


class TopicsDiffer(OperatorError):
    """Topics on the cluster aren't what this project declares (details: differences)."""

    code = "TOPICS_DIFFER"
    message = (
        "Topics differ from what is declared: {differences}. Run 'veriaidpo topics check' to see all, "
        "'veriaidpo topics create' to make what is missing; change the rest on the cluster."
    )
    message_vi = (
        "Topic khác với khai báo: {differences}. Chạy 'veriaidpo topics check' để xem tất cả, "
        "'veriaidpo topics create' để tạo topic còn thiếu; phần còn lại hãy sửa trên cụm."
    )


class MissingTool(OperatorError):
    """A program or package that this command needs isn't installed (details: tool, install)."""

    code = "MISSING_TOOL"
    message = "{tool} isn't installed. Install it: {install}."
    message_vi = "Chưa cài {tool}. Hãy cài đặt: {install}."


class BrokerFailed(OperatorError):
    """The broker we started ended or doesn't answer (details: reason, log)."""

    code = "BROKER_FAILED"
    message = "The Kafka broker failed: {reason}. Its log is {log}; correct the cause and start again."
    message_vi = "Kafka broker gặp lỗi: {reason}. Xem nhật ký {log}; hãy khắc phục và khởi động lại."


class ModelsDamaged(OperatorError):
    """The models on disk aren't the ones their manifest names (details: reason)."""

    code = "MODELS_DAMAGED"
    message = "The models can't be used: {reason}. Fetch them again, or run 'veriaidpo models convert'."
    message_vi = "Không dùng được mô hình: {reason}. Hãy tải lại hoặc chạy 'veriaidpo models convert'."


class ConversionRefused(OperatorError):
    """No conversion scheme keeps the labels (details: reason)."""

    code = "CONVERSION_REFUSED"
    message = "The conversion is refused: {reason}. Nothing was written; check the checkpoints."
    message_vi = "Từ chối chuyển đổi: {reason}. Chưa ghi gì; hãy kiểm tra các checkpoint."


def error_of(
    code: str,
    *,
    text: str | None = None,
    text_vi: str | None = None,
    retriable: bool = False,
    **details: object,
) -> VeriAIDPOError:
    """The typed error behind a code that came over the wire.

    A failure carries its messages already filled in: `text` and `text_vi` keep them. A code that this
    version doesn't know yet becomes `Unavailable` or `Internal`, as `retriable` says.
    """
    known = _BY_CODE.get(code)
    if known is None:
        known = Unavailable if retriable else Internal
        details = {"reason": code, "exception": code, **details}
    error = known(**details)
    if text is not None:
        error._received = (text, text_vi or text)
    return error


class _Details(dict[str, object]):
    missing = "not given"

    def __missing__(self, name: str) -> str:
        return self.missing


class _DetailsVi(_Details):
    missing = "không rõ"


def _restore(
    kind: type[VeriAIDPOError], details: dict[str, object], received: tuple[str, str] | None
) -> VeriAIDPOError:
    error = kind(**details)
    error._received = received
    return error


def _descendants(kind: type[VeriAIDPOError]) -> Iterator[type[VeriAIDPOError]]:
    for child in kind.__subclasses__():
        yield child
        yield from _descendants(child)


# A subclass that shares its parent's code (UnknownKey) is told apart inside a process only.
_BY_CODE: dict[str, type[VeriAIDPOError]] = {
    kind.code: kind for kind in reversed(list(_descendants(VeriAIDPOError)))
}

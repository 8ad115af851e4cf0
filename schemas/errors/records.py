"""Bad records: dead-lettered byte for byte, never retried."""

from __future__ import annotations

from .base import VeriAIDPOError


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


class InvalidId(BadRecord):
    """A request id or tenant id is empty, too long or not printable."""

    code = "INVALID_ID"
    message = "{field} can't be used as an id. Send 1 to {limit} printable characters."
    message_vi = "{field} không dùng được làm mã định danh. Hãy gửi từ 1 đến {limit} ký tự in được."


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


class RowRefused(BadRecord):
    """The database takes everything but this row (details: reason, never a value of the row)."""

    code = "ROW_REFUSED"
    http_status = 422
    message = "The result can't be stored: {reason}. It's kept in the dead letters; correct it there."
    message_vi = "Không lưu được kết quả: {reason}. Kết quả được giữ trong dead letter; hãy sửa tại đó."


class Internal(BadRecord):
    """Our own code failed on this record (details: exception, the class's name only)."""

    code = "INTERNAL"
    http_status = 500
    message = "The record hit a fault of ours ({exception}). It's kept in the dead letters; report it."
    message_vi = (
        "Bản ghi gặp lỗi của hệ thống ({exception}). Bản ghi được giữ lại; hãy báo cho quản trị viên."
    )

"""What the service says to whoever waits: not now, too late, or not like this."""

from __future__ import annotations

from .base import VeriAIDPOError

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
    message = "The keys of issuer {issuer} can't be read: {reason}. Its records wait; try again later."
    message_vi = "Không đọc được khóa của bên phát hành {issuer}: {reason}. Bản ghi sẽ chờ; hãy thử lại sau."


class RegistryUnavailable(Unavailable):
    """The schema registry can't be reached just now, so records that need it wait."""

    code = "REGISTRY_UNAVAILABLE"
    message = "The schema registry doesn't answer: {reason}. Records wait for it; try again later."
    message_vi = "Schema registry không phản hồi: {reason}. Bản ghi sẽ chờ; hãy thử lại sau."


class DatabaseUnavailable(Unavailable):
    """The database can't be reached or doesn't answer in time."""

    code = "DATABASE_UNAVAILABLE"
    message = "The database doesn't answer: {reason}. Try again later."
    message_vi = "Cơ sở dữ liệu không phản hồi: {reason}. Hãy thử lại sau."


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
    message = "The request is refused: {reason}. Correct it and send it again."
    message_vi = "Yêu cầu bị từ chối: {reason}. Hãy sửa và gửi lại."


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
    message = (
        "This needs the permission {required_permission}; your role is {user_role}. "
        "Ask an administrator for it."
    )
    message_vi = (
        "Thao tác này cần quyền {required_permission}; vai trò của bạn là {user_role}. "
        "Hãy đề nghị quản trị viên cấp quyền."
    )


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

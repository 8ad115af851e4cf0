"""What only the bridge can find wrong with a request; the rest of the tree is schemas/errors/."""

from __future__ import annotations

from typing import ClassVar

from schemas.errors import CallerError, InvalidRequest, Unauthenticated


class MissingToken(Unauthenticated):
    """The request carries no bearer token at all."""

    message: ClassVar[str] = "There is no bearer token. Send 'Authorization: Bearer …'."
    message_vi: ClassVar[str] = "Thiếu bearer token. Hãy gửi 'Authorization: Bearer …'."


class HeaderContradictsToken(CallerError):
    """X-Tenant-ID or X-User-Role says something else than the token (details: header)."""

    code: ClassVar[str] = "HEADER_CONTRADICTS_TOKEN"
    http_status: ClassVar[int] = 403
    message: ClassVar[str] = "{header} contradicts the token. Leave it out, or send what the token says."
    message_vi: ClassVar[str] = "{header} mâu thuẫn với token. Hãy bỏ header này hoặc gửi đúng như token."


class InvalidBody(InvalidRequest):
    """The body hasn't the shape of its route (details: fields)."""

    message: ClassVar[str] = "The body hasn't the shape of this route: see `fields`."
    message_vi: ClassVar[str] = "Nội dung không đúng cấu trúc của đường dẫn này: xem `fields`."


class InvalidQuery(InvalidRequest):
    """The parameters in the address aren't those of the route (details: fields)."""

    message: ClassVar[str] = "The parameters aren't those of this route: see `fields`."
    message_vi: ClassVar[str] = "Tham số không đúng với đường dẫn này: xem `fields`."


class NotFound(CallerError):
    """No route has this path."""

    code: ClassVar[str] = "NOT_FOUND"
    http_status: ClassVar[int] = 404
    message: ClassVar[str] = "There is no such route."
    message_vi: ClassVar[str] = "Không có đường dẫn này."


class MethodNotAllowed(CallerError):
    """The route exists, for another method."""

    code: ClassVar[str] = "METHOD_NOT_ALLOWED"
    http_status: ClassVar[int] = 405
    message: ClassVar[str] = "This route doesn't take this method."
    message_vi: ClassVar[str] = "Đường dẫn này không nhận phương thức này."


class BatchTooLarge(CallerError):
    """The batch has more items than we take (details: limit)."""

    code: ClassVar[str] = "BATCH_TOO_LARGE"
    http_status: ClassVar[int] = 413
    message: ClassVar[str] = "The batch has more than {limit} items. Split it and send the parts."
    message_vi: ClassVar[str] = "Lô có hơn {limit} mục. Hãy chia nhỏ và gửi từng phần."


class UnsupportedMediaType(CallerError):
    """The body isn't declared as JSON."""

    code: ClassVar[str] = "UNSUPPORTED_MEDIA_TYPE"
    http_status: ClassVar[int] = 415
    message: ClassVar[str] = "Send the body as application/json."
    message_vi: ClassVar[str] = "Hãy gửi nội dung dưới dạng application/json."


class RateLimited(CallerError):
    """The tenant has used what it may in a minute (details: limited_by, limit, retry_after_s)."""

    code: ClassVar[str] = "RATE_LIMITED"
    retriable: ClassVar[bool] = True
    http_status: ClassVar[int] = 429
    message: ClassVar[str] = (
        "Your tenant has used its {limited_by} for this minute (limit: {limit}). "
        "Try again in {retry_after_s} seconds."
    )
    message_vi: ClassVar[str] = (
        "Đơn vị của bạn đã dùng hết {limited_by} trong một phút (giới hạn: {limit}). "
        "Hãy thử lại sau {retry_after_s} giây."
    )

"""Operators: a command stops and says what to do."""

from __future__ import annotations

from .base import VeriAIDPOError


class OperatorError(VeriAIDPOError):
    """A command can't go on."""

    code = "OPERATOR_ERROR"
    message = "The command stopped: {reason}. Correct it and start again."
    message_vi = "Lệnh đã dừng: {reason}. Hãy sửa và khởi động lại."


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


class DatabaseOutdated(OperatorError):
    """The tables aren't those of this version (details: current, newest)."""

    code = "DATABASE_OUTDATED"
    message = (
        "The database is at revision {current}, this version needs {newest}. Run 'veriaidpo db upgrade'."
    )
    message_vi = (
        "Cơ sở dữ liệu đang ở phiên bản {current}, bản này cần {newest}. Hãy chạy 'veriaidpo db upgrade'."
    )


class DatabaseRefused(OperatorError):
    """The database answers, and refuses what we ask (details: reason)."""

    code = "DATABASE_REFUSED"
    message = "The database refuses: {reason}. Check the URL, the role and its rights, then start again."
    message_vi = "Cơ sở dữ liệu từ chối: {reason}. Hãy kiểm tra URL, vai trò và quyền rồi khởi động lại."


class DeadLetterMissing(OperatorError):
    """No dead letter lies there, now or any more (details: topic, partition, offset)."""

    code = "DEAD_LETTER_MISSING"
    message = (
        "{topic} has no letter at partition {partition}, offset {offset}. Look with 'veriaidpo dlq list'."
    )
    message_vi = (
        "{topic} không có bản ghi ở partition {partition}, offset {offset}. "
        "Hãy xem bằng lệnh 'veriaidpo dlq list'."
    )

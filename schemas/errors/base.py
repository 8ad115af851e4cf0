"""The root of the tree: what every error carries."""

from __future__ import annotations

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


class _Details(dict[str, object]):
    missing = "not given"

    def __missing__(self, name: str) -> str:
        return self.missing


class _DetailsVi(_Details):
    missing = "không rõ"

    def __getitem__(self, name: str) -> object:
        # A detail that is words comes twice: `reason` and `reason_vi`.
        return super().__getitem__(f"{name}_vi" if f"{name}_vi" in self else name)


def _restore(
    kind: type[VeriAIDPOError], details: dict[str, object], received: tuple[str, str] | None
) -> VeriAIDPOError:
    error = kind(**details)
    error._received = received
    return error

"""The eleven model types and their labels, in the order of the models' outputs.

English names are the checkpoints' own (`id2label`): a prediction is one of them, letter for letter.
Vietnamese names use the terms of the Personal Data Protection Law (Luật Bảo vệ dữ liệu cá nhân,
91/2025/QH15) where the law has one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from .errors import UnknownModelType

LANGUAGES = ("vi", "en")


@dataclass(frozen=True, slots=True)
class Label:
    """One answer a model can give; `category_id` is its place in the model's output."""

    category_id: int
    name: str
    name_vi: str


@dataclass(frozen=True, slots=True)
class ModelType:
    """One question about a sentence, and its possible answers in id order."""

    name: str
    title: str
    title_vi: str
    labels: tuple[Label, ...]

    @property
    def label_names(self) -> tuple[str, ...]:
        return tuple(label.name for label in self.labels)


def model_type(name: str) -> ModelType:
    """The model type of that name; UnknownModelType where there is none."""
    found = MODEL_TYPES.get(name)
    if found is None:
        raise UnknownModelType(model_type=told_back(name), known=", ".join(MODEL_TYPES))
    return found


def label_vi(model_type: str, category_id: int) -> str:
    """The label's Vietnamese name; empty where a newer model answered with a label unknown here."""
    known = MODEL_TYPES.get(model_type)
    labels = {label.category_id: label.name_vi for label in known.labels} if known else {}
    return labels.get(category_id, "")


def told_back(name: str) -> str:
    """A name from outside as an error repeats it: not at all where it may be a text in the wrong field."""
    return name if _A_NAME.fullmatch(name) else "…"


_A_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")


def _type(name: str, title: str, title_vi: str, *labels: tuple[str, str]) -> ModelType:
    return ModelType(name, title, title_vi, tuple(Label(i, en, vi) for i, (en, vi) in enumerate(labels)))


_TYPES = (
    _type(
        "principles",
        "Data protection principle",
        "Nguyên tắc bảo vệ dữ liệu cá nhân",
        ("Lawfulness", "Tính hợp pháp"),
        ("Purpose Limitation", "Giới hạn mục đích"),
        ("Data Minimization", "Tối thiểu hóa dữ liệu"),
        ("Accuracy", "Tính chính xác"),
        ("Storage Limitation", "Giới hạn lưu trữ"),
        ("Security", "An toàn, bảo mật dữ liệu"),
        ("Transparency", "Tính minh bạch"),
        ("Accountability", "Trách nhiệm giải trình"),
    ),
    _type(
        "legal_basis",
        "Legal basis of the processing",
        "Căn cứ pháp lý của việc xử lý dữ liệu cá nhân",
        ("Consent", "Sự đồng ý của chủ thể dữ liệu cá nhân"),
        ("Contract Performance", "Thực hiện hợp đồng"),
        ("Legal Obligation", "Nghĩa vụ theo quy định của pháp luật"),
        ("Legitimate Interest", "Lợi ích hợp pháp"),
    ),
    _type(
        "breach_triage",
        "Triage of a data breach",
        "Phân loại vi phạm quy định về bảo vệ dữ liệu cá nhân",
        ("Low Risk", "Rủi ro thấp"),
        ("Medium Risk", "Rủi ro trung bình"),
        ("High Risk", "Rủi ro cao"),
        ("Critical Risk", "Rủi ro nghiêm trọng"),
    ),
    _type(
        "cross_border",
        "Cross-border transfer",
        "Chuyển dữ liệu cá nhân xuyên biên giới",
        ("Domestic Only", "Chỉ trong nước"),
        ("Approved Country List", "Quốc gia thuộc danh sách được chấp thuận"),
        ("Requires MPS Approval", "Cần Bộ Công an chấp thuận"),
        ("Prohibited Transfer", "Không được chuyển"),
        ("Emergency Exception", "Ngoại lệ trong tình huống khẩn cấp"),
    ),
    _type(
        "consent_type",
        "Type of consent",
        "Hình thức đồng ý của chủ thể dữ liệu cá nhân",
        ("Explicit Consent", "Đồng ý rõ ràng"),
        ("Implied Consent", "Đồng ý ngầm định"),
        ("Parental Consent", "Đồng ý của cha, mẹ hoặc người đại diện theo pháp luật"),
        ("Invalid Consent", "Đồng ý không hợp lệ"),
    ),
    _type(
        "data_sensitivity",
        "Sensitivity of the data",
        "Mức độ nhạy cảm của dữ liệu",
        ("Basic Data", "Dữ liệu cơ bản"),
        ("Personal Data", "Dữ liệu cá nhân"),
        ("Sensitive Data", "Dữ liệu cá nhân nhạy cảm"),
        ("Special Category", "Dữ liệu thuộc loại đặc biệt"),
    ),
    _type(
        "dpo_tasks",
        "Task of the data protection officer",
        "Nhiệm vụ của nhân sự bảo vệ dữ liệu cá nhân",
        ("Advisory", "Tư vấn"),
        ("Policy Development", "Xây dựng chính sách"),
        ("Training", "Đào tạo, bồi dưỡng"),
        ("Audit", "Kiểm tra, kiểm toán"),
        ("Regulatory Liaison", "Đầu mối với cơ quan chuyên trách bảo vệ dữ liệu cá nhân"),
    ),
    _type(
        "risk_level",
        "Risk of the processing",
        "Mức độ rủi ro của việc xử lý dữ liệu cá nhân",
        ("Low Risk", "Rủi ro thấp"),
        ("Medium Risk", "Rủi ro trung bình"),
        ("High Risk (DPIA Required)", "Rủi ro cao (cần đánh giá tác động xử lý dữ liệu cá nhân)"),
        ("Critical Risk", "Rủi ro nghiêm trọng"),
    ),
    _type(
        "compliance_status",
        "Compliance status",
        "Tình trạng tuân thủ",
        ("Compliant", "Tuân thủ"),
        ("Partially Compliant", "Tuân thủ một phần"),
        ("Non-Compliant", "Không tuân thủ"),
        ("Unknown/Requires Assessment", "Chưa xác định, cần đánh giá"),
    ),
    _type(
        "regional",
        "Region of Vietnam",
        "Vùng miền",
        ("North Vietnam", "Miền Bắc"),
        ("Central Vietnam", "Miền Trung"),
        ("South Vietnam", "Miền Nam"),
    ),
    _type(
        "industry",
        "Industry",
        "Ngành, lĩnh vực",
        ("Finance/Banking", "Tài chính, ngân hàng"),
        ("Healthcare", "Y tế"),
        ("Education", "Giáo dục"),
        ("Technology/E-commerce", "Công nghệ, thương mại điện tử"),
    ),
)

MODEL_TYPES: Mapping[str, ModelType] = MappingProxyType({kind.name: kind for kind in _TYPES})

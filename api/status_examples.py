"""Examples of the routes that say how things stand; both languages are in each."""

from __future__ import annotations

from collections.abc import Mapping

from schemas.taxonomy import MODEL_TYPES

Examples = Mapping[str, Mapping[str, object]]

_NOW = "2026-01-05T08:30:00.000+00:00"
_VERSION = "sha256:" + "3f" * 32
_REASON = {"reason": "no broker can be reached", "reason_vi": "không kết nối được broker nào"}


def _health(
    status: str, available: list[str], kafka: Mapping[str, str], present: int
) -> Mapping[str, object]:
    return {
        "status": status,
        "service": "veriaidpo",
        "version": "0.1.0",
        "timestamp": _NOW,
        "components": {
            "company_registry": {"status": "healthy", "total_companies": 200, "last_modified": _NOW},
            "text_normalizer": {"status": status},
            "model_loader": {"status": status, "loaded": available},
            "model_types": {"available": available, "implemented": list(MODEL_TYPES), "planned": []},
            "kafka": {"status": status, **kafka},
            "workers": {
                "status": status,
                "present": present,
                "ready_by_model_type": dict.fromkeys(available, present),
            },
            "rate_limits": {"status": "healthy", "counted_in": "redis", "failed_open": 0},
            "database": {"state": "up"},
        },
    }


HEALTHY: Examples = {
    "healthy": {
        "summary": "Khỏe mạnh. Everything is served",
        "value": _health("healthy", list(MODEL_TYPES), {"state": "up"}, 2),
    }
}
UNHEALTHY: Examples = {
    "unhealthy": {
        "summary": "Mất kết nối Kafka. Kafka is away",
        "value": _health("unhealthy", [], {"state": "down", **_REASON}, 0),
    }
}
ALIVE: Examples = {"alive": {"summary": "Đang chạy. It runs", "value": {"status": "alive"}}}
READY: Examples = {"ready": {"summary": "Sẵn sàng. Ready", "value": {"status": "ready"}}}
NOT_READY: Examples = {
    "not ready": {"summary": "Chưa sẵn sàng. Not ready", "value": {"status": "not_ready", **_REASON}}
}

_KIND = MODEL_TYPES["compliance_status"]
MODEL_STATUS: Examples = {
    "one type": {
        "summary": "Một trong mười một mô hình. One of the eleven model types",
        "value": {
            "timestamp": _NOW,
            "counted_since": _NOW,
            "kafka": "up",
            "model_types": [
                {
                    "model_type": _KIND.name,
                    "title": _KIND.title,
                    "title_vi": _KIND.title_vi,
                    "labels": [
                        {"category_id": label.category_id, "label": label.name, "label_vi": label.name_vi}
                        for label in _KIND.labels
                    ],
                    "loaded": True,
                    "versions": [_VERSION],
                    "workers": [
                        {"worker_id": "worker-1", "ready": True, "model_id": "starter", "version": _VERSION}
                    ],
                    "answered": 1204,
                    "failed": 2,
                    "failed_by_code": {"NO_WORKER": 2},
                    "latency_ms": {"samples": 1000, "p50": 18.2, "p99": 41.7},
                    "infer_ms": {"samples": 1000, "p50": 13.9, "p99": 30.5},
                }
            ],
        },
    }
}

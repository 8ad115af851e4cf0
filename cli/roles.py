"""The platform's roles and what each may do; development tokens are minted from this.

The bridge never reads it: there the token's own `permissions` decide and the role is only reported.
"""

from __future__ import annotations

from collections.abc import Mapping

from schemas.permissions import CLASSIFY, NORMALISE, PRELOAD, READ_ANALYTICS

ROLES: Mapping[str, tuple[str, ...]] = {
    "admin": (CLASSIFY, NORMALISE, READ_ANALYTICS, PRELOAD),
    "dpo": (CLASSIFY, NORMALISE, READ_ANALYTICS),
    "compliance_manager": (CLASSIFY, NORMALISE, READ_ANALYTICS),
    "staff": (CLASSIFY,),
    "auditor": (CLASSIFY, READ_ANALYTICS),
    "viewer": (READ_ANALYTICS,),
}

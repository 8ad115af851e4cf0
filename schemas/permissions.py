"""What a caller or publisher may be allowed, as the platform names it."""

from __future__ import annotations

CLASSIFY = "processing_activity.read"
NORMALISE = "data_category.write"
READ_ANALYTICS = "analytics.read"
PRELOAD = "user.write"
UNMASK = "user.write"
"""To see a dead letter as it is: whoever manages users may."""

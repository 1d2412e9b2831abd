"""Facebook's limits, each with its source. Those marked (unverified) are the first to look at when it changes."""

from __future__ import annotations

from typing import Final

MESSAGE_CHARS: Final = 63_206
"""Characters of a post's text (facts: Meta 2.1)."""
TITLE_CHARS: Final = 254
"""Characters of a video's title: "less than 255" (facts: Meta 2.3)."""

PHOTO_BYTES: Final = 4 * 1024**2
"""Bytes of a photo: "about 4 MB" (facts: Meta 2.2)."""
PHOTO_TYPES: Final = ("image/jpeg", "image/png")
"""facts: Meta 2.2."""
PHOTO_USABLE_S: Final = 23 * 3600.0
"""Seconds that an unpublished photo can be used: dropped after about 24 h (facts: Meta 2.2; unverified)."""

VIDEO_BYTES_LEAST: Final = 1024
"""Bytes; a smaller video is refused with subcode 1363022 (facts: Meta 2.3)."""
VIDEO_BYTES: Final = 10 * 1024**3
"""Bytes of a video (facts: Meta 2.3; unverified: an older page says 2 GB)."""
VIDEO_S: Final = 4 * 3600.0
"""Seconds of a video (facts: Meta 2.3; unverified)."""

REEL_TYPE: Final = "video/mp4"
"""facts: Meta 2.4."""
REEL_S: Final = (3.0, 90.0)
"""Seconds of a reel, from and to (facts: Meta 2.4)."""
REEL_PIXELS: Final = (540, 960)
"""A reel's least width and height (facts: Meta 2.4)."""
REEL_RATIO: Final = 9 / 16
"""A reel's width by its height (facts: Meta 2.4)."""
REELS_A_DAY: Final = 30
"""Reels of a Page by API in 24 hours (facts: Meta 2.4). Only Facebook knows how many are left."""
ROUNDING_S: Final = 0.5
"""A container's duration is that of its longest track, so a little more than the limit is left to Facebook to judge."""

SCHEDULE_LEAST_S: Final = 10 * 60.0
"""Seconds that a scheduled post lies ahead, at least (facts: Meta 2.1)."""
SCHEDULE_MOST_S: Final = 30 * 86400.0
"""Seconds at most: the guide says 30 days, the reference 75 (facts: Meta 2.1)."""
SCHEDULE_REEL_MOST_S: Final = 29 * 86400.0
"""Seconds at most for a reel (facts: Meta 2.1)."""

READ_LAG_S: Final = (5.0, 30.0)
"""Pauses before the second and the third look for something that was just made: reads lag (facts: Meta 7)."""
CLOCK_SKEW_S: Final = 120.0
"""Seconds by which our clock and Facebook's may differ."""

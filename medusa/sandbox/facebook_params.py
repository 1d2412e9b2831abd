"""Names that Graph knows, as far as a publisher could meet them (Meta's api_specs of the Page, April 2026).

What belongs to other products (games, maps, composer internals) is left out: a client of ours that sends one of those
is mistaken anyway.
"""

from __future__ import annotations


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


ALWAYS = _names("access_token appsecret_proof fields format locale method")
_POSTING = _names("""
    backdated_time backdated_time_granularity composer_session_id feed_targeting
    manual_privacy place privacy published scheduled_publish_time sponsor_id sponsor_relationship tags
    targeting unpublished_content_type
""")
"""Common to feed, photos and videos."""

FEED = (
    ALWAYS
    | _POSTING
    | _names("""
    actions album_id application_id attached_media call_to_action caption child_attachments
    client_mutation_id coordinates description enforce_link_ownership link message multi_share_end_card
    multi_share_optimized name object_attachment og_action_type_id og_icon_id og_object_id og_phrase
    og_suggestion_mechanism picture properties quote ref source thumbnail title
""")
)
PHOTOS = (
    ALWAYS
    | _POSTING
    | _names("""
    aid allow_spherical_photo alt_text_custom application_id attempt caption message name no_story
    offline_id provenance_info source target_id temporary uid url vault_image_id
""")
)
"""`source` is the picture itself: in the guide, not in the specs."""

VIDEOS = (
    ALWAYS
    | _POSTING - _names("backdated_time backdated_time_granularity place privacy tags")
    | _names("""
    ad_breaks application_id backdated_post call_to_action content_category content_tags
    crossposted_video_id custom_labels description embeddable end_offset expiration
    fbuploader_video_file_chunk file_size file_url is_partnership_ad multilingual_data no_story
    reference_only replace_video_id secret slideshow_spec social_actions source spherical start_offset
    thumb title universal_video_id upload_phase upload_session_id upload_setting_properties
    video_asset_id video_file_chunk
""")
)
REELS = ALWAYS | _names("""
    description feed_targeting is_ai_generated place scheduled_publish_time targeting title upload_phase
    video_id video_state
""")
"""`is_ai_generated` came with the SDK of v26."""

PAGE_FIELDS = _names("""
    about access_token can_post category fan_count followers_count
    has_transitioned_to_new_page_experience id instagram_business_account is_published link name
    username verification_status website
""")
POST_FIELDS = _names("""
    actions admin_creator application attachments backdated_time call_to_action created_time
    feed_targeting from full_picture icon id is_expired is_hidden is_published message message_tags
    parent_id permalink_url picture place privacy promotable_id properties scheduled_publish_time shares
    status_type story targeting updated_time
""")
PHOTO_FIELDS = _names("""
    album alt_text alt_text_custom created_time from height icon id images link name page_story_id
    picture place target updated_time width
""")
VIDEO_FIELDS = _names("""
    backdated_time content_category content_tags created_time custom_labels description embed_html
    embeddable format from icon id is_crosspost_video is_instagram_eligible length live_status
    permalink_url picture place post_id post_views privacy published scheduled_publish_time source
    spherical status title universal_video_id updated_time views
""")

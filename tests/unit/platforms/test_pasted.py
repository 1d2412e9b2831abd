"""What a person says to have found: an id, or an address that names it."""

from __future__ import annotations

import pytest

from medusa.adapters.platforms.facebook import PLATFORM as FACEBOOK
from medusa.adapters.platforms.facebook.account import FacebookAccount
from medusa.adapters.platforms.vimeo import PLATFORM as VIMEO
from medusa.adapters.platforms.youtube import PLATFORM as YOUTUBE
from medusa.domain.platform import as_written
from medusa.domain.values import StepSpec

PAGE = FacebookAccount("1029", "secret")
VIDEO = StepSpec("video", "t:youtube:video", {})


def a_post(form: str) -> StepSpec:
    return StepSpec("post", "t:facebook:post", {"form": form}, visible=True)


@pytest.mark.parametrize(
    "said",
    [
        "dQw4w9WgX-_",
        "https://www.youtube.com/watch?v=dQw4w9WgX-_&t=42s",
        "https://youtu.be/dQw4w9WgX-_?si=abc",
        "youtu.be/dQw4w9WgX-_",
        "https://m.youtube.com/shorts/dQw4w9WgX-_",
        "https://youtube.com/live/dQw4w9WgX-_?feature=share",
        "https://studio.youtube.com/video/dQw4w9WgX-_/edit",
    ],
)
def test_a_video_of_youtube(said: str) -> None:
    assert YOUTUBE.pasted(None, VIDEO, said) == "dQw4w9WgX-_"


@pytest.mark.parametrize(
    "said",
    [
        "",
        "nonsense",
        "dQw4w9WgX-_x",
        "https://youtube.com/@medusa",
        "https://youtube.com/",
        "https://youtube.com/watch",
        "https://vimeo.com/901",
        "https://evil.example/watch?v=dQw4w9WgX-_",
        "https://[",
        "ftp://youtube.com/watch?v=dQw4w9WgX-_",
    ],
)
def test_no_video_of_youtube(said: str) -> None:
    with pytest.raises(ValueError, match="is no video of YouTube"):
        YOUTUBE.pasted(None, VIDEO, said)


@pytest.mark.parametrize(
    "said",
    [
        "901234",
        "https://vimeo.com/901234",
        "vimeo.com/901234/0a1b2c3d4e?share=copy",
        "https://vimeo.com/manage/videos/901234",
        "https://player.vimeo.com/video/901234?h=0a1b2c3d4e",
        "https://vimeo.com/channels/staffpicks/901234",
        "https://vimeo.com/channels/1234/901234",
        "https://vimeo.com/groups/1234/videos/901234",
        "https://vimeo.com/showcase/1234/video/901234",
    ],
)
def test_a_video_of_vimeo(said: str) -> None:
    assert VIMEO.pasted(None, VIDEO, said) == "901234"


@pytest.mark.parametrize(
    "said",
    [
        "",
        "nonsense",
        "90x",
        "https://vimeo.com/",
        "https://vimeo.com/medusa",
        "https://vimeo.com/event/777",
        "https://youtube.com/901234",
    ],
)
def test_no_video_of_vimeo(said: str) -> None:
    with pytest.raises(ValueError, match="is no video of Vimeo"):
        VIMEO.pasted(None, VIDEO, said)


@pytest.mark.parametrize(
    "said",
    [
        "1029_55",
        "55",
        "https://www.facebook.com/1029_55",
        "https://www.facebook.com/medusa/posts/55",
        "https://www.facebook.com/medusa/posts/it-is-out/55/",
        "https://m.facebook.com/story.php?story_fbid=55&id=1029",
        "facebook.com/permalink.php?story_fbid=55&id=1029",
    ],
)
def test_a_post_of_facebook(said: str) -> None:
    assert FACEBOOK.pasted(PAGE, a_post("feed"), said) == "1029_55"


@pytest.mark.parametrize("form", ["video", "reel"])
@pytest.mark.parametrize(
    "said",
    [
        "77",
        "https://www.facebook.com/watch/?v=77",
        "https://www.facebook.com/medusa/videos/77",
        "https://www.facebook.com/reel/77",
    ],
)
def test_a_video_of_facebook(said: str, form: str) -> None:
    assert FACEBOOK.pasted(PAGE, a_post(form), said) == "77"


@pytest.mark.parametrize(
    "said",
    [
        "",
        "nonsense",
        "1_2_3",
        "https://www.facebook.com/1029",
        "https://www.facebook.com/groups/1/posts/2",
        "https://vimeo.com/posts/55",
    ],
)
def test_no_post_of_facebook(said: str) -> None:
    with pytest.raises(ValueError, match="is no post of Facebook"):
        FACEBOOK.pasted(PAGE, a_post("feed"), said)


@pytest.mark.parametrize("form", ["video", "reel"])
def test_the_id_of_a_post_is_no_video_of_facebook(form: str) -> None:
    with pytest.raises(ValueError, match="is no post of Facebook"):
        FACEBOOK.pasted(PAGE, a_post(form), "1029_55")


@pytest.mark.parametrize(
    "said",
    ["https://www.facebook.com/medusa/posts/pfbid02abc", "facebook.com/permalink.php?story_fbid=pfbid02abc&id=1029"],
)
def test_an_address_without_a_number_is_told_apart(said: str) -> None:
    with pytest.raises(ValueError, match="does not tell the post's id"):
        FACEBOOK.pasted(PAGE, a_post("feed"), said)


def test_where_no_form_is_known_any_id_will_do() -> None:
    assert as_written(None, VIDEO, "thing-1") == "thing-1"
    with pytest.raises(ValueError, match="is no id"):
        as_written(None, VIDEO, "")

"""Scripts of lectures: marks, pages, lines, tags, and the order of slides."""

from pathlib import Path

import pytest

from aizuchi.lectures import Lecture, Page, in_order, page_of, parse, tags_in

SCRIPT = """Notes of the author, which nobody says.
[PPT_1]
Welcome.
  [wink] Let us begin.

[翻页:2]
[PPT_3] The third page [点头] in one line.
[翻页: 2]Again the second."""


def test_pages_of_a_script():
    """What follows a mark belongs to its page; pages without text are left out; a number may come twice."""
    assert parse(SCRIPT) == (
        Page(1, ("Welcome.", "[wink] Let us begin.")),
        Page(3, ("The third page [点头] in one line.",)),
        Page(2, ("Again the second.",)),
    )


@pytest.mark.parametrize("script", ["", "no marks at all", "[PPT_1]\n \n", "[PPT_x] text"])
def test_scripts_without_pages(script: str):
    """Without a mark, or without text, there is no page."""
    assert parse(script) == ()


@pytest.mark.parametrize(
    ("tag", "page"),
    [
        ("PPT_3", 3),
        ("ppt_3", 3),
        ("翻页:12", 12),
        ("翻页 4", 4),
        ("翻页：5", 5),
        ("wink", None),
        ("PPT_", None),
    ],
)
def test_tags_that_ask_for_a_page(tag: str, page: int | None):
    """Both spellings of the original, in its variants."""
    assert page_of(tag) == page


def test_tags_of_a_script():
    """Words in brackets are tags, once each; page marks, numbers and sentences in brackets are not."""
    assert tags_in(["[wink] a [点头]", "[Wink] see [1] and [two words] [PPT_2]"]) == ("wink", "点头")


def test_slides_are_sorted_by_the_last_number_in_their_names():
    """2 comes before 10; what has no number comes last, and what is no picture does not come."""
    names = ["幻灯片10.PNG", "幻灯片2.png", "v3-slide1.jpg", "cover.webp", "notes.txt", "2b.jpeg"]
    files = in_order(Path(name) for name in names)
    assert [each.name for each in files] == [
        "v3-slide1.jpg",
        "2b.jpeg",
        "幻灯片2.png",
        "幻灯片10.PNG",
        "cover.webp",
    ]


def test_the_address_of_a_slide():
    """Names are quoted; a page beyond the slides has none."""
    lecture = Lecture((Page(1, ("a",)),), (Path("幻灯片 1.png"),), "/slides/")
    assert lecture.urls == ("/slides/%E5%B9%BB%E7%81%AF%E7%89%87%201.png",)
    assert (lecture.url(1), lecture.url(2), lecture.url(0)) == (lecture.urls[0], "", "")

"""The page of what Stepwell does of Step Functions is what its generator makes of the code of today."""

from .compatibility import PAGE, document


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text("utf-8") == document(), "make compatibility writes it anew"

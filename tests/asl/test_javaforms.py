from stepwell.asl.javaforms import hash_order, java_hash


def test_the_hash_of_a_string_is_javas() -> None:
    assert [java_hash(text) for text in ("", "a", "hello")] == [0, 97, 99162322]
    # The smallest integer there is, without its sign.
    assert java_hash("polygenelubricants") == 2**31
    assert java_hash("\U0001f600") == 31 * 0xD83D + 0xDE00, "two units of UTF-16"


def test_keys_of_one_place_stay_in_their_order() -> None:
    assert hash_order(["Aa", "a", "BB"]) == [0, 2, 1]
    assert java_hash("Aa") == java_hash("BB")

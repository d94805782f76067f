import random
from pathlib import Path

from jobsched.execution.following import Following
from jobsched.execution.order import Order

LETTERS = "oe"


class Writer:
    """Writes the files of a run as its runner does: the bytes, then what is known of the order."""

    def __init__(self, folder: Path) -> None:
        self.stem = folder / "1"
        self.order = Order()
        self.written = b""

    def write(self, number: int, data: bytes) -> None:
        self.bytes(number, data)
        if self.order.add(number, len(data)):
            self.note(self.order.take())

    def bytes(self, number: int, data: bytes) -> None:
        with self.stem.with_suffix((".out", ".err")[number]).open("ab") as file:
            file.write(data)
        self.written += data

    def note(self, text: str) -> None:
        with self.stem.with_suffix(".order").open("a") as file:
            file.write(text)


def followed(writer: Writer) -> Following:
    return Following(writer.stem)


def read(following: Following, *, finished: bool = False) -> bytes:
    return b"".join(following.news(finished=finished))


def test_a_single_byte_is_handed_out_at_once(tmp_path: Path) -> None:
    writer = Writer(tmp_path)
    following = followed(writer)

    assert read(following) == b""
    writer.write(0, b"x")
    assert read(following) == b"x"
    assert read(following, finished=True) == b""


def test_both_streams_come_in_their_order(tmp_path: Path) -> None:
    writer = Writer(tmp_path)
    following = followed(writer)
    seen = b""

    for number, data in [(0, b"a\n"), (1, b"b\n"), (0, b"c\n"), (1, b"\0\xff")]:
        writer.write(number, data)
        seen += read(following)

    assert seen == b"a\nb\nc\n\0\xff"


def test_what_is_not_in_the_order_yet_waits_for_one_look(tmp_path: Path) -> None:
    writer = Writer(tmp_path)
    following = followed(writer)
    writer.write(1, b"first")
    writer.bytes(0, b"second")

    assert read(following) == b""
    writer.note("e5")
    assert read(following) == b"firstsecond"


def test_an_order_that_never_comes_holds_nothing_up(tmp_path: Path) -> None:
    writer = Writer(tmp_path)
    following = followed(writer)
    writer.bytes(1, b"err")
    writer.bytes(0, b"out")

    assert [read(following), read(following)] == [b"", b"outerr"]
    writer.bytes(1, b"more")
    writer.bytes(0, b"more")
    assert read(following, finished=True) == b"moremore"


def test_a_token_may_be_read_in_two_halves(tmp_path: Path) -> None:
    writer = Writer(tmp_path)
    following = followed(writer)
    writer.bytes(0, b"o" * 12)
    writer.bytes(1, b"e")
    writer.note("o1")
    assert read(following) == b"o"
    writer.note("2e1")

    assert read(following) == b"o" * 11 + b"e"


def test_however_it_is_read_each_stream_is_whole(tmp_path: Path) -> None:
    chance = random.Random(5)
    for number in range(30):
        folder = tmp_path / str(number)
        folder.mkdir()
        writer = Writer(folder)
        following = followed(writer)
        seen, expected = b"", [b"", b""]
        for _ in range(chance.randrange(60)):
            which = chance.randrange(2)
            data = LETTERS[which].encode() * chance.randrange(1, 2000)
            expected[which] += data
            writer.bytes(which, data)
            if chance.random() < 0.3:
                seen += read(following)
            if writer.order.add(which, len(data)):
                writer.note(writer.order.take())
            if chance.random() < 0.3:
                seen += read(following)
        writer.note(writer.order.finish())
        seen += read(following, finished=True)

        assert seen.count(b"o") == len(expected[0])
        assert seen.count(b"e") == len(expected[1])
        assert len(seen) == sum(map(len, expected))

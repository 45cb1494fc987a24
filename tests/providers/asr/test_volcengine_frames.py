"""Frames against bytes written by hand, and against what is no frame."""

from __future__ import annotations

import gzip
import random
from contextlib import suppress

import pytest

from aizuchi.providers.asr.volcengine_frames import (
    ANSWER,
    CONFIG,
    ERROR,
    LARGEST,
    SOUND,
    Frame,
    Garbled,
    decode,
    encode,
)

GOLDEN = [
    (Frame(CONFIG, b"{}"), "11 10 10 00 00 00 00 02 7B 7D"),
    (Frame(SOUND, b"\xaa\xbb", 2), "11 21 00 00 00 00 00 02 00 00 00 02 AA BB"),
    (Frame(SOUND, b"", -3, last=True), "11 23 00 00 FF FF FF FD 00 00 00 00"),
    (Frame(SOUND, b"", last=True), "11 22 00 00 00 00 00 00"),
]
ANSWERS = [
    (Frame(ANSWER, b"{}", 1), "11 91 10 00 00 00 00 01 00 00 00 02 7B 7D"),
    (Frame(ANSWER, b"{}", -3, last=True), "11 93 10 00 FF FF FF FD 00 00 00 02 7B 7D"),
    (Frame(ANSWER, b"{}", 3, last=True), "11 93 10 00 00 00 00 03 00 00 00 02 7B 7D"),
    (Frame(ERROR, b"{}", code=45000081), "11 F0 10 00 02 AE A5 91 00 00 00 02 7B 7D"),
    (Frame(ERROR, b"no", code=45000081), "11 F0 11 00 02 AE A5 91 00 00 00 02 6E 6F"),
    (Frame(ANSWER, b"{}"), "11 94 10 00 00 00 00 09 00 00 00 02 7B 7D"),  # with an event number
    (Frame(ANSWER, b"{}"), "12 90 10 00 DE AD BE EF 00 00 00 02 7B 7D"),  # with a longer header
    (Frame(11, b"{}"), "11 B0 10 00 00 00 00 02 7B 7D"),
]


@pytest.mark.parametrize(("frame", "written"), GOLDEN)
def test_a_client_s_frames(frame: Frame, written: str):
    """As they stand in the document, when nothing is zipped."""
    assert encode(frame, zipped=False) == bytes.fromhex(written)


@pytest.mark.parametrize(("frame", "written"), ANSWERS)
def test_a_server_s_frames(frame: Frame, written: str):
    """The last one is told by its flag; errors are not zipped, whatever they say."""
    assert decode(bytes.fromhex(written)) == frame


@pytest.mark.parametrize("frame", [frame for frame, _ in GOLDEN])
def test_there_and_back(frame: Frame):
    """Zipped frames hold what was put in."""
    assert decode(encode(frame)) == frame


def answer(payload: bytes, *, size: int | None = None, form: int = 0x11) -> bytes:
    size = len(payload) if size is None else size
    return bytes((0x11, 0x90, form, 0)) + size.to_bytes(4, "big") + payload


ZIPPED = gzip.compress(b'{"result": {}}', mtime=0)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x11\x90\x10",
        b"\x21\x90\x10\x00\x00\x00\x00\x00",
        b"\x10\x90\x10\x00\x00\x00\x00\x00",
        b"\x11\x91\x10\x00\x00\x00",
        b"\x1f\x90\x10\x00\x00\x00\x00\x00",
        answer(ZIPPED, size=1 << 31),
        answer(ZIPPED[:-9]),
        answer(b"{}"),
        answer(ZIPPED[:12] + b"\xff" * 20),
        answer(gzip.compress(bytes(LARGEST + 1), mtime=0)),
        answer(bytes(LARGEST), form=0x10),
    ],
)
def test_what_is_no_frame(data: bytes):
    """Cut off, too large, or not what it says: one error for all of it."""
    with pytest.raises(Garbled):
        decode(data)


def test_noise_is_garbled_or_a_frame():
    """Nothing else ever comes of any bytes."""
    dice = random.Random(5)
    whole = answer(ZIPPED)
    for _ in range(3000):
        noise = bytearray(whole if dice.random() < 0.7 else dice.randbytes(dice.randrange(40)))
        for _ in range(dice.randrange(4)):
            if noise:
                noise[dice.randrange(len(noise))] = dice.randrange(256)
        with suppress(Garbled):
            assert isinstance(decode(bytes(noise[: dice.randrange(1, 80)])), Frame)

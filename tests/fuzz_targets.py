"""What coverage-guided fuzzing calls with any bytes: nothing but `InrCodecError` may come out.

Each target has seeds: the conformance vectors, and messages made here. Checksums would stop nearly
every change at the door, so targets repair them where a parser lies behind.
"""

import zlib
from collections.abc import Callable, Iterable
from contextlib import suppress
from fractions import Fraction
from pathlib import Path

import numpy as np
import zstandard
from PIL import Image

import inrcodec
from inrcodec.codec.format import bitstream
from inrcodec.codec.format.bitstream import Kind
from inrcodec.codec.format.header import Family, Header
from inrcodec.codec.format.sections import ANCILLARY
from inrcodec.codec.networks.families import network_from
from inrcodec.codec.networks.init_tables import Initialisation
from inrcodec.errors import InrCodecError
from inrcodec.images.clips import ANIMATIONS, animation_bytes, read_clip
from inrcodec.images.reading import as_picture
from inrcodec.signals.records import Clip, Sound
from inrcodec.signals.wav import read_sound, wav_bytes
from inrcodec.streaming.protocol import manifest, messages, packets
from tests import fuzz_peers, wav_files
from tests.corners import corner
from tests.images import made

VECTORS = Path(__file__).parent / "vectors"
PNG = b"\x89PNG\r\n\x1a\n"
STREAM = bytes(range(messages.STREAM_BYTES))


def repaired(data: bytes) -> bytes:
    """A file with every checksum right, as far as it can be read as sections of a kind (1), a size
    (2, big endian) and a payload: what `sections_of` makes of a file."""
    out = critical = bitstream.SIGNATURE + bytes([bitstream.VERSION])
    at = 0
    while at + 3 <= len(data):
        kind, size = data[at], int.from_bytes(data[at + 1 : at + 3], "big")
        section = bitstream.section_bytes(kind, data[at + 3 : at + 3 + size])
        at += 3 + size
        if kind == Kind.END:
            continue
        out += section
        critical += b"" if kind & ANCILLARY else section
    return out + bitstream.section_bytes(Kind.END, zlib.crc32(critical).to_bytes(4, "little"))


def sections_of(file: bytes) -> bytes:
    """The inverse of `repaired`, sections cut to 65535 bytes."""
    parts = [(s.kind, s.payload[:65535]) for s in bitstream.read(file).sections]
    return b"".join(bytes([k]) + len(p).to_bytes(2, "big") + p for k, p in parts if k != Kind.END)


def info(data: bytes) -> None:
    """A file as it came."""
    inrcodec.info(data)


def decode(data: bytes) -> None:
    """A file of sections whose checksums are right, of an image, sound or a clip."""
    corner(repaired(data))


def packet(data: bytes) -> None:
    """A datagram, as it came and with its checksum right; what was read is written the same."""
    for whole in (data, data + zlib.crc32(data).to_bytes(4, "big")):
        try:
            stream, message = packets.parse(whole)
        except InrCodecError:
            continue
        if packets.pack(stream, message) != whole:
            raise AssertionError(f"{message} is not what was read")


def message(data: bytes) -> None:
    """A message of the kind that the first byte says, behind it its body."""
    kinds = list(packets._TYPES.values())
    form = kinds[data[0] % len(kinds)] if data else kinds[0]
    read = form.of(data[1:])
    if isinstance(read, messages.Have):
        read.numbers()
    if read.body() != data[1:]:
        raise AssertionError(f"{read} is not what was read")


def start(data: bytes) -> None:
    """A file of an initialisation, as it came and as what a frame holds; what was read is used, and
    written the same."""
    for whole in (data, zstandard.ZstdCompressor(level=1).compress(data)):
        try:
            read = Initialisation.from_bytes(whole)
            model = read.model_for(9, 7)
            read.values(model)
            read.learned_rates(model)
        except InrCodecError:
            continue
        if Initialisation.from_bytes(read.to_bytes()).identity != read.identity:
            raise AssertionError(f"{read} is not what was read")


def image(data: bytes) -> None:
    """An image file, of PNG with the checksums of its chunks right."""
    as_picture(data)
    as_picture(with_checksums(data))


def sound(data: bytes) -> None:
    """A WAV file, as it came and behind the head of one; what was read is written the same."""
    for whole in (data, b"RIFF\0\0\0\0WAVE" + data):
        try:
            read = read_sound(whole)
        except InrCodecError:
            continue
        again = read_sound(wav_bytes(read))
        if again.rate != read.rate or not np.array_equal(again.samples, read.samples):
            raise AssertionError("the sound is not what was read")


def animation(data: bytes) -> None:
    """An animation, of PNG with the checksums of its chunks right."""
    with suppress(InrCodecError):
        read_clip(data)
    read_clip(with_checksums(data))


def with_checksums(data: bytes) -> bytes:
    """A PNG whose chunks have the right checksums; anything else as it is."""
    out, at = data[:8], 8
    if out != PNG:
        return data
    while at + 12 <= len(data):
        end = at + 8 + int.from_bytes(data[at : at + 4], "big")
        chunk = data[at:end]
        out += chunk + zlib.crc32(chunk[4:]).to_bytes(4, "big")
        at = end + 4
    return out


def files() -> Iterable[bytes]:
    """The conformance vectors, invalid ones too."""
    return (path.read_bytes() for path in sorted(VECTORS.glob("*/*.inr")))


def valid_sections() -> Iterable[bytes]:
    """Valid vectors, as `decode` takes them."""
    found = [*VECTORS.glob("valid/*.inr"), *VECTORS.glob("signals/*.inr")]
    return (sections_of(path.read_bytes()) for path in sorted(found))


def examples() -> list[packets.Message]:
    """One message of every kind."""
    layers = (manifest.LayerInfo(5000, 7, 1136), manifest.LayerInfo(9, 8, 16))
    return [
        manifest.Manifest(bytes(32), layers),
        messages.Symbol(1, 5, messages.NO_SECTION, b"payload"),
        messages.Sent(1, True),
        messages.Start(messages.Mode.FEC, 3, 70000, 30, 5),
        messages.Have(2, 77, b"\x80\x01"),
        messages.Want(2, 77, b"\x80\x01"),
        messages.Stop(),
        messages.Ping(1234, True),
    ]


def datagrams() -> Iterable[bytes]:
    """One of every kind, without its checksum."""
    return (packets.pack(STREAM, message)[:-4] for message in examples())


def bodies() -> Iterable[bytes]:
    """One of every kind, as `message` takes them."""
    return (bytes([i]) + message.body() for i, message in enumerate(examples()))


def starts() -> Iterable[bytes]:
    """What small files of initialisations hold, and one as it is."""
    dimensions = {Family.NIF: (3, 2, 2, 2, 2, 4, 4, 4), Family.SIREN: (4, 2)}
    for family, sizes in dimensions.items():
        model = network_from(Header(9, 7, 3, 8, family, sizes))
        zeros = {name: np.zeros(shape, np.float32) for name, shape in model.shapes.items()}
        file = Initialisation.of(model, zeros, zeros, 3).to_bytes()
        yield zstandard.ZstdDecompressor().decompress(file)
    yield file


def images() -> Iterable[bytes]:
    """One in every format that comes with Pillow, of several modes."""
    deep = Image.fromarray(np.arange(60, dtype=np.uint16).reshape(5, 12) * 999)
    photo = Image.fromarray(np.arange(180, dtype=np.uint8).reshape(5, 12, 3))
    exif = Image.Exif()
    exif[0x0112] = 6
    yield made.saved(deep)
    yield made.saved(photo, exif=exif, icc_profile=b"profile", dpi=(72, 72))
    yield made.saved(photo.convert("P"), transparency=3)
    yield made.saved(photo, "JPEG", exif=exif, progressive=True)
    yield made.saved(photo.convert("CMYK"), "JPEG")
    yield made.saved(photo.convert("RGBA"), "WEBP", lossless=True, exif=exif)
    yield made.saved(photo, "GIF", save_all=True, append_images=[photo.rotate(90)])
    for options in (
        {},
        {"compression": "lzw"},
        {"compression": "zlib", "planarconfig": "separate"},
    ):
        yield made.tiff(np.asarray(photo), photometric="rgb", **options)
    yield made.tiff(np.asarray(deep))
    yield made.saved(photo, "BMP")


def sounds() -> Iterable[bytes]:
    """WAV files of every format that is read, and one behind its head."""
    samples = np.arange(40, dtype=np.int16).reshape(20, 2) * 99
    plain = wav_bytes(Sound(samples, 8000))
    for code, kind in ((1, "<u1"), (1, "<i4"), (3, "<f4"), (3, "<f8")):
        yield wav_files.wav(samples.astype(kind), code=code)
    yield wav_files.wav(samples.astype("<i4"), extensible=True)
    yield plain
    yield plain[12:]


def animations() -> Iterable[bytes]:
    """One in every format that is written."""
    frames = np.arange(2 * 5 * 12 * 3, dtype=np.uint8).reshape(2, 5, 12, 3)
    for kind in ANIMATIONS:
        yield animation_bytes(Clip(frames, Fraction(10)), kind)


TARGETS: dict[str, tuple[Callable[[bytes], None], Callable[[], Iterable[bytes]], int]] = {
    "decode": (decode, valid_sections, 8192),
    "info": (info, files, 8192),
    "packets": (packet, datagrams, 1200),
    "messages": (message, bodies, 1200),
    "offers": (fuzz_peers.peer, fuzz_peers.seeds, 4096),
    "starts": (start, starts, 4096),
    "images": (image, images, 4096),
    "sounds": (sound, sounds, 4096),
    "animations": (animation, animations, 4096),
}
"""Name, then target, seeds, and most bytes of an input."""


def call(name: str, data: bytes) -> bool:
    """Whether a target takes the bytes; raises all but `InrCodecError`, and `AssertionError` for
    what is no `Exception`, such as a panic or an exit: a fuzzer may take that for its own end."""
    try:
        TARGETS[name][0](data)
    except InrCodecError:
        return False
    except (Exception, KeyboardInterrupt):
        raise
    except BaseException as error:
        raise AssertionError(f"{type(error).__name__} came out") from error
    return True

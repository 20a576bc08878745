"""Many files in one `inrcodec encode`: a folder of images, or of sound."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inrcodec.cli.batch import Choice, Verb, carry_out, found_by
from inrcodec.cli.encode_one import measures
from inrcodec.errors import OptionError

if TYPE_CHECKING:
    from inrcodec.batch import Found
    from inrcodec.codec.options import EncodeKeywords


def encode_batch(choice: Choice, options: EncodeKeywords) -> None:
    """Encode the images of folders, patterns and names, or else the WAV files of them. Without a
    model each kind has its own. Raises `OptionError` where both kinds are among them."""
    from inrcodec.codec.encode import check_extras
    from inrcodec.codec.options import EncodeOptions
    from inrcodec.codec.options.model_traits import SIGNAL_MODELS
    from inrcodec.images.opening import extensions
    from inrcodec.signals.wav import EXTENSIONS

    found = found_by(choice, extensions().union(EXTENSIONS), ".inr")
    if _are_sounds(found):
        options.setdefault("model", SIGNAL_MODELS[0])
        check_extras(EncodeOptions.of(**options))
        carry_out(choice, _verb_of_sound(options), found)
    else:
        carry_out(choice, _verb(options), found)


def _are_sounds(found: Found) -> bool:
    """Whether the files are sound, none images; raises `OptionError` for some of each."""
    from inrcodec.signals.wav import is_wav_name

    images = [item.input for item in found.items if not is_wav_name(item.input)]
    sounds = [item.input for item in found.items if is_wav_name(item.input)]
    if images and sounds:
        raise OptionError(
            f"{sounds[0]} is sound and {images[0]} an image: encode one kind at a time, e.g. by a "
            "pattern in quotes such as 'folder/*.wav'"
        )
    return bool(sounds)


def _verb(options: EncodeKeywords) -> Verb:
    """What is done with each image."""
    from inrcodec.batch.encoding import EncodedTogether, encoded

    device = options["device"]
    stages = None if device == "cpu" else EncodedTogether(device)
    return Verb(encoded, options, "encoded", measures, stages=stages)


def _verb_of_sound(options: EncodeKeywords) -> Verb:
    """What is done with each WAV file."""
    from inrcodec.batch.encoding import encoded_sound

    return Verb(encoded_sound, options, "encoded", measures)

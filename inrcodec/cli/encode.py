"""`inrcodec encode`: images, sound and clips in, .inr files out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from inrcodec.cli import console
from inrcodec.cli.batch import Choice
from inrcodec.cli.devices import usable_device
from inrcodec.cli.encode_batch import encode_batch
from inrcodec.cli.encode_one import clip_source, encode_one, summary
from inrcodec.cli.parameters import IfNewer, Jobs, Recursive, Scheduler
from inrcodec.errors import InrCodecError, OptionError

if TYPE_CHECKING:
    from inrcodec.codec.options import EncodeKeywords

SUFFIXES = {"": 1, "B": 1, "K": 1000, "KB": 1000, "KIB": 1024}
SUFFIXES |= {"M": 1000**2, "MB": 1000**2, "MIB": 1024**2}

RATE, TIME = "Rate (one of these)", "Time and place"
MODEL, LOSS, ROBUST = "Model", "Loss", "Weights that survive damage"
CLIP = "Clips"


def encode(
    inputs: Annotated[
        list[str],
        typer.Argument(
            help="Images or WAV files, folders of them or patterns; - for stdin.",
            metavar="IMAGE...",
        ),
    ],
    output: Annotated[
        str | None,
        typer.Option("-o", "--output", help="A file, a folder for several, - for stdout."),
    ] = None,
    quality: Annotated[
        int | None,
        typer.Option("-q", "--quality", help="1..100, 50 by default.", rich_help_panel=RATE),
    ] = None,
    bpp: Annotated[
        float | None,
        typer.Option(help="Bits per pixel of the whole file.", rich_help_panel=RATE),
    ] = None,
    target_size: Annotated[
        str | None,
        typer.Option(
            help="Bytes of the whole file, never exceeded: 12000, 12K, 12KiB.",
            rich_help_panel=RATE,
        ),
    ] = None,
    psnr: Annotated[
        float | None,
        typer.Option(help="The smallest file of at least so many dB.", rich_help_panel=RATE),
    ] = None,
    lmbda: Annotated[
        float | None,
        typer.Option(
            "--lambda",
            help="Weight of the rate: MSE (full range 1) + lambda x bits per pixel.",
            rich_help_panel=RATE,
        ),
    ] = None,
    effort: Annotated[
        int,
        typer.Option(
            "-e", "--effort", help="0..9: each about doubles the time.", rich_help_panel=TIME
        ),
    ] = 5,
    time_limit: Annotated[
        float | None,
        typer.Option(help="Seconds for each image, instead of an effort.", rich_help_panel=TIME),
    ] = None,
    threads: Annotated[
        int | None,
        typer.Option(
            help="Threads (default: one a core, at most 4; torch alone: 1).", rich_help_panel=TIME
        ),
    ] = None,
    device: Annotated[
        str, typer.Option(help="Where to fit: cpu, cuda, cuda:1.", rich_help_panel=TIME)
    ] = "cpu",
    model: Annotated[
        str | None,
        typer.Option(
            help="coolchic (the default of images), coolchic-v1 or coolchic-v2; a coordinate "
            "network: pe-siren (the default of sound and clips), siren, nif, spinr, fourier, "
            "mfn-fourier, mfn-gabor, wire or diner; or auto, by the size asked for.",
            rich_help_panel=MODEL,
        ),
    ] = None,
    complexity: Annotated[
        str | None,
        typer.Option(
            help="Work to decode: low, medium, high (the default) or highest.",
            rich_help_panel=MODEL,
        ),
    ] = None,
    slices: Annotated[
        int | None,
        typer.Option(
            help="Cut latents into slices of so many symbols a side.", rich_help_panel=MODEL
        ),
    ] = None,
    init: Annotated[
        str,
        typer.Option(
            help="Initialisation of a coordinate network: random, meta or the path of one.",
            rich_help_panel=MODEL,
        ),
    ] = "random",
    loss: Annotated[
        str | None,
        typer.Option(
            help="What to minimise: mse (the default), l1, logcosh, lcssim, l1ssim, ms-ssim, "
            "l1msssim, lpips, iem or ssimulacra2; the size stays that of mse.",
            rich_help_panel=LOSS,
        ),
    ] = None,
    tune: Annotated[
        str | None,
        typer.Option(
            help="psnr, ms-ssim, perceptual or ssimulacra2: picks the loss, the size stays.",
            rich_help_panel=LOSS,
        ),
    ] = None,
    loss_weight: Annotated[
        float | None,
        typer.Option(
            help="Weight of structure in lcssim, l1ssim, l1msssim, lpips, iem or ssimulacra2, "
            "0..1.",
            rich_help_panel=LOSS,
        ),
    ] = None,
    robust: Annotated[
        str | None,
        typer.Option(
            help="jacobian, gradient-norm or noise; for coordinate networks also "
            "gradient-norm-exact, l1, lipschitz and neurons.",
            rich_help_panel=ROBUST,
        ),
    ] = None,
    robust_strength: Annotated[
        float | None,
        typer.Option(
            help="Weight of that penalty; standard deviation of the noise, or share of neurons, to "
            "withstand.",
            rich_help_panel=ROBUST,
        ),
    ] = None,
    video: Annotated[
        bool,
        typer.Option(
            "--video",
            help="One clip of an animation, of the images of a folder, or of all images.",
            rich_help_panel=CLIP,
        ),
    ] = False,
    fps: Annotated[
        str | None,
        typer.Option(
            help="Frames a second: 25 (the default without an animation's own), 30000/1001.",
            rich_help_panel=CLIP,
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of everything random.")] = 0,
    recursive: Recursive = False,
    jobs: Jobs = None,
    scheduler: Scheduler = None,
    if_newer: IfNewer = False,
    metadata: Annotated[
        bool, typer.Option("--metadata/--no-metadata", help="Keep ICC, EXIF and XMP.")
    ] = True,
    force: Annotated[bool, typer.Option("-f", "--force", help="Replace existing outputs.")] = False,
    as_json: Annotated[
        bool,
        typer.Option("--json", help="Report as JSON on stdout; of a folder, a line an image."),
    ] = False,
) -> None:
    """Fit a small network to each image and write it as a file.

    Examples:

      inrcodec encode photo.png                          writes photo.inr

      inrcodec encode photo.png -o small.inr --target-size 12K

      inrcodec encode *.jpg -o out/ -q 40 -e 7

      inrcodec encode photos/ -o out/ --recursive        goes on where it was stopped

      inrcodec encode photo.png --tune perceptual        tuned for the eye

      cat photo.png | inrcodec encode - -o - --bpp 0.2 > photo.inr

      inrcodec encode speech.wav                         writes speech.inr, of sound

      inrcodec encode recordings/ -o out/                of a folder of WAV files

      inrcodec encode frames/ --video --fps 25 -o clip.inr

    Ctrl-C ends the fit early and writes the best result so far if -o was given. Of a folder, or
    several images that go to one, images in work are dropped, and the same command does the rest.
    """
    from inrcodec.codec.encode import check_extras
    from inrcodec.codec.options import EncodeOptions
    from inrcodec.codec.options.model_traits import SIGNAL_MODELS
    from inrcodec.signals.wav import is_wav_name

    options: EncodeKeywords = {
        "quality": quality,
        "bpp": bpp,
        "target_size": None if target_size is None else parse_size(target_size),
        "psnr": psnr,
        "lmbda": lmbda,
        "complexity": complexity,
        "loss": loss,
        "loss_weight": loss_weight,
        "tune": tune,
        "robust": robust,
        "robust_strength": robust_strength,
        "effort": effort,
        "time_limit": time_limit,
        "slices": slices,
        "init": init,
        "seed": seed,
        "threads": threads,
        "device": device,
        "metadata": metadata,
    }
    if model is not None:
        options["model"] = model
    elif video or all(map(is_wav_name, inputs)):
        options["model"] = SIGNAL_MODELS[0]
    check_extras(EncodeOptions.of(**options))  # refused before any work
    choice = Choice(inputs, output, recursive, jobs, scheduler, if_newer, force, as_json)
    clip = None
    if video:
        if recursive or if_newer or jobs is not None or scheduler is not None:
            raise OptionError("--recursive, --if-newer, --jobs and --scheduler are not for --video")
        clip = clip_source(inputs, output), fps
        inputs = inputs[:1]
    elif fps is not None:
        raise OptionError("--fps is for --video")
    elif choice.is_batch():
        if scheduler is None:
            options["device"] = usable_device(device)
        encode_batch(choice.on(options["device"]), options)
        return
    paths = console.outputs_for(inputs, output, ".inr", force, as_json)
    console.check_binary_stdout(paths)
    options["device"] = usable_device(device)
    reports = []
    with console.exit_codes() as codes:
        for name, path in zip(inputs, paths, strict=True):
            try:
                report, stopped = encode_one(
                    name, path, options, keep=output is not None, force=force, frames=clip
                )
            except InrCodecError as error:
                console.show_error(error)
                codes.append(console.exit_code(error))
                continue
            if report:
                reports.append(report)
                if not as_json:
                    console.note(summary(report))
            if stopped:
                codes.append(console.INTERRUPTED)
                break
        if as_json and reports:
            console.print_json(reports[0] if len(inputs) == 1 else reports)


def parse_size(text: str) -> int:
    """Bytes of "12000", "12K", "1.5M", "12KiB"; raises `OptionError`."""
    number = text.strip().upper().rstrip("KMIB")
    suffix = text.strip().upper()[len(number) :]
    try:
        return int(float(number) * SUFFIXES[suffix])
    except (ValueError, KeyError, OverflowError):
        raise OptionError(f"a size looks like 12000, 12K or 1.5M, got {text!r}") from None

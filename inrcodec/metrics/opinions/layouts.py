"""The folders of known data sets of opinions, as their authors hand them out.

- KADID-10k (Lin, Hosu and Saupe 2019): `dmos.csv` and `images/`; its "dmos" is a mean opinion
  score, 1 to 5, higher is better;
- TID2013 (Ponomarenko et al. 2015), and TID2008 alike: `mos_with_names.txt`, `distorted_images/`,
  `reference_images/`;
- CSIQ (Larson and Chandler 2010): `dst_imgs/`, `src_imgs/`, and the scores as a text, since the
  authors' spreadsheet is none: `csiq_label.txt` (image, DMOS) or `csiq.dmos.csv` with the columns
  image, dst_type, dst_lev, dmos; DMOS, lower is better;
- LIVE, release 2 (Sheikh, Sabir and Bovik 2006): `dmos.mat`, `refnames_all.mat`, `refimgs/` and a
  folder for each type; DMOS, lower is better, references themselves left out;
- PIPAL (Gu et al. 2020): `Train_Label/`, `Train_Ref/` and folders of distorted images; Elo scores.

Two alternatives, forced choice:

- BAPPS (Zhang et al. 2018): `2afc/val/*/` or such a folder itself, with `ref`, `p0`, `p1`, `judge`;
- NIGHTS (Fu et al. 2023): `data.csv`; of its splits the test split, if there is one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from inrcodec import checks
from inrcodec.errors import InputError
from inrcodec.metrics.opinions.records import Choice, ChoiceSet, DataSet, RatedSet, Rating
from inrcodec.metrics.opinions.tables import Files, Line, all_there, comma_lines, plain_lines

LIVE_TYPES = {"jp2k": 227, "jpeg": 233, "wn": 174, "gblur": 174, "fastfading": 174}
"""The folders of LIVE in the order of its scores, and how many images each has."""

CSIQ_NAMES = {"noise": "AWGN", "jpeg 2000": "jpeg2000"}
"""Types of the table of CSIQ that its files call otherwise."""

MAX_JUDGE_BYTES = 1 << 12


def read_set(folder: Path, name: str | None = None) -> DataSet:
    """Read the data set in a folder; `name` says which, by default the folder's contents do.

    Raises `OptionError` for an unknown name, and `InputError` for a folder that is no such set and
    for a table that does not fit its folder.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: not a folder")
    if name is not None:
        checks.known("data set", name, SETS)
    files = Files(folder)
    for each in SETS if name is None else (name,):
        found = SETS[each](files)
        if found is not None:
            return found
    wanted = "one of " + ", ".join(SETS) if name is None else name
    raise InputError(f"{folder}: its tables and folders are not those of {wanted}")


def _kadid10k(files: Files) -> RatedSet | None:
    """KADID-10k: I01_TT_L.png."""
    table = files.at("dmos.csv", "kadid10k.csv")
    if table is None:
        return None

    def made(line: Line) -> Rating | str:
        image, reference = line.text("dist_img"), line.text("ref_img")
        return _rating(files, line, ("images/{}", "{}"), image, reference, "dmos")

    return _rated("kadid10k", files, table, comma_lines(table), made, True)


def _tid2013(files: Files) -> RatedSet | None:
    """TID2013 and TID2008: i01_TT_L.bmp."""
    table = files.at("mos_with_names.txt")
    if table is None:
        return None

    def made(line: Line) -> Rating | str:
        image = line.text("image")
        reference = f"{image.split('_')[0]}.bmp"
        places = ("distorted_images/{}", "reference_images/{}")
        return _rating(files, line, places, image, reference, "opinion")

    lines = plain_lines(table, "opinion", "image")
    return _rated("tid2013", files, table, lines, made, True)


def _csiq(files: Files) -> RatedSet | None:
    """CSIQ: 1600.AWGN.1.png."""
    table = files.at("csiq.dmos.csv", "csiq_label.txt")
    if table is None:
        if files.below("csiq.dmos", ".xlsx"):
            raise InputError(
                f"{files.folder}: save csiq.DMOS.xlsx as csiq.dmos.csv with the columns image, "
                "dst_type, dst_lev, dmos"
            )
        return None

    def made(line: Line) -> Rating | str:
        if "dst_type" in line.values:
            kind = line.text("dst_type")
            kind = CSIQ_NAMES.get(kind.lower(), kind)
            image = f"{line.text('image')}.{kind}.{line.text('dst_lev')}.png"
        else:
            image = line.text("image")
        parts = image.split(".")
        if len(parts) != 4:
            raise line.error(f"names {image!r}, which does not look like 1600.AWGN.1.png")
        places = (f"dst_imgs/{parts[1]}/{{}}", "dst_imgs/{}", "src_imgs/{}")
        return _rating(files, line, places, image, f"{parts[0]}.png", "dmos", kind=parts[1])

    comma = table.suffix == ".csv"
    lines = comma_lines(table) if comma else plain_lines(table, "image", "dmos")
    return _rated("csiq", files, table, lines, made, False)


def _live(files: Files) -> RatedSet | None:
    """LIVE: img1.bmp in the folder of its type, scores in MATLAB's format."""
    table, names = files.at("dmos.mat"), files.at("refnames_all.mat")
    if table is None or names is None:
        return None
    scores, originals = (_matlab(table, key).ravel() for key in ("dmos", "orgs"))
    references = [str(np.ravel(cell)[0]) for cell in _matlab(names, "refnames_all").ravel()]
    total = sum(LIVE_TYPES.values())
    if not len(scores) == len(originals) == len(references) == total:
        raise InputError(f"{table}: {len(scores)} scores, where LIVE has {total}")
    images = [(kind, n) for kind, count in LIVE_TYPES.items() for n in range(1, count + 1)]
    lines = [
        Line(table, number, {"dmos": str(score), "kind": kind, "n": str(n), "ref": reference})
        for number, (score, original, reference, (kind, n)) in enumerate(
            zip(scores, originals, references, images, strict=True), 1
        )
        if not original
    ]

    def made(line: Line) -> Rating | str:
        kind = line.text("kind")
        image, reference = f"img{line.text('n')}.bmp", line.text("ref")
        places = (f"{kind}/{{}}", "refimgs/{}")
        return _rating(files, line, places, image, reference, "dmos", kind=kind)

    return _rated("live", files, table, lines, made, False)


def _pipal(files: Files) -> RatedSet | None:
    """PIPAL: A0001_TT_LL.bmp."""
    tables = files.below("train_label/", ".txt")
    if not tables:
        return None
    found = {path.name.lower(): path for path in files.below("", ".bmp")}
    lines = [line for table in tables for line in plain_lines(table, "image", "opinion")]

    def made(line: Line) -> Rating | str:
        image = line.text("image")
        reference = f"{image.split('_')[0]}.bmp"
        for name in (image, reference):
            if name.lower() not in found:
                return name
        opinion = line.number_in("opinion")
        paths = found[image.lower()], found[reference.lower()]
        return Rating(*paths, _type_of(line, image), opinion)

    return _rated("pipal", files, tables[0], lines, made, True)


def _bapps(files: Files) -> ChoiceSet | None:
    """BAPPS: judge/000000.npy has the share of people who found p1 nearer."""
    judges = [path for path in files.below("", ".npy") if path.parent.name == "judge"]
    if not judges:
        return None
    lines = [Line(path, 1, {"judge": str(path)}) for path in judges]

    def made(line: Line) -> Choice | str:
        judge = Path(line.text("judge"))
        home = judge.parent.parent
        paths = [home / part / f"{judge.stem}.png" for part in ("p0", "p1", "ref")]
        for path in paths:
            if not path.is_file():
                return str(path.relative_to(files.folder))
        return Choice(paths[0], paths[1], paths[2], home.name, _share(judge))

    return ChoiceSet("bapps", files.folder, tuple(all_there(judges[0], lines, made)))


def _nights(files: Files) -> ChoiceSet | None:
    """NIGHTS: right_vote is 1 where people found the right image nearer."""
    table = files.at("data.csv")
    if table is None:
        return None
    lines = comma_lines(table)
    if not lines or "right_vote" not in lines[0].values:
        return None
    tests = [line for line in lines if line.values.get("split") == "test"]

    def made(line: Line) -> Choice | str:
        names = [line.text(f"{part}_path") for part in ("left", "right", "ref")]
        paths = [files.at(name) for name in names]
        for name, path in zip(names, paths, strict=True):
            if path is None:
                return name
        left, right, reference = (path for path in paths if path is not None)
        share = line.number_in("right_vote", low=0, high=1)
        return Choice(left, right, reference, line.values.get("split") or "all", share)

    return ChoiceSet("nights", files.folder, tuple(all_there(table, tests or lines, made)))


SETS: dict[str, Callable[[Files], DataSet | None]] = {
    "kadid10k": _kadid10k,
    "tid2013": _tid2013,
    "csiq": _csiq,
    "live": _live,
    "pipal": _pipal,
    "bapps": _bapps,
    "nights": _nights,
}
"""What reads each data set; None for a folder that is not one."""


def _rated(
    name: str,
    files: Files,
    table: Path,
    lines: list[Line],
    made: Callable[[Line], Rating | str],
    higher: bool,
) -> RatedSet:
    """A set of the ratings that lines make."""
    ratings: Iterator[Rating] = all_there(table, lines, made)
    return RatedSet(name, files.folder, tuple(ratings), higher)


def _rating(
    files: Files,
    line: Line,
    places: tuple[str, ...],
    image: str,
    reference: str,
    column: str,
    *,
    kind: str | None = None,
) -> Rating | str:
    """The rating of a line, or the name of a file that is not at any of the places."""
    found = []
    for name in (image, reference):
        path = files.at(*(place.format(name) for place in places))
        if path is None:
            return name
        found.append(path)
    opinion = line.number_in(column)
    return Rating(found[0], found[1], (kind or _type_of(line, image)).lower(), opinion)


def _type_of(line: Line, image: str) -> str:
    """The type in a name such as I01_09_3.png; raises `InputError`."""
    match = re.fullmatch(r"[^_]+_(\d+)_\d+\.\w+", image)
    if match is None:
        raise line.error(f"names {image!r}, which does not look like I01_09_3.png")
    return match[1]


def _matlab(path: Path, key: str) -> Any:
    """An array of a file in MATLAB's format; raises `InputError`."""
    from scipy.io import loadmat

    try:
        return loadmat(str(path))[key]
    except Exception:  # scipy raises many kinds for a damaged file
        raise InputError(f"{path}: not a MATLAB file with {key}") from None


def _share(path: Path) -> float:
    """The share of people in a file of one number; raises `InputError`."""
    try:
        if path.stat().st_size > MAX_JUDGE_BYTES:
            raise ValueError
        share = float(np.load(path, allow_pickle=False).reshape(()))
        if not 0 <= share <= 1:
            raise ValueError
    except (OSError, ValueError, EOFError):
        raise InputError(f"{path}: not an array of one number in [0, 1]") from None
    return share

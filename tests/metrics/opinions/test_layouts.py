"""Every layout is read as its authors hand it out, and what does not fit is one clear error."""

from pathlib import Path

import pytest

from inrcodec.errors import InputError, OptionError
from inrcodec.metrics.opinions.layouts import read_set
from inrcodec.metrics.opinions.records import ChoiceSet, RatedSet
from tests.metrics.opinions.folders import FOLDERS

COUNTS = {"kadid10k": 12, "tid2013": 8, "csiq": 6, "live": 6, "pipal": 6, "bapps": 5, "nights": 3}
TYPES = {
    "kadid10k": {"01", "09"},
    "tid2013": {"01", "02"},
    "csiq": {"awgn", "jpeg2000"},
    "live": {"jp2k", "jpeg"},
    "pipal": {"01", "02"},
    "bapps": {"cnn", "color"},
    "nights": {"test"},
}


@pytest.mark.parametrize("name", FOLDERS)
def test_a_folder_says_which_set_it_is(name: str, tmp_path: Path) -> None:
    data = read_set(FOLDERS[name](tmp_path))
    assert data == read_set(tmp_path, name)
    assert data.name == name
    items = data.ratings if isinstance(data, RatedSet) else data.choices
    assert len(items) == COUNTS[name]
    assert {item.type for item in items} == TYPES[name]
    for item in items:
        paths = [item.reference]
        paths += [item.first, item.second] if isinstance(data, ChoiceSet) else [item.image]
        assert all(path.is_file() for path in paths)


def test_scores_belong_to_their_images(tmp_path: Path) -> None:
    data = read_set(FOLDERS["csiq"](tmp_path))
    assert isinstance(data, RatedSet)
    assert not data.higher_is_better
    assert all(r.image.name.endswith(f".{r.opinion * 10:.0f}.png") for r in data.ratings)
    (tmp_path / "csiq.DMOS.csv").unlink()
    (tmp_path / "csiq_label.txt").write_text("1600.AWGN.2.png 0.25\n")
    (rating,) = read_set(tmp_path).ratings
    assert (rating.type, rating.opinion) == ("awgn", 0.25)


@pytest.mark.parametrize(
    ("table", "text", "message"),
    [
        ("dmos.csv", "dist_img,ref_img,dmos\nI09_01_01.png,I09.png,4\n", r"line 2 names I09_01_01"),
        ("dmos.csv", "dist_img,ref_img,dmos\nI01_01_01.png,I01.png,x\n", "a number in dmos"),
        ("dmos.csv", "dist_img,ref_img,dmos\nI01_01_01.png,I01.png,nan\n", "a number in dmos"),
        ("dmos.csv", "dist_img,dmos\nI01_01_01.png,4\n", "line 2 has no ref_img"),
        ("dmos.csv", "dist_img,ref_img,dmos\nI01.png,I01.png,4\n", "does not look like I01_09_3"),
        ("dmos.csv", "", "holds no opinions"),
        ("dmos.csv", b"\xff\xfe\x00", "not a text"),
    ],
)
def test_a_table_that_does_not_fit_is_one_line(
    tmp_path: Path, table: str, text: str | bytes, message: str
) -> None:
    FOLDERS["kadid10k"](tmp_path)
    (tmp_path / table).write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(InputError, match=message) as caught:
        read_set(tmp_path)
    assert "\n" not in str(caught.value)


def test_missing_images_are_counted(tmp_path: Path) -> None:
    FOLDERS["kadid10k"](tmp_path)
    for level in (1, 2):
        (tmp_path / f"images/I02_09_0{level}.png").unlink()
    with pytest.raises(InputError, match=r"line 11 names I02_09_01.png.*2 of 12 lines"):
        read_set(tmp_path)


def test_other_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not those of one of kadid10k, tid2013"):
        read_set(tmp_path)
    with pytest.raises(InputError, match="not those of live"):
        read_set(FOLDERS["nights"](tmp_path), "live")
    with pytest.raises(OptionError, match="did you mean kadid10k"):
        read_set(tmp_path, "kadid")
    with pytest.raises(InputError, match="not a folder"):
        read_set(tmp_path / "none")
    (tmp_path / "data.csv").unlink()
    (tmp_path / "csiq.DMOS.xlsx").write_bytes(b"PK")
    with pytest.raises(InputError, match=r"save csiq.DMOS.xlsx as csiq.dmos.csv"):
        read_set(tmp_path)


def test_damaged_scores_are_refused(tmp_path: Path) -> None:
    FOLDERS["live"](tmp_path)
    (tmp_path / "dmos.mat").write_bytes(b"no matrix")
    with pytest.raises(InputError, match="not a MATLAB file with dmos"):
        read_set(tmp_path)
    other = tmp_path / "bapps"
    other.mkdir()
    FOLDERS["bapps"](other)
    (other / "2afc/val/cnn/judge/000001.npy").write_bytes(b"no array")
    with pytest.raises(InputError, match=r"000001.npy: not an array of one number"):
        read_set(other)

"""DreamSim against its authors' package, on small random networks (`dreamsim_folder.py`)."""

import json
import struct

import numpy as np
import pytest
import torch

from inrcodec.errors import WeightsError
from inrcodec.metrics.judge import Judge, compare
from inrcodec.metrics.metric_table import METRICS
from inrcodec.metrics.quality import dreamsim
from tests.metrics.noise import noisy
from tests.metrics.quality import dreamsim_folder

ADAPTER = "ensemble_lora/adapter_model.safetensors"
CONFIG = "ensemble_lora/adapter_config.json"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder of the user's own; nothing loaded before or after is taken for it."""
    path = tmp_path / "models"
    dreamsim_folder.make(path)
    monkeypatch.setenv("INRCODEC_DREAMSIM", str(path))
    dreamsim._states.cache_clear()
    yield path
    dreamsim._states.cache_clear()


@pytest.fixture
def image(astronaut):
    return astronaut[:120, :90]


@pytest.mark.parametrize("pair", dreamsim_folder.pairs())
def test_values_are_those_of_its_package(folder, pair):
    expected = json.loads(dreamsim_folder.VALUES.read_text())["values"][pair]
    rounding = 2e-2 if pair == "odd sides" else 1e-5  # Pillow rounds what it resizes
    score = compare(*dreamsim_folder.pairs()[pair], ["dreamsim"])["dreamsim"]
    assert score == pytest.approx(expected, rel=rounding, abs=1e-6)


@pytest.mark.parametrize("kind", ["colour", "gray", "alpha", "16 bit", "tiny"])
def test_identical_images_of_every_kind_are_zero_and_others_are_not(folder, image, kind):
    made = {
        "colour": image,
        "gray": image[..., 1],
        "alpha": np.dstack([image, image[..., 0]]),
        "16 bit": image.astype(np.uint16) * 257,
        "tiny": image[:1, :3],
    }[kind]
    assert compare(made, made.copy(), ["dreamsim"])["dreamsim"] == 0
    assert 0 < compare(made, made // 2, ["dreamsim"])["dreamsim"] <= 2


def test_sixteen_bit_is_the_same_image_and_a_batch_scores_as_its_images_do(folder, image):
    judge = Judge(image, ["dreamsim"])
    versions = [noisy(image, 40), image, image // 2]
    alone = [judge.score(one)["dreamsim"] for one in versions]
    deep = [judge.score(one.astype(np.uint16) * 257)["dreamsim"] for one in versions]
    assert deep == pytest.approx(alone, abs=1e-6)
    together = [each["dreamsim"] for each in judge.score_each(np.stack(versions))]
    assert together == pytest.approx(alone, abs=1e-6)
    assert together[1] == 0


def test_the_gradient_reaches_the_image(folder):
    generator = torch.Generator().manual_seed(0)
    one, two = (torch.rand(1, 3, 64, 64, generator=generator) for _ in range(2))
    two.requires_grad_()
    dreamsim.dreamsim(one, two).sum().backward()
    assert float(two.grad.abs().max()) > 0
    dreamsim.dreamsim(one, one.clone().requires_grad_()).sum().backward()


def test_the_adapter_counts_in_either_form_of_its_file(folder, image):
    other = image // 2
    adapted = compare(image, other, ["dreamsim"])["dreamsim"]
    state = {k: torch.from_numpy(v) for k, v in dreamsim.weights.read(folder / ADAPTER).items()}
    (folder / ADAPTER).unlink()
    torch.save(state, folder / "ensemble_lora/adapter_model.bin")
    dreamsim._states.cache_clear()
    assert compare(image, other, ["dreamsim"])["dreamsim"] == adapted
    config = json.loads((folder / CONFIG).read_text())
    (folder / CONFIG).write_text(json.dumps(config | {"lora_alpha": 0.0}))
    dreamsim._states.cache_clear()
    assert abs(compare(image, other, ["dreamsim"])["dreamsim"] - adapted) > 1e-3


def damages():
    def clip_without(key):
        def damage(folder):
            path = folder / "clip_vitb16_pretrain.pth.tar"
            state = torch.load(path, weights_only=True)
            del state["state_dict"][key]
            torch.save(state, path)

        return damage

    def written(name, data):
        return lambda folder: (folder / name).write_bytes(data)

    def header(text):
        return struct.pack("<Q", len(text)) + text

    huge = b'{"lora_A": {"dtype": "F32", "shape": [1000000000000], "data_offsets": [0, 4]}}'
    return {
        "no trunk": lambda folder: (folder / dreamsim.BRANCHES[0].file).unlink(),
        "no adapter": lambda folder: (folder / ADAPTER).unlink(),
        "no settings": lambda folder: (folder / CONFIG).unlink(),
        "no projection": clip_without("proj"),
        "no class token": clip_without("cls_token"),
        "settings of text": written(CONFIG, b"[]"),
        "rank of nothing": written(CONFIG, b'{"r": 0, "lora_alpha": 1}'),
        "other adapter": written(CONFIG, b'{"r": 4, "lora_alpha": 1, "use_dora": true}'),
        "empty adapter": written(ADAPTER, header(b"{}")),
        "cut adapter": written(ADAPTER, b"\xff\xff"),
        "long header": written(ADAPTER, b"\xff" * 8 + b"{}"),
        "huge array": written(ADAPTER, header(huge) + b"\0" * 4),
        "no weights": written("open_clip_vitb16_pretrain.pth.tar", b"\x80\x02no"),
    }


@pytest.mark.parametrize("damage", damages())
def test_a_folder_that_lacks_something_is_one_clear_error(folder, image, damage):
    damages()[damage](folder)
    with pytest.raises(WeightsError, match="models"):
        compare(image, image // 2, ["dreamsim"])
    assert METRICS["dreamsim"].trial()


def test_without_the_folder_it_says_what_fills_it(tmp_path, monkeypatch, image):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    for name in ("INRCODEC_WEIGHTS", "INRCODEC_DREAMSIM"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(WeightsError, match=r"INRCODEC_DREAMSIM|package dreamsim"):
        compare(image, image, ["dreamsim"])
    assert not METRICS["dreamsim"].can_download()
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("INRCODEC_DREAMSIM", str(tmp_path / "file"))
    with pytest.raises(WeightsError, match="is not a folder"):
        compare(image, image, ["dreamsim"])


def test_the_folder_of_weights_may_hold_it(folder, image, monkeypatch):
    folder.rename(folder.with_name("dreamsim"))
    monkeypatch.delenv("INRCODEC_DREAMSIM")
    monkeypatch.setenv("INRCODEC_WEIGHTS", str(folder.parent))
    assert compare(image, image // 2, ["dreamsim"])["dreamsim"] > 0

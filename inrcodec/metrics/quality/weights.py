"""Where the weights of learned metrics come from: files the user has, or agrees to download.

A file is looked for, in this order:

1. at the path in its own environment variable, such as `INRCODEC_VGG16`;
2. by name in the folder `INRCODEC_WEIGHTS`;
3. in the installed package that ships it (linear heads: `lpips`, `DISTS_pytorch`);
4. by name in torch's cache, `$TORCH_HOME/hub/checkpoints` (`~/.cache/torch/hub/checkpoints`).

The weights of DreamSim are a folder of several files, found in the same way.

Only if none of these has it, and only with `allow_download=True`, is it fetched into torch's cache,
checked against the hash in its name. A metric without its weights is refused, with the reason;
nothing ever stands in for them. Importing this imports neither torch nor numpy.
"""

from __future__ import annotations

import importlib.util
import json
import os
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from inrcodec.errors import WeightsError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Arrays = dict[str, NDArray[np.float32]]

FOLDER = "INRCODEC_WEIGHTS"
MAX_WEIGHTS_BYTES = 1 << 30


@dataclass(frozen=True, slots=True)
class Weights:
    """One file, or folder: its usual name, its environment variable, and where else it may be had.

    `made_by` says how a folder comes about.
    """

    file: str
    variable: str
    url: str | None = None
    package: str | None = None
    package_file: str = ""
    made_by: str = ""

    def there(self, path: Path) -> bool:
        """Tell whether this path is a file, or the folder, of these weights."""
        return path.is_dir() if self.made_by else path.is_file()


def _trunk(file: str, variable: str) -> Weights:
    """Describe an ImageNet classifier of torchvision."""
    return Weights(file, variable, url=f"https://download.pytorch.org/models/{file}")


def _head(trunk: str) -> Weights:
    """Describe the linear heads of LPIPS 0.1 (Zhang et al. 2018), 10 KB in the package `lpips`."""
    file = f"lpips_{trunk}_v0.1.pth"
    variable = f"INRCODEC_LPIPS_{trunk.upper()}_HEAD"
    return Weights(file, variable, package="lpips", package_file=f"weights/v0.1/{trunk}.pth")


WEIGHTS: Mapping[str, Weights] = {
    "alexnet": _trunk("alexnet-owt-7be5be79.pth", "INRCODEC_ALEXNET"),
    "squeezenet": _trunk("squeezenet1_1-b8a52dc0.pth", "INRCODEC_SQUEEZENET"),
    "vgg16": _trunk("vgg16-397923af.pth", "INRCODEC_VGG16"),
    "lpips-alex-head": _head("alex"),
    "lpips-squeeze-head": _head("squeeze"),
    "lpips-vgg-head": _head("vgg"),
    "lpips-squeeze-full": Weights("lpips_squeeze_v0.1_full.npz", "INRCODEC_LPIPS_SQUEEZE"),
    "dists-head": Weights(
        "dists.pt", "INRCODEC_DISTS_HEAD", package="DISTS_pytorch", package_file="weights.pt"
    ),
    "clip": Weights("ViT-B-32.pt", "INRCODEC_CLIP"),
    "dreamsim": Weights(
        "dreamsim", "INRCODEC_DREAMSIM", made_by="the first use of the package dreamsim"
    ),
}


def locate(name: str) -> Path | None:
    """Find the file, or folder, of these weights; None if it is missing. `WeightsError` for a bad
    path."""
    weights = WEIGHTS[name]
    if given := os.environ.get(weights.variable):
        path = Path(given)
        if not weights.there(path):
            kind = "folder" if weights.made_by else "file"
            raise WeightsError(f"{weights.variable} names {given}, which is not a {kind}")
        return path
    candidates = [_cache() / weights.file]
    if weights.package and (spec := importlib.util.find_spec(weights.package)):
        places = spec.submodule_search_locations or []
        candidates = [Path(place) / weights.package_file for place in places] + candidates
    if folder := os.environ.get(FOLDER):
        if not Path(folder).is_dir():
            raise WeightsError(f"{FOLDER} names {folder}, which is not a folder")
        candidates.insert(0, Path(folder) / weights.file)
    return next((path for path in candidates if weights.there(path)), None)


def missing(*names: str) -> str | None:
    """Say in one sentence why these weights cannot be used; None if all of them are here."""
    reasons = []
    for name in names:
        try:
            found = locate(name)
        except WeightsError as error:
            return str(error)
        if found is None:
            reasons.append(_how_to_get(WEIGHTS[name]))
    return "; ".join(reasons) or None


def _how_to_get(weights: Weights) -> str:
    """Say what is missing and how to get it."""
    ways = [f"put it in the folder {FOLDER}", f"set {weights.variable}"]
    if weights.package:
        ways.append(f"install {weights.package}")
    if weights.url:
        ways.append("fetch it by inrcodec report --allow-download")
    made = f", the folder that {weights.made_by} fills" if weights.made_by else ""
    return f"needs {weights.file}{made} ({' or '.join(ways)})"


def load(name: str, *, allow_download: bool = False) -> Arrays:
    """Load the arrays of a weights file; raises `WeightsError` if it is missing or damaged."""
    path = locate(name) or (download(name) if allow_download else None)
    if path is None:
        raise WeightsError(_how_to_get(WEIGHTS[name]))
    return read(path)


def read(path: Path) -> Arrays:
    """Read the arrays of a file of weights as float32: NumPy's .npz, .safetensors, or a dictionary
    of torch, whose entry `state_dict` is taken if it has one. Raises `WeightsError`."""
    import numpy as np

    try:
        if path.stat().st_size > MAX_WEIGHTS_BYTES:
            raise WeightsError(f"{path}: larger than {MAX_WEIGHTS_BYTES} bytes")
        if path.suffix == ".npz":
            with zipfile.ZipFile(path) as archive:
                if sum(entry.file_size for entry in archive.infolist()) > MAX_WEIGHTS_BYTES:
                    raise WeightsError(f"{path}: unpacks to over {MAX_WEIGHTS_BYTES} bytes")
            with np.load(path, allow_pickle=False) as arrays:
                return {key: np.asarray(arrays[key], np.float32) for key in arrays}
        if path.suffix == ".safetensors":
            return _safetensors(path.read_bytes())
        import torch

        state = torch.load(path, map_location="cpu", weights_only=True)
        state = state.get("state_dict", state)
        return {key: value.float().numpy() for key, value in state.items()}
    except WeightsError:
        raise
    except Exception as error:  # numpy and torch raise many kinds for a damaged file
        raise WeightsError(f"{path}: not a file of weights ({type(error).__name__})") from None


def _safetensors(data: bytes) -> Arrays:
    """Take a safetensors file apart: a length, so many bytes of JSON, and the arrays."""
    import numpy as np

    start = 8 + int.from_bytes(data[:8], "little")
    entries = json.loads(data[8:start])
    arrays = {}
    for key, entry in entries.items():
        if key == "__metadata__":
            continue
        first, last = entry["data_offsets"]
        raw = data[start + first : start + last]
        if entry["dtype"] == "BF16":  # the upper half of a float32
            array = (np.frombuffer(raw, "<u2").astype("<u4") << 16).view("<f4")
        else:
            array = np.frombuffer(raw, {"F32": "<f4", "F16": "<f2"}[entry["dtype"]])
        arrays[key] = array.reshape(entry["shape"]).astype(np.float32)
    return arrays


@contextmanager
def checked(*names: str) -> Iterator[None]:
    """Turn what a trial of loaded arrays raises into a `WeightsError`."""
    try:
        yield
    except (KeyError, IndexError, RuntimeError, ValueError) as error:
        files = " and ".join(str(locate(name)) for name in names if locate(name))
        reason = str(error).splitlines()[0]
        raise WeightsError(f"{files}: not the weights expected: {reason}") from None


def download(name: str) -> Path:
    """Download a file into torch's cache; check it against the hash in its name."""
    weights = WEIGHTS[name]
    if weights.url is None:
        raise WeightsError(_how_to_get(weights))
    import torch

    path = _cache() / weights.file
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        digest = weights.file.rpartition("-")[2].partition(".")[0]
        torch.hub.download_url_to_file(weights.url, str(path), digest, progress=False)
    except (OSError, RuntimeError, ValueError) as error:
        raise WeightsError(f"{weights.url} cannot be downloaded: {error}") from None
    return path


def _cache() -> Path:
    """Find the folder where torch keeps downloaded weights."""
    home = os.environ.get("TORCH_HOME")
    if not home:
        home = str(Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "torch")
    return Path(home).expanduser() / "hub" / "checkpoints"

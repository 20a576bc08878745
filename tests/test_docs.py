"""What the documentation names exists: commands, options, keywords, files, scripts, pictures."""

import ast
import importlib
import importlib.util
import re
import shlex
import sys
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from types import ModuleType

import pytest
import typer

import inrcodec
from inrcodec.cli.app import app
from inrcodec.codec.options import EncodeOptions

ROOT = Path(__file__).parents[1]
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted(p for p in (ROOT / "docs").rglob("*.md")),
]
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.M | re.S)
SPAN = re.compile(r"`([^`\n]+)`")
COMMAND = typer.main.get_command(app)
PICTURES = [p for p in (ROOT / "docs").iterdir() if p.suffix in (".jpg", ".png")]


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def commands(text: str) -> Iterator[str]:
    """Command lines of code blocks without a language, and of code in sentences."""
    for language, block in BLOCK.findall(text):
        if not language:
            yield from (line.split("  #")[0].strip() for line in block.splitlines())
    yield from SPAN.findall(BLOCK.sub("", text))


def python_blocks(text: str) -> list[str]:
    return [block for language, block in BLOCK.findall(text) if language == "python"]


def words_of(line: str) -> list[str]:
    """The words of a command line from `inrcodec` on; none if that is not the program."""
    for part in line.split("|"):
        words = shlex.split(part.replace("&&", " "), comments=True)
        if words[:1] == ["inrcodec"]:
            return words
    return []


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_commands_and_options_exist(page: Path) -> None:
    for line in commands(page.read_text("utf-8")):
        if "inrcodec " not in line:
            continue
        words, command = words_of(line)[1:], COMMAND
        while words and words[0].isalpha() and hasattr(command, "commands"):
            for choice in words[0].split("|"):
                assert choice in command.commands, line
            command = command.commands[words.pop(0).split("|")[0]]
        known = {option for p in command.params for option in (*p.opts, *p.secondary_opts)}
        asked = {word.split("=")[0] for word in words if re.match(r"--?[a-z]", word)}
        assert asked <= known | {"--help", "--version"}, line


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_scripts_exist(page: Path) -> None:
    for module in re.findall(r"python -m ((?:benchmarks|training|tests)[\w.]*)", page.read_text()):
        assert importlib.util.find_spec(module), module


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_files_exist(page: Path) -> None:
    for span in SPAN.findall(BLOCK.sub("", page.read_text("utf-8"))):
        if re.fullmatch(r"(inrcodec|tests|benchmarks|training|docs)/[\w./-]+", span):
            assert (ROOT / span).exists(), span


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_tests_exist(page: Path) -> None:
    for path, function in re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", page.read_text("utf-8")):
        assert f"def {function}(" in (ROOT / path).read_text("utf-8"), f"{path}::{function}"


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_python_is_python_and_its_keywords_exist(page: Path) -> None:
    known = {field.name for field in fields(EncodeOptions)}
    for block in python_blocks(page.read_text("utf-8")):
        tree = ast.parse(block)
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and str(node.module).startswith("inrcodec"):
                module = importlib.import_module(str(node.module))
                assert all(hasattr(module, alias.name) for alias in node.names), ast.unparse(node)
        calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call))
        for call in calls:
            function = ast.unparse(call.func)
            if re.fullmatch(r"inrcodec\.\w+", function):
                assert hasattr(inrcodec, function.split(".")[1]), function
            if function in ("inrcodec.encode", "inrcodec.encoding"):
                assert {keyword.arg for keyword in call.keywords} <= known, ast.unparse(call)


def test_the_python_of_the_readme_runs(tmp_path: Path, monkeypatch, capsys) -> None:
    """As it stands there, one block after the other; only the effort is less."""
    pytest.importorskip("torch")
    from PIL import Image
    from skimage import data

    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(EncodeOptions.__init__.__kwdefaults__, "effort", 0)
    Image.fromarray(data.chelsea()).save("photo.png")
    scope: dict[str, object] = {}
    for block in python_blocks((ROOT / "README.md").read_text("utf-8")):
        exec(compile(block, "README.md", "exec"), scope)
    bits, ours, *avif = capsys.readouterr().out.splitlines()
    assert 0.2 < float(bits) <= 0.3
    size = len(scope["data"])  # type: ignore[arg-type]
    assert ours.startswith(f"{size} {{'psnr': ")
    sizes = [int(line.split()[0]) for line in avif]
    assert min(sizes) <= 1.01 * size
    assert max(sizes) >= 0.99 * size
    assert Path("again.inr").stat().st_size > 0


def test_every_option_of_an_encode_is_known_to_the_command_by_the_same_name() -> None:
    """CLI and API say the same; `lmbda` is `--lambda`, since Python keeps that word."""
    options = {option for p in COMMAND.commands["encode"].params for option in p.opts}
    for field in fields(EncodeOptions):
        option = {"lmbda": "lambda"}.get(field.name, field.name)
        assert f"--{option.replace('_', '-')}" in options


def test_every_picture_and_every_script_has_its_command_on_the_page_of_figures() -> None:
    page = (ROOT / "docs" / "figures.md").read_text("utf-8")
    for picture in PICTURES:
        assert f"| `{picture.name}` |" in page
    for folder in ("benchmarks", "training"):
        for path in (ROOT / folder).rglob("*.py"):
            if "__main__" in path.read_text("utf-8") and path.stem != "demo":
                module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
                module = module.removesuffix(".__main__")
                assert f"python -m {module}" in page, module


def test_every_picture_is_shown() -> None:
    pages = "".join(page.read_text("utf-8") for page in PAGES)
    for picture in PICTURES:
        assert re.search(rf"!\[[^\]]+\]\([^)]*{re.escape(picture.name)}\)", pages)


@pytest.fixture(scope="module")
def offline() -> ModuleType:
    """The build hook that looks for other hosts."""
    spec = importlib.util.spec_from_file_location("offline", ROOT / "docs/_site/offline.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["offline"] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    "element",
    [
        '<script src="https://example.org/x.js"></script>',
        '<link rel="stylesheet" href="//example.org/x.css">',
        '<link rel="preconnect" href="https://example.org">',
        '<img src="http://example.org/x.png">',
        '<p style="background: url(https://example.org/x.png)">',
        "<style>@import 'https://example.org/x.css';</style>",
        '<pre class="mermaid"><code>graph TD</code></pre>',
    ],
)
def test_a_site_that_fetches_is_found(offline: ModuleType, element: str, tmp_path: Path) -> None:
    (tmp_path / "x.html").write_text(f"<html><body>{element}</body></html>")
    assert len(offline.remote_fetches(tmp_path)) == 1


def test_links_and_own_files_are_no_fetches(offline: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "x.html").write_text(
        '<a href="https://example.org">a</a><img src="x.png"><script src="x.js"></script>'
        '<link rel="canonical" href="https://example.org/x.html">'
    )
    (tmp_path / "x.css").write_text("a { background: url(x.svg) }")
    assert offline.remote_fetches(tmp_path) == []

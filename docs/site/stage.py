"""Sources of the documentation site: the pages of docs/ and data/, and a page of the API for each package.

    python docs/site/stage.py build/docs && zensical build --strict --config-file build/docs/mkdocs.yml

The pages are written for a forge. For the site, a link to a page outside of docs/ leads to its copy, a link to another
file of the repository becomes code, as the site has no sources, and the name of a page becomes its title.
"""

import ast
import os
import re
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
COPIES = {ROOT / "data" / "README.md": "data_sets.md"}  # pages outside of docs/, by their name in the site
LEFT_OUT = ("site",)  # folders of docs/
LINK = re.compile(r"(?<!!)\[(?P<text>[^\[\]]*)\]\((?P<target>(?!https?:|mailto:|#)[^)#\s]+)(?P<anchor>#[^)\s]+)?\)")
FENCE = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)
DEFINED = ast.FunctionDef | ast.ClassDef
PACKAGES = (
    "rme_tf",
    "rme_tf.algorithms",
    "rme_tf.callbacks",
    "rme_tf.data",
    "rme_tf.data.tables",
    "rme_tf.data.text",
    "rme_tf.evaluation",
    "rme_tf.experiments",
    "rme_tf.generation",
    "rme_tf.likelihoods",
    "rme_tf.models",
    "rme_tf.networks",
    "rme_tf.objectives",
    "rme_tf.plots",
    "rme_tf.posteriors",
    "rme_tf.priors",
    "rme_tf.refinements",
    "rme_tf.serving",
    "rme_tf.sklearn",
)


def main(folder: Path) -> None:
    """Writes the settings of the site and its sources into a new folder."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(DOCS, folder / "source", ignore=shutil.ignore_patterns(*LEFT_OUT, ".ipynb_checkpoints"))
    settings = folder / "mkdocs.yml"
    folder = folder / "source"
    shutil.copy(DOCS / "site" / "site.css", folder)
    places = {path: path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md")} | COPIES
    for page, place in places.items():
        (folder / place).write_text(relinked(page, places), encoding="utf-8")
    (folder / "api").mkdir()
    for package in PACKAGES:
        (folder / "api" / f"{package}.md").write_text(api_page(package), encoding="utf-8")
    settings.write_text(
        (DOCS / "site" / "mkdocs.yml").read_text(encoding="utf-8") + navigation(folder), encoding="utf-8"
    )


def navigation(folder: Path) -> str:
    """Returns the navigation of the site, as YAML: the sections of the index and their pages, then the API.

    Args:
        folder: sources of the site.

    Raises:
        ValueError: if the index lacks a page.
    """
    _, *sections = re.split(r"^## ", (folder / "README.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
    pages = {"README.md"}
    lines = ["nav:", "  - README.md"]
    for section in sections:
        rows = "".join(re.findall(r"^\|.*\n", section, flags=re.MULTILINE))
        names = [name for name in dict.fromkeys(re.findall(r"\]\(([^)#]+\.md)\)", rows)) if name not in pages]
        lines += [f"  - {section.splitlines()[0]}:", *(f"      - {name}" for name in names)]
        pages |= {*names}
    lines += ["  - API:", *(f"      - api/{package}.md" for package in PACKAGES)]
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*.md")}
    missing = there - pages - {f"api/{package}.md" for package in PACKAGES}
    if missing:
        raise ValueError(f"Expected all pages in the tables of docs/README.md. Missing: {sorted(missing)}.")
    return "\n" + "\n".join(lines) + "\n"


def relinked(page: Path, places: dict) -> str:
    """Returns the text of a page with links for the site.

    Args:
        page: file of the page.
        places: names in the site of the pages' files.

    Raises:
        ValueError: for a link to a file that does not exist.
    """
    here = Path(places[page]).parent

    def replacement(match):
        """Returns a link to a page of the site, or the name of another file."""
        target = (page.parent / match["target"]).resolve()
        if not target.exists():
            raise ValueError(f"Expected an existing file in a link of {page}. Received: {match['target']}.")
        if target in places:
            text = title_of(target) if match["text"].endswith(".md") else match["text"]
            return f"[{text}]({os.path.relpath(places[target], here)}{match['anchor'] or ''})"
        if DOCS in target.parents and target.is_file():
            return match[0]
        return f"`{target.relative_to(ROOT).as_posix()}`"

    text, parts, end = page.read_text(encoding="utf-8"), [], 0
    for fence in FENCE.finditer(text):  # code stays
        parts += [LINK.sub(replacement, text[end : fence.start()]), fence[0]]
        end = fence.end()
    return "".join([*parts, LINK.sub(replacement, text[end:])])


def title_of(page: Path) -> str:
    """Returns the first heading of a page."""
    return re.search(r"^# (.*)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)[1]


def api_page(package: str) -> str:
    """Returns a page with all names that a module or package offers."""
    return f"# {package}\n\n" + "\n".join(f"::: {package}.{name}\n" for name in offered(package))


def offered(package: str) -> list[str]:
    """Returns the classes and functions that a package lists in `__all__`, or that a module has."""
    body = source_of(package)
    listed = [node.value for node in body if isinstance(node, ast.Assign) and node.targets[0].id == "__all__"]
    names = ast.literal_eval(listed[0]) if listed else [node.name for node in body if isinstance(node, DEFINED)]
    return [name for name in names if not name.startswith("_") and is_defined(package, name)]


def is_defined(module: str, name: str) -> bool:
    """Returns whether a name of a module is a class or a function, there or where it is imported from."""
    for node in source_of(module):
        if isinstance(node, DEFINED) and node.name == name:
            return True
        if isinstance(node, ast.ImportFrom) and any(alias.name == name for alias in node.names):
            return not path_of(f"{node.module}.{name}").exists() and is_defined(node.module, name)
    return False


def source_of(module: str) -> list:
    """Returns the statements of a module or package."""
    return ast.parse(path_of(module).read_text(encoding="utf-8")).body


def path_of(module: str) -> Path:
    """Returns the file of a module or package."""
    path = ROOT.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


if __name__ == "__main__":
    main(Path(sys.argv[1]))

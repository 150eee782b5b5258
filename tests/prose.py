"""Faults of docstrings, comments and identifiers, found in a file's syntax tree."""

import ast
import io
import re
import tokenize
from typing import NamedTuple

MAX_WORDS = 12
OPENINGS = re.compile(r"(What|How|That|Which|Whatever|However|Those|These)\b")
PHRASES = re.compile(
    r"\b(so many|to be had|in the place of|those of|that of|theirs|thereof|whereof|unless given|none of|as it once was"
    r"|say of|say what|says|said|tells|told|speaks?|goes on|go on|went on|at hand|wants|lends|lent|beside|thrice|anew"
    r"|as of)\b",
    re.IGNORECASE,
)
FRAGMENTS = re.compile(r"(of|those|these|theirs|them|it|its|that|such|the same|as of|as it|as its)\b", re.IGNORECASE)
VERBS = (
    "amort binar categor diagonal discret emphas equal factor final general initial linear local marginal maxim memor"
    " minim normal optim organ parameter parametr penal quant random real recogn regular serial special stabil standard"
    " summar symbol synchron token util vector visual"
)
BRITISH = re.compile(
    rf"({VERBS.replace(' ', '|')})is(e|ed|es|er|ers|ing|ation|ations|able)(?!(?-i:[a-z]))"
    r"|behaviour|colour|neighbour|favour|honour|endeavour|centre|(?<!(?-i:[a-z]))grey|modell(ed|er|ing)|labell(ed|ing)"
    r"|cancell(ed|ing)|travell|artefact|learnt|analys(e|ed|es|ing)(?!(?-i:[a-z]))|licence|defence",
    re.IGNORECASE,
)
PRONOUNS = frozenset(["each", "given", "found", "kept", "own", "wanted", "fresh", "way", "lent", "ran"])
LISTS = ("Args", "Attributes", "Raises", "Returns", "Yields")
SECTION = re.compile(r"(Args|Attributes|Raises|Returns|Yields|References|Examples?|Notes?|[A-Z][\w ]*):$")
ENTRY = re.compile(r"(\*{0,2}\w+(?:, \*{0,2}\w+)*)(?: \([^)]*\))?:(?:\s+|$)(.*)")
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
DOCUMENTED = (ast.Module, ast.ClassDef, *FUNCTIONS)


class Fault(NamedTuple):
    """A fault of a file: its line, the rule, and the text."""

    line: int
    rule: str
    text: str


def count_words(text: str) -> int:
    """Returns the words of a line: code, a shape, a call or a size (28 x 28) counts as one word, a sign as none."""
    text = re.sub(r"`[^`]*`", "code", text)
    text = re.sub(r"\[[^\]]*\]", "shape", text)
    text = re.sub(r"\w+\([^()]*\)", "call", text)
    text = re.sub(r"\d+( [x/] \d+)+", "size", text)
    return sum(bool(re.search(r"\w", word)) for word in text.split())


def entries_of(docstring: str) -> list[tuple[str, list[str], str]]:
    """Returns (section, names, text) of each entry of `Args:`, `Returns:`, `Raises:` and their like.

    A line that names nothing, such as a sentence under `Returns:`, is an entry without names.
    """
    entries: list[tuple[str, list[str], str]] = []
    section, indent, depth_of_entries = "", 0, -1
    for line in docstring.splitlines():
        text, depth = line.strip(), len(line) - len(line.lstrip())
        if not text:
            continue
        if SECTION.match(text) and (not section or depth <= indent):
            section, indent, depth_of_entries = text[:-1], depth, -1
        elif section and depth <= indent:
            section = ""
        elif section in LISTS:
            depth_of_entries = depth if depth_of_entries < 0 else depth_of_entries
            match = ENTRY.match(text)
            if depth > depth_of_entries:
                section_, names, start = entries[-1]
                entries[-1] = (section_, names, f"{start} {text}".strip())
            elif match:
                entries.append((section, match[1].split(", "), match[2]))
            else:
                entries.append((section, [], text))
    return entries


def first_line_faults(docstring: str):
    """Yields (rule, text) of the first line of a public docstring."""
    first = docstring.strip().splitlines()[0]
    if count_words(first) > MAX_WORDS:
        yield f"first line of more than {MAX_WORDS} words", first
    if OPENINGS.match(first):
        yield "first line that begins with a clause", first


def entry_faults(docstring: str):
    """Yields (rule, text) of the entries that cannot be read by themselves."""
    for section, names, text in entries_of(docstring):
        shown = f"{', '.join(names)}: {text}"
        if FRAGMENTS.match(text):
            yield f"fragment in {section}", shown
        if section != "Returns" and len(text.split()) < 2:
            yield f"less than two words in {section}", shown


def text_faults(text: str, allowed=frozenset()):
    """Yields (rule, text) of a docstring or a comment, but for identifiers that are allowed."""
    yield from (("phrase", match[0]) for match in PHRASES.finditer(text))
    for word in re.findall(r"\w+", text):
        if BRITISH.search(word) and word not in allowed:
            yield "British spelling", word


def argument_names(function) -> list[str]:
    """Returns the names of a signature without `self` and `cls`, stars included."""
    signature = function.args
    names = [argument.arg for argument in [*signature.posonlyargs, *signature.args]]
    names = names[1:] if names[:1] in (["self"], ["cls"]) else names
    names += [f"*{signature.vararg.arg}"] if signature.vararg else []
    names += [argument.arg for argument in signature.kwonlyargs]
    return names + ([f"**{signature.kwarg.arg}"] if signature.kwarg else [])


def class_arguments(node: ast.ClassDef, classes: dict) -> list[str]:
    """Returns the arguments that a class may document: of its constructors, and its annotated fields.

    Bases are looked up by name in `classes`; an unknown one, as of Keras, adds `**kwargs`.
    """
    names = []
    for part in node.body:
        if isinstance(part, FUNCTIONS) and part.name in ("__init__", "__call__", "__new__"):
            names += argument_names(part)
        elif isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name):
            names.append(part.target.id)
    for base in node.bases:
        name = base.attr if isinstance(base, ast.Attribute) else getattr(base, "id", "")
        names += class_arguments(classes[name], classes) if name in classes else []
    return names


def argument_faults(node, docstring: str, classes: dict):
    """Yields (rule, text) where `Args:` and the signature differ."""
    documented = [name for section, names, _ in entries_of(docstring) if section == "Args" for name in names]
    is_class = isinstance(node, ast.ClassDef)
    signature = class_arguments(node, classes) if is_class else argument_names(node)
    known = {name.lstrip("*") for name in signature}
    for name in documented:
        if name.lstrip("*") not in known:
            yield "argument that the signature lacks", name
    if documented and not is_class and len(signature) >= 3:
        missing = known - {name.lstrip("*") for name in documented}
        yield from (("argument without an entry", name) for name in sorted(missing))


def identifiers(tree):
    """Yields (line, name) of every name that a file defines: functions, classes, arguments, variables, attributes."""
    for node in ast.walk(tree):
        if isinstance(node, (*FUNCTIONS, ast.ClassDef)):
            yield node.lineno, node.name
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.attr


def public_definitions(node):
    """Yields a module, and the classes, functions and methods in it that are public."""
    yield node
    for part in node.body:
        if isinstance(part, DOCUMENTED) and not part.name.startswith("_"):
            if isinstance(part, ast.ClassDef):
                yield from public_definitions(part)
            else:
                yield part


def comments_of(source: str):
    """Yields (line, text) of every comment."""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


def faults_of(source: str, classes: dict | None = None, allowed=frozenset(), module: str = "") -> list[Fault]:
    """Returns the faults of a file.

    Args:
        source: text of the file.
        classes: class definitions by name, for the arguments that a class inherits.
        allowed: identifiers that stay as they are, as `name` or as `module.name`.
        module: name of the file, without its extension.
    """
    tree = ast.parse(source)
    classes = {**(classes or {}), **{node.name: node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}}
    faults = [Fault(line, *fault) for line, text in comments_of(source) for fault in text_faults(text, allowed)]
    public = set(public_definitions(tree))
    for node in ast.walk(tree):
        docstring = ast.get_docstring(node) if isinstance(node, DOCUMENTED) else None
        if docstring:
            pairs = [*entry_faults(docstring), *text_faults(re.sub(r"`[^`]*`", "", docstring), allowed)]
            pairs += first_line_faults(docstring) if node in public else []
            pairs += argument_faults(node, docstring, classes) if not isinstance(node, ast.Module) else []
            faults += [Fault(getattr(node, "lineno", 1), *pair) for pair in pairs]
    for line, name in [(1, module), *identifiers(tree)]:
        if name in allowed or f"{module}.{name}" in allowed:
            continue
        if name in PRONOUNS:
            faults.append(Fault(line, "identifier that names nothing", name))
        if BRITISH.search(name):
            faults.append(Fault(line, "British identifier", name))
    return sorted(set(faults))

"""Rendering of pages by Jinja2: one file, without any reference to another."""

import functools
import pathlib
import warnings
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from markupsafe import Markup

TEMPLATES = pathlib.Path(__file__).parent / "templates"


class Rendered(NamedTuple):
    """A section of a page as HTML, or its error."""

    name: str
    title: str
    html: Markup = Markup("")
    problem: str = ""


@functools.cache
def environment():
    """Returns Jinja's environment of the templates; it escapes all text."""
    import jinja2  # imported here: only a page needs it

    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def rendered(name: str, title: str, values: Callable[[], dict[str, Any] | None], page: str) -> Rendered | None:
    """Returns a section as HTML, or with its error.

    Args:
        name: name of the section and of its template.
        title: title of the section.
        values: function that returns the values of the template, or None for no section.
        page: name of the page, for the warning.
    """
    try:
        shown = values()
        if shown is None:
            return None
        return Rendered(name, title, Markup(environment().get_template(f"{name}.html.j2").render(shown)))
    except Exception as error:  # a page without a section is better than none
        problem = f"{type(error).__name__}: {error}"[:500]
        warnings.warn(f"The page of {page} lacks a section, {title}: {problem}", stacklevel=2)
        return Rendered(name, title, problem=problem)


def assembled(title: str, subtitle: str, sections: Sequence[Rendered], footer: str, problems=()) -> str:
    """Returns a page as text.

    Args:
        title: title of the page.
        subtitle: line under the title.
        sections: sections of the page.
        footer: last line of the page.
        problems: pairs of a part that could not be collected and its error.
    """
    return (
        environment()
        .get_template("page.html.j2")
        .render(title=title, subtitle=subtitle, sections=sections, footer=footer, problems=list(problems))
    )

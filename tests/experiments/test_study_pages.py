"""Pages of studies: their contrasts are the ones of the recipes, fixed before the runs."""

import pytest

from rme_tf.experiments.reports import documents
from rme_tf.experiments.reports.contrasts import read_contrasts, recorded_contrasts
from rme_tf.experiments.reports.records import load_records
from rme_tf.experiments.reports.study_tables import OF, read_quantities
from test_documents import ROOT
from test_recorded_builds import module_of

STUDIES = ("barrier", "decoder_scale", "learned_prior", "sentences", "single_component")


@pytest.mark.parametrize("study", STUDIES)
def test_a_page_has_the_contrasts_of_its_recipe(study):
    """All of them before the records, later the ones of methods that have records; and the quantities."""
    recipe = module_of(f"{study}.py")
    page = (ROOT / "docs" / "studies" / f"{study}.md").read_text(encoding="utf-8")
    blocks = [match for match in documents.BLOCK.finditer(page) if match["kind"] == "differences"]
    assert blocks
    for match in blocks:
        contrasts, _, quantities = match["reference"].strip().partition(f" {OF} ")
        path, fixed = ROOT / "recipes" / "results" / f"{match['study']}.jsonl", recipe.CONTRASTS
        expected = recorded_contrasts(load_records([path]), fixed) if path.exists() else fixed
        assert read_contrasts(contrasts.split()) == expected
        assert read_quantities(quantities) == list(recipe.QUANTITIES)

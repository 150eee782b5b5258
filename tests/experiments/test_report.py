"""Tables say what the records say."""

import pytest

from rme_tf.core.files import write_json
from rme_tf.experiments.reports import diagnostic_figures, documents, study_files, tables
from rme_tf.experiments.reports import records as loading


def record(method="rme", elbo=-100.0, components=2):
    part = {
        "elbo": elbo,
        "elbo_standard_error": 0.5,
        "log_likelihood": elbo + 5,
        "log_likelihood_standard_error": 0.4,
        "bits_per_dimension": 0.2,
        "active_units": 7,
        "mixing_entropy": 0.69,
        "component_information": 0.3,
        "num_observations": 1000,
        **{f"alpha_{m}": 1 / components for m in range(components)},
    }
    return {
        "method": method,
        "config": {"components": components, "latent_dim": 9, "importance_samples": 5000},
        "metrics": {"test": part, "train": part, "inference_parameters": 10, "generative_parameters": 5},
        "seconds": {"training": 120.0, "last_epoch": 3.0},
        "inference_milliseconds_per_batch_of_128": 1.25,
    }


def test_a_mean_comes_with_its_standard_error():
    assert tables.mean_and_error([1.0, 2.0, 3.0]) == "2.00 ± 0.58"  # sqrt(1 / 3)
    assert tables.mean_and_error([1.0]) == "1.00"


def test_a_study_has_a_row_for_each_method():
    table = tables.study_table([record("vae", -101.0, 1), record(elbo=-99.0), record(elbo=-101.0)])
    assert table.count("\n") == 3
    assert "-100.00 ± 1.00" in table
    assert "| 0.500 " in table
    assert "| 2.0 " in table  # minutes


def test_a_study_of_gaussian_decoders_shows_their_scales():
    records = [record("vae", components=1), record()]
    for given, scale in zip(records, (0.125, 0.25), strict=True):
        given["metrics"]["test"]["decoder_scale"] = scale
    vae, rme = tables.study_table(records).splitlines()[2:]
    assert ("0.1250" in vae, "0.2500" in rme) == (True, True)
    assert "decoder's scale" not in tables.study_table([record()])


def test_a_summary_shows_the_run():
    table = tables.summary_table({"RME": record()})
    for value in ("15", "-100.00 ± 0.50", "-95.00 ± 0.40", "7 of 9", "0.690", "1.25", "5,000 samples"):
        assert value in table


def test_documents_are_rendered_from_the_records(tmp_path):
    write_json(tmp_path / "some" / "rme-seed0.json", record(elbo=-42.0))
    for kind in ("results", "runs"):
        text = f"before\n<!-- {kind}: some -->\nold\n<!-- end of results -->\nafter"
        rendered = documents.render(text, tmp_path)
        assert "-42.00" in rendered
        assert "old" not in rendered
        assert rendered.startswith("before")
        assert rendered.endswith("after")
        assert documents.render(rendered, tmp_path) == rendered


def test_documents_are_rendered_from_the_file_of_a_study(tmp_path):
    records = [record("vae", -43.0, 1), record(elbo=-42.0)]
    for each in records:
        each["config"]["seed"] = 0
        write_json(tmp_path / "folders" / "some" / f"{each['method']}.json", each)
    study_files.write_study_file(tmp_path / "files" / "some.jsonl", records[::-1])  # in the order of the names
    for kind in ("results", "runs"):
        text = f"<!-- {kind}: some -->\n<!-- end of results -->"
        assert "-42.00" in documents.render(text, tmp_path / "files")
        assert documents.render(text, tmp_path / "files") == documents.render(text, tmp_path / "folders")


def test_a_study_in_two_forms_is_refused(tmp_path):
    write_json(tmp_path / "some" / "rme-seed0.json", record())
    study_files.write_study_file(tmp_path / "some.jsonl", [record()])
    with pytest.raises(ValueError, match=r"one form of the study some. Received: .*some\.jsonl and .*Remove one"):
        documents.render("<!-- results: some -->\n<!-- end of results -->", tmp_path)


def test_a_study_without_records_is_refused(tmp_path):
    with pytest.raises(ValueError, match="JSON records"):
        loading.load_study(tmp_path)


def text_record(method="rme", nll=45.0, seed=0):
    text = {
        "perplexity_per_word": 30.0,
        "perplexity_per_token": 22.5,
        "kl": 1.5,
        "collapse": {
            "mutual_information": 1.25,
            "active_units": 4.0,
            "reliance": 2.5,
            "component_information": 0.75,
        },
    }
    whole = record(method, -nll)
    part = {**whole["metrics"]["test"], "log_likelihood": -nll, **text}
    history = {} if method == "lm" else {"mi": [0.5, 1.25 + seed], "kl_total": [None, 1.5], "val_elbo": [-50.0, -46.0]}
    return {**whole, "metrics": {**whole["metrics"], "test": part}, "history": history}


def test_sentences_have_columns_of_their_own():
    table = tables.study_table([text_record("lm"), text_record(nll=44.0), text_record(nll=46.0)])
    assert table.count("\n") == 3
    for value in ("45.00 ± 1.00", "30.00 ± 0.00", "22.50", "1.25", "4.00", "0.75"):
        assert value in table
    table = tables.summary_table({"LM": text_record("lm"), "RME": text_record()})
    for value in ("PPL/word", "30.00", "-45.00 ± 0.40", "4 of 9", "2.50"):
        assert value in table


def test_images_with_a_report_on_collapse_show_it():
    diagnosed = text_record(nll=44.0)
    for name in ("perplexity_per_word", "perplexity_per_token"):
        del diagnosed["metrics"]["test"][name]
    table = tables.study_table([diagnosed, diagnosed])
    header, _, row = table.splitlines()
    columns = [[cell.strip() for cell in line.strip("|").split("|")] for line in (header, row)]
    shown = dict(zip(*columns, strict=True))
    expected = {"NLL": "44.00", "KL": "1.50", "I(x; z)": "1.25", "reliance on z": "2.50", "bits/dim": "0.20"}
    assert {name: shown[name] for name in expected} == {name: f"{value} ± 0.00" for name, value in expected.items()}
    assert "PPL/word" not in shown


def test_diagnostics_are_drawn_of_those_who_have_them(tmp_path, monkeypatch):
    drawn = {}
    monkeypatch.setattr(
        diagnostic_figures.plots,
        "diagnostic_curves",
        lambda histories, metrics: drawn.update(h=histories, m=list(metrics)),
    )
    monkeypatch.setattr(diagnostic_figures.plots, "save", lambda figure, path: drawn.update(path=path))
    diagnostic_figures.draw_diagnostics(
        [text_record("lm"), text_record(seed=0), text_record(seed=1)], tmp_path / "a.png"
    )
    assert list(drawn["h"]) == ["rme"]
    assert drawn["h"]["rme"]["mi"] == [0.5, 1.25]  # of the first seed
    assert drawn["m"] == ["mi", "kl_total", "val_elbo"]
    assert drawn["path"] == tmp_path / "a.png"


@pytest.mark.slow
def test_every_document_is_rendered_and_every_marked_figure_drawn(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_json(tmp_path / documents.RESULTS / "some" / "rme-seed0.json", text_record())
    for document in documents.DOCUMENTS:
        (tmp_path / document).parent.mkdir(exist_ok=True)
        marked = "<!-- diagnostics: some -->\n<!-- results: some -->\n<!-- end of results -->\n"
        (tmp_path / document).write_text(marked, encoding="utf-8")
    documents.main()
    for document in documents.DOCUMENTS:
        assert "45.00" in (tmp_path / document).read_text(encoding="utf-8")
    assert (tmp_path / documents.FIGURES / "some.png").stat().st_size > 10_000


def compared(method, elbo, seed):
    return {
        **(base := record(method, elbo)),
        "config": {**base["config"], "seed": seed},
        "history": {"val_elbo": [elbo - 1, elbo], "seconds": [1.0, 2.0]},
    }


def test_methods_are_compared_with_the_one_that_is_named(tmp_path):
    for seed in (0, 1):
        write_json(tmp_path / "some" / f"vae-seed{seed}.json", compared("vae", -90.0 - seed, seed))
        write_json(tmp_path / "some" / f"rme-seed{seed}.json", compared("rme", -89.0 - 1.5 * seed, seed))
    rendered = documents.render("<!-- comparison: some rme -->\nold\n<!-- end of results -->", tmp_path)
    for words in (
        "less rme's",
        "-0.75 (p = 0.",
        "on 1,000 test and 1,000 training observations",
        "peak MiB",
        "some.csv",
    ):
        assert words in rendered
    assert documents.render(rendered, tmp_path) == rendered
    with pytest.raises(ValueError, match="Expected one of: rme, vae. Received: 'None'"):
        documents.render("<!-- comparison: some -->\n<!-- end of results -->", tmp_path)
    with pytest.raises(ValueError, match="nowhere"):
        documents.render("<!-- comparison: nowhere rme -->\n<!-- end of results -->", tmp_path)


def test_the_figures_of_a_comparison_are_drawn_where_they_are_marked(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(documents, "DOCUMENTS", ("some.md",))
    write_json(tmp_path / documents.RESULTS / "some" / "vae-seed0.json", compared("vae", -90.0, 0))
    (tmp_path / "some.md").write_text("<!-- comparison figures: some -->\n", encoding="utf-8")
    documents.main()
    (figures,) = documents.figures_of("<!-- comparison figures: some -->")
    assert [path.name for path in figures.paths] == ["some_curves.png", "some_trade_off.png"]
    assert all((tmp_path / path).stat().st_size > 5_000 for path in figures.paths)


def test_a_mark_may_choose_what_is_drawn(tmp_path, monkeypatch):
    drawn = {}
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(documents, "DOCUMENTS", ("some.md",))
    monkeypatch.setattr(
        documents, "draw_comparison", lambda records, **paths: drawn.update({r["method"]: r for r in records})
    )
    for method in ("vae", "rme", "me"):
        write_json(tmp_path / documents.RESULTS / "some" / f"{method}-seed0.json", compared(method, -90.0, 0))
    for methods, expected in (("", {"vae", "rme", "me"}), (" vae\nme", {"vae", "me"})):
        drawn.clear()
        text = f"<!-- comparison figures: some{methods} -->\n![Curves](some_curves.png)\n<!-- no more -->\n"
        (tmp_path / "some.md").write_text(text, encoding="utf-8")
        documents.main()
        assert set(drawn) == expected
    (tmp_path / "some.md").write_text("<!-- comparison figures: some sa -->\n", encoding="utf-8")
    with pytest.raises(ValueError, match="Expected one of: 'me', 'rme', 'vae'. Received: 'sa'"):
        documents.main()


def test_a_benchmark_shows_its_own_table(tmp_path):
    rows = [
        {"model": "plain", "tokens/s": 4041.4, "times": 1.0, "MiB": 20.4},
        {"model": "pipeline", "tokens/s": 80000.0},
    ]
    write_json(tmp_path / "speed" / "benchmark.json", {"table": rows})
    rendered = documents.render("<!-- benchmark: speed -->\n<!-- end of results -->", tmp_path)
    for value in ("4,041", "80,000", "1.00", " 20 "):
        assert value in rendered
    assert documents.render(rendered, tmp_path) == rendered
    assert "Not measured yet" in documents.render("<!-- benchmark: other -->\n<!-- end of results -->", tmp_path)

"""`mlready.toml`: what is read, what is refused and in which words."""

from __future__ import annotations

import datetime
from pathlib import Path

from pytest import mark, raises

from pytest_mlready.settings import PERMISSIONS, Settings, SettingsError, Waiver, load, nearest

SERVICE = '[service]\nurl = "http://127.0.0.1:1"\n'
REPLICAS = "[latency]\nrate = 1\np99_ms = 3\n[latency.replicas]\n"
EXPERIMENT = (
    SERVICE + "[[experiments.declared]]\nname = 'e'\n"
    "variants = [{ name = 'a', weight = 0.9 }, { name = 'b', weight = 0.1 }]\n"
)
COMMAND = '[service]\ncommand = "serve --port {port}"\n'


def read(text: str, directory: Path) -> Settings:
    path = directory / "mlready.toml"
    path.write_text(text, "utf-8")
    return load(path)


def test_only_the_service_is_required(tmp_path: Path) -> None:
    settings = read(SERVICE, tmp_path)
    assert (settings.quality, settings.labelled, settings.group) == (None, None, None)
    assert (settings.profile, settings.service.url) == ("quick", "http://127.0.0.1:1")
    assert (settings.latency, settings.metrics, settings.registry, settings.cache) == (None, None, None, None)
    assert settings.path("rows.csv") == tmp_path / "rows.csv"


def test_a_table_claims_a_capability(tmp_path: Path) -> None:
    settings = read(SERVICE + "[metrics]\n[latency]\nrate = 120\np99_ms = 250\n", tmp_path)
    assert settings.metrics is not None
    assert settings.latency is not None
    assert (settings.latency.rate, settings.latency.p99_ms, settings.latency.error_rate) == (120, 250, 0.001)


@mark.parametrize(
    ("table", "given", "released"),
    [
        ("", False, False),
        ("command = 'x {port}'\n", True, True),
        ("url = 'http://x'\n", True, False),
        ("url = 'http://x'\nallow = ['load']\n", True, True),
    ],
)
def test_a_base_that_runs_already_must_be_released(table: str, given: bool, released: bool, tmp_path: Path) -> None:
    base = read(f"{SERVICE}[base]\n{table}", tmp_path).base
    assert base is not None
    assert (base.given, base.released, base.p50_ratio, base.tail_ratio) == (given, released, 1.2, 1.5)


def test_quality_is_measured_on_the_sample_rows_unless_others_are_declared(tmp_path: Path) -> None:
    inputs = '[inputs]\nrows = "a.csv"\nlabel = "y"\nprotected = "sex"\n[quality]\n'
    settings = read(SERVICE + inputs, tmp_path)
    assert (settings.labelled, settings.group) == (("a.csv", "y"), "sex")
    other = read(SERVICE + inputs + 'rows = "b.csv"\nlabel = "z"\ngroup = "age"\n', tmp_path)
    assert (other.labelled, other.group) == (("b.csv", "z"), "age")


def test_dates_are_dates(tmp_path: Path) -> None:
    settings = read(SERVICE + '[waive."a.b"]\nreason = "x"\nexpires = 2027-02-01\n', tmp_path)
    assert settings.waive == {"a.b": Waiver("x", datetime.date(2027, 2, 1))}


@mark.parametrize(
    ("text", "allow"),
    [
        (COMMAND, set(PERMISSIONS)),
        (SERVICE, set()),
        (SERVICE + 'allow = ["load"]\n', {"load"}),
        (COMMAND + "allow = []\n", set()),
    ],
)
def test_what_may_be_done_to_a_target(text: str, allow: set[str], tmp_path: Path) -> None:
    assert read(text, tmp_path).allow == allow


@mark.parametrize(
    ("text", "said"),
    [
        ("[service\n", "mlready.toml: not valid TOML: Expected ']'"),
        ("", 'mlready.toml: [service] is missing; say `command = "…{port}…"` or `url = "http://…"`'),
        ("directory = 'x'\n" + SERVICE, "mlready.toml: unknown key 'directory'"),
        ("profil = 'x'\n" + SERVICE, "mlready.toml: unknown key 'profil'; did you mean 'profile'?"),
        ("profile = 'fast'\n" + SERVICE, "profile: Invalid enum value 'fast'; expected one of smoke, quick, full"),
        (SERVICE + "allow = ['fuz']\n", "service.allow[0]: Invalid enum value 'fuz'; expected one of fuzz, load, depl"),
        (
            SERVICE + "[inputs]\nmissing = 'no'\n",
            "inputs.missing: Invalid enum value 'no'; expected one of reject, acc",
        ),
        (SERVICE + "[inputs]\nrows = 3\n", "mlready.toml: inputs.rows: Expected `str`, got `int`"),
        (SERVICE + "[inputs]\nrow = 'x'\n", "mlready.toml: unknown key 'inputs.row'; did you mean 'rows'?"),
        (SERVICE + "[latency]\np99_ms = 3\n", "mlready.toml: latency: missing key `rate`"),
        (SERVICE + "[latency]\nrate = 1\np99_ms = -3\n", "latency.p99_ms: expected a number above 0, got -3"),
        (SERVICE + "[latency]\nrate = nan\np99_ms = 3\n", "latency.rate: expected a number above 0, got nan"),
        (SERVICE + "[latency]\nrate = 1\np99_ms = 3\nerror_rate = 1\n", "latency.error_rate: expected a share, not 1"),
        (SERVICE + REPLICAS + "header = 'x'\n", "mlready.toml: latency.replicas: missing key `count`"),
        (SERVICE + REPLICAS + "count = 1\nheader = 'x'\n", "latency.replicas.count: expected 2 or more, got 1"),
        (SERVICE + REPLICAS + "count = 2\n", "latency.replicas.header: give one of `header` and `path`"),
        (SERVICE + REPLICAS + "count = 2\npath = '/w'\n", "latency.replicas.field: `path` and `field` go together"),
        (SERVICE + REPLICAS + "count = 2\npath = 'w'\nfield = 'n'\n", "replicas.path: expected a path such as /whoami"),
        (SERVICE + REPLICAS + "count = 2\nheader = 'x'\nshare_ratio = 1\n", "share_ratio: expected a number above 1"),
        (
            SERVICE + REPLICAS + "count = 2\nheader = 'x'\nejected_s = 0\n",
            "ejected_s: expected a number above 0, got 0",
        ),
        (SERVICE + REPLICAS + "cuont = 2\n", "unknown key 'latency.replicas.cuont'; did you mean 'count'?"),
        (SERVICE + "[drift]\nreferense = 'p.json'\n", "unknown key 'drift.referense'; did you mean 'reference'?"),
        (SERVICE + "[drift]\nrows_together = 0.5\n", "drift.rows_together: expected 1 or more, not 0.5"),
        (SERVICE + "[drift]\nlooks = 0\n", "drift.looks: expected a number above 0, got 0"),
        (SERVICE + "[drift.signal]\nmetric = 'm'\n", "drift.signal.above: expected either above or below"),
        (SERVICE + "[drift.signal]\nabove = 1\n", "drift.signal.metric: expected with above, below"),
        (SERVICE + "[drift.signal]\npreset = 'seldom'\n", "expected one of reference, seldon, trustyai, evidently"),
        (SERVICE + "[drift.signal]\npreset = 'seldon'\nmetric = 'm'\n", "signal.preset: expected either a preset or"),
        (SERVICE + "[drift.signal]\nwithin = 0\n", "drift.signal.within: expected a number above 0, got 0"),
        (SERVICE + "[drift.signal]\nlook_s = 60\n", "drift.signal.look_s: expected 0.5 or less, got 60"),
        (SERVICE + "[drift.signal]\nwithn = 9\n", "unknown key 'drift.signal.withn'; did you mean 'within'?"),
        (SERVICE + "[drift.signal.reference]\npath = '/drift'\n", "drift.signal.reference.key: expected with a path"),
        (SERVICE + "[drift.signal.reference]\nmetric = 'm'\n", "drift.signal.reference.label: expected with metric"),
        (SERVICE + "[drift.signal.reference]\nfile = 'm'\n", "drift.signal.reference.path: expected either path"),
        (
            SERVICE + "[quality]\ntreshold = 1\n",
            "mlready.toml: unknown key 'quality.treshold'; did you mean 'threshold'?",
        ),
        (
            SERVICE + "[quality]\nmetric = 'auc'\n",
            "quality.metric: Invalid enum value 'auc'; expected one of accuracy,",
        ),
        (SERVICE + "[quality]\nrates = ['tpr']\n", "quality.rates[0]: Invalid enum value 'tpr'; expected one of true_"),
        (SERVICE + "[quality]\nrates = []\n", "quality.rates: name at least one rate, or leave the key out"),
        (SERVICE + "[quality]\nflips = 1.0\n", "quality.flips: expected a share between 0 and 1, got 1.0"),
        (SERVICE + "[quality]\nmargin = -1.0\n", "quality.margin: expected a number of at least 0, got -1.0"),
        (SERVICE + "[quality.training]\nfile = 'm'\n", "mlready.toml: quality.training: missing key `command`"),
        (SERVICE + "[quality.training]\ncommand = ' '\n", "quality.training.command: expected a command, got none"),
        (
            SERVICE + "[quality.training]\ncommand = 'a {recorded}'\n",
            "quality.training.recorded: say which file `command` has the placeholder for",
        ),
        (
            SERVICE + "[quality.training]\ncommand = 'a'\ntolerance = -1.0\n",
            "quality.training.tolerance: expected a number of at least 0, got -1.0",
        ),
        (
            SERVICE + "[quality.training]\ncommand = 'a'\ntimeout_s = 0\n",
            "quality.training.timeout_s: expected a number above 0, got 0",
        ),
        (
            SERVICE + "[quality.training]\ncommand = 'a'\nrecordd = 'b'\n",
            "unknown key 'quality.training.recordd'; did you mean 'recorded'?",
        ),
        (SERVICE + "[quality]\nthreshold = nan\n", "quality.threshold: expected a finite number, got nan"),
        (
            SERVICE + "[quality]\nslices = ['a']\n",
            "quality.slices: say the least quality in each, such as `slice_floor",
        ),
        ("latency = true\n" + SERVICE, "mlready.toml: latency: Expected `table`, got `bool`"),
        ("service = 7\n", "mlready.toml: service: Expected `table`, got `int`"),
        ("waive = 7\n" + SERVICE, "mlready.toml: waive: Expected `table`, got `int`"),
        (SERVICE + "[waive]\na = 7\n", 'mlready.toml: waive."a": Expected `table`, got `int`'),
        (SERVICE + '[waive."a.b"]\nreason = "x"\n', 'mlready.toml: waive."a.b": missing key `expires`'),
        (
            SERVICE + '[waive."a.b"]\nexpired = 1\n',
            "mlready.toml: unknown key 'waive.\"a.b\".expired'; did you mean 'exp",
        ),
        (SERVICE + '[attest."a.b"]\nowner = 1\n', 'mlready.toml: attest."a.b".owner: Expected `str`, got `int`'),
        (SERVICE + 'command = "{port}"\n', "mlready.toml: service.command: give one of `command` and `url`"),
        ('[service]\nurl = "127.0.0.1:8000"\n', "service.url: expected http://… or https://…, got '127.0.0.1:8000'"),
        (SERVICE + "[base]\nurl = 'x'\n", "mlready.toml: base.url: expected http://… or https://…, got 'x'"),
        (
            SERVICE + "[base]\ncommand = 'x'\nurl = 'http://x'\n",
            "mlready.toml: base.command: give one of `command` and `url`",
        ),
        (SERVICE + "[base]\nallow = ['kill']\n", "base.allow[0]: Invalid enum value 'kill'"),
        (SERVICE + "[base]\ntail_ratio = 0\n", "mlready.toml: base.tail_ratio: expected a number above 0, got 0"),
        (SERVICE + "ready_timeout_s = 0\n", "service.ready_timeout_s: expected a number above 0, got 0"),
        (EXPERIMENT + "function = 'md5'\n", "declared[0].function: Invalid enum value 'md5'; expected"),
        (EXPERIMENT + "slat = 'x'\n", "unknown key 'experiments.declared[0].slat'; did you mean 'salt'?"),
        (EXPERIMENT.replace("'b'", "'a'"), "experiments.declared[0].variants: expected two or more of different names"),
        (EXPERIMENT.replace("0.1", "-1"), "experiments.declared[0].variants: expected weights from 0 on"),
        (EXPERIMENT + "ramp = [0, 1]\n", "experiments.declared[0].ramp: expected shares above 0 and at most 1"),
        (EXPERIMENT + "coverage = 0.5\n", "experiments.declared[0].coverage, namespace: only the functions of Growth"),
        (EXPERIMENT + "coverage = 5\n", "experiments.declared[0].coverage: expected a share, got 5"),
        (EXPERIMENT + "function = 'unleash-variants'\ntotal = 2\n", "declared[0].total: expected the sum of the"),
        (EXPERIMENT + EXPERIMENT.removeprefix(SERVICE), "experiments.declared: without `assignment`, a route, only"),
        (
            EXPERIMENT + EXPERIMENT.removeprefix(SERVICE) + "[experiments]\nassignment = '/{experiment}/{id}'\n",
            "experiments.declared[1].name: another experiment has it, too",
        ),
        (EXPERIMENT + "[experiments]\nassignment = '/a'\n", "experiments.assignment: expected the placeholder {id}"),
        (EXPERIMENT + "[experiments.change.f]\npath = '/a'\nbody = {}\n", "experiments.change.f: no such experiment"),
        (SERVICE + "[experiments]\nlooks = 0\n", "experiments.looks: expected 1 or more, got 0"),
    ],
)
def test_an_error_names_the_key_what_was_expected_and_what_came(text: str, said: str, tmp_path: Path) -> None:
    with raises(SettingsError) as caught:
        read(text, tmp_path)
    assert said in str(caught.value)
    assert str(caught.value).startswith("mlready.toml: ")


def test_a_file_that_is_not_text(tmp_path: Path) -> None:
    (tmp_path / "mlready.toml").write_bytes(b"\xff")
    with raises(SettingsError, match=r"mlready\.toml: cannot be read: "):
        load(tmp_path / "mlready.toml")


@mark.parametrize(
    ("word", "hint"),
    [("latncy", "; did you mean 'latency'?"), ("zzz", "; known: cache, latency"), ("", "; known: cache, latency")],
)
def test_the_nearest_known_word_is_named(word: str, hint: str) -> None:
    assert nearest(word, ["latency", "cache"]) == hint

"""Relations between answers on literal records: green, red with its cause, inconclusive where nothing compares."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pytest_mlready.checks import relations
from pytest_mlready.finding import Status
from pytest_mlready.records import Answered, BatchSizes, Concurrency, Spelling, Spellings
from tests.unit.records_made import answered, batch, exchange, replayed


def pair(plain: Answered, spelled: Answered, kind: str = "with -0.0", *, optional: bool = False) -> Spelling:
    return Spelling(kind, plain, spelled, optional)


class TestEncodingInvariant:
    GREEN = pair(answered(0, 1), answered(0, 1))

    @pytest.mark.parametrize(
        "one",
        [
            GREEN,
            pair(answered(status=422), answered(status=422)),
            pair(answered(0, 1), answered(status=415), optional=True),
            pair(answered(0, 1), answered(status=501), optional=True),
            replace(pair(answered(0, 1), Answered(exchange(failure="reset"), (0,)), optional=True), rude={"pieces": 4}),
        ],
        ids=["agrees", "both refused", "may be refused", "not implemented", "refused before all was sent"],
    )
    def test_same_meaning_passes(self, one: Spelling) -> None:
        found = relations.encoding_invariant(Spellings((self.GREEN, one)))
        assert found.status is Status.PASS
        assert found.measurement is not None
        assert found.measurement.n == 2

    @pytest.mark.parametrize(
        ("one", "word"),
        [
            (pair(answered(0, 1), answered(0, 2)), "answered otherwise: prediction 1 and 2"),
            (pair(answered(0, 1), answered(status=422)), "was answered 422"),
            (pair(answered(0, 1), answered(status=500), optional=True), "was answered 500"),
            (pair(answered(0, 1), answered(0, 2), optional=True), "answered otherwise"),
            (pair(answered(0, 1), Answered(exchange(failure="deadline"), (0,)), optional=True), "deadline"),
            (pair(answered(0, 1), Answered(exchange(), (0,), problem="no key")), "was answered 200: no key"),
            (pair(answered(status=422), answered(0, 1)), "was answered 200, plain 422"),
            (pair(answered(status=422), answered(status=500)), "was answered 500, plain 422"),
            (pair(answered(status=422), answered(status=501)), "was answered 501, plain 422"),
            (pair(batch({0: 1, 1: 2}), batch({0: 1, 1: 3})), "answered otherwise: prediction 2 and 3"),
            (pair(batch({0: 1, 1: 2}), Answered(exchange(), (0, 1), answered(0).predictions)), "was answered 200"),
        ],
    )
    def test_another_meaning_fails(self, one: Spelling, word: str) -> None:
        found = relations.encoding_invariant(Spellings((self.GREEN, one)))
        assert found.status is Status.FAIL
        assert word in found.summary
        assert "with -0.0" in found.summary
        assert found.summary.startswith("encoding: ")
        assert replayed(found) == [("same", [one.plain.exchange.case, one.spelled.exchange.case])]
        assert found.measurement is not None
        assert (found.measurement.value, found.measurement.n) == (1, 2)

    def test_a_plain_body_that_is_a_server_error_compares_with_nothing(self) -> None:
        broken = pair(answered(status=500), answered(0, 1))
        assert relations.encoding_invariant(Spellings((broken,))).status is Status.INCONCLUSIVE

    def test_a_client_of_our_own_that_could_not_connect_shows_nothing(self) -> None:
        away = replace(pair(answered(0, 1), Answered(exchange(failure="refused"), (0,))), rude={"pieces": 4})
        found = relations.encoding_invariant(Spellings((self.GREEN, away)))
        assert found.status is Status.PASS
        assert found.measurement is not None
        assert found.measurement.n == 1
        assert relations.encoding_invariant(Spellings((away,))).status is Status.INCONCLUSIVE
        assert relations.encoding_invariant(Spellings((replace(away, rude=None),))).status is Status.FAIL

    def test_a_limit_of_our_rate_changes_no_meaning(self) -> None:
        limited = pair(answered(0, 1), answered(status=429))
        found = relations.encoding_invariant(Spellings((self.GREEN, limited)))
        assert found.status is Status.PASS
        assert found.measurement is not None
        assert found.measurement.n == 1
        assert relations.encoding_invariant(Spellings((self.GREEN, limited, limited))).status is Status.INCONCLUSIVE
        plain = pair(answered(status=429), answered(0, 1))
        assert relations.encoding_invariant(Spellings((plain,))).status is Status.INCONCLUSIVE
        assert relations.encoding_invariant(Spellings((pair(answered(0, 1), answered(status=401)),))).status is (
            Status.FAIL
        )


ROWS = {0: 0, 1: 1, 2: 0}
ALONE = tuple(answered(row, label) for row, label in ROWS.items())


class TestBatchOrderAndSize:
    GREEN = BatchSizes((*ALONE, *ALONE), (batch([(1, 1)]), batch([(2, 0), (1, 1), (1, 1), (0, 0)])))

    def test_rows_as_alone_pass(self) -> None:
        found = relations.batch_order_and_size(self.GREEN)
        assert found.status is Status.PASS
        assert found.measurement is not None
        assert found.measurement.n == 5

    def test_a_row_in_the_wrong_place_fails_with_its_place(self) -> None:
        wrong = batch([(2, 0), (1, 0), (0, 0)], case="batch of 3 rows")
        found = relations.batch_order_and_size(replace(self.GREEN, batches=(*self.GREEN.batches, wrong)))
        assert found.status is Status.FAIL
        assert "batch of 3 rows row 1 differs" in found.summary
        assert found.measurement is not None
        assert (found.measurement.value, found.measurement.n) == (1, 8)

    def test_the_places_are_those_of_the_batch_that_is_named(self) -> None:
        others = batch([(2, 1)] * 9, case="batch of 9 rows")
        named = batch([(1, 1), *[(0, 1)] * 9], case="batch of 10 rows")
        found = relations.batch_order_and_size(BatchSizes((*ALONE, *ALONE), (others, named)))
        assert "in a batch of 10 rows row 1 differs" in found.summary
        assert "wrong rows there: 1, 2, 3, 4, 5, 6, 7, 8 …; 18 of 19 in batches of 9, 10" in found.summary

    @pytest.mark.parametrize(
        ("bad", "word"),
        [
            (Answered(exchange(422, case="batch of 3 rows"), (0, 1, 2)), "was answered 422"),
            (Answered(exchange(failure="deadline"), (0, 1)), "deadline"),
            (Answered(exchange(), (0, 1), problem="no list"), "cannot be read: no list"),
            (Answered(exchange(), (0, 1), answered(0).predictions), "got 1 predictions"),
        ],
    )
    def test_a_batch_without_an_answer_for_every_row_fails(self, bad: Answered, word: str) -> None:
        found = relations.batch_order_and_size(replace(self.GREEN, batches=(*self.GREEN.batches, bad)))
        assert found.status is Status.FAIL
        assert word in found.summary

    def test_rows_that_are_unsteady_alone_are_not_compared(self) -> None:
        unsteady = (*ALONE, answered(1, 5))
        wrong = BatchSizes(unsteady, (batch([(1, 9), (0, 0)]),))
        found = relations.batch_order_and_size(wrong)
        assert found.status is Status.PASS
        assert found.measurement is not None
        assert found.measurement.n == 1
        assert relations.batch_order_and_size(replace(wrong, singles=unsteady[1:2] + unsteady[3:])).status is (
            Status.INCONCLUSIVE
        )

    def test_a_limit_of_our_rate_is_no_fault_and_no_proof(self) -> None:
        limited = Answered(exchange(429, case="batch of 65 rows"), (0, 1, 2))
        found = relations.batch_order_and_size(replace(self.GREEN, batches=(*self.GREEN.batches, limited)))
        assert found.status is Status.INCONCLUSIVE
        assert "batch of 65 rows was answered 429" in found.summary
        alone = (*ALONE, answered(1, status=429))
        assert relations.batch_order_and_size(replace(self.GREEN, singles=alone)).status is Status.PASS
        wrong = (limited, batch([(2, 0), (1, 0)]))
        assert relations.batch_order_and_size(replace(self.GREEN, batches=wrong)).status is Status.FAIL

    def test_without_a_batch_route_nothing_applies(self) -> None:
        assert relations.batch_order_and_size(BatchSizes(ALONE, ())).status is Status.NOT_APPLICABLE


class TestConcurrentIsolation:
    PAIR = batch([(1, 1), (2, 0)])
    GREEN = Concurrency((ALONE[0], PAIR, ALONE[0], PAIR), (ALONE[0], PAIR, PAIR), 2)

    def test_answers_as_alone_pass(self) -> None:
        found = relations.concurrent_isolation(self.GREEN)
        assert found.status is Status.PASS
        assert found.measurement is not None
        assert (found.measurement.value, found.measurement.n) == (0, 3)

    @pytest.mark.parametrize(
        ("bad", "word"),
        [
            (answered(0, 7), "prediction 0 and 7"),
            (batch([(1, 0), (2, 1)]), "prediction 1 and 0"),
            (answered(0, status=500), "answered 500"),
            (Answered(exchange(), (1, 2), answered(1).predictions), "1 predictions instead of 2"),
        ],
    )
    def test_another_answer_among_others_fails(self, bad: Answered, word: str) -> None:
        found = relations.concurrent_isolation(replace(self.GREEN, together=(*self.GREEN.together, bad)))
        assert found.status is Status.FAIL
        assert word in " ".join((found.summary, *found.details))
        assert found.measurement is not None
        assert found.measurement.value == pytest.approx(0.25)

    def test_an_id_belongs_to_one_request(self) -> None:
        alone = (answered(0, 0), answered(1, 1))
        own = (answered(0, 0, request_id="a"), answered(0, 0, request_id="a"), answered(1, 1, request_id="b"))
        assert relations.concurrent_isolation(Concurrency((*alone, *alone), own, 2)).status is Status.PASS
        shared = (*own, answered(1, 1, request_id="a"))
        found = relations.concurrent_isolation(Concurrency((*alone, *alone), shared, 2))
        assert (found.status, "the request id of another request" in found.summary) == (Status.FAIL, True)

    def test_an_answer_of_another_with_its_id_counts_once(self) -> None:
        alone = (answered(0, 0, request_id="a"), answered(1, 1, request_id="b"))
        together = (answered(0, 0, request_id="c"), answered(1, 0, request_id="c"))
        found = relations.concurrent_isolation(Concurrency(alone, together, 2))
        assert found.status is Status.FAIL
        assert "1 of 2 answers" in found.summary

    def test_ids_that_others_had_before_are_no_requests_ids(self) -> None:
        alone = (answered(0, 0, request_id="model"), answered(1, 1, request_id="model"))
        assert relations.concurrent_isolation(Concurrency(alone, alone, 2)).status is Status.PASS

    def test_whose_answer_it_was_is_told(self) -> None:
        alone = (answered(0, 0), answered(1, 1))
        swapped = answered(0, 1)
        found = relations.concurrent_isolation(Concurrency((*alone, *alone), (swapped,), 2))
        assert found.status is Status.FAIL
        assert "the answer of sample row 1" in found.summary

    def test_what_is_unsteady_alone_shows_nothing(self) -> None:
        unsteady = Concurrency((answered(0, 0), answered(0, 1)), (answered(0, 5),), 2)
        assert relations.concurrent_isolation(unsteady).status is Status.INCONCLUSIVE

    @pytest.mark.parametrize(("status", "headers"), [(429, ()), (503, (("Retry-After", "1"),))])
    def test_load_that_is_shed_is_nobodys_answer(self, status: int, headers: tuple[tuple[str, str], ...]) -> None:
        limited = answered(0, status=status, headers=headers)
        found = relations.concurrent_isolation(replace(self.GREEN, together=(*self.GREEN.together, limited, limited)))
        assert found.status is Status.PASS
        assert found.measurement is not None
        assert found.measurement.n == 3
        alone = replace(self.GREEN, alone=(*self.GREEN.alone, limited))
        assert relations.concurrent_isolation(alone).status is Status.PASS
        most = relations.concurrent_isolation(replace(self.GREEN, together=(ALONE[0], limited, limited)))
        assert (most.status, "2 of 3" in most.summary) == (Status.INCONCLUSIVE, True), most.summary
        wrong = replace(self.GREEN, together=(answered(0, 7), limited, limited))
        assert relations.concurrent_isolation(wrong).status is Status.FAIL
        assert relations.concurrent_isolation(replace(wrong, together=(ALONE[0], answered(0, status=503)))).status is (
            Status.FAIL
        )

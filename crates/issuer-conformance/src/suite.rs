//! The lists of cases, and the macros that make a test of each.

use issuer_store::Store;

use crate::Subject;

/// One promise of the contract, as a test.
#[derive(Clone, Copy, Debug)]
pub struct Case<F = fn(&dyn Store)> {
    /// The promise, as a sentence.
    pub name: &'static str,
    /// The part of the contract that it belongs to, which is the module of the case.
    pub clause: &'static str,
    /// The test: panics where the store breaks the promise. Wants an empty store.
    pub run: F,
}

/// Opens the store of one case: an empty one at first, and the same one again ever after.
pub type Open<'a> = &'a dyn Fn() -> Box<dyn Store>;

/// Runs a case on a fresh store.
///
/// # Panics
/// Where the store breaks the promise.
pub fn run<S: Into<Subject>>(case: fn(&dyn Store), fresh: impl FnOnce() -> S) {
    let subject: Subject = fresh().into();
    case(subject.store());
}

/// Runs a case on a fresh place where a store can be opened.
///
/// # Panics
/// Where the store breaks the promise.
pub fn run_durable<S: Store + 'static, O: Fn() -> S>(case: fn(Open<'_>), fresh: impl FnOnce() -> O) {
    let open = fresh();
    case(&|| Box::new(open()));
}

macro_rules! cases {
    (
        $d:tt
        $(#[$list_doc:meta])+ $list:ident: $run:ty;
        $(#[$macro_doc:meta])+ $suite:ident => $runner:ident;
        $($clause:ident: $($name:ident)+;)+
    ) => {
        $(#[$list_doc])+
        pub const $list: &[Case<$run>] = &[$($(
            Case {
                name: stringify!($name),
                clause: stringify!($clause),
                run: crate::cases::$clause::$name,
            },
        )+)+];

        $(#[$macro_doc])+
        #[macro_export]
        macro_rules! $suite {
            ($d fresh:expr $d(,)?) => {$($(
                #[test]
                fn $name() {
                    $crate::$runner($crate::cases::$clause::$name, $d fresh);
                }
            )+)+};
        }
    };
}

cases! {
    $
    /// Every case of [`suite!`](crate::suite!), in the order of the contract's clauses.
    CASES: fn(&dyn Store);

    /// Makes a `#[test]` of every case: `suite!(factory)`.
    ///
    /// `factory` is whatever can be called without arguments and returns a fresh, empty store, or a
    /// [`Subject`]; it is called once a case. The tests stand where the macro does, so
    /// that a second use of it wants a module of its own.
    suite => run;

    load:
        nothing_is_known_of_a_user_who_never_was
        a_snapshot_shows_the_record_and_the_commit_that_wrote_it
        a_snapshot_shows_tokens_that_are_expired_but_not_revoked
        a_snapshot_shows_issued_and_assigned_tokens_side_by_side
        a_snapshot_shows_no_revoked_token
        a_revocation_that_lies_in_the_future_counts_at_once
        a_snapshot_shows_a_hundred_tokens
        a_snapshot_shows_no_token_of_another_user
        idempotency_records_come_in_the_order_of_the_question
        an_idempotency_record_that_was_not_asked_for_is_not_shown
        an_idempotency_record_is_shown_though_it_is_forgotten
        an_idempotency_key_belongs_to_one_user
        holders_come_in_the_order_of_the_question
        no_lookups_give_no_snapshots
        snapshots_come_in_the_order_of_the_lookups
        a_user_who_is_asked_for_twice_is_shown_twice
        many_lookups_are_answered_in_one_call
        a_user_with_thousands_of_dead_tokens_shows_only_the_live_ones;
    ids:
        ids_that_look_alike_are_different_users
        odd_ids_are_listed_and_exported_as_they_are;
    values:
        the_longest_profile_comes_back_as_it_went_in
        the_emptiest_profile_comes_back_as_it_went_in
        a_nickname_comes_back_byte_for_byte
        every_token_mode_comes_back
        a_user_has_times_at_both_ends_of_the_range
        a_token_has_times_at_both_ends_of_the_range
        a_revoked_token_is_exported_as_it_went_in
        an_issuer_and_an_audience_may_be_missing_empty_or_odd
        a_long_issuer_and_audience_come_back
        every_byte_of_an_id_counts
        every_byte_of_a_version_counts
        an_idempotency_record_comes_back_as_it_went_in
        a_tombstone_has_times_at_both_ends_of_the_range;
    find:
        an_issued_token_is_found_with_its_user
        an_assigned_token_is_found_with_its_user
        an_expired_token_is_found
        an_unknown_token_is_not_found
        an_issued_token_is_not_found_under_another_user
        an_idempotency_key_is_no_token
        a_revoked_token_is_found_with_its_revocation_or_not_at_all
        a_token_is_found_with_its_user_as_of_now
        no_questions_have_no_answers
        answers_come_in_the_order_of_the_questions
        many_tokens_are_found_in_one_call;
    list:
        an_empty_store_lists_nobody
        users_are_listed_in_the_order_of_their_bytes
        a_listed_user_comes_with_the_record_and_the_tokens_that_are_not_revoked
        a_page_begins_after_the_user_it_names
        a_page_may_begin_after_a_user_who_is_not_there
        a_page_skips_users
        a_page_is_no_longer_than_its_limit
        a_page_of_limit_0_is_empty
        a_page_counts_all_users_where_it_was_asked_to
        the_count_follows_what_is_created_and_erased
        page_after_page_shows_everybody_once;
    export:
        an_empty_store_exports_nothing
        an_export_shows_every_row_as_it_went_in
        an_export_shows_every_row_once_whatever_the_limit
        a_user_is_exported_before_its_rows
        a_row_that_is_there_all_the_while_is_exported_once_though_others_come_and_go
        a_row_that_changes_meanwhile_is_exported_once
        an_export_goes_on_after_its_last_row_was_erased
        a_foreign_cursor_is_an_error_and_no_panic
        a_cursor_that_was_tampered_with_is_no_panic
        an_export_makes_a_copy;
    apply:
        no_commits_have_no_outcomes
        a_user_is_created_once
        an_update_of_a_user_who_is_not_there_is_a_conflict
        an_update_of_the_version_that_is_there_is_applied
        an_update_of_an_older_version_is_a_conflict
        an_update_of_a_version_that_never_was_is_a_conflict
        an_update_of_a_user_who_was_deleted_and_made_anew_is_a_conflict
        a_commit_that_expects_nothing_is_applied_to_a_user_and_to_none
        the_version_is_the_commits_even_where_it_puts_no_user
        the_version_is_the_commits_even_where_it_has_no_rows
        a_commit_that_puts_no_user_makes_none
        a_commit_touches_no_other_user
        outcomes_come_in_the_order_of_the_commits
        a_commit_sees_what_the_ones_before_it_wrote
        a_commit_does_not_see_what_the_ones_after_it_write
        of_two_commits_on_one_version_the_first_is_applied
        nothing_of_a_conflict_is_written
        nothing_of_a_conflict_is_written_where_its_last_row_is_the_reason
        a_conflict_does_not_touch_the_others_of_its_slice
        changes_are_written_in_their_order
        a_token_that_is_put_again_is_replaced
        an_idempotency_record_that_is_put_again_is_replaced
        one_jti_may_belong_to_two_users
        a_slice_may_hold_a_thousand_commits
        a_thousand_commits_may_build_on_each_other;
    digests:
        a_claimed_digest_that_is_free_may_be_taken
        a_digest_that_is_claimed_as_free_but_held_is_a_conflict
        a_digest_that_is_claimed_as_free_but_buried_is_a_conflict
        a_digest_that_is_claimed_as_held_but_free_is_a_conflict
        a_claim_that_names_another_user_is_a_conflict
        a_claim_that_names_another_date_is_a_conflict
        a_claim_is_checked_though_no_row_follows_it
        one_claim_that_fails_is_enough
        a_claim_sees_what_the_commits_before_it_wrote
        a_claim_sees_the_store_as_it_was_before_its_own_rows
        an_unclaimed_digest_that_another_user_holds_is_a_conflict
        an_unclaimed_digest_that_is_expired_in_another_hand_is_a_conflict
        an_unclaimed_digest_that_was_taken_earlier_in_the_slice_is_a_conflict
        a_row_that_is_born_revoked_takes_a_digest_too
        a_claim_on_one_digest_covers_no_other
        a_digest_that_nobody_holds_needs_no_claim
        a_buried_digest_needs_no_claim
        a_digest_is_put_again_by_its_user_without_a_claim
        a_digest_whose_token_is_revoked_may_be_taken_by_another
        a_digest_moves_to_the_user_who_claims_it
        a_digest_that_moved_is_not_erased_with_its_former_user
        a_live_token_hides_the_tombstone_of_its_digest
        a_tombstone_shows_again_once_its_token_is_revoked
        a_tombstone_that_is_put_again_is_replaced;
    erase:
        an_erased_user_is_gone_with_every_token_and_idempotency_record
        tombstones_outlive_their_user
        a_user_who_was_made_anew_does_not_revive_what_was_erased
        an_erasure_takes_what_its_own_commit_put_before_it
        an_erasure_spares_what_its_own_commit_puts_after_it
        an_erasure_needs_its_precondition
        the_erasure_of_nobody_changes_nothing
        an_erased_user_may_be_created
        an_erasure_touches_no_user_whose_id_begins_alike;
    purge:
        an_empty_store_has_nothing_to_purge
        a_purge_takes_what_died_by_then_and_spares_the_rest
        a_token_that_was_revoked_before_it_expires_died_then
        a_token_that_was_revoked_after_it_expired_died_when_it_expired
        what_a_row_says_now_is_what_counts
        users_stay_with_their_versions
        a_purged_token_is_not_found
        a_purged_digest_may_be_taken_by_another
        a_tombstone_survives_the_purge_of_its_token
        a_token_survives_the_purge_of_its_tombstone
        the_tombstone_of_a_deleted_user_is_purged_when_its_time_is_over
        what_was_erased_is_not_purged_again
        a_purge_deletes_no_more_than_its_limit
        a_purge_says_fewer_than_its_limit_where_none_are_left
        a_purge_may_have_any_limit
        a_purge_at_the_beginning_of_time_takes_what_ended_then;
    control:
        a_new_store_has_no_control_record
        the_control_record_is_created_once
        a_control_record_that_is_not_there_has_no_version
        the_control_record_is_replaced_at_its_version_alone
        a_control_record_that_expects_nothing_is_set_in_any_case
        the_control_record_comes_back_as_it_went_in
        a_control_record_may_hold_a_thousand_keys
        commits_and_the_control_record_leave_each_other_alone;
    visibility:
        of_many_who_create_one_user_one_wins
        of_many_who_update_one_version_one_wins
        of_many_who_claim_one_digest_one_wins
        of_many_who_create_the_control_record_one_wins
        no_update_is_lost
        commits_of_different_users_do_not_disturb_each_other
        a_load_never_sees_half_a_commit
        a_listed_user_is_never_half_a_commit
        a_found_token_and_its_user_are_of_one_instant
        a_user_whose_tokens_are_replaced_is_never_seen_without_one
        what_was_applied_is_seen_by_the_next_load_of_every_thread
        what_was_applied_is_seen_by_every_method
        what_a_load_has_shown_no_later_load_takes_back
        an_apply_that_began_after_a_load_returned_is_not_seen_by_it
        everything_may_be_called_at_once;
    agreement:
        random_steps_leave_what_they_leave_in_the_reference;
}

cases! {
    $
    /// Every case of [`durable_suite!`](crate::durable_suite): what a store promises that can be closed and opened again.
    DURABLE_CASES: fn(Open<'_>);

    /// Makes a `#[test]` of every case for stores that can be closed and opened again: `durable_suite!(factory)`.
    ///
    /// `factory` is called once a case, for a new place to keep a store; it returns a function that opens the
    /// store which is there, such as a closure that owns a temporary directory.
    durable_suite => run_durable;

    durable:
        a_store_that_was_never_written_opens_empty
        every_row_that_was_applied_is_there_after_a_reopen
        nothing_of_a_conflict_is_there_after_a_reopen
        preconditions_hold_across_a_reopen
        the_control_record_is_there_after_a_reopen
        what_was_erased_does_not_come_back_after_a_reopen
        what_was_revoked_stays_revoked_after_a_reopen
        a_purge_goes_on_after_a_reopen
        a_store_may_be_opened_for_every_commit;
}

cases! {
    $
    /// Every case of [`shared_suite!`](crate::shared_suite): what a store promises that may be open more than once.
    SHARED_CASES: fn(Open<'_>);

    /// Makes a `#[test]` of every case for stores that may be open more than once at a time, as those of several
    /// servers are: `shared_suite!(factory)`, with the factory of [`durable_suite!`](crate::durable_suite).
    shared_suite => run_durable;

    shared:
        what_one_opening_applied_the_others_see_at_once
        what_one_opening_revoked_the_others_see_at_once
        preconditions_hold_between_openings
        the_control_record_is_one_for_all_openings
        of_many_openings_that_race_one_wins
        an_opening_outlives_the_others;
}

set local lock_timeout = '5s';

drop index reservation_changes_changed_at_idx;
drop index archived_reservations_late_idx;
drop index archived_reservations_cancelled_at_idx;
drop index reservations_late_idx;
drop index reservations_cancelled_at_idx;

set local lock_timeout = '5s';

drop trigger reservations_of_erased on reservations;
drop function forget_reference_of_erased();

create or replace trigger api_keys_recorded
after insert or update or delete on api_keys
for each row
when (current_setting('reservation.action', true) <> '')
execute function record_change(
    'api-key', 'id', 'user_id', 'id name user_id prefix scopes created_by created_at expires_at revoked_at', ''
);

drop index api_keys_user_id_idx;

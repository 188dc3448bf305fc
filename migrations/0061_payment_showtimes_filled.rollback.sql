-- transactional: false
-- The columns stay filled: 0060's triggers go on writing them.
set lock_timeout = '5s';

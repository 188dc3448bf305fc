-- Writes as a hold does, so that Redis refuses it if it would refuse a hold: a replica, or no memory left.
-- KEYS writable
redis.call('SET', KEYS[1], 1, 'PX', 1000)
return {1}

-- A map is kept for a week after its showtime's last hold, which is longer than any hold; then it is primed again.
redis.call('EXPIRE', KEYS[1], 604800)
redis.call('EXPIRE', KEYS[2], 604800)

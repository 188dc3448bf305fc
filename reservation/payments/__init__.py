"""Payments: opened with Stripe or recorded when they are made elsewhere, followed by its webhook and jobs, refunded.

A payment or refund is a row in PostgreSQL before the provider is asked, and the request has the row's id as idempotency
key. So whatever is interrupted in between is taken up again by a repeated request, by the webhook or by a job.
"""

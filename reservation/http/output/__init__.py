"""What a response has: its encoding, its schemas for the OpenAPI document, and problem details."""

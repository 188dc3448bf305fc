"""The implementations that the service is compared with."""

"""Shapes of answers, for the OpenAPI document; tests hold what handlers write to them."""

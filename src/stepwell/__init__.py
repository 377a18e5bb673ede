"""Stepwell: a durable engine for AWS Step Functions state machines and Lambda functions."""

__version__ = "0.1.0"

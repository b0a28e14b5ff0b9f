"""Tests of nio.tasks."""

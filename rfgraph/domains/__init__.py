"""Interpretations of relations: each domain answers one question and knows no operator."""

"""How much each input position counts for a unit: the adjoint, moments of values, statistics."""

"""The closed form: what the units of a tensor read, in numbers that hold for any of them."""

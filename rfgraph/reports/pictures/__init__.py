"""Pictures for papers and pages: the same bytes each time, in sizes of one or two columns."""

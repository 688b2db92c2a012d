"""The proof: how far two right programs may differ, the same gradient by other roads, planted mistakes."""

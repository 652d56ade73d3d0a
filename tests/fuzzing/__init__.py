"""Damaged and hostile files of every format that bitlight reads, by the thousand."""

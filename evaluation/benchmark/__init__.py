"""The benchmark's cells and what is made of them: statistics, tables, figures. Runs nothing."""

-- A period's stretches are found by when they began; the few that lasted longer than 35 days by their own index, so that a report of
-- any month reads that month's and not all since.
CREATE INDEX conditions_by_begin ON conditions (since);
CREATE INDEX long_conditions ON conditions (until) WHERE until - since > 3024000000000000;

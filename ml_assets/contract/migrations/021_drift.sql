-- Drift: what was measured of each day, beside the thresholds of that time.

CREATE TABLE :"meta".drift (
    day date NOT NULL,
    subject text NOT NULL,
    metric text NOT NULL,
    value double precision NOT NULL,
    warn_at double precision NOT NULL,
    error_at double precision NOT NULL,
    status text NOT NULL CHECK (status IN ('ok', 'warn', 'error')),
    detail text NOT NULL,
    measured_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (subject, metric, day)
);
COMMENT ON TABLE :"meta".drift IS 'Drift of features, scores, customers, items and hit rate, one row per day and measure.';
COMMENT ON COLUMN :"meta".drift.warn_at IS 'The value from which on it counts as changed.';

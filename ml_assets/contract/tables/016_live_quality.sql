-- What became of the lists that were live: a row a day and list, and what was bought at each place. No customer is in it.

CREATE TABLE :"meta".live_quality (
    day date NOT NULL,
    placement text NOT NULL,
    release_id bigint NOT NULL REFERENCES :"meta".releases,
    model_version text NOT NULL,
    method text NOT NULL,
    data_as_of date NOT NULL,
    was_live boolean NOT NULL,
    horizon integer NOT NULL CHECK (horizon > 0),
    customers bigint NOT NULL,
    listed bigint NOT NULL,
    hit_rate double precision,
    hit_rate_low double precision,
    hit_rate_high double precision,
    recall double precision,
    ndcg double precision,
    coverage double precision,
    items_shown bigint NOT NULL,
    novelty double precision,
    promised_hit_rate double precision,
    promised_low double precision,
    promised_high double precision,
    least_hit_rate double precision,
    computed_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (day, placement)
);
COMMENT ON TABLE :"meta".live_quality IS 'What became of the lists that were live on a day, beside what the backtest of their model promised.';
COMMENT ON COLUMN :"meta".live_quality.was_live IS 'False: published later than its day, so that nobody saw it.';

CREATE TABLE :"meta".live_places (
    day date NOT NULL,
    placement text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('rank', 'tenth')),
    place integer NOT NULL,
    shown bigint NOT NULL,
    bought bigint NOT NULL,
    PRIMARY KEY (day, placement, kind, place),
    FOREIGN KEY (day, placement) REFERENCES :"meta".live_quality ON DELETE CASCADE
);
COMMENT ON TABLE :"meta".live_places IS 'How much of what was listed was bought, by rank and by tenth of the scores.';

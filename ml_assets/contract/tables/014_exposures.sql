-- What was really shown, told by applications that can write. One row for a customer, a list and a day, however often it
-- was shown: a robot that tells ten million exposures makes no more rows than anybody else.

CREATE TABLE :"store".exposures (
    shown_on date NOT NULL,
    customer_id :customer_id_type NOT NULL,
    placement text NOT NULL,
    first_at timestamptz NOT NULL,
    last_at timestamptz NOT NULL,
    times integer NOT NULL DEFAULT 1,
    PRIMARY KEY (shown_on, customer_id, placement)
) PARTITION BY RANGE (shown_on);
COMMENT ON TABLE :"store".exposures IS 'Which list was shown to whom on which day; a partition a day, exposures_YYYYMMDD.';
COMMENT ON COLUMN :"store".exposures.times IS 'How often, up to 100: more is no customer.';

CREATE TABLE :"meta".exposures_set_aside (
    told_on date NOT NULL,
    reason text NOT NULL,
    times bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (told_on, reason)
) WITH (fillfactor = 50);
COMMENT ON TABLE :"meta".exposures_set_aside IS 'Exposures that were told and cannot be counted, at least so many of each reason a day.';

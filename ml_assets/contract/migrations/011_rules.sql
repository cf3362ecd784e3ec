-- Rules at read time: tables that merchandisers edit, and what the views read of them.

CREATE TABLE :"meta".rules (
    rule_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('unavailable', 'ban', 'pin', 'boost', 'cap')),
    item_id :item_id_type,
    category text,
    placement text,
    value real,
    valid_from timestamptz NOT NULL DEFAULT '-infinity',
    valid_until timestamptz NOT NULL DEFAULT 'infinity',
    note text,
    noted_by text NOT NULL DEFAULT session_user,
    noted_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT ends_after_it_begins CHECK (valid_until > valid_from),
    CONSTRAINT names_what_it_is_about CHECK (
        CASE kind
            WHEN 'cap' THEN category IS NOT NULL AND item_id IS NULL
            WHEN 'boost' THEN (category IS NULL) <> (item_id IS NULL)
            ELSE item_id IS NOT NULL AND category IS NULL
        END
    ),
    CONSTRAINT has_the_value_of_its_kind CHECK (
        coalesce(
            CASE kind
                WHEN 'pin' THEN value BETWEEN 1 AND 500 AND value = trunc(value)
                WHEN 'boost' THEN value BETWEEN 0.001 AND 1000
                WHEN 'cap' THEN value BETWEEN 0 AND 500 AND value = trunc(value)
                ELSE value IS NULL
            END,
            false
        )
    )
);
CREATE INDEX rules_that_hide ON :"meta".rules (item_id) INCLUDE (placement, valid_from, valid_until)
WHERE kind IN ('unavailable', 'ban');
CREATE INDEX rules_that_arrange ON :"meta".rules (kind) INCLUDE (valid_from, valid_until)
WHERE kind IN ('pin', 'boost', 'cap');
COMMENT ON TABLE :"meta".rules IS 'What merchandisers want; in force on the next SELECT. No placement means every one.';
COMMENT ON COLUMN :"meta".rules.kind IS 'unavailable and ban hide an item; pin puts it at a place; boost moves it, or its category, up or down; cap limits a category.';
COMMENT ON COLUMN :"meta".rules.value IS 'pin: the place, from 1. boost: 2 halves an item''s place, 0.5 doubles it. cap: most items of the category in a list.';
COMMENT ON COLUMN :"meta".rules.valid_from IS 'In force from this moment.';
COMMENT ON COLUMN :"meta".rules.valid_until IS 'In force until just before this moment.';

CREATE TABLE :"meta".purchases (
    customer_id :customer_id_type NOT NULL,
    item_id :item_id_type NOT NULL,
    bought_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ON :"meta".purchases (customer_id) INCLUDE (item_id, bought_at);
COMMENT ON TABLE :"meta".purchases IS 'What was bought lately; the shop inserts, publishing removes what is old.';

CREATE TABLE :"meta".opt_outs (
    customer_id :customer_id_type PRIMARY KEY,
    noted_at timestamptz NOT NULL DEFAULT now(),
    note text
);
COMMENT ON TABLE :"meta".opt_outs IS 'Customers who want nothing personal; in force on the next SELECT.';

CREATE TABLE :"meta".placements (
    placement text PRIMARY KEY,
    on_stale text NOT NULL CHECK (on_stale IN ('serve', 'fallback_popular', 'empty')),
    repeat_after interval
);
COMMENT ON TABLE :"meta".placements IS 'From the settings: how each list behaves when it is read.';
COMMENT ON COLUMN :"meta".placements.on_stale IS 'What a list older than allowed shows: itself, the popular items, or nothing.';
COMMENT ON COLUMN :"meta".placements.repeat_after IS 'How long a bought item stays away; NULL: for good.';
INSERT INTO :"meta".placements (placement, on_stale, repeat_after) VALUES
    ('for_you', 'serve', interval '3 days'),
    ('discover', 'serve', NULL),
    ('buy_again', 'serve', interval '3 days');

-- Both are defined anew where the settings map them to tables of the shop.
CREATE VIEW :"meta".hidden_items AS
SELECT h.item_id, h.placement, h.valid_from, h.valid_until
FROM :"meta".rules AS h
WHERE h.kind IN ('unavailable', 'ban');
COMMENT ON VIEW :"meta".hidden_items IS 'Items that no list may show.';

CREATE VIEW :"meta".recent_purchases AS
SELECT b.customer_id, b.item_id, b.bought_at
FROM :"meta".purchases AS b;
COMMENT ON VIEW :"meta".recent_purchases IS 'What was bought lately.';

INSERT INTO :"meta".reason_templates (code, template, plain) VALUES
    ('pinned', 'Recommended by our team', 'Recommended by our team'),
    ('imported', 'Picked for you', 'Picked for you')
ON CONFLICT (code) DO NOTHING;

ALTER TABLE :"store".items ADD COLUMN brand text;
COMMENT ON TABLE :"store".items IS 'Names, categories and brands of the items of the newest publication that brought them.';

ALTER TABLE :"meta".rules ADD COLUMN brand text;
ALTER TABLE :"meta".rules DROP CONSTRAINT names_what_it_is_about;
ALTER TABLE :"meta".rules ADD CONSTRAINT names_what_it_is_about CHECK (
    CASE kind
        WHEN 'cap' THEN num_nonnulls(category, brand) = 1 AND item_id IS NULL
        WHEN 'boost' THEN num_nonnulls(item_id, category, brand) = 1
        ELSE item_id IS NOT NULL AND num_nonnulls(category, brand) = 0
    END
);
COMMENT ON COLUMN :"meta".rules.brand IS 'Of a boost or a cap, in place of a category: all items of this brand.';
COMMENT ON COLUMN :"meta".rules.kind IS 'unavailable and ban hide an item; pin puts it at a place; boost moves it, its category or its brand, up or down; cap limits a category or a brand.';

ALTER TABLE :"meta".rules ADD COLUMN segment_key text;
ALTER TABLE :"meta".rules ADD CONSTRAINT only_orders_lists_by_segment
    CHECK (segment_key IS NULL OR kind IN ('pin', 'boost', 'cap'));
COMMENT ON COLUMN :"meta".rules.segment_key
IS 'Only for customers of this segment; prospects are those without one. NULL: for everybody. An item is hidden for all or none.';

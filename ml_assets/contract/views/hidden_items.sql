-- Defined anew where the settings (serving.availability) name a table of the shop: shop_tables.py fills it in.

CREATE OR REPLACE VIEW :"meta".hidden_items AS
SELECT h.item_id, h.placement, h.valid_from, h.valid_until
FROM :"meta".rules AS h
WHERE h.kind IN ('unavailable', 'ban')
:unavailable_in_the_shop;

COMMENT ON VIEW :"meta".hidden_items IS 'Items that no list may show.';

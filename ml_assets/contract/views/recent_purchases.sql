-- Defined anew where the settings (serving.purchases) name a table of the shop: shop_tables.py fills it in.

CREATE OR REPLACE VIEW :"meta".recent_purchases AS
SELECT b.customer_id, b.item_id, b.bought_at
FROM :"meta".purchases AS b
:bought_in_the_shop;

COMMENT ON VIEW :"meta".recent_purchases IS 'What was bought lately.';

CREATE OR REPLACE VIEW :"meta".opted_out AS
SELECT o.customer_id FROM :"meta".opt_outs AS o
UNION ALL
SELECT s.customer_id FROM :"meta".opt_outs_of_shop AS s;

COMMENT ON VIEW :"meta".opted_out IS 'Customers who want nothing personal, noted here or by the shop''s own list.';
